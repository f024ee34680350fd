"""The memory format of convolutions' weights, which is a matter of strides alone here.

XLA lays arrays out as it likes. See torch.nn.utils.convert_conv2d_weight_memory_format.
"""

from __future__ import annotations

from typing import Any, TypeVar

from ..conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from ..module import Module

AnyModule = TypeVar("AnyModule", bound=Module)


def convert_conv2d_weight_memory_format(module: AnyModule, memory_format: Any) -> AnyModule:
    """Give the weights of all Conv2d and ConvTranspose2d below the strides of a memory format.

    See torch.nn.utils.convert_conv2d_weight_memory_format.
    """
    return _convert(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: AnyModule, memory_format: Any) -> AnyModule:
    """Give the weights of all Conv3d and ConvTranspose3d below the strides of a memory format.

    See torch.nn.utils.convert_conv3d_weight_memory_format.
    """
    return _convert(module, memory_format, (Conv3d, ConvTranspose3d))


def _convert(module: AnyModule, memory_format: Any, kinds: tuple[type, ...]) -> AnyModule:
    for below in module.modules():
        if isinstance(below, kinds):
            below.weight.data = below.weight.detach().clone(memory_format=memory_format)
    return module


__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]
