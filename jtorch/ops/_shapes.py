"""Shape arithmetic shared by the op families, with PyTorch's error messages.

Dimensions that count from the end, lists of dimensions, and broadcasting. Everything here works on
Python integers and tuples: no array is touched. Next: any family file, for example pointwise.py.
"""

from __future__ import annotations

from collections.abc import Sequence

Shape = tuple[int, ...]
Dims = int | Sequence[int] | None


def wrap_dim(dim: int, ndim: int) -> int:
    """The dimension counted from the front. A zero-dim tensor accepts 0 and -1, as in PyTorch."""
    extent = max(ndim, 1)
    if not -extent <= dim < extent:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-extent}, {extent - 1}], "
            f"but got {dim})"
        )
    return dim % extent


def wrap_dims(dim: Dims, ndim: int) -> Shape:
    """Every dimension counted from the front; None and the empty list mean all of them.

    For a zero-dim tensor the result is empty, so that it can be an `axis` of jax.numpy.
    """
    if dim is None:
        return tuple(range(ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if not dims:
        return tuple(range(ndim))
    wrapped = tuple(wrap_dim(d, ndim) for d in dims)
    for position, d in enumerate(wrapped):
        if d in wrapped[:position]:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return wrapped if ndim else ()


def broadcast_shapes(*shapes: Sequence[int]) -> Shape:
    """The common shape of tensors that are broadcast together; RuntimeError if there is none."""
    result: Shape = ()
    for shape in shapes:
        result = _broadcast_two(result, tuple(shape))
    return result


def _broadcast_two(a: Shape, b: Shape) -> Shape:
    ndim = max(len(a), len(b))
    sizes_a = (1,) * (ndim - len(a)) + a
    sizes_b = (1,) * (ndim - len(b)) + b
    result = []
    for dim in reversed(range(ndim)):
        size_a, size_b = sizes_a[dim], sizes_b[dim]
        if size_a != size_b and 1 not in (size_a, size_b):
            raise RuntimeError(
                f"The size of tensor a ({size_a}) must match the size of tensor b ({size_b}) "
                f"at non-singleton dimension {dim}"
            )
        result.append(size_b if size_a == 1 else size_a)
    return tuple(reversed(result))


def reduced_shape(shape: Shape, dims: Shape, keepdim: bool) -> Shape:
    """The shape that is left when `dims` (already wrapped) are reduced."""
    if keepdim:
        return tuple(1 if d in dims else size for d, size in enumerate(shape))
    return tuple(size for d, size in enumerate(shape) if d not in dims)


def sections(shape: Sequence[int], split: int | Sequence[int], at: int) -> list[int]:
    """The sizes of the parts that a dimension is split into: of one size (the last may be smaller),
    or of given sizes. RuntimeError as PyTorch's."""
    size = shape[at] if shape else 1
    if isinstance(split, int):
        if split < 0 or (split == 0 and size):
            raise RuntimeError(
                f"split expects split_size be non-negative, but got split_size={split}"
            )
        count = max(1, -(-size // split)) if split else 1
        return [min(split, size - k * split) for k in range(count)]
    if sum(split) != size or min(split, default=0) < 0:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size "
            f"at dimension {at}), but got split_sizes={list(split)}"
        )
    return list(split)
