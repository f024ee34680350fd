"""Functions that torch has beside nn.functional, under the same name or another, with other
arguments: losses whose reduction is a number, native norms that give their statistics, and what
nn.functional wraps. Read loss.py, norm.py and conv.py for what they do.

A row named "torch_x" is torch.x.
"""

from __future__ import annotations

import inspect
import math
from typing import Any

from .._core.dtype import dtype
from .._core.op import ROWS, Array, Number, op
from . import cross_entropy, distance, loss  # noqa: F401  (the rows that LOSSES names)
from ._checks import dtype_of
from ._reduction import reduce_loss
from .adaptive_pool import adaptive_max_pool_with_indices
from .conv import (
    conv,
    conv_transpose,
)
from .image import channel_shuffle, pad
from .norm import group_norm, layer_norm, statistics, statistics_kind
from .resample import affine_grid, grid_sample

TORCH = ("torch",)
BOTH = ("torch", "nn.functional")
REDUCTIONS = ("none", "mean", "sum")

# name, parameters in torch's order
LOSSES = [
    ("binary_cross_entropy_with_logits", "input target weight pos_weight reduction"),
    ("cosine_embedding_loss", "input1 input2 target margin reduction"),
    ("hinge_embedding_loss", "input target margin reduction"),
    ("kl_div", "input target reduction log_target"),
    ("margin_ranking_loss", "input1 input2 target margin reduction"),
    ("poisson_nll_loss", "input target log_input full eps reduction"),
    ("triplet_margin_loss", "anchor positive negative margin p eps swap reduction"),
]


def _with_number(name: str, parameters: str) -> None:
    """The row of a loss whose reduction is 0, 1 or 2. The default is what torch 2.13 does, 0,
    though its schema says 1."""
    row = ROWS[name]
    given = row.signature.parameters
    names = parameters.split()
    kept = [given[n].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
    place = names.index("reduction")
    kept[place] = kept[place].replace(default=0, annotation="int")
    signature = row.signature.replace(parameters=kept)

    def apply(*args: Any, **kwargs: Any) -> Array:
        arguments = signature.bind(*args, **kwargs).arguments
        reduction = REDUCTIONS[arguments.pop("reduction", 0)]
        return reduce_loss(row.function(**arguments, reduction="none"), reduction)

    apply.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    apply.__doc__ = f"nn.functional.{name}, reduction 0 none, 1 mean, 2 sum. See torch.{name}."
    op(name=f"torch_{name}", public=TORCH, promote=row.promote, saves=row.saves)(apply)
    ROWS[f"torch_{name}"].lacks = row.lacks


for _name, _parameters in LOSSES:
    _with_number(_name, _parameters)


# ------------------------------------------------------------------------------------------ norms


def _kind(input: Array, *parameters: Array | None) -> dtype:
    return statistics_kind(*(dtype_of(a) for a in (input, *parameters) if a is not None))


@op(public=TORCH, saves=("input", "weight", "bias"), constants=(1, 2))
def native_layer_norm(
    input: Array,
    normalized_shape: tuple[int, ...],
    weight: Array | None,
    bias: Array | None,
    eps: Number,
) -> tuple[Array, Array, Array]:
    """layer_norm, and its mean and 1 / sqrt(variance + eps). See torch.native_layer_norm."""
    output = layer_norm(input, normalized_shape, weight, bias, eps)
    dims = tuple(range(input.ndim - len(normalized_shape), input.ndim))
    return output, *statistics(input, eps, dims, _kind(input, weight, bias))


@op(public=TORCH, saves=("input",))
def native_group_norm(
    input: Array,
    weight: Array | None,
    bias: Array | None,
    N: int,
    C: int,
    HxW: int,
    group: int,
    eps: Number,
) -> tuple[Array, Array, Array]:
    """group_norm of (N, C, *), and its mean and 1 / sqrt(variance + eps), both (N, group).

    See torch.native_group_norm."""
    output = group_norm(input, group, weight, bias, eps)
    grouped = input.reshape(N, group, math.prod(input.shape[1:]) // group)
    mean, rstd = statistics(grouped, eps, (2,), _kind(input, weight, bias))
    return output, mean[..., 0], rstd[..., 0]


# ------------------------------------------------------------------------- convolutions and images


@op(public=TORCH, lacks="bool")
def convolution(
    input: Array,
    weight: Array,
    bias: Array | None,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    transposed: bool,
    output_padding: tuple[int, ...],
    groups: int,
) -> Array:
    """conv1d to conv_transpose3d, by the dims of weight and `transposed`. See torch.convolution."""
    arrays = (weight.ndim - 2, input, weight, bias)
    if transposed:
        return conv_transpose(*arrays, stride, padding, output_padding, groups, dilation)
    return conv(*arrays, stride, padding, dilation, groups)


@op(public=BOTH, saves=("input", "weight", "bias"), lacks="bool")
def conv_tbc(input: Array, weight: Array, bias: Array, pad: int = 0) -> Array:
    """conv1d of (T, N, C) with a weight (K, C, O). See torch.nn.functional.conv_tbc."""
    turned = conv(1, input.transpose(1, 2, 0), weight.transpose(2, 1, 0), bias, 1, pad)
    return turned.transpose(2, 0, 1)


@op(public=TORCH)
def constant_pad_nd(input: Array, pad: tuple[int, ...], value: Number = 0) -> Array:
    """nn.functional.pad with a number. See torch.constant_pad_nd."""
    return _pad(input, pad, "constant", value)


_pad = pad  # which is the name of a parameter, too
op(public=BOTH, name="native_channel_shuffle", differentiable=False)(channel_shuffle)


@op(public=TORCH)
def affine_grid_generator(theta: Array, size: tuple[int, ...], align_corners: bool) -> Array:
    """nn.functional.affine_grid. See torch.affine_grid_generator."""
    return affine_grid(theta, size, align_corners)


@op(
    public=TORCH,
    aliases=("grid_sampler_2d", "grid_sampler_3d"),
    saves=("input", "grid"),
    lacks="bool integer complex",
)
def grid_sampler(
    input: Array, grid: Array, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Array:
    """nn.functional.grid_sample, its modes as numbers. See torch.grid_sampler."""
    mode = ("bilinear", "nearest", "bicubic")[interpolation_mode]
    padding = ("zeros", "border", "reflection")[padding_mode]
    return grid_sample(input, grid, mode, padding, align_corners)


@op(name="torch_adaptive_max_pool1d", public=TORCH)
def max_with_indices(input: Array, output_size: int | tuple[int, ...]) -> tuple[Array, Array]:
    """nn.functional.adaptive_max_pool1d_with_indices. See torch.adaptive_max_pool1d."""
    return adaptive_max_pool_with_indices(1, input, output_size)
