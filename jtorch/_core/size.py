"""Size, layout and memory format: what a Tensor's shape is, and how PyTorch would lay it out.

A Size is a tuple with PyTorch's printing. A Tensor has the layout `strided`, or one of sparse_coo
and sparse_csr (functions/sparse); the other layouts are names to be refused, or compared with.
"""

from __future__ import annotations

from typing import Any


class Size(tuple):
    """The shape of a Tensor. See `torch.Size`."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a Tensor of this shape."""
        count = 1
        for size in self:
            count *= size
        return count

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: tuple) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __reduce__(self) -> tuple:
        return Size, (tuple(self),)


class layout:
    """How the elements of a Tensor lie in memory. See `torch.layout`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


strided = layout("strided")
sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc = (
    layout(f"sparse_{name}") for name in ("coo", "csr", "csc", "bsr", "bsc")
)


class memory_format:
    """An order of dimensions in memory, of which strides tell: XLA chooses layouts by itself.

    See `torch.memory_format`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
