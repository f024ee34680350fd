"""The strides of results, where the order in memory isn't the order of dimensions.

The tables compare strides of dense inputs; here inputs are transposed, with gaps, expanded, or have
dimensions of size 1, whose strides PyTorch treats in several ways.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import jtorch

INPUTS: dict[str, Callable[[Any], Any]] = {
    "a row": lambda t: t.tensor([[1.5], [-0.5]]).transpose(0, -1),
    "a column": lambda t: t.tensor([[1.0, 2.0, 3.0]]).transpose(0, -1),
    "a matrix": lambda t: t.arange(6.0).reshape(2, 3).t(),
    "three dimensions": lambda t: t.arange(12.0).reshape(2, 3, 2).permute(2, 0, 1),
    "two of size 1": lambda t: t.arange(4.0).reshape(1, 4, 1).permute(2, 0, 1),
    "gaps": lambda t: t.arange(8.0).reshape(2, 4)[:, ::2],
    "an expanded column": lambda t: t.arange(3.0)[:, None].expand(3, 2),
}

RESULTS: dict[str, Callable[[Any, Any], Any]] = {
    "pow": lambda t, x: x**2,
    "pow of a number": lambda t, x: 2**x,
    "pow of tensors": lambda t, x: x**x,
    "float_power": lambda t, x: t.float_power(x, 2),
    "float_power of a number": lambda t, x: t.float_power(2, x),
    "mul": lambda t, x: x * 0.5,
    "quotient of a number": lambda t, x: 2 / x,
    "difference of a number": lambda t, x: 2 - x,
    "clamp": lambda t, x: x.clamp(-1, 2),
    "clamp by a tensor": lambda t, x: x.clamp(min=t.tensor(0.0)),
    "clamp_min": lambda t, x: x.clamp_min(0),
    "clamp_max": lambda t, x: x.clamp_max(0),
    "remainder": lambda t, x: x.remainder(2),
    "lerp": lambda t, x: x.lerp(x, 0.5),
    "where": lambda t, x: t.where(x > 0, x, 0.0),
    "nan_to_num": lambda t, x: x.nan_to_num(),
    "hardtanh": lambda t, x: t.nn.functional.hardtanh(x),
    "threshold": lambda t, x: t.threshold(x, 0.0, 1.0),
    "leaky_relu": lambda t, x: t.nn.functional.leaky_relu(x, 0.1),
    "mvlgamma": lambda t, x: t.mvlgamma(x.abs() + 5, 2),
    "polygamma": lambda t, x: t.polygamma(1, x),
    "flip": lambda t, x: x.flip(0),
    "roll": lambda t, x: x.roll(1, 0),
    "tril": lambda t, x: x.tril(),
    "zeros_like": lambda t, x: t.zeros_like(x),
    "full_like": lambda t, x: t.full_like(x, 2.0),
    "clone": lambda t, x: x.clone(),
    "to": lambda t, x: x.to(t.float64),
    "comparison": lambda t, x: x > 0,
    "softmax": lambda t, x: x.softmax(0),
    "cumsum": lambda t, x: x.cumsum(0),
}


# What other tests left pending is computed here, and may warn.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_equals_pytorch(result: Callable, eager: bool) -> None:
    for kind, made in INPUTS.items():
        with jtorch.debug.eager(eager):
            found = result(jtorch, made(jtorch)).stride()
        assert found == result(torch, made(torch)).stride(), kind
