"""A Tensor with another dtype, on another device, or with other contents: `to`, `float`, `fill_`.

Shapes are in shaping.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _expose
from .._core import dtype as dtypes
from .._core.alias import CAST, cell_of, check_writable, write
from .._core.append import append
from .._core.device import canonical, device
from .._core.device import device as Device
from .._core.dtype import dtype
from .._core.record import record
from .._core.size import memory_format, preserve_format
from .._core.tensor import Tensor, from_cell
from .._core.trace import local
from .._core.transfer import copy_to
from .shaping import clone, contiguous

FILLED = _expose.ROWS["_fill"]


def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The Tensor with another dtype or on another device; itself if nothing changes.
    to(dtype), to(device, dtype), to(other). See torch.Tensor.to."""
    kind, where, copy = _to_arguments(input, args, kwargs)
    layout = kwargs.get("memory_format") or preserve_format
    result = input
    if where is not None and canonical(where) is not input.device:
        result = from_cell(copy_to(cell_of(result), canonical(where)))
    if kind is not None and kind is not input.dtype:
        result = record(CAST, result, kind)
    if result is input and copy:
        return clone(input, memory_format=layout)
    return result if layout is preserve_format else contiguous(result, layout)


def _to_arguments(input: Tensor, args: tuple, kwargs: dict) -> tuple[Any, Any, bool]:
    kwargs = dict(kwargs)
    kind, where = kwargs.pop("dtype", None), kwargs.pop("device", None)
    copy = kwargs.pop("copy", False)
    other = kwargs.pop("other", None)
    for name in ("non_blocking", "memory_format"):
        kwargs.pop(name, None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    flags = []
    for value in args:
        if isinstance(value, dtype):
            kind = value
        elif isinstance(value, Tensor):
            other = value
        elif isinstance(value, bool):
            flags.append(value)
        elif isinstance(value, (str, int, device)):
            where = value
        elif value is not None and not isinstance(value, memory_format):
            raise TypeError(
                "to() received an invalid combination of arguments - got "
                f"({', '.join(type(a).__name__ for a in args)})"
            )
    if other is not None:
        kind, where = other.dtype, other.device
    return kind, where, copy or (len(flags) > 1 and flags[1])


def _caster(kind: dtype) -> Callable[..., Tensor]:
    def method(input: Tensor, memory_format: memory_format | None = None) -> Tensor:
        return to(input, kind)

    method.__doc__ = f"to({kind})."
    return method


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """The Tensor with another's dtype."""
    return to(input, other.dtype)


def type_(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the Tensor's type; or the Tensor with another dtype. See torch.Tensor.type."""
    if dtype is None:
        prefix = "torch." if input.is_cpu else f"torch.{input.device.type}."
        return f"{prefix}{dtypes.TITLES[input.dtype]}Tensor"
    if isinstance(dtype, str):
        titles = {f"{title}Tensor": d for d, title in dtypes.TITLES.items()}
        name = dtype.rsplit(".", 1)[-1]
        if name not in titles:
            raise ValueError(f"invalid type: '{dtype}'")
        return to(input, titles[name])
    return to(input, getattr(dtype, "dtype", dtype))


def cpu(input: Tensor, memory_format: memory_format | None = None) -> Tensor:
    """The Tensor on the CPU; itself if it is there."""
    return to(input, "cpu")


def cuda(
    input: Tensor,
    device: Any = None,
    non_blocking: bool = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """The Tensor on a CUDA device. DeviceError if there is none."""
    if device is None or isinstance(device, int):
        device = Device("cuda", device)
    return to(input, device)


def zero_(input: Tensor) -> Tensor:
    """Zeros written to the Tensor. See torch.Tensor.zero_."""
    return fill_(input, 0)


def fill_(input: Tensor, value: Any) -> Tensor:
    """One value written to all elements. See torch.Tensor.fill_."""
    old = check_writable(input, idempotent=True)
    given = cell_of(value) if isinstance(value, Tensor) else value
    write(input, append(local.context, FILLED, (old, given))[0])
    return input


def detach(input: Tensor) -> Tensor:
    """The Tensor without history, sharing its storage. See torch.detach."""
    return input.detach()


def detach_(input: Tensor) -> Tensor:
    """Cut the Tensor off from its history, in place. See torch.detach_."""
    return input.detach_()


def itself(input: Tensor, *_: Any) -> Tensor:
    """The Tensor itself: JAX decides where its buffers lie. See torch.Tensor.pin_memory and
    torch.Tensor.share_memory_."""
    return input


def to_dense(
    input: Tensor, dtype: dtype | None = None, *, masked_grad: bool | None = None
) -> Tensor:
    """The Tensor itself; of a sparse one see functions/sparse. See torch.Tensor.to_dense."""
    return input if dtype is None else to(input, dtype)


FUNCTIONS = [zero_, fill_, detach, detach_]
METHODS = {f.__name__: f for f in (to, type_as, cpu, cuda, zero_, fill_, to_dense)}
METHODS |= {"type": type_, "pin_memory": itself, "share_memory_": itself}
METHODS |= {
    name: _caster(kind)
    for name, kind in {
        **{n: dtypes.ALIASES[n] for n in ("float", "double", "half", "long", "int", "short")},
        **{"bool": dtypes.bool_, "byte": dtypes.uint8, "char": dtypes.int8},
        **{"bfloat16": dtypes.bfloat16, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128},
    }.items()
}
