"""A Tensor in parts: split, chunk, tensor_split, unbind and their siblings.

The parts are views; their copies (`split_copy`) are rows in ops/view_copy.py. Read shaping.py
first.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _expose
from .._core.dtype import INTEGER
from .._core.tensor import Tensor
from ..ops._shapes import sections, wrap_dim
from ..ops.parts import bounded, check_range

_select, _narrow, _narrow_copy = (_expose.row(n) for n in ("select", "narrow", "narrow_copy"))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The part at one index of a dimension, which disappears. See torch.select."""
    if input.dim():
        at = wrap_dim(dim, input.dim())
        bounded(operator.index(index), input.shape[at], at)
    return _select(input, dim, index)


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` entries of a dimension from `start` on. See torch.narrow."""
    if isinstance(start, Tensor):
        if start.dim() or start.dtype.category != INTEGER:
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = int(start.item())
    if input.dim():
        check_range(start, length, input.shape[wrap_dim(dim, input.dim())])
    return _narrow(input, dim, start, length)


def narrow_copy(
    input: Tensor, dim: int, start: int, length: int, *, out: Tensor | None = None
) -> Tensor:
    """A copy of what `narrow` shows. See torch.narrow_copy."""
    if input.dim():
        check_range(start, length, input.shape[wrap_dim(dim, input.dim())])
    return _narrow_copy(input, dim, start, length, out=out)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive parts of a dimension. See torch.split."""
    at = wrap_dim(dim, tensor.dim())
    if not isinstance(split_size_or_sections, int):
        split_size_or_sections = [int(s) for s in split_size_or_sections]
    sizes = sections(tensor.shape, split_size_or_sections, at)
    starts = np.cumsum([0, *sizes]).tolist()
    return tuple(narrow(tensor, at, s, n) for s, n in zip(starts, sizes, strict=False))


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive parts of given sizes. See torch.split_with_sizes."""
    return split(input, tuple(split_sizes), dim)


def unsafe_split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split`: views here too, so nothing about it is unsafe. See torch.unsafe_split."""
    return split(input, split_size, dim)


def unsafe_split_with_sizes(
    input: Tensor, split_sizes: Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """`split_with_sizes`. See torch.unsafe_split_with_sizes."""
    return split(input, tuple(split_sizes), dim)


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


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk`. See torch.unsafe_chunk."""
    return chunk(input, chunks, dim)


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
    if not input.dim():
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
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


FUNCTIONS = [split, chunk, tensor_split, unbind, hsplit, vsplit, dsplit, split_with_sizes]
FUNCTIONS += [unsafe_split, unsafe_split_with_sizes, unsafe_chunk]
FUNCTIONS += [select, narrow, narrow_copy]
METHODS = {f.__name__: f for f in FUNCTIONS}
