"""Linear maps with weights: linear, bilinear, convolutions and their transposes.

Convolutions are XLA's, in PyTorch's order of dims (N, C, ...). Measured forward and backward on two
CPU cores for 3x3 kernels of a digits CNN and a ResNet-18, transposing to (N, ..., C) and back gains
nothing: 5.3 against 5.2 ms at 64x32x8x8, 45 against 47 ms at 16x64x32x32, 39 against 19 ms at
16x128x16x16. Read pool.py next.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from .._core.modes import convolution_precision
from .._core.op import Array, op
from ._checks import listed, widen
from ._promotion import c_name, title
from ._spatial import op_by_dims

F = ("nn.functional",)
F_AND_TORCH = ("torch", "nn.functional")
LAYOUTS = {
    1: ("NCH", "OIH", "NCH"),
    2: ("NCHW", "OIHW", "NCHW"),
    3: ("NCDHW", "OIDHW", "NCDHW"),
}


@op(public=F, lacks="bool")
def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """input @ weight.T + bias: (*, in), (out, in), (out) -> (*, out).

    See torch.nn.functional.linear."""
    _check_linear(input, weight, bias)
    contract = (((input.ndim - 1,), (weight.ndim - 1,)), ((), ()))
    output = jax.lax.dot_general(input, weight, contract)
    return output if bias is None else output + bias


def _check_linear(input: Array, weight: Array, bias: Array | None) -> None:
    if input.ndim == 0 or weight.ndim == 0:
        raise RuntimeError(
            "both arguments to linear need to be at least 1D, but they are "
            f"{input.ndim}D and {weight.ndim}D"
        )
    if weight.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {weight.ndim}D")
    if input.dtype != weight.dtype:
        if bias is not None:
            raise RuntimeError(
                "mat1 and mat2 must have the same dtype, but got "
                f"{title(input)} and {title(weight)}"
            )
        raise RuntimeError(
            "expected m1 and m2 to have the same dtype, but got: "
            f"{c_name(input)} != {c_name(weight)}"
        )
    if input.shape[-1] != weight.shape[-1]:
        rows = input.size // max(input.shape[-1], 1)
        columns = weight.shape[0] if weight.ndim == 2 else 1
        raise RuntimeError(
            "mat1 and mat2 shapes cannot be multiplied "
            f"({rows}x{input.shape[-1]} and {weight.shape[-1]}x{columns})"
        )
    if bias is None:
        return
    if bias.dtype != input.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {title(bias)} and {title(input)}"
        )
    out = (*input.shape[:-1], *weight.shape[:-1])
    if bias.ndim > max(len(out), 1) or (bias.size != 1 and bias.shape[-1:] != out[-1:]):
        target = (input.size // max(input.shape[-1], 1), *weight.shape[:-1])
        raise RuntimeError(
            f"The expanded size of the tensor ({target[-1]}) must match the existing size "
            f"({bias.shape[-1] if bias.ndim else 1}) at non-singleton dimension {len(target) - 1}."
            f"  Target sizes: {listed(target)}.  Tensor sizes: {listed(bias.shape)}"
        )


@op(public=F_AND_TORCH, lacks="bool")
def bilinear(input1: Array, input2: Array, weight: Array, bias: Array | None = None) -> Array:
    """input1 @ weight[k] @ input2 for each k, plus bias: (*, a), (*, b), (out, a, b) -> (*, out).

    See torch.nn.functional.bilinear."""
    if input1.ndim != input2.ndim or input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            "bilinear(): input batch dimensions do not match: got "
            f"{listed(input1.shape[:-1])} and {listed(input2.shape[:-1])}"
        )
    for name, value, size in (("1", input1, weight.shape[1]), ("2", input2, weight.shape[2])):
        if value.shape[-1] != size:
            raise RuntimeError(
                f"bilinear(): input{name} size does not match weight size: got "
                f"{value.shape[-1]} but expected {size}"
            )
    output = jnp.einsum("...a,kab,...b->...k", input1, weight, input2)
    return output if bias is None else output + bias


def _per_dim(name: str, value: int | Sequence[int], count: int) -> tuple[int, ...]:
    """One number for each spatial dim."""
    if isinstance(value, int):
        return (value,) * count
    if len(value) == 1:
        return tuple(value) * count
    if len(value) != count:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {count} values to match "
            f"the convolution dimensions, but got {name}={listed(value)}"
        )
    return tuple(value)


def _batched(input: Array, spatial: int, name: str) -> Array:
    """The input with a batch dim."""
    if input.ndim == spatial + 1:
        return input[None]
    if input.ndim != spatial + 2:
        raise RuntimeError(
            f"Expected {spatial + 1}D (unbatched) or {spatial + 2}D (batched) input to {name}, "
            f"but got input of size: {listed(input.shape)}"
        )
    return input


def _check_types(input: Array, weight: Array, bias: Array | None) -> None:
    if input.dtype != weight.dtype:
        other = bias if bias is not None and bias.dtype == weight.dtype else weight
        name = "weight" if other is weight else "bias"
        raise RuntimeError(
            f"Input type ({c_name(input)}) and {name} type ({c_name(other)}) should be the same: "
            f"expected scalar type {title(input)} but found {title(weight)}"
        )
    if bias is not None and bias.dtype != input.dtype:
        raise RuntimeError(
            f"Input type ({c_name(input)}) and bias type ({c_name(bias)}) should be the same"
        )


def _check_numbers(
    stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], groups: int
) -> None:
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if min(padding) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(stride) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {listed(dilation)}")


def _check_channels(
    input: Array, weight: Array, bias: Array | None, groups: int, transposed: bool
) -> None:
    if weight.shape[0] % groups or weight.shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{listed(weight.shape)}] instead"
        )
    given = "transposed=1" if transposed else f"groups={groups}"
    expected = weight.shape[0] if transposed else weight.shape[1] * groups
    if input.shape[1] != expected:
        raise RuntimeError(
            f"Given {given}, weight of size {listed(weight.shape)}, expected input"
            f"{listed(input.shape)} to have {expected} channels, but got {input.shape[1]} "
            "channels instead"
        )
    outputs = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and bias.shape != (outputs,):
        given = "transposed=1, " if transposed else ""
        raise RuntimeError(
            f"Given {given}weight of size {listed(weight.shape)}, expected bias to be "
            f"1-dimensional with {outputs} elements, but got bias of size {listed(bias.shape)} "
            "instead"
        )


def _check_extent(
    input: Array, kernel: Sequence[int], pads: Sequence[tuple[int, int]], dilation: Sequence[int]
) -> None:
    """The dilated kernel must fit into the padded input."""
    extent = [n + low + high for n, (low, high) in zip(input.shape[2:], pads, strict=True)]
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(n < r for n, r in zip(extent, reach, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, extent))}). "
            f"Kernel size: ({' x '.join(map(str, reach))}). "
            "Kernel size can't be greater than actual input size"
        )


def _pads(
    padding: int | Sequence[int] | str,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> list[tuple[int, int]]:
    """(before, after) of each spatial dim. "same" puts the odd one after, as PyTorch does."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    if isinstance(padding, str):
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    return [(p, p) for p in _per_dim("padding", padding, len(kernel))]


def _finish(output: Array, bias: Array | None, batched: bool) -> Array:
    if bias is not None:
        # Wide, so that the gradient of bias is summed in float32.
        shifted = widen(output) + widen(bias).reshape((-1,) + (1,) * (output.ndim - 2))
        output = shifted.astype(output.dtype)
    return output if batched else output[0]


@op_by_dims(1, 2, 3, public=F_AND_TORCH, lacks="bool")
def conv(
    spatial: int,
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Array:
    """Cross-correlation: (N, C, {dims}), (O, C / groups, {kernel}) -> (N, O, {sizes}).

    See torch.{name}."""
    x = _batched(input, spatial, f"conv{spatial}d")
    kernel = weight.shape[2:]
    if padding != "same" and padding != "valid":
        stride = _per_dim("stride", stride, spatial)
    stride = _per_dim("stride", stride, len(kernel))
    dilation = _per_dim("dilation", dilation, len(kernel))
    pads = _pads(padding, kernel, stride, dilation)
    if len(kernel) != spatial:
        raise RuntimeError(
            f"Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight"
            f"{listed(weight.shape)}, but got {x.ndim}-dimensional input of size "
            f"{listed(x.shape)} instead"
        )
    _check_numbers(stride, [p for pair in pads for p in pair], dilation, groups)
    _check_channels(x, weight, bias, groups, transposed=False)
    _check_extent(x, kernel, pads, dilation)
    _check_types(x, weight, bias)
    output = jax.lax.conv_general_dilated(
        x,
        weight,
        stride,
        pads,
        rhs_dilation=dilation,
        dimension_numbers=LAYOUTS[spatial],
        feature_group_count=groups,
        precision=convolution_precision(),
    )
    return _finish(output, bias, input.ndim == x.ndim)


def _check_output_padding(
    output_padding: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> None:
    if any(o >= max(s, d) for o, s, d in zip(output_padding, stride, dilation, strict=True)):
        names = ("depth", "height", "width")[3 - len(stride) :]
        facts = {"output_padding": output_padding, "stride": stride, "dilation": dilation}
        found = [
            f"{fact}_{name}: {value}"
            for fact, values in facts.items()
            for name, value in zip(names, values, strict=True)
        ]
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got "
            + " ".join(found)
        )


@op_by_dims(1, 2, 3, public=F_AND_TORCH, lacks="bool")
def conv_transpose(
    spatial: int,
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
    output_padding: int | tuple[int, ...] = 0,
    groups: int = 1,
    dilation: int | tuple[int, ...] = 1,
) -> Array:
    """The transpose of a convolution, that of the input, spread out by stride, with the flipped
    kernel: (N, C, {dims}), (C, O / groups, {kernel}) -> (N, O, {sizes}).

    See torch.{name}."""
    x = _batched(input, spatial, f"conv_transpose{spatial}d")
    kernel = weight.shape[2:]
    stride = _per_dim("stride", stride, spatial)
    padding = _per_dim("padding", padding, spatial)
    dilation = _per_dim("dilation", dilation, spatial)
    output_padding = _per_dim("output_padding", output_padding, spatial)
    _check_numbers(stride, padding, dilation, groups)
    _check_channels(x, weight, bias, groups, transposed=True)
    _check_output_padding(output_padding, stride, dilation)
    _check_types(x, weight, bias)
    pads = []
    for k, p, extra, d in zip(kernel, padding, output_padding, dilation, strict=True):
        around = d * (k - 1) - p
        pads.append((around, around + extra))
    inputs, outputs = weight.shape[0] // groups, weight.shape[1]
    grouped = weight.reshape(groups, inputs, outputs, *kernel).swapaxes(1, 2)
    turned = grouped.reshape(groups * outputs, inputs, *kernel)
    output = jax.lax.conv_general_dilated(
        x,
        jnp.flip(turned, tuple(range(2, 2 + spatial))),
        (1,) * spatial,
        pads,
        lhs_dilation=stride,
        rhs_dilation=dilation,
        dimension_numbers=LAYOUTS[spatial],
        feature_group_count=groups,
        precision=convolution_precision(),
    )
    return _finish(output, bias, input.ndim == x.ndim)
