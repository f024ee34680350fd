"""The pattern of a sparse Tensor: where its entries stand, apart from what they are.

A pattern never changes; a write that adds entries gives the Tensor another one. `indices` and their
like are plain Tensors: what is computed from them is recorded. Only where the *number* of entries
depends on them (coalesce, sums of two patterns) are they read, as NumPy positions: `places` reads,
`from_places` builds. The Tensors themselves are in kind.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from ..._core.alias import cell_of
from ..._core.events import materialises
from ..._core.program import host
from ..._core.size import Size, layout, sparse_coo, sparse_csr
from ..._core.tensor import Tensor, from_array
from ..._expose import row

POSITIONS, COORDINATES = row("_sparse_positions"), row("_sparse_coordinates")


class Pattern:
    """What both kinds of pattern have."""

    size: Size
    layout: ClassVar[layout]
    title: ClassVar[str]  # in PyTorch's error texts
    indices: Any  # the coordinates, (sparse dimensions, entries)
    distinct: Any  # whether no two entries are known to share a place
    device: Any
    to: Any  # to(device): the same pattern there

    @property
    def sparse_dim(self) -> int:
        return self.indices.shape[0]

    @property
    def leading(self) -> tuple[int, ...]:
        """The sizes of the sparse dimensions."""
        return tuple(self.size[: self.sparse_dim])

    @property
    def backend(self) -> str:
        """What PyTorch calls the backend: SparseCPU, SparseCsrCUDA."""
        return f"{self.title}{self.device.type.upper()}"

    def positions(self) -> Tensor:
        """Where the entries stand in row-major order of the sparse dimensions."""
        return POSITIONS(self.indices, self.leading)

    def places(self) -> np.ndarray:
        """`positions`, read."""
        found = np.zeros(self.indices.shape[1], np.int64)
        for length, numbers in zip(self.leading, read(self.indices), strict=True):
            found = found * length + numbers
        return found


@dataclass(frozen=True, eq=False)
class Coordinates(Pattern):
    """The pattern of layout sparse_coo. coalesced: sorted, each place once."""

    indices: Tensor
    size: Size
    coalesced: bool = False
    layout, title = sparse_coo, "Sparse"

    @property
    def device(self) -> Any:
        return self.indices.device

    @property
    def distinct(self) -> bool:
        return self.coalesced

    def to(self, device: Any) -> Self:
        return replace(self, indices=self.indices.to(device))

    @classmethod
    def from_places(cls, places: np.ndarray, size: Size, sparse_dim: int, device: Any) -> Self:
        """The coalesced pattern of places that are sorted and distinct."""
        leading = tuple(size[:sparse_dim])
        indices = np.array(np.unravel_index(places, leading) if places.size and leading else ())
        indices = indices.reshape(sparse_dim, len(places)).astype(np.int64)
        return cls(from_array(indices, device), size, True)


@dataclass(frozen=True, eq=False)
class Compressed(Pattern):
    """The pattern of layout sparse_csr: where each row begins, and the column of each entry."""

    crow_indices: Tensor
    col_indices: Tensor
    size: Size
    layout, title = sparse_csr, "SparseCsr"
    distinct = True

    @property
    def indices(self) -> Tensor:
        return COORDINATES(self.crow_indices, self.col_indices)

    @property
    def device(self) -> Any:
        return self.crow_indices.device

    @property
    def sparse_dim(self) -> int:
        return 2

    def to(self, device: Any) -> Self:
        crow, col = self.crow_indices.to(device), self.col_indices.to(device)
        return replace(self, crow_indices=crow, col_indices=col)

    @classmethod
    def from_places(cls, places: np.ndarray, size: Size, sparse_dim: int, device: Any) -> Self:
        """The pattern of places that are sorted and distinct."""
        rows, columns = np.divmod(places, max(size[1], 1))
        crow = np.searchsorted(rows, np.arange(size[0] + 1))
        return cls(from_array(crow, device), from_array(columns, device), size)


@materialises("sparse", "the places of a sparse Tensor are read")
def read(tensor: Tensor) -> np.ndarray:
    """The values, on the host."""
    return host(cell_of(tensor))


def group(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sorted distinct places, and which of them each given one is."""
    found, which = np.unique(places, return_inverse=True)
    return found, which.reshape(-1)


def meeting(left: Pattern, right: Pattern) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The terms of a product of two sparse matrices: the numbers of the entry on the left and of
    the one on the right, and the place in the result."""
    (row_of, inner), (outer, column_of) = read(left.indices), read(right.indices)
    order = np.argsort(outer, kind="stable")
    starts = np.searchsorted(outer[order], inner)
    counts = np.searchsorted(outer[order], inner, side="right") - starts
    first = np.repeat(np.arange(len(inner)), counts)
    within = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    second = order[np.repeat(starts, counts) + within]
    return first, second, row_of[first] * right.size[1] + column_of[second]


def same_places(left: Pattern, right: Pattern) -> bool:
    """Whether the entries are known to stand at the same places, in the same order."""
    if left is right:
        return True
    if type(left) is not type(right) or left.size != right.size:
        return False
    names = ("indices",) if isinstance(left, Coordinates) else ("crow_indices", "col_indices")
    return all(getattr(left, name) is getattr(right, name) for name in names)
