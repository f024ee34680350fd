"""Padding layers: a border around the last one, two or three dimensions.

`padding` is one number, or (left, right, top, bottom, front, back) as far as there are dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

from .._core.tensor import Tensor
from . import functional as F
from ._arguments import _ntuple
from .module import Module


class _PadNd(Module):
    """What all padding layers share. `_dims`: padded dimensions.  `_mode`: that of `F.pad`."""

    __constants__ = ["padding"]
    padding: tuple[int, ...]
    _dims: int
    _mode: str

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _ntuple(2 * self._dims, "each")(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    __constants__ = ["padding", "value"]
    _mode = "constant"
    value: float

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """A border of `value` around (N, C, L). See torch.nn.ConstantPad1d."""

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """A border of `value` around (N, C, H, W). See torch.nn.ConstantPad2d."""

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """A border of `value` around (N, C, D, H, W). See torch.nn.ConstantPad3d."""

    _dims = 3


class ZeroPad1d(ConstantPad1d):
    """A border of zeros around (N, C, L). See torch.nn.ZeroPad1d."""

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """A border of zeros around (N, C, H, W). See torch.nn.ZeroPad2d."""

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """A border of zeros around (N, C, D, H, W). See torch.nn.ZeroPad3d."""

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPadNd(_PadNd):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """A border of the mirror image of (N, C, L). See torch.nn.ReflectionPad1d."""

    _dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """A border of the mirror image of (N, C, H, W). See torch.nn.ReflectionPad2d."""

    _dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """A border of the mirror image of (N, C, D, H, W). See torch.nn.ReflectionPad3d."""

    _dims = 3


class _ReplicationPadNd(_PadNd):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """A border that repeats the edge of (N, C, L). See torch.nn.ReplicationPad1d."""

    _dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """A border that repeats the edge of (N, C, H, W). See torch.nn.ReplicationPad2d."""

    _dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """A border that repeats the edge of (N, C, D, H, W). See torch.nn.ReplicationPad3d."""

    _dims = 3


class _CircularPadNd(_PadNd):
    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        low = self._dims + 1
        if input.dim() not in (low, low + 1):
            raise ValueError(f"expected {low}D or {low + 1}D input (got {input.dim()}D input)")
        return F.pad(input, self.padding, "circular")


class CircularPad1d(_CircularPadNd):
    """A border of the opposite side of (N, C, L). See torch.nn.CircularPad1d."""

    _dims = 1


class CircularPad2d(_CircularPadNd):
    """A border of the opposite side of (N, C, H, W). See torch.nn.CircularPad2d."""

    _dims = 2


class CircularPad3d(_CircularPadNd):
    """A border of the opposite side of (N, C, D, H, W). See torch.nn.CircularPad3d."""

    _dims = 3


__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]
