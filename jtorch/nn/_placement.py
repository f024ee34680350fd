"""Where a Module's tensors live and in which dtype: `to`, `cuda`, `half` and the like.

All of them are one function applied to every tensor (`_apply`). Parameters stay the same objects
and get new data, so that an optimizer which holds them goes on working; buffers are replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

from .._core.device import device as Device
from .._core.dtype import dtype as DType
from .._core.grad_mode import no_grad
from .._core.tensor import Tensor
from ..functions.creation import empty_like


class Placement:
    """The side of a Module that concerns dtypes and devices."""

    children: Callable[[], Iterator[Any]]
    _buffers: dict[str, Tensor | None]
    _parameters: dict[str, Any]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace every tensor of this module, and of those below, by `fn` of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is not None:
                _apply_to_parameter(fn, parameter)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move and cast: `to(device, dtype)`, `to(dtype)`, `to(tensor)`, `to(memory_format=...)`.

        Only floating point and complex tensors are cast. See torch.nn.Module.to.
        """
        device, dtype, options, memory_format = parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, "
                f"but got desired dtype={dtype}"
            )

        def convert(tensor: Tensor) -> Tensor:
            wanted = dict(options)
            if device is not None:
                wanted["device"] = device
            if dtype is not None and (tensor.is_floating_point() or tensor.is_complex()):
                wanted["dtype"] = dtype
            if memory_format is not None and tensor.dim() in (4, 5):
                wanted["memory_format"] = memory_format
            return tensor.to(**wanted) if wanted else tensor

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move to a device without copying the values. See torch.nn.Module.to_empty."""
        return self._apply(lambda t: empty_like(t, device=device), recurse=recurse)

    def cpu(self) -> Self:
        """Move to the CPU. See torch.nn.Module.cpu."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Move to a GPU. See torch.nn.Module.cuda."""
        return self._apply(lambda t: t.cuda(device))

    def type(self, dst_type: DType | str) -> Self:
        """Cast all parameters and buffers. See torch.nn.Module.type."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Cast floating point tensors to float32. See torch.nn.Module.float."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Self:
        """Cast floating point tensors to float64. See torch.nn.Module.double."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Cast floating point tensors to float16. See torch.nn.Module.half."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Self:
        """Cast floating point tensors to bfloat16. See torch.nn.Module.bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def share_memory(self) -> Self:
        """Let other processes see the tensors. See torch.nn.Module.share_memory."""
        return self._apply(lambda t: t.share_memory_())  # pyright: ignore


def _apply_to_parameter(fn: Callable[[Tensor], Tensor], parameter: Tensor) -> None:
    """The same Parameter object with new data; its gradient follows."""
    gradient = parameter.grad
    with no_grad():
        data = fn(parameter)
        if data is not parameter:
            parameter.data = data
        if gradient is not None:
            parameter.grad = fn(gradient).requires_grad_(gradient.requires_grad)


_TO_ARGUMENTS = ("device", "dtype", "non_blocking", "copy", "memory_format", "tensor", "other")


def parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, dict[str, Any], Any]:
    """What `Module.to` was asked for: (device, dtype, options of Tensor.to, memory_format)."""
    for name in kwargs:
        if name not in _TO_ARGUMENTS:
            raise TypeError(f"to() received an invalid combination of arguments: {name}")
    wanted = dict(kwargs)
    rest = list(args)
    if rest:
        wanted.update(_first_argument(rest))
    if rest and "non_blocking" not in wanted:
        wanted["non_blocking"] = rest.pop(0)
    rest = rest[1:]  # PyTorch's deprecated positional `copy`
    tensor = wanted.pop("tensor", wanted.pop("other", None))
    device, dtype = wanted.pop("device", None), wanted.pop("dtype", None)
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    if device is not None:
        device = Device(device)
    if rest or not isinstance(dtype, DType | None):
        raise TypeError(f"to() received an invalid combination of arguments: {args}")
    memory_format = wanted.pop("memory_format", None)
    options = {k: v for k, v in wanted.items() if k == "non_blocking" and v}
    return device, dtype, options, memory_format


def _first_argument(rest: list[Any]) -> dict[str, Any]:
    """Take a device and a dtype, a dtype, or a tensor off the front of the positional arguments."""
    first = rest.pop(0)
    if isinstance(first, DType):
        return {"dtype": first}
    if isinstance(first, Tensor):
        return {"tensor": first}
    if first is not None and not isinstance(first, (str, int, Device)):
        raise TypeError(
            "to() received an invalid combination of arguments - got "
            f"({type(first).__name__}), but expected one of: (device, dtype), (dtype), (tensor)"
        )
    taken: dict[str, Any] = {"device": first}
    if rest and (rest[0] is None or isinstance(rest[0], DType)):
        taken["dtype"] = rest.pop(0)
    return taken
