"""`assert_close` accepts, and says, what PyTorch's does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import jtorch

NAN, INF = float("nan"), float("inf")

# (actual, expected, options), with t for the library.
CASES = [
    lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, 2.0 + 1e-6]), {}),
    lambda t: (t.tensor([1.0, 2.0, 4.0]), t.tensor([1.0, 2.0, 3.0]), {}),
    lambda t: (t.tensor(1.0), t.tensor(2.0), {}),
    lambda t: (t.tensor([1, 2]), t.tensor([1, 3]), {}),
    lambda t: (t.tensor([1.0]), t.tensor([1.0, 2.0]), {}),
    lambda t: (t.tensor([1.0]), t.tensor([1]), {}),
    lambda t: (t.tensor([1.0]), t.tensor([1]), {"check_dtype": False}),
    lambda t: (1.0, 2.0, {}),
    lambda t: (1, 2, {}),
    lambda t: (1, 1.0, {}),
    lambda t: (True, False, {}),
    lambda t: ([1.0, t.tensor([1.0])], [1.0, t.tensor([2.0])], {}),
    lambda t: ({"a": 1.0}, {"a": 1.0, "b": 2}, {}),
    lambda t: ([1], [1, 2], {}),
    lambda t: ({"x": [1, {"y": 2}]}, {"x": [1, {"y": 3}]}, {}),
    lambda t: (None, None, {}),
    lambda t: (None, 1.0, {}),
    lambda t: ("a", "a", {}),
    lambda t: (t.tensor([NAN]), t.tensor([NAN]), {}),
    lambda t: (t.tensor([NAN]), t.tensor([NAN]), {"equal_nan": True}),
    lambda t: (NAN, NAN, {}),
    lambda t: (t.tensor([INF, 1]), t.tensor([INF, 2]), {}),
    lambda t: (t.tensor([1 + 1j]), t.tensor([1 + 2j]), {}),
    lambda t: (t.tensor([[1.0, 2.0], [3.0, 4.0]]), t.tensor([[1.0, 2.0], [5.0, 4.0]]), {}),
    lambda t: (np.ones(2), np.zeros(2), {}),
    lambda t: (t.tensor([1.0]), [1.0], {}),
    lambda t: (t.tensor([True]), t.tensor([False]), {}),
    lambda t: (t.tensor([]), t.tensor([]), {}),
    lambda t: (t.tensor([1.0]), t.tensor([2.0]), {"rtol": 1}),
    lambda t: (t.tensor([1.0]), t.tensor([2.0]), {"rtol": 0, "atol": 0.5}),
    lambda t: (t.tensor([1.0]), t.tensor([2.0]), {"rtol": 0, "atol": 1.5}),
    lambda t: (t.tensor([1.0]), t.tensor([2.0]), {"msg": "no"}),
    lambda t: (t.tensor([1.0]), t.tensor([2.0]), {"msg": lambda text: text + "!"}),
    lambda t: (t.zeros(2, 2), t.zeros(2, 2).t(), {"check_stride": True}),
    lambda t: (t.eye(2).to_sparse(), t.eye(2).to_sparse(), {}),
    lambda t: (t.eye(2).to_sparse(), t.eye(2), {}),
    lambda t: (t.eye(2).to_sparse_csr(), t.eye(2), {"check_layout": False}),
    lambda t: (t.tensor([1.0]).bfloat16(), t.tensor([1.01]).bfloat16(), {}),
    lambda t: (t.tensor([1.0]).bfloat16(), t.tensor([1.05]).bfloat16(), {}),
]


def said(t: Any, case: Any) -> str:
    actual, expected, options = case(t)
    try:
        t.testing.assert_close(actual, expected, **options)
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("jtorch.", "torch.")
    return ""


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_assert_close(case: Any) -> None:
    assert said(jtorch, case) == said(torch, case)


def test_make_tensor() -> None:
    made = jtorch.testing.make_tensor
    x = made(3, 4, dtype=jtorch.float32, low=0, high=1, requires_grad=True, noncontiguous=True)
    assert x.shape == (3, 4) and x.requires_grad and not x.is_contiguous()
    assert 0 <= x.min().item() and x.max().item() <= 1
    kinds = (jtorch.int64, jtorch.uint8, jtorch.bool, jtorch.complex64, jtorch.bfloat16)
    assert [made((5,), dtype=k).dtype for k in kinds] == list(kinds)
    assert made(1000, dtype=jtorch.int64, exclude_zero=True).ne(0).all()
    assert made(8, dtype=jtorch.float32).tolist() != made(8, dtype=jtorch.float32).tolist()
