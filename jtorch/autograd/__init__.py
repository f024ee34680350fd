"""`torch.autograd`: grad, backward, and the modes."""

from .._core import backward as _backward
from .._core.backward import backward_all
from .._core.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from .._core.overrides import overridable
from .._core.tensor import Tensor
from . import functional

grad = overridable(_backward.grad)


def backward(
    tensors,
    grad_tensors=None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs=None,
) -> None:
    """Add the gradients of Tensors to `.grad` of the leaves. See `torch.autograd.backward`."""
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if grad_tensors is None or isinstance(grad_tensors, Tensor):
        grad_tensors = [grad_tensors] * len(tensors)
    retain = create_graph if retain_graph is None else retain_graph
    backward_all(tensors, list(grad_tensors), retain, create_graph, inputs)


__all__ = [
    "backward",
    "enable_grad",
    "functional",
    "grad",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
]
