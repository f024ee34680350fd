"""The harness must notice what is wrong: PyTorch, broken on purpose, is held against PyTorch."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest
import torch

from .harness import Row, check


def broken(**functions: Callable) -> types.SimpleNamespace:
    """PyTorch with other functions in place of its own."""
    return types.SimpleNamespace(**{**vars(torch), **functions})


ADD = Row("add", lambda t: [t(t.float(3, 4), t.float(4))], method=False, inplace=False)
EXP = Row("exp", lambda t: [t(t.double(5)), t(t.int(2))], method=False, inplace=False, twice=True)
MAX = Row("max", lambda t: [t(t.distinct(3, 4), 1)], method=False, inplace=False)
SPLIT = Row("split", lambda t: [t(t.float(4), 2)], method=False, inplace=False, out=False)
MISMATCH = Row(
    "add",
    lambda t: [],
    errors=lambda t: [(t(t.float(3), t.float(4)), "must match the size")],
)


class WrongGradient(torch.autograd.Function):
    """exp, with a gradient that is too large by one in a thousand."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, cotangent: torch.Tensor) -> torch.Tensor:
        return cotangent * ctx.saved_tensors[0] * 1.001


class WrongSecondGradient(torch.autograd.Function):
    """exp, with a gradient that is a constant for the second derivative."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        y = x.exp()
        ctx.save_for_backward(y.detach())
        return y

    @staticmethod
    def backward(ctx: Any, cotangent: torch.Tensor) -> torch.Tensor:
        return cotangent * ctx.saved_tensors[0]


def raising(error: type[Exception], words: str) -> Callable:
    def function(*args: Any, **kwargs: Any) -> None:
        raise error(words)

    return function


WRONG: list[tuple[str, Row, dict[str, Callable], str]] = [
    ("value", ADD, {"add": lambda a, b: torch.add(a, b) * 1.0001}, "differs"),
    ("shape", ADD, {"add": lambda a, b: torch.add(a, b)[None]}, "shape"),
    ("dtype", ADD, {"add": lambda a, b: torch.add(a, b).double()}, "dtype"),
    ("strides", ADD, {"add": lambda a, b: torch.add(a, b).T.contiguous().T}, "strides"),
    ("raises", ADD, {"add": raising(RuntimeError, "no")}, "raises"),
    ("not a tensor", ADD, {"add": lambda a, b: 3.0}, "expected a tensor"),
    ("detached", ADD, {"add": lambda a, b: torch.add(a, b).detach()}, "requires_grad"),
    ("no out", ADD, {"add": lambda a, b, out=None: torch.add(a, b)}, "out"),
    ("integer", EXP, {"exp": lambda a: a.exp() if a.is_floating_point() else a}, "dtype"),
    ("gradient", EXP, {"exp": lambda a: WrongGradient.apply(a.double())}, "gradient"),
    ("second", EXP, {"exp": lambda a: WrongSecondGradient.apply(a)}, "second gradient"),
    ("plain tuple", MAX, {"max": lambda a, d: tuple(torch.max(a, d))}, "fields"),
    ("other index", MAX, {"max": lambda a, d: torch.min(a, d)}, "differs"),
    ("list", SPLIT, {"split": lambda a, n: list(torch.split(a, n))}, "is a list"),
    ("too few", SPLIT, {"split": lambda a, n: torch.split(a, n)[:1]}, "expected 2 items"),
    ("no error", MISMATCH, {"add": lambda a, b, **k: a}, "PyTorch raises"),
    ("other class", MISMATCH, {"add": raising(ValueError, "must match the size")}, "raises"),
    ("other words", MISMATCH, {"add": raising(RuntimeError, "no")}, "without"),
]


@pytest.mark.parametrize("row", [ADD, EXP, MAX, SPLIT, MISMATCH], ids=lambda row: row.name)
def test_right_ops_pass(row: Row) -> None:
    assert check(row, torch) == []


@pytest.mark.parametrize(
    ("row", "functions", "words"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG]
)
def test_wrong_ops_are_noticed(row: Row, functions: dict[str, Callable], words: str) -> None:
    differences = check(row, broken(**functions))
    assert any(words in d for d in differences), differences


def test_a_wrong_method_and_a_wrong_inplace_variant_are_noticed() -> None:
    class Tensor:
        add = staticmethod(lambda a, b: torch.add(a, b) + 1)
        add_ = staticmethod(torch.add)

    row = Row("add", ADD.samples)
    differences = check(row, broken(Tensor=Tensor))
    assert any(d.startswith("method") for d in differences)
    assert any("returns self" in d for d in differences)


def test_a_sample_that_pytorch_rejects_is_reported() -> None:
    row = Row("add", lambda t: [t(t.float(3), t.float(4))], method=False)
    assert any("PyTorch itself raises" in d for d in check(row, torch))
