"""Arrays whose dimensions are longer than what they hold.

A dimension whose size is open is a product of factors, as a reshape has merged them: (32, L) became
one dimension of factors 32 and L. Each factor is as long as its program was built for, and what
it holds lies at its beginning; the true sizes are inputs of the program. A dimension is
*standard* if it has one factor, as long as `Sizes.pad` says. Read rules.py next.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import lax

from .template import Dim, Shape, Size


class Factor(NamedTuple):
    """A factor of a dimension: its length, and the size it holds, if that is open."""

    length: int
    size: Size | None = None


Axis: TypeAlias = tuple[Factor, ...]


class Unpaddable(Exception):
    """What can't be run with dimensions that are longer than what they hold."""


class Sizes:
    """The sizes of one program. lengths: of a dimension of each open size.  true: a vector of what
    they are now."""

    def __init__(self, lengths: Sequence[int], true: Any) -> None:
        self.lengths = lengths
        self._true = true

    def pad(self, dim: Dim) -> int:
        """How long a standard dimension is."""
        return dim if isinstance(dim, int) else self.lengths[dim.index]

    def true(self, dim: Dim) -> Any:
        """The size as it is now: an int, or a scalar of the program."""
        return dim if isinstance(dim, int) else self._true[dim.index]

    def axis(self, dim: Dim) -> Axis:
        """The standard dimension of a size."""
        return (Factor(self.pad(dim), None if isinstance(dim, int) else dim),)

    def axes(self, shape: Shape) -> tuple[Axis, ...]:
        """Standard dimensions."""
        return tuple(map(self.axis, shape))

    def lengths_of(self, shape: Shape) -> tuple[int, ...]:
        """How long standard dimensions are."""
        return tuple(map(self.pad, shape))

    def mask(self, axis: Axis) -> Any:
        """Which places of a dimension hold something: a vector of bool."""
        mask: Any = np.ones((1,), bool)
        for factor in axis:
            here: Any = np.ones((factor.length,), bool)
            if factor.size is not None:
                here = lax.iota(np.int32, factor.length) < self.true(factor.size)
            mask = (mask[:, None] & here[None, :]).reshape(-1)
        return mask


def length_of(axis: Axis) -> int:
    """How long a dimension is."""
    return prod(f.length for f in axis)


def dilated(length: int, dilation: int) -> int:
    """How long something is with gaps between its elements."""
    return (length - 1) * dilation + 1 if length else 0


def padding_of(wanted: int, low: Any, length: int, window: Any, stride: int) -> tuple[int, int]:
    """The padding of a dimension of this length with which as many windows fit as are wanted."""
    if not (isinstance(low, int) and isinstance(window, int)):
        raise Unpaddable("windows of an open size, or at an open place")
    return low, (wanted - 1) * stride + window - length - low


def is_open(axis: Axis) -> bool:
    """Whether the size of a dimension is open."""
    return any(f.size is not None for f in axis)


class Padded:
    """An array, and the factors of its dimensions. scalar: what each element is, if it is known to
    be one number: such an array has any factors."""

    __slots__ = ("array", "axes", "scalar")

    def __init__(self, array: Any, axes: tuple[Axis, ...], scalar: Any = None) -> None:
        self.array = array
        self.axes = axes
        self.scalar = scalar

    @property
    def weight(self) -> tuple[int, int]:
        """How much work it is to give it other factors."""
        return (0 if self.scalar is not None else self.array.size), sum(map(len, self.axes))

    @property
    def open(self) -> tuple[int, ...]:
        """The dimensions whose size is open."""
        return tuple(k for k, axis in enumerate(self.axes) if is_open(axis))

    def filled(self, sizes: Sizes, value: Any, dims: Sequence[int] | None = None) -> Padded:
        """The array with a value where its dimensions hold nothing. dims: which, all if None."""
        array = self.array
        for k in self.open if dims is None else dims:
            if is_open(self.axes[k]):
                shape = [1] * array.ndim
                shape[k] = array.shape[k]
                mask = sizes.mask(self.axes[k]).reshape(shape)
                array = jnp.where(mask, array, jnp.asarray(value, array.dtype))
        return Padded(array, self.axes)

    def standard(self, sizes: Sizes, shape: Shape, dims: Sequence[int] | None = None) -> Padded:
        """The same array with standard dimensions. dims: which, all if None."""
        found: Padded = self
        for k in self.open if dims is None else dims:
            found = found._standard(sizes, k, shape[k])
        return found

    def _standard(self, sizes: Sizes, k: int, dim: Dim) -> Padded:
        return self.laid(sizes, k, sizes.axis(dim)) if is_open(self.axes[k]) else self

    def laid(self, sizes: Sizes, k: int, axis: Axis) -> Padded:
        """The same array with a dimension of these factors."""
        if self.axes[k] in (axis, ONE):
            return self
        axes = (*self.axes[:k], axis, *self.axes[k + 1 :])
        if self.scalar is not None:
            array = jnp.broadcast_to(self.scalar, tuple(map(length_of, axes)))
            return Padded(array, axes, self.scalar)
        if _is_whole(self.axes[k]) and _is_whole(axis):
            array = resized(self.array, k, length_of(axis))
        else:
            places = _places(sizes, self.axes[k], _numbers(sizes, axis))
            array = jnp.take(self.array, places, axis=k, mode="clip")
        return Padded(array, axes)


def standard_arrays(sizes: Sizes, values: Sequence[Padded], shapes: Sequence[Shape]) -> list[Any]:
    """The arrays of values of these shapes, with standard dimensions."""
    return [v.standard(sizes, s).array for v, s in zip(values, shapes, strict=True)]


def of_standard(sizes: Sizes, arrays: Sequence[Any], shapes: Sequence[Shape]) -> list[Padded]:
    """The values that arrays with standard dimensions are."""
    return [Padded(a, sizes.axes(s)) for a, s in zip(arrays, shapes, strict=True)]


ONE: Axis = (Factor(1),)


def _is_whole(axis: Axis) -> bool:
    """Whether what a dimension holds lies at its beginning, without gaps."""
    return all(f.size is None for f in axis[1:])


def _numbers(sizes: Sizes, axis: Axis) -> Any:
    """Which element lies at each place of a dimension."""
    numbers = jnp.zeros((1,), np.int32)
    for factor in axis:
        inner = lax.iota(np.int32, factor.length)
        numbers = (numbers[:, None] * _held(sizes, factor) + inner[None, :]).reshape(-1)
    return numbers


def _places(sizes: Sizes, axis: Axis, numbers: Any) -> Any:
    """Where elements lie in a dimension."""
    found, stride = 0, 1
    for factor in reversed(axis[1:]):
        numbers, inner = _divided(numbers, _held(sizes, factor))
        found = found + inner * stride
        stride *= factor.length
    return found + numbers * stride


def _held(sizes: Sizes, factor: Factor) -> Any:
    return factor.length if factor.size is None else sizes.true(factor.size)


def _divided(numbers: Any, by: Any) -> tuple[Any, Any]:
    """Quotient and remainder of numbers that aren't negative."""
    by = lax.full_like(numbers, by) if isinstance(by, int) else jnp.broadcast_to(by, numbers.shape)
    return lax.div(numbers, by), lax.rem(numbers, by)


def resized(array: Any, k: int, length: int) -> Any:
    """The array with a dimension cut or lengthened at its end."""
    if array.shape[k] > length:
        return lax.slice_in_dim(array, 0, length, axis=k)
    if array.shape[k] < length:
        config = [(0, 0, 0)] * array.ndim
        config[k] = 0, length - array.shape[k], 0
        return lax.pad(array, jnp.zeros((), array.dtype), config)
    return array


def shared_axis(values: Sequence[Padded], dims: Sequence[int]) -> Axis:
    """The factors that a dimension of several arrays gets: those of the heaviest one."""
    known = [(v.weight, v.axes[k]) for v, k in zip(values, dims, strict=True)]
    known = [(weight, axis) for weight, axis in known if axis != ONE]
    return max(known, key=lambda pair: pair[0])[1] if known else ONE


def aligned(sizes: Sizes, values: Sequence[Padded]) -> tuple[list[Padded], tuple[Axis, ...]]:
    """Arrays that are broadcast to one shape, where they aren't scalars: with the same factors,
    and the dimensions of the whole."""
    full = [v for v in values if v.axes]
    rank = len(full[0].axes) if full else 0
    axes = tuple([shared_axis(full, [k] * len(full)) for k in range(rank)])
    found = []
    for value in values:
        for k in range(len(value.axes)):
            value = value.laid(sizes, k, axes[k])
        found.append(value)
    return found, axes


def meeting(sizes: Sizes, values: Sequence[Padded], dims: Sequence[Sequence[int]]) -> list[Padded]:
    """Arrays whose dimensions `dims`, each its own, are the same: with the same factors there."""
    found = list(values)
    for places in zip(*dims, strict=True):
        axis = shared_axis(found, places)
        found = [v.laid(sizes, k, axis) for v, k in zip(found, places, strict=True)]
    return found


def reshaped(sizes: Sizes, value: Padded, before: Shape, after: Shape) -> Padded:
    """The array in another shape: the factors are dealt out anew, and where that doesn't do, its
    elements are."""
    left = 0
    while left < min(len(before), len(after)) and before[left] == after[left]:
        left += 1
    right = 0
    while right < min(len(before), len(after)) - left and before[-1 - right] == after[-1 - right]:
        right += 1
    inner, wanted = before[left : len(before) - right], after[left : len(after) - right]
    axes = value.axes[left : len(before) - right]
    dealt = _deal([f for axis in axes for f in axis], wanted)
    kept = value.axes[:left], value.axes[len(before) - right :]
    if dealt is None:
        value = value.standard(sizes, before, range(left, left + len(inner)))
        return _scattered(sizes, value, left, inner, wanted)
    found = (*kept[0], *dealt, *kept[1])
    return Padded(lax.reshape(value.array, tuple(map(length_of, found))), found)


def _deal(factors: list[Factor], dims: Shape) -> list[Axis] | None:
    """The factors of each dimension; None if a factor would have to be torn apart."""
    factors = [f for f in factors if f.size is not None or f.length != 1]
    first, factors = _deal_from_left(factors, dims)
    rest = dims[len(first) :]
    turned, factors = _deal_from_left(factors[::-1], rest[::-1])
    factors, rest = factors[::-1], rest[: len(rest) - len(turned)]
    last = [axis[::-1] for axis in turned[::-1]]
    if not rest:
        return [*first, *last] if not factors else None
    if len(rest) == 1 and factors:
        return [*first, tuple(factors), *last]
    rows, inner = rest[0], [dim for dim in rest[1:] if isinstance(dim, int)]
    if len(factors) == 1 and isinstance(rows, Size) and len(inner) == len(rest) - 1:
        length, torn = divmod(factors[0].length, prod(inner))
        if not torn:  # what it holds lies at its beginning: so do its rows
            return [*first, (Factor(length, rows),), *[(Factor(dim),) for dim in inner], *last]
    return None


def _deal_from_left(factors: list[Factor], dims: Shape) -> tuple[list[Axis], list[Factor]]:
    """The factors of the dimensions from the left, as far as they come out; the factors left."""
    found: list[Axis] = []
    for dim in dims:
        taken: list[Factor] = []
        left = list(factors)
        if not isinstance(dim, int):
            if not left or left[0].size is not dim:
                break
            taken.append(left.pop(0))
        elif not _take(left, dim, taken):
            break
        found.append(tuple(taken))
        factors = left
    return found, factors


def _take(factors: list[Factor], dim: int, taken: list[Factor]) -> bool:
    """Take factors of a known length off a list; whether they come out."""
    if dim == 0:
        return False
    while dim > 1 and factors and factors[0].size is None:
        length = factors[0].length
        if length <= 1:
            factors.pop(0)
        elif dim % length == 0:
            taken.append(factors.pop(0))
            dim //= length
        elif length % dim == 0:
            taken.append(Factor(dim))
            factors[0] = Factor(length // dim)
            dim = 1
        else:
            return False
    if dim == 1 and not taken:
        taken.append(Factor(1))
    return dim == 1


def _scattered(sizes: Sizes, value: Padded, left: int, inner: Shape, wanted: Shape) -> Padded:
    """Standard dimensions `inner` as standard dimensions `wanted`, element by element."""
    lengths = sizes.lengths_of(wanted)
    index: Any = jnp.zeros((1,) * len(wanted), np.int32)
    for k, dim in enumerate(wanted):
        index = index * sizes.true(dim) + lax.broadcasted_iota(np.int32, lengths, k)
    place = _places(sizes, tuple([f for dim in inner for f in sizes.axis(dim)]), index)
    stride = prod(sizes.lengths_of(inner))
    shape = value.array.shape
    flat = lax.reshape(value.array, (*shape[:left], stride, *shape[left + len(inner) :]))
    array = jnp.take(flat, place, axis=left, mode="clip")
    axes = (*value.axes[:left], *sizes.axes(wanted), *value.axes[left + len(inner) :])
    return Padded(array, axes)
