"""gradcheck: do the gradients of a function agree with finite differences?

`gradcheck` compares whole Jacobians, or in fast mode one number for each: u^T J v for random u and
v. `gradgradcheck` does so for the gradient of the function. See torch.autograd.gradcheck;
_jacobian.py computes what is compared.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._core.backward import grad
from .._core.generator import Generator
from .._core.tensor import Tensor
from ..functions.creation import tensor
from ..testing import make_tensor
from ._forward_check import Forward, batched_backward_mismatch
from ._jacobian import analytical, difference, numerical, pulled, random_direction, values_of

NOT_REENTRANT = """\
Backward is not reentrant, i.e., running backward with same input and grad_output multiple times \
gives different values, although analytical gradient matches numerical gradient.The tolerance for \
nondeterminism was {}."""
FAST_MODE = """
The above quantities relating the numerical and analytical jacobians are computed 
in fast mode. Below, both jacobians are given whole, as slow mode computes them:

Numerical:
 {}
Analytical:
{}

The max per-element difference (slow mode) is: {}.
"""


class GradcheckError(RuntimeError):
    """The gradients are wrong. See torch.autograd.gradcheck.GradcheckError."""


class _Check:
    """One gradcheck.

    part: "", or "real" or "imaginary" for that part of complex outputs.
    """

    def __init__(self, function: Callable, inputs: tuple, part: str, **options: Any) -> None:
        self.function = function
        self.inputs = inputs
        self.part = part
        self.eps, self.atol, self.rtol = options["eps"], options["atol"], options["rtol"]
        self.nondet_tol, self.fast_mode = options["nondet_tol"], options["fast_mode"]
        self.places = [k for k, value in enumerate(inputs) if _is_checked(value)]
        self.wanted = [inputs[k] for k in self.places]

    def outputs(self) -> tuple[Tensor, ...]:
        """The outputs that have a gradient, real each."""
        found = _differentiable(self.function(*self.inputs))
        if not self.part:
            return found
        picked = [output for output in found if output.dtype.is_complex or self.part == "real"]
        name = "real" if self.part == "real" else "imag"
        return tuple(getattr(o, name) if o.dtype.is_complex else o for o in picked)

    def run(self) -> None:
        """Raise GradcheckError where something is wrong."""
        outputs = self.outputs()
        if not outputs:
            self._check_constant()
            return
        for output in outputs:
            values_of(output)  # the forward is a program of its own, and every backward another
        (self._fast if self.fast_mode else self._slow)(outputs)
        self._check_zero(outputs)

    def _check_constant(self) -> None:
        """Outputs without a gradient may not depend on the inputs."""
        for input in self.wanted:
            for jacobian in numerical(self._inexact_outputs, input, self.eps):
                if jacobian.any():
                    raise GradcheckError("Numerical gradient for function expected to be zero")

    def _inexact_outputs(self) -> tuple[Tensor, ...]:
        values = self.function(*self.inputs)
        values = values if isinstance(values, (tuple, list)) else (values,)
        return tuple(v for v in values if v.dtype.is_floating_point or v.dtype.is_complex)

    def _slow(self, outputs: tuple[Tensor, ...]) -> None:
        measured = [numerical(self.outputs, input, self.eps) for input in self.wanted]
        for j, output in enumerate(outputs):
            found, again = (analytical(output, self.wanted) for _ in range(2))
            for first, second in zip(found, again, strict=True):
                self._check_reentrant(first, second)
            for i, place in enumerate(self.places):
                if not _close(found[i], measured[i][j], self.rtol, self.atol):
                    raise GradcheckError(self._mismatch(j, place, measured[i][j], found[i]))

    def _fast(self, outputs: tuple[Tensor, ...]) -> None:
        generator = Generator()
        directions = [_directions(input, generator) for input in self.wanted]
        weights = [random_direction(output.numel(), generator) for output in outputs]
        measured = [
            [difference(self.outputs, t, part * u, self.eps) for part, u in parts]
            for t, parts in zip(self.wanted, directions, strict=True)
        ]
        for j, output in enumerate(outputs):
            found, again = (pulled(output, self.wanted, weights[j]) for _ in range(2))
            for i, place in enumerate(self.places):
                self._check_reentrant(found[i], again[i])
                pairs = list(zip(directions[i], measured[i], strict=True))
                numbers = sum(part * (d[j] @ weights[j]) for (part, _), d in pairs)
                both = zip(directions[i], (np.real(found[i]), np.imag(found[i])), strict=False)
                gradient = sum(part * (g @ u) for (part, u), g in both)
                scale = sum(u.sum() for _, u in directions[i]) * weights[j].sum()
                if not _close(gradient, numbers, self.rtol, self.atol * scale):
                    self._explain(j, i, place, output, numbers, gradient)

    def _explain(
        self, j: int, i: int, place: int, output: Tensor, numbers: Any, gradient: Any
    ) -> None:
        slow = numerical(self.outputs, self.wanted[i], self.eps)[j]
        found = analytical(output, self.wanted)[i]
        most = float(np.abs(slow - found).max())
        said = self._mismatch(j, place, numbers, gradient)
        raise GradcheckError(said + FAST_MODE.format(tensor(slow), tensor(found), most))

    def _check_reentrant(self, first: np.ndarray, second: np.ndarray) -> None:
        if first.size and np.abs(first - second).max() > self.nondet_tol:
            raise GradcheckError(NOT_REENTRANT.format(self.nondet_tol))

    def _check_zero(self, outputs: tuple[Tensor, ...]) -> None:
        """A gradient of zero must give zero, for each output alone."""
        for output in outputs:
            for gradient in pulled(output, self.wanted, np.zeros(output.numel())):
                if gradient.any():
                    raise GradcheckError("backward not multiplied by grad_output")

    def _mismatch(self, output: int, input: int, measured: Any, found: Any) -> str:
        lead = f"While considering the {self.part} part of complex outputs only, "
        shown = [
            tensor(v) if isinstance(v, np.ndarray) and v.ndim else v for v in (measured, found)
        ]
        return (
            f"{lead if self.part else ''}Jacobian mismatch for output {output} with respect to "
            f"input {input},\nnumerical:{shown[0]}\nanalytical:{shown[1]}\n"
        )


def _close(found: Any, measured: Any, rtol: float, atol: float) -> bool:
    return np.allclose(found, measured, rtol=rtol, atol=atol, equal_nan=True)


def _directions(input: Tensor, generator: Generator) -> list[tuple[complex, np.ndarray]]:
    """(1, a direction), and for a complex input (1j, another)."""
    parts = (1, 1j) if input.dtype.is_complex else (1,)
    return [(part, random_direction(input.numel(), generator)) for part in parts]


def _differentiable(values: Any) -> tuple[Tensor, ...]:
    values = tuple(values) if isinstance(values, (tuple, list)) else (values,)
    return tuple(value for value in values if value.requires_grad)


def _is_checked(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _check_inputs(inputs: tuple) -> None:
    """ValueError where nothing requires grad; RuntimeError for overlapping memory."""
    for k, value in enumerate(inputs):
        if not _is_checked(value):
            continue
        if value.dtype.itemsize != (16 if value.dtype.is_complex else 8):
            warnings.warn(
                f"Input #{k} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ",
                stacklevel=3,
            )
        if any(s == 0 and n > 1 for s, n in zip(value.stride(), value.shape, strict=True)):
            raise RuntimeError(
                f"The {k}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping to be able to compute the numerical gradients "
                "correctly. You should call .contiguous on the input before passing it to "
                "gradcheck."
            )
        if not value.is_leaf:
            value.retain_grad()
    if not any(map(_is_checked, inputs)):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )


def _raise(mismatch: str | None) -> None:
    if mismatch is not None:
        raise GradcheckError(mismatch)


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of `func(*inputs)` agree with finite differences, for all inputs that
    require grad: float64 or complex128, or the differences are too coarse.

    GradcheckError where they don't, or False if not `raise_exception`. Dense Tensors only.
    Gradients of a dtype or a shape other than the input's do not occur here, so `check_grad_dtypes`
    finds nothing more. See torch.autograd.gradcheck.gradcheck.
    """
    assert check_forward_ad or check_backward_ad, (
        "Expected at least one of check_forward_ad or check_backward_ad to be True"
    )
    assert check_backward_ad or not check_batched_grad, (
        "Setting check_batched_grad=True requires check_backward_ad to be True"
    )
    assert check_forward_ad or not check_batched_forward_grad, (
        "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
    )
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    options = {"eps": eps, "atol": atol, "rtol": rtol, "nondet_tol": nondet_tol}
    options["fast_mode"] = fast_mode
    try:
        _check_inputs(given)
        outputs = _differentiable(func(*given)) if check_backward_ad else ()
        is_complex = any(output.dtype.is_complex for output in outputs)
        for part in ("imaginary", "real") if is_complex else ("",) * check_backward_ad:
            _Check(func, given, part, **options).run()
        places = [k for k, value in enumerate(given) if _is_checked(value)]
        forward = Forward(func, given, places, FAST_MODE, **options)
        _raise(forward.mismatch() if check_forward_ad else None)
        _raise(forward.batched_mismatch() if check_batched_forward_grad else None)
        for output in outputs if check_batched_grad else ():
            _raise(batched_backward_mismatch(output, [given[k] for k in places]))
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the second derivatives of `func(*inputs)` agree with finite differences of the first.

    grad_outputs: the cotangents that the first ones are taken with; random ones, if none are given.
    GradcheckError where they don't, or False if not `raise_exception`. See
    torch.autograd.gradcheck.gradgradcheck.
    """
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    if grad_outputs is None:
        outputs = _differentiable(func(*given))
        cotangents = _random_like(outputs, gen_non_contig_grad_outputs)
    else:
        several = isinstance(grad_outputs, (tuple, list))
        cotangents = tuple(grad_outputs) if several else (grad_outputs,)
    count = len(cotangents)

    def gradients(*args: Any) -> tuple[Tensor, ...]:
        values, weights = args[: len(args) - count], args[len(args) - count :]
        wanted = [value for value in values if _is_checked(value)]
        outputs = _differentiable(func(*values))
        found = grad(outputs, wanted, weights, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradients,
        (*given, *cotangents),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


def _random_like(outputs: Sequence[Tensor], apart: bool) -> tuple[Tensor, ...]:
    """Random cotangents that require grad, with gaps in memory if `apart`."""
    return tuple(
        make_tensor(
            tuple(output.shape),
            dtype=output.dtype,
            device=output.device,
            low=-1,
            high=1,
            requires_grad=True,
            noncontiguous=apart,
        )
        for output in outputs
    )


__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
