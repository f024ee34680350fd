"""Numbers that an op refuses, or computes with in its own way, among numbers that vary."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import jtorch

from ..comparison import compare, compiled

ORDINARY = (1, 2, 3)
WHOLE = (*ORDINARY, 0, -1, 300, -129, 2**31, 2**62)
REAL = (0.5, 0.25, 0.0, -0.5, 1.5, math.inf, math.nan, 1e39, 0.75)

CALLS: list[tuple[str, tuple, Callable]] = [
    ("floor_divide", WHOLE, lambda t, x, k: x // k),
    ("remainder", WHOLE, lambda t, x, k: x % k),
    ("fmod", WHOLE, lambda t, x, k: t.fmod(x, k)),
    ("div", WHOLE, lambda t, x, k: x / k),
    ("div trunc", WHOLE, lambda t, x, k: t.div(x, k, rounding_mode="trunc")),
    ("pow", WHOLE, lambda t, x, k: x**k),
    ("add", WHOLE, lambda t, x, k: x + k),
    ("sub a bool", (*ORDINARY, True), lambda t, x, k: x - k),
    ("alpha", (*WHOLE, 0.5), lambda t, x, k: t.add(x, x, alpha=k)),
    ("fill", WHOLE + REAL, lambda t, x, k: x.clone().fill_(k)),
    ("full_like", WHOLE + REAL, lambda t, x, k: t.full_like(x, k)),
    ("setitem", WHOLE + REAL, lambda t, x, k: x.clone().index_fill(0, t.tensor([1]), k)),
    ("masked_fill", WHOLE, lambda t, x, k: x.masked_fill(x > 2, k)),
    ("where", WHOLE, lambda t, x, k: t.where(x > 2, x, k)),
    ("clamp", WHOLE, lambda t, x, k: x.clamp(max=k)),
    ("pad", WHOLE, lambda t, x, k: t.nn.functional.pad(x, (1, 1), value=k)),
    ("addcmul", (*ORDINARY, 0.5), lambda t, x, k: t.addcmul(x, x, x, value=k)),
    ("quantile", REAL, lambda t, x, k: t.quantile(x.float(), k)),
    ("label_smoothing", (0.5, 0.25, 1.5, 1.0), lambda t, x, k: _smoothed(t, x, k)),
    ("gaussian_nll_loss", (0.5, 0.25, -1.0), lambda t, x, k: _gaussian(t, x, k)),
    ("cosine_similarity", (0.5, 0.25, -1.0), lambda t, x, k: _cosine(t, x, k)),
    ("batch_norm eps", (0.5, 0.25, 0.0, -0.5), lambda t, x, k: _batch_norm(t, x, k)),
    ("margin", (0.5, 0.25, 2), lambda t, x, k: t.nn.functional.margin_ranking_loss(x, x, x, k)),
    ("beta", (1.0, 2.0, 0.0, 0.5, 1e39), lambda t, x, k: t.addmm(x / 0, _ones(t), x, beta=k)),
]


def _ones(t: Any) -> Any:
    return t.ones(3, 3)


def _smoothed(t: Any, x: Any, k: float) -> Any:
    return t.nn.functional.cross_entropy(x.float(), t.tensor(1), label_smoothing=k)


def _gaussian(t: Any, x: Any, k: float) -> Any:
    return t.nn.functional.gaussian_nll_loss(x.float(), x.float() + 1, k)


def _cosine(t: Any, x: Any, k: float) -> Any:
    return t.cosine_similarity(x.float(), x.float() + 1, dim=0, eps=k)


def _batch_norm(t: Any, x: Any, k: float) -> Any:
    return t.nn.functional.batch_norm(x.float().reshape(3, 1), None, None, training=True, eps=k)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "float32"])
@pytest.mark.parametrize("name, numbers, call", CALLS, ids=[name for name, _, _ in CALLS])
def test_a_number_is_refused_after_others_varied(
    name: str, numbers: tuple, call: Callable, dtype: str
) -> None:
    """Twice over, so that what was refused once is refused again."""

    def program(torch: Any) -> list:
        found = []
        for k in (*numbers, *numbers):
            x = torch.tensor([3, 2, 7], dtype=getattr(torch, dtype))
            try:
                found.append((k, call(torch, x, k)))
            except (RuntimeError, ValueError, NotImplementedError) as error:
                found.append((k, type(error).__name__))
        return found

    compare(program)


def test_nan_is_one_number() -> None:
    """Each `float("nan")` is an object of its own, and equal to none."""
    x = jtorch.ones(2)
    jtorch.synchronize()
    assert [compiled(lambda: (x * float("nan")).tolist()) for _ in range(3)] == [1, 0, 0]


PAIRS = (
    *((2, 3), (-7, 2), (2, 0.5), (True, 2), (True, False), (7, 0), (2**40, 3)),
    *((2j, 3), (2, "a")),
)


@pytest.mark.parametrize(
    "call",
    [
        lambda t, a, b: t.add(a, b),
        lambda t, a, b: t.add(a, b, alpha=2),
        lambda t, a, b: t.subtract(a, b),
        lambda t, a, b: t.mul(a, b),
        lambda t, a, b: t.div(a, b),
        lambda t, a, b: t.div(a, b, rounding_mode="floor"),
        lambda t, a, b: t.true_divide(a, b),
        lambda t, a, b: t.floor_divide(a, b),
        lambda t, a, b: t.remainder(a, b),
        lambda t, a, b: t.pow(a, b),
    ],
)
def test_two_numbers(call: Callable) -> None:
    """PyTorch's four operations make Tensors of them, the others want one."""

    def program(torch: Any) -> list:
        found = []
        for a, b in PAIRS:
            try:
                found.append(call(torch, a, b))
            except (RuntimeError, TypeError, NotImplementedError) as error:
                found.append(type(error).__name__)
        return found

    compare(program)
