"""Shapes and conversions that are more than one op: reshape, split, to, contiguous and their
families.

Here is decided what is a view and what a copy, by the strides that PyTorch would report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _expose
from .._core import dtype as dtypes
from .._core.alias import CAST, CLONE, cell_of, check_writable, write
from .._core.append import append, copy_to
from .._core.device import canonical, device
from .._core.dtype import dtype
from .._core.record import record, write_out
from .._core.strides import is_contiguous, view_strides
from .._core.tensor import Tensor, from_cell
from .._core.trace import local
from ..ops._shapes import broadcast_shapes, wrap_dim
from ..ops.view import infer_size
from .creation import size_of, zeros

RESHAPE, CONTIGUOUS, BITCAST, FILLED = (
    _expose.ROWS[n] for n in ("_reshape", "_contiguous", "_view_dtype", "_fill")
)
view, permute, select, narrow = (_expose.row(n) for n in ("view", "permute", "select", "narrow"))


class memory_format:
    """An order of dimensions in memory.

    See `torch.memory_format`; only a name here: XLA chooses layouts.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")


def clone(input: Tensor, *, memory_format: memory_format = preserve_format) -> Tensor:
    """A copy, through which gradients flow. See torch.clone."""
    return record(CONTIGUOUS if memory_format is contiguous_format else CLONE, input)


def contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """The Tensor itself if its elements lie in row-major order, else a copy where they do."""
    aval = cell_of(input).aval
    if is_contiguous(aval.shape, aval.strides):
        return input
    return record(CONTIGUOUS, input)


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape: a view where the strides admit one, else a copy.
    RuntimeError where the number of elements differs. See torch.reshape."""
    aval = cell_of(input).aval
    wanted = infer_size(_sizes(shape), input.numel())
    if view_strides(aval.shape, aval.strides, wanted) is not None:
        return view(input, wanted)
    return record(RESHAPE, input, wanted)


def _sizes(shape: tuple) -> tuple[int, ...]:
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = tuple(shape[0])
    return tuple(s if type(s) is int else _size(s) for s in shape)


def _size(value: Any) -> int:
    if isinstance(value, float) or not hasattr(value, "__index__"):
        raise TypeError(
            f"reshape(): argument 'shape' must be tuple of ints, but found {type(value).__name__}"
        )
    return value.__index__()


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """reshape to the shape of another Tensor."""
    return reshape(input, other.shape)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """view in the shape of another Tensor."""
    return view(input, tuple(other.shape))


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """expand to the shape of another Tensor."""
    return input.expand(tuple(other.shape))


def view_or_cast(input: Tensor, *shape: Any) -> Tensor:
    """`Tensor.view`: another shape; or the same bytes as another dtype."""
    if len(shape) == 1 and isinstance(shape[0], dtype):
        return record(BITCAST, input, shape[0])
    return view(input, _sizes(shape))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim to end_dim as one. See torch.flatten."""
    shape = input.shape
    if not shape:
        return reshape(input, 1)
    first, last = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if first == last:
        return input
    return reshape(input, *shape[:first], shape[first : last + 1].numel(), *shape[last + 1 :])


def ravel(input: Tensor) -> Tensor:
    """All dimensions as one. See torch.ravel."""
    return reshape(contiguous(input), -1)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension as several. See torch.unflatten."""
    shape = input.shape
    at = wrap_dim(dim, len(shape))
    sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    try:
        parts = infer_size(sizes, shape[at])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {at} "
            f"({shape[at]}) in the input tensor"
        ) from None
    return view(input, (*shape[:at], *parts, *shape[at + 1 :]))


# ---------------------------------------------------------------------------------------- splitting


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive parts of a dimension. See torch.split."""
    at = wrap_dim(dim, tensor.dim())
    size = tensor.shape[at] if tensor.dim() else 1
    if isinstance(split_size_or_sections, int):
        part = split_size_or_sections
        if part < 0 or (part == 0 and size):
            raise RuntimeError(
                f"split expects split_size be non-negative, but got split_size={part}"
            )
        count = max(1, -(-size // part)) if part else 1
        sections = [min(part, size - k * part) for k in range(count)]
    else:
        sections = [int(s) for s in split_size_or_sections]
        if sum(sections) != size or min(sections, default=0) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's "
                "size at "
                f"dimension {at}), but got split_sizes={sections}"
            )
    starts = np.cumsum([0, *sections]).tolist()
    return tuple(narrow(tensor, at, s, n) for s, n in zip(starts, sections, strict=False))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of consecutive parts of equal size. See torch.chunk."""
    if not input.dim():
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = input.shape[wrap_dim(dim, input.dim())]
    part = -(-size // chunks)
    if part == 0:
        return split(input, [0] * chunks, dim)
    return split(input, part, dim)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive parts, by number or by borders. See torch.tensor_split."""
    at = wrap_dim(dim, input.dim())
    size = input.shape[at]
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        count = indices_or_sections
        if count <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {count}")
        sections = [size // count + (k < size % count) for k in range(count)]
        return split(input, sections, at)
    borders = [0, *[slice(b).indices(size)[1] for b in indices_or_sections], size]
    pairs = zip(borders[:-1], borders[1:], strict=True)
    return tuple(narrow(input, at, min(a, size), max(0, b - a)) for a, b in pairs)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of the parts at each index of a dimension. See torch.unbind."""
    at = wrap_dim(dim, input.dim())
    return tuple(select(input, at, k) for k in range(input.shape[at]))


def _splitter(name: str, dim: int, least: int) -> Any:
    def function(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
        if input.dim() < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a "
                "tensor with "
                f"{input.dim()} dimensions!"
            )
        at = 0 if name == "hsplit" and input.dim() == 1 else dim
        return tensor_split(input, indices_or_sections, at)

    function.__name__ = name
    function.__doc__ = f"tensor_split along dimension {dim}. See torch.{name}."
    return function


hsplit, vsplit, dsplit = (
    _splitter(n, d, k) for n, d, k in (("hsplit", 1, 1), ("vsplit", 0, 2), ("dsplit", 2, 3))
)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """A view expanded to a shape. See torch.broadcast_to."""
    return input.expand(tuple(size))


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Views of all Tensors expanded to their common shape. See torch.broadcast_tensors."""
    shape = broadcast_shapes(*[tuple(t.shape) for t in tensors])
    return tuple(t.expand(shape) for t in tensors)


def as_strided(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int = 0
) -> Tensor:
    """A view of the storage of a contiguous Tensor by size and stride. See torch.as_strided."""
    return record(
        _expose.ROWS["_as_strided"], input, tuple(size), tuple(stride), storage_offset or 0
    )


def real(input: Tensor) -> Tensor:
    """The real part: a view of a complex Tensor, a real one itself. See torch.real."""
    return record(_expose.ROWS["_real_part"], input) if input.dtype.is_complex else input


def imag(input: Tensor) -> Tensor:
    """The imaginary part of a complex Tensor, as a view. See torch.imag."""
    if not input.dtype.is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return record(_expose.ROWS["_imaginary_part"], input)


def reversed_dims(input: Tensor) -> Tensor:
    """Tensor.T"""
    return record(_expose.ROWS["_reversed"], input)


def matrix_transpose(input: Tensor) -> Tensor:
    """Tensor.mT"""
    return record(_expose.ROWS["_matrix_transpose"], input)


def adjoint(input: Tensor) -> Tensor:
    """Tensor.mH, Tensor.H: the conjugate transpose."""
    turned = matrix_transpose(input)
    return turned.conj() if input.dtype.is_complex else turned


# --------------------------------------------------------------------------------------- conversion


def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The Tensor with another dtype or on another device; itself if nothing changes.
    to(dtype), to(device, dtype), to(other). See torch.Tensor.to."""
    kind, where, copy = _to_arguments(input, args, kwargs)
    result = input
    if where is not None and canonical(where) is not input.device:
        result = _on_device(result, canonical(where))
    if kind is not None and kind is not input.dtype:
        result = record(CAST, result, kind)
    if result is input and copy:
        return clone(input)
    return result


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


def _on_device(input: Tensor, where: device) -> Tensor:
    """A copy on another device, through which gradients flow back."""
    cell = cell_of(input)
    copied = copy_to(cell, where)
    if cell.aval.requires_grad and local.context.modes.grad:
        raise NotImplementedError(
            "gradients across devices: move the model and the data before the forward, not inside "
            "it"
        )
    return from_cell(copied)


def _caster(kind: dtype) -> Any:
    def method(input: Tensor, memory_format: Any = None) -> Tensor:
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


def cpu(input: Tensor, memory_format: Any = None) -> Tensor:
    """The Tensor on the CPU; itself if it is there."""
    return to(input, "cpu")


def cuda(
    input: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None
) -> Tensor:
    """The Tensor on a CUDA device. DeviceError if there is none."""
    return to(input, "cuda" if device is None else device)


def zero_(input: Tensor) -> Tensor:
    """Zeros written to the Tensor. See torch.Tensor.zero_."""
    return fill_(input, 0)


def fill_(input: Tensor, value: Any) -> Tensor:
    """One value written to all elements. See torch.Tensor.fill_."""
    if isinstance(value, Tensor) and value.dim():
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.dim()} "
            "dimensions."
        )
    if isinstance(value, complex) and not input.dtype.is_complex:
        raise RuntimeError("value cannot be converted to type without overflow")
    old = check_writable(input)
    given = cell_of(value) if isinstance(value, Tensor) else value
    write(input, append(local.context, FILLED, (old, given))[0])
    return input


def resize_(input: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Another shape, in place; new elements mean nothing. See torch.Tensor.resize_."""
    wanted = size_of(sizes)
    flat = reshape(input.detach(), -1)
    count = 1
    for size in wanted:
        count *= size
    if flat.numel() < count:
        flat = _expose.row("cat")([flat, zeros(count - flat.numel(), dtype=input.dtype)])
    write_out(input, reshape(flat[:count], wanted))
    return input


FUNCTIONS = [clone, reshape, flatten, ravel, unflatten, split, chunk, tensor_split, unbind]
FUNCTIONS += [
    hsplit,
    vsplit,
    dsplit,
    broadcast_to,
    broadcast_tensors,
    as_strided,
    real,
    imag,
    adjoint,
]
METHODS = {f.__name__: f for f in FUNCTIONS if f is not broadcast_tensors}
METHODS |= {f.__name__: f for f in (contiguous, reshape_as, view_as, expand_as, to, type_as, cpu)}
METHODS |= {f.__name__: f for f in (cuda, zero_, fill_, resize_)}
METHODS |= {"view": view_or_cast, "type": type_, "split_with_sizes": split}
METHODS |= {
    name: _caster(kind)
    for name, kind in {
        **{n: dtypes.ALIASES[n] for n in ("float", "double", "half", "long", "int", "short")},
        **{"bool": dtypes.bool_, "byte": dtypes.uint8, "char": dtypes.int8},
        **{"bfloat16": dtypes.bfloat16, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128},
    }.items()
}
PROPERTIES = {"T": reversed_dims, "mT": matrix_transpose, "mH": adjoint, "H": adjoint}
PROPERTIES |= {"real": real, "imag": imag}
