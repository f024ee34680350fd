"""Size and layout: what a Tensor's shape and layout are.

A Size is a tuple with PyTorch's printing. Every Tensor has the one layout there is, `strided`.
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


class _Strided:
    """The layout of every Tensor here. See `torch.strided`."""

    def __repr__(self) -> str:
        return "torch.strided"


strided = _Strided()
