"""gradcheck and gradgradcheck: over rows of the op table, and against PyTorch where they fail."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

import jtorch

from ..comparison import compiled

UNARY = """sin cos tan asin acos atan sinh cosh tanh asinh atanh exp expm1 exp2 log log1p log2 log10
sqrt rsqrt square reciprocal sigmoid erf erfc erfinv lgamma digamma sinc logit abs neg trace
cumsum:0 cumprod:0 prod sum mean var std logsumexp:0 softmax:0 log_softmax:0 norm amax:0 median
tril flip:0 t diagonal nn.functional.gelu nn.functional.silu nn.functional.softplus
nn.functional.elu nn.functional.mish nn.functional.logsigmoid linalg.det linalg.inv"""
BINARY = "add sub mul div pow atan2 hypot maximum minimum matmul kron cross:1 logaddexp"


def named(library: Any, name: str) -> Callable:
    """An op by its name, with the dimension that stands behind a colon."""
    path, _, dim = name.partition(":")
    found = library
    for part in path.split("."):
        found = getattr(found, part)
    return lambda *tensors: found(*tensors, *([int(dim)] if dim else []))


def square(t: Any, shift: float = 0.0) -> Any:
    """A matrix of numbers between 0 and 1, no two of them alike."""
    values = [[0.31, 0.62, 0.17], [0.83, 0.24, 0.55], [0.46, 0.71, 0.92]]
    return (t.tensor(values, dtype=t.float64) + shift).requires_grad_()


def together(names: list[str]) -> Callable:
    """Several ops as one function, so that they are one program."""
    functions = [named(jtorch, name) for name in names]
    return lambda *inputs: jtorch.cat([f(*inputs).reshape(-1) for f in functions])


GROUPS = [UNARY.split()[k::5] for k in range(5)]


@pytest.mark.parametrize("names", GROUPS, ids=lambda names: names[0])
def test_one_input(names: list[str]) -> None:
    x = square(jtorch)
    assert jtorch.autograd.gradcheck(together(names), x, fast_mode=True)
    assert jtorch.autograd.gradgradcheck(together(names), x, fast_mode=True)


def test_two_inputs() -> None:
    inputs = square(jtorch), square(jtorch, 0.05)
    function = together(BINARY.split())
    assert jtorch.autograd.gradcheck(function, inputs, fast_mode=True)
    assert jtorch.autograd.gradgradcheck(function, inputs, fast_mode=True)


def test_whole_jacobians() -> None:
    x, y = square(jtorch), square(jtorch, 0.05)
    assert jtorch.autograd.gradcheck(lambda x, y: (x.sin() @ y, x * 2), (x, y))
    assert jtorch.autograd.gradgradcheck(lambda x: (x * x).sum(0), x)


def test_differences_run_one_program() -> None:
    x = square(jtorch)

    def check() -> None:
        assert jtorch.autograd.gradcheck(lambda x: x.exp().sum(0), x)

    assert compiled(check) + compiled(check) <= 6
    assert compiled(check) == 0


# ------------------------------------------------------------------------------ against PyTorch


def wrong(t: Any, factor: complex) -> Callable:
    """x -> 2x with another gradient."""
    body = {
        "forward": staticmethod(lambda ctx, x: x * 2),
        "backward": staticmethod(lambda ctx, g: g * factor),
        "jvp": staticmethod(lambda ctx, tangent: tangent * factor),
    }
    return type("Wrong", (t.autograd.Function,), body).apply


def real(t: Any) -> Any:
    return t.tensor([1.0, 2.0], dtype=t.float64, requires_grad=True)


def complex_(t: Any) -> Any:
    return t.tensor([1.0 + 1.0j, 2.0], dtype=t.complex128, requires_grad=True)


FORWARD = {"check_forward_ad": True, "check_backward_ad": False}
BATCHED = {"check_forward_ad": True, "check_batched_forward_grad": True, "check_batched_grad": True}

FORWARD_TWICE = {
    "check_fwd_over_rev": True,
    "check_rev_over_rev": False,
    "check_undefined_grad": False,
}

# name -> what is checked: (library, gradcheck, gradgradcheck) -> bool
CHECKS: dict[str, Callable] = {
    "right": lambda t, check, twice: check(lambda x: x.sin(), real(t)),
    "wrong": lambda t, check, twice: check(wrong(t, 3), real(t)),
    "wrong but quiet": lambda t, c, twice: c(wrong(t, 3), real(t), raise_exception=False),
    "wrong by much, allowed": lambda t, check, twice: check(wrong(t, 3), real(t), atol=2.0),
    "constant": lambda t, check, twice: check(lambda x: x.detach(), real(t)),
    "one of two": lambda t, check, twice: check(lambda x: (x.detach(), x * 2), real(t)),
    "no gradient": lambda t, check, twice: check(lambda x: x * 2, real(t).detach()),
    "repeated memory": lambda t, check, twice: check(lambda x: x, real(t)[:1].expand(3)),
    "nothing to check": lambda t, c, twice: c(lambda x: x, real(t), check_backward_ad=False),
    "complex": lambda t, check, twice: check(lambda z: z * z, complex_(t)),
    "complex to real": lambda t, check, twice: check(lambda z: z.abs(), complex_(t)),
    "complex, fast": lambda t, check, twice: check(lambda z: z * z, complex_(t), fast_mode=True),
    "real to complex": lambda t, check, twice: check(lambda x: x * (1 + 2j), real(t)),
    "complex and wrong": lambda t, check, twice: check(wrong(t, 2j), complex_(t)),
    "complex, twice": lambda t, check, twice: twice(lambda z: z * z, complex_(t)),
    "forwards": lambda t, check, twice: check(lambda x: (x.sin(), x @ x), real(t), **FORWARD),
    "forwards, wrong": lambda t, check, twice: check(wrong(t, 3), real(t), **FORWARD),
    "forwards, complex": lambda t, check, twice: check(
        lambda z: z.abs() * z, complex_(t), **FORWARD
    ),
    "forwards, complex and wrong": lambda t, c, twice: c(wrong(t, 2j), complex_(t), **FORWARD),
    "forwards, fast": lambda t, c, twice: c(
        lambda z: z * z, complex_(t), fast_mode=True, **FORWARD
    ),
    "several at once": lambda t, c, twice: c(lambda x: x.sin() * x.detach(), real(t), **BATCHED),
    "several right": lambda t, check, twice: check(lambda x: (x.exp(), x @ x), real(t), **BATCHED),
    "forwards over backwards": lambda t, check, twice: twice(
        lambda x: x.sin() * x, real(t), **FORWARD_TWICE
    ),
    "batches, not forwards": lambda t, check, twice: check(
        lambda x: x, real(t), check_batched_forward_grad=True
    ),
    "batches, not backwards": lambda t, check, twice: check(
        lambda x: x, real(t), check_batched_grad=True, **FORWARD
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_says_what_pytorch_says(name: str) -> None:
    outcomes = []
    for t in (torch, jtorch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                outcomes.append(CHECKS[name](t, t.autograd.gradcheck, t.autograd.gradgradcheck))
            except Exception as error:
                outcomes.append((type(error).__name__, str(error)))
    assert outcomes[0] == outcomes[1]


def test_second_derivatives_that_are_wrong() -> None:
    for t in (torch, jtorch):
        with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0"):
            t.autograd.gradgradcheck(lambda x: x * x.detach(), real(t))


def test_fast_mode_shows_both_jacobians() -> None:
    for t in (torch, jtorch):
        with pytest.raises(RuntimeError, match="Jacobian mismatch") as found:
            t.autograd.gradcheck(wrong(t, 3), real(t), fast_mode=True)
        assert "numerical:1.8447" in str(found.value)
        assert "The max per-element difference (slow mode) is: 1.0" in str(found.value)
        with pytest.raises(RuntimeError, match="forward mode mismatch") as found:
            t.autograd.gradcheck(wrong(t, 3), real(t), fast_mode=True, **FORWARD)
        assert "numerical:tensor([0.5858, 1.9123]" in str(found.value)


def test_a_backward_that_varies() -> None:
    for t in (torch, jtorch):
        body = {
            "forward": staticmethod(lambda ctx, x: x * 2),
            "backward": staticmethod(lambda ctx, g, t=t: g * (2 + 1e-6 * t.rand(2).double())),
        }
        function = type("Noisy", (t.autograd.Function,), body).apply
        with pytest.raises(RuntimeError, match="Backward is not reentrant"):
            t.autograd.gradcheck(function, real(t))
        assert t.autograd.gradcheck(function, real(t), nondet_tol=1e-3)
