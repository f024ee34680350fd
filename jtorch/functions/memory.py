"""What speaks of memory: as_strided, strides that are asked for, storage, and views in place.

XLA's buffers have no strides; a storage is laid out as PyTorch would, by the strides of its base
(_core/strides.py), and a view by strides looks up in that order. Read ops/strided.py next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _expose
from .._core.alias import Moment, cell_of, check_no_leaf, is_cut_off, leave, storage_of, turn
from .._core.events import materialises
from .._core.overlap import offset_of
from .._core.program import host
from .._core.record import record, write_out
from .._core.size import contiguous_format, memory_format, preserve_format
from .._core.strides import contiguous as row_major
from .._core.strides import elementwise, in_order, is_dense
from .._core.tensor import Tensor, from_cell, require_grad
from .._core.trace import local
from .creation import empty, size_of, strides_in
from .shaping import clone

AS_STRIDED, AS_STRIDED_SCATTER = (
    _expose.ROWS[f"_{n}"] for n in ("as_strided", "as_strided_scatter")
)


def _in_memory(input: Tensor) -> tuple[int, ...]:
    """The dimensions in the order in which they lie in memory, the slowest first."""
    strides = input.stride()
    return tuple(sorted(range(len(strides)), key=lambda d: -strides[d]))


def _reach(input: Tensor, size: tuple, stride: tuple, offset: int | None) -> tuple[Tensor, int]:
    """Whose memory a view by strides is to be cut out of, and the offset in it.

    That is the input, where it shows the place; else the base of its storage.
    """
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(stride)}"
        )
    begin = offset_of(input)
    offset = begin if offset is None else offset
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    end = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) + 1
    if 0 in size:
        return input, 0
    dense = is_dense(input.shape, input.stride())
    if dense and begin <= offset and end <= begin + input.numel():
        return input, offset - begin
    base = storage_of(input).cell.aval
    if base.dtype is not input.dtype:
        raise NotImplementedError("as_strided of a view with another dtype than its storage")
    if end > math.prod(base.shape):
        each = input.itemsize
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and "
            f"itemsize {each} requiring a storage size of {end * each} are out of bounds for "
            f"storage of size {base.nbytes}"
        )
    return _base(input), offset


def _base(input: Tensor) -> Tensor:
    """A Tensor that shows the whole storage of another."""
    storage = storage_of(input)
    base = from_cell(storage.cell)
    storage.join(base)
    return base.detach() if is_cut_off(input._view) else base


def as_strided(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """The view of a storage whose element at (i, j, ...) lies storage_offset + i stride[0] +
    j stride[1] + ... from its beginning. See torch.as_strided."""
    size, stride = tuple(size), tuple(stride)
    source, offset = _reach(input, size, stride, storage_offset)
    return record(AS_STRIDED, source, size, stride, offset, _in_memory(source))


def as_strided_copy(
    input: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """A copy of what `as_strided` shows. See torch.as_strided_copy."""
    made = clone(as_strided(input, size, stride, storage_offset), memory_format=contiguous_format)
    if out is None:
        return made
    write_out(out, made)
    return out


def as_strided_scatter(
    input: Tensor,
    src: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Tensor:
    """A copy of input in which what `as_strided` shows is `src`. See torch.as_strided_scatter."""
    size, stride = tuple(size), tuple(stride)
    source, offset = _reach(input, size, stride, storage_offset)
    made = record(AS_STRIDED_SCATTER, source, src, size, stride, offset, _in_memory(source))
    if source is input:
        return made
    return as_strided(made, input.shape, input.stride(), offset_of(input))


def resize_(input: Tensor, *sizes: Any, memory_format: memory_format = contiguous_format) -> Tensor:
    """Another shape, in place: of the same memory, with new elements at its end where it is too
    short (zeros here). See torch.Tensor.resize_."""
    if input.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    size = size_of(sizes)
    stride = strides_in(memory_format, size) or row_major(size)
    begin, held = offset_of(input), math.prod(storage_of(input).cell.aval.shape)
    missing = math.prod(size) - (held - begin)
    if missing <= 0:
        return as_strided_(input, size, stride)
    kept = as_strided(input, (held - begin,), (1,))
    longer = _expose.row("cat")([kept, empty(missing, dtype=input.dtype, device=input.device)])
    leave(input)
    input._cell = cell_of(as_strided(longer, size, stride))
    return input


def resize_as_(
    input: Tensor, the_template: Tensor, *, memory_format: memory_format = contiguous_format
) -> Tensor:
    """resize_ to the shape of another Tensor. See torch.Tensor.resize_as_."""
    if memory_format is not preserve_format:
        return resize_(input, the_template.shape, memory_format=memory_format)
    resize_(input, the_template.shape)
    return as_strided_(input, the_template.shape, the_template.stride())


# ------------------------------------------------------------------------------------ made to order


def empty_strided(size: Sequence[int], stride: Sequence[int], **options: Any) -> Tensor:
    """A Tensor of a shape and strides whose values mean nothing; zeros here.
    See torch.empty_strided."""
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides "
            f"({len(stride)})"
        )
    if 0 in size:
        return empty(size, **options)
    span = sum((n - 1) * s for n, s in zip(size, stride, strict=True)) + 1
    made = empty(span, **{**options, "requires_grad": False})
    made = record(AS_STRIDED, made, size, stride, 0, (0,))
    return require_grad(made, True) if options.get("requires_grad") else made


def new_empty_strided(
    self: Tensor, size: Sequence[int], stride: Sequence[int], **options: Any
) -> Tensor:
    """empty_strided with this Tensor's dtype and device. See torch.Tensor.new_empty_strided."""
    given = {k: v for k, v in options.items() if v is not None}
    return empty_strided(size, stride, **{"dtype": self.dtype, "device": self.device, **given})


def empty_permuted(size: Sequence[int], physical_layout: Sequence[int], **options: Any) -> Tensor:
    """A Tensor whose dimensions lie in memory in an order, the slowest first; zeros here.
    See torch.empty_permuted."""
    size, order = tuple(size), tuple(physical_layout)
    if len(size) != len(order):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(size)} is not equal to len(physical_layout) = {len(order)}"
        )
    for place, d in enumerate(order):
        if not 0 <= d < len(size):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got "
                f"{d} at index {place}).  NB: negative dims not currently supported; file an issue "
                "if you want it."
            )
    if len(set(order)) < len(order):
        raise RuntimeError("Duplicate dim not allowed")
    return empty_strided(size, in_order(size, order), **options)


# ------------------------------------------------------------------------------------------ storage


@materialises("storage", "the bytes of a storage are read: `torch.save`")
def memory_of(storage: Any) -> np.ndarray:
    """The bytes of a storage, in the order in which PyTorch would hold them."""
    base = from_cell(storage.cell)
    laid = np.transpose(host(storage.cell), _in_memory(base))
    return np.ascontiguousarray(laid).reshape(-1).view(np.uint8)


class UntypedStorage:
    """The bytes that a Tensor and its views share, to be compared, measured, read and copied.

    See torch.UntypedStorage; writing to it is not possible here."""

    def __init__(self, tensor: Tensor) -> None:
        self._storage = storage_of(tensor)

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._storage.cell.aval.nbytes

    size = __len__ = nbytes

    def data_ptr(self) -> int:
        """A number that is equal for Tensors with the same storage. No address."""
        return id(self._storage)

    @property
    def device(self) -> Any:
        return self._storage.cell.aval.device

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    def element_size(self) -> int:
        """The number of bytes in an element: 1."""
        return 1

    def to(self, *, device: Any, non_blocking: bool = False) -> UntypedStorage:
        """This storage, or a copy of it on another device."""
        return self._of(from_cell(self._storage.cell).to(device))

    def cpu(self) -> UntypedStorage:
        """This storage, or a copy of it on the CPU."""
        return self.to(device="cpu")

    def cuda(self, device: Any = None, non_blocking: bool = False) -> UntypedStorage:
        """This storage, or a copy of it on a GPU."""
        return self._of(from_cell(self._storage.cell).cuda(device))

    def _of(self, moved: Tensor) -> UntypedStorage:
        return self if cell_of(moved) is self._storage.cell else UntypedStorage(moved)

    def clone(self) -> UntypedStorage:
        """A copy of this storage."""
        return UntypedStorage(clone(from_cell(self._storage.cell)))

    def tolist(self) -> list[int]:
        """The bytes, in the order in which PyTorch would hold them."""
        return memory_of(self._storage).tolist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and other._storage is self._storage

    def __hash__(self) -> int:
        return id(self._storage)

    def __repr__(self) -> str:
        return f"[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The storage that this Tensor shows, or a part of it. See torch.Tensor.untyped_storage."""
    return UntypedStorage(self)


def set_(self: Tensor, source: Tensor | None = None) -> Tensor:
    """Show from now on what another Tensor shows; nothing, if none is given.
    See torch.Tensor.set_."""
    source = empty(0, dtype=self.dtype, device=self.device) if source is None else source
    if source.dtype is not self.dtype:
        raise RuntimeError(
            f"Could not set tensor of type {source.dtype} to a tensor of type {self.dtype}"
        )
    check_no_leaf(self, cell_of(self))
    leave(self)
    storage_of(source).join(self)
    self._view, self._cell = source._view, cell_of(source)
    return self


def is_storage(obj: Any, /) -> bool:
    """Whether an object is a storage. See torch.is_storage."""
    return isinstance(obj, UntypedStorage)


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether two Tensors show the same storage in the same way. See torch.Tensor.is_set_to."""
    return (
        storage_of(self) is storage_of(tensor)
        and offset_of(self) == offset_of(tensor)
        and (self.shape, self.stride()) == (tensor.shape, tensor.stride())
    )


def dim_order(self: Tensor, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions in memory, the slowest first. See torch.Tensor.dim_order."""
    aval = cell_of(self).aval
    strides = elementwise([aval], aval.shape)
    order = tuple(sorted(range(len(strides)), key=lambda d: -strides[d]))
    if ambiguity_check is not False and (1 in aval.shape or strides != aval.strides):
        if not isinstance(ambiguity_check, list) or row_major(aval.shape) != aval.strides:
            raise RuntimeError(
                "The tensor does not have unique dim order, or cannot map to exact one of the "
                "given memory formats."
            )
    return order


# ----------------------------------------------------------------------------------- views in place


def _in_place(name: str, view: Callable[..., Tensor], whole: bool = True) -> Callable[..., Tensor]:
    """`Tensor.t_` of `Tensor.t`: the Tensor itself becomes the view."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_no_leaf(self, cell_of(self))
        since = Moment(local.context.trace)
        turn(self, view(self, *args, **kwargs), since, whole)
        return self

    method.__name__ = method.__qualname__ = f"{name}_"
    method.__doc__ = f"`{name}` of this Tensor, in place. See torch.Tensor.{name}_."
    method.__wrapped__ = view
    return method


as_strided_ = _in_place("as_strided", as_strided, whole=False)
FUNCTIONS = [as_strided, as_strided_, as_strided_copy, as_strided_scatter, empty_strided]
FUNCTIONS += [empty_permuted, is_storage, resize_as_]
METHODS = {f.__name__: f for f in (as_strided, as_strided_, as_strided_scatter, new_empty_strided)}
METHODS |= {
    f.__name__: f for f in (untyped_storage, set_, is_set_to, dim_order, resize_, resize_as_)
}
for _name in ("squeeze", "unsqueeze", "t", "transpose", "swapaxes", "swapdims"):
    METHODS[f"{_name}_"] = _in_place(_name, getattr(Tensor, _name))
