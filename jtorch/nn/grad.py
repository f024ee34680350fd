"""Gradients of convolutions as functions of their own. See torch.nn.grad.

A convolution is linear in its input and in its weight, so each gradient is the transposed one,
which autograd finds from shapes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._core.backward import grad
from .._core.grad_mode import enable_grad, is_grad_enabled
from .._core.tensor import Tensor
from ..functions.creation import zeros
from . import functional as F

Size = int | Sequence[int]


def _functions(dims: int) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    """conv{dims}d_input and conv{dims}d_weight."""
    convolution = getattr(F, f"conv{dims}d")

    def by_input(
        input_size: Sequence[int],
        weight: Tensor,
        grad_output: Tensor,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
    ) -> Tensor:
        input = zeros(tuple(input_size), dtype=grad_output.dtype, device=grad_output.device)
        options = (None, stride, padding, dilation, groups)
        return _transposed(lambda x: convolution(x, weight, *options), input, weight, grad_output)

    def by_weight(
        input: Tensor,
        weight_size: Sequence[int],
        grad_output: Tensor,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
    ) -> Tensor:
        weight = zeros(tuple(weight_size), dtype=grad_output.dtype, device=grad_output.device)
        options = (None, stride, padding, dilation, groups)
        return _transposed(lambda w: convolution(input, w, *options), weight, input, grad_output)

    for function, of in ((by_input, "input"), (by_weight, "weight")):
        function.__name__ = function.__qualname__ = f"conv{dims}d_{of}"
        function.__doc__ = (
            f"The gradient of conv{dims}d with respect to its {of}, given that of the output.\n\n"
            f"See torch.nn.grad.conv{dims}d_{of}."
        )
    return by_input, by_weight


def _transposed(
    linear: Callable[[Tensor], Tensor], at: Tensor, fixed: Tensor, grad_output: Tensor
) -> Tensor:
    """The gradient of a linear function; `fixed` is the other Tensor that it depends on."""
    differentiable = is_grad_enabled() and (fixed.requires_grad or grad_output.requires_grad)
    with enable_grad():
        output: Any = linear(at.requires_grad_())
        (found,) = grad(output, at, grad_output, create_graph=differentiable)
        assert found is not None  # the output depends on it
        return found


conv1d_input, conv1d_weight = _functions(1)
conv2d_input, conv2d_weight = _functions(2)
conv3d_input, conv3d_weight = _functions(3)

__all__ = [
    "conv1d_input",
    "conv1d_weight",
    "conv2d_input",
    "conv2d_weight",
    "conv3d_input",
    "conv3d_weight",
]
