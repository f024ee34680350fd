"""Convolutions and transposed convolutions in one, two and three dimensions.

A layer is its arguments and two parameters; the arithmetic is `F.conv2d` and its siblings.
Weights and bias are initialised as those of Linear: uniform in [-k, k], k = 1 / sqrt(fan_in),
fan_in = in_channels / groups * (product of kernel_size), for a transposed convolution with
out_channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .._core.tensor import Tensor
from ..functions.creation import empty
from . import functional as F
from . import init
from ._arguments import _ntuple, _reverse_repeat_tuple
from .module import Module
from .parameter import Parameter

_PADDING_MODES = {"zeros", "reflect", "replicate", "circular"}
_PADDING_STRINGS = {"same", "valid"}

Size = int | Sequence[int]


class _ConvNd(Module):
    """What all convolutions share. Arguments: tuples with one number for each dimension."""

    __constants__ = [
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    ]
    in_channels: int
    out_channels: int
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str | tuple[int, ...],
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check(in_channels, out_channels, stride, padding, groups, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = _explicit_padding(padding, kernel_size, dilation)
        self.weight = Parameter(empty(self._weight_shape(), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        outer, inner = self.out_channels, self.in_channels
        if self.transposed:
            outer, inner = inner, outer
        return (outer, inner // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        dims = len(self.kernel_size)
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * dims:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * dims:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _PlainConv(_ConvNd):
    """A convolution of `_dims` dimensions, with PyTorch's constructor."""

    _dims: int
    _function: Callable

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: str | Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        each = _ntuple(self._dims, "each")
        super().__init__(
            in_channels,
            out_channels,
            each(kernel_size),
            each(stride),
            padding if isinstance(padding, str) else each(padding),
            each(dilation),
            False,
            each(0),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = 0
        return self._function(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_PlainConv):
    """y[n, o] = b[o] + sum over i of W[o, i] * x[n, i], * a cross-correlation. See torch.nn.Conv1d.

    Shapes: x (N, in_channels, L) or (in_channels, L), y (N, out_channels, L'),
    L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1).
    """

    _dims = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_PlainConv):
    """y[n, o] = b[o] + sum over i of W[o, i] * x[n, i], * a 2D cross-correlation. See
    torch.nn.Conv2d.

    Shapes: x (N, in_channels, H, W) or without N, y (N, out_channels, H', W'),
    H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1).
    """

    _dims = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_PlainConv):
    """y[n, o] = b[o] + sum over i of W[o, i] * x[n, i], * a 3D cross-correlation. See
    torch.nn.Conv3d.

    Shapes: x (N, in_channels, D, H, W) or without N, y (N, out_channels, D', H', W'),
    D' = floor((D + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1).
    """

    _dims = 3
    _function = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution of `_dims` dimensions, with PyTorch's constructor."""

    _dims: int
    _function: Callable

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            name = type(self).__name__
            raise ValueError(f'Only "zeros" padding mode is supported for {name}')
        each = _ntuple(self._dims, "each")
        super().__init__(
            in_channels,
            out_channels,
            each(kernel_size),
            each(stride),
            each(padding),
            each(dilation),
            True,
            each(output_padding),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        output_padding = self.output_padding
        if output_size is not None:
            output_padding = _output_padding(self, input, list(output_size))
        return self._function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            output_padding,
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTransposeNd):
    """The gradient of Conv1d with respect to its input. See torch.nn.ConvTranspose1d.

    Shapes: x (N, in_channels, L), y (N, out_channels, L'),
    L' = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.
    """

    _dims = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """The gradient of Conv2d with respect to its input. See torch.nn.ConvTranspose2d.

    Shapes: x (N, in_channels, H, W), y (N, out_channels, H', W'),
    H' = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.
    """

    _dims = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """The gradient of Conv3d with respect to its input. See torch.nn.ConvTranspose3d.

    Shapes: x (N, in_channels, D, H, W), y (N, out_channels, D', H', W'),
    D' = (D - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.
    """

    _dims = 3
    _function = staticmethod(F.conv_transpose3d)


def _check(
    in_channels: int,
    out_channels: int,
    stride: tuple[int, ...],
    padding: str | tuple[int, ...],
    groups: int,
    padding_mode: str,
) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups != 0:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups != 0:
        raise ValueError("out_channels must be divisible by groups")
    if isinstance(padding, str):
        if padding not in _PADDING_STRINGS:
            raise ValueError(
                f"Invalid padding string {padding!r}, should be one of {_PADDING_STRINGS}"
            )
        if padding == "same" and any(step != 1 for step in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in _PADDING_MODES:
        raise ValueError(
            f"padding_mode must be one of {_PADDING_MODES}, but got padding_mode='{padding_mode}'"
        )


def _explicit_padding(
    padding: str | tuple[int, ...], kernel_size: tuple[int, ...], dilation: tuple[int, ...]
) -> Sequence[int]:
    """What `F.pad` must add for this padding; where "same" is odd, the end gets one more."""
    if not isinstance(padding, str):
        return _reverse_repeat_tuple(padding, 2)
    amounts = []
    for size, step in zip(reversed(kernel_size), reversed(dilation), strict=True):
        total = step * (size - 1) if padding == "same" else 0
        amounts += [total // 2, total - total // 2]
    return amounts


def _output_padding(conv: _ConvTransposeNd, input: Tensor, output_size: list[int]) -> list[int]:
    """The output_padding that makes the output have `output_size`. ValueError if none does."""
    dims = conv._dims
    batched = input.dim() == dims + 2
    if len(output_size) == dims + (2 if batched else 1):
        output_size = output_size[-dims:]
    if len(output_size) != dims:
        raise ValueError(
            f"ConvTranspose{dims}D: for {input.dim()}D input, output_size must have {dims} or "
            f"{dims + (2 if batched else 1)} elements (got {len(output_size)})"
        )
    least = [
        (input.size(k - dims) - 1) * conv.stride[k]
        - 2 * conv.padding[k]
        + conv.dilation[k] * (conv.kernel_size[k] - 1)
        + 1
        for k in range(dims)
    ]
    most = [size + step - 1 for size, step in zip(least, conv.stride, strict=True)]
    fits = zip(least, output_size, most, strict=True)
    if any(not low <= size <= high for low, size, high in fits):
        raise ValueError(
            f"requested an output size of {output_size}, but valid sizes range from {least} to "
            f"{most} (for an input of {input.size()[-dims:]})"
        )
    return [size - low for size, low in zip(output_size, least, strict=True)]


__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]
