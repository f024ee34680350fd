"""Shapes that are more than one op: reshape, contiguous, flatten and their families.

Here is decided what is a view and what a copy, by the strides that PyTorch would report. Next:
splitting.py, conversion.py; memory.py for what speaks of strides itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import _expose
from .._core.alias import CLONE, cell_of
from .._core.dtype import TITLES, dtype
from .._core.dtype import dtype as DType
from .._core.record import record
from .._core.size import contiguous_format, memory_format, preserve_format
from .._core.strides import FORMATS, is_contiguous, view_strides
from .._core.tensor import Tensor
from ..ops._shapes import broadcast_shapes, wrap_dim
from ..ops.view import infer_size
from .creation import strides_in

RESHAPE, CONTIGUOUS, BITCAST = (_expose.ROWS[n] for n in ("_reshape", "_contiguous", "_view_dtype"))
view, unsqueeze = _expose.row("view"), _expose.row("unsqueeze")


def clone(input: Tensor, *, memory_format: memory_format | None = preserve_format) -> Tensor:
    """A copy, through which gradients flow. See torch.clone."""
    if memory_format is None or memory_format is preserve_format:
        return record(CLONE, input)
    return record(CONTIGUOUS, input, strides_in(memory_format, input.shape))


def contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """The Tensor itself if its elements lie in the order of the format (row-major, if none is
    given), else a copy where they do. See torch.Tensor.contiguous."""
    if memory_format is preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    aval = cell_of(input).aval
    strides = strides_in(memory_format, aval.shape)
    if is_contiguous(aval.shape, aval.strides, FORMATS.get(memory_format.name)):
        return input
    return record(CONTIGUOUS, input, strides)


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


def _check_bytes(input: Tensor, kind: dtype) -> None:
    """RuntimeError where the bytes of a Tensor can't be seen as elements of another size."""
    old, new = input.itemsize, kind.itemsize
    if old == new:
        return
    what = f"to view {TITLES[input.dtype]} as {TITLES[kind]} (different element sizes)"
    if not input.ndim:
        raise RuntimeError(f"self.dim() cannot be 0 {what}")
    *strides, last = input.stride()
    if new > old:
        facts = {"size(-1)": input.shape[-1], "storage_offset()": input.storage_offset()}
        facts |= {f"stride({k})": stride for k, stride in enumerate(strides)}
        for fact, value in facts.items():
            if value % (new // old):
                raise RuntimeError(
                    f"self.{fact} must be divisible by {new // old} {what}, but got {value}"
                )
    if last != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 {what}, but got {last}")


def view_or_cast(
    input: Tensor, *shape: Any, dtype: dtype | None = None, size: Any = None
) -> Tensor:
    """Another shape, or the same bytes as another dtype, of the same memory.
    See torch.Tensor.view."""
    if len(shape) == 1 and isinstance(shape[0], DType):
        (dtype,) = shape
    if dtype is None:
        return view(input, _sizes(shape if size is None else (size,)))
    _check_bytes(input, dtype)
    return record(BITCAST, input, dtype)


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


def _at_least(ndim: int) -> Callable[..., Any]:
    def function(*tensors: Any) -> Any:
        single = len(tensors) == 1 and isinstance(tensors[0], Tensor)
        given = tensors[0] if len(tensors) == 1 and not single else tensors
        found = tuple(_with_dims(t, ndim) for t in given)
        return found[0] if single else found

    function.__name__ = function.__qualname__ = f"atleast_{ndim}d"
    function.__doc__ = f"Tensors as views of {ndim} dimensions or more. See torch.atleast_{ndim}d."
    return function


def _with_dims(tensor: Tensor, ndim: int) -> Tensor:
    """A number becomes a vector, a vector a row, a matrix gets a last dimension."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"expected Tensor as an argument, but got {type(tensor).__name__}")
    shape = tensor.shape
    if len(shape) >= ndim:
        return tensor
    if not shape:
        return reshape(tensor, (1,) * ndim)
    if len(shape) == 1:
        tensor = unsqueeze(tensor, 0)
    return unsqueeze(tensor, -1) if ndim == 3 else tensor


atleast_1d, atleast_2d, atleast_3d = _at_least(1), _at_least(2), _at_least(3)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """A view expanded to a shape. See torch.broadcast_to."""
    return input.expand(tuple(size))


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Views of all Tensors expanded to their common shape. See torch.broadcast_tensors."""
    shape = broadcast_shapes(*[tuple(t.shape) for t in tensors])
    return tuple(t.expand(shape) for t in tensors)


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


FUNCTIONS = [clone, reshape, flatten, ravel, unflatten, broadcast_to, adjoint]
METHODS = {f.__name__: f for f in FUNCTIONS}
FUNCTIONS += [broadcast_tensors, real, imag, atleast_1d, atleast_2d, atleast_3d]
METHODS |= {f.__name__: f for f in (contiguous, reshape_as, view_as, expand_as)}
METHODS |= {"view": view_or_cast}
PROPERTIES = {"T": reversed_dims, "mT": matrix_transpose, "mH": adjoint, "H": adjoint}
PROPERTIES |= {"real": real, "imag": imag}
