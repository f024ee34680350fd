"""Products, convolutions and linear algebra: zeros where it is summed over what isn't held. See
rules.py."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .padded import (
    Padded,
    Sizes,
    Unpaddable,
    dilated,
    is_open,
    meeting,
    of_standard,
    padding_of,
    standard_arrays,
)
from .rules import axes_of, bind, rule
from .template import Equation


@rule("dot_general")
def dot_general(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    summed, batch = equation.params["dimension_numbers"]
    values = meeting(sizes, operands, summed)
    values = meeting(sizes, values, batch)
    values = [v.filled(sizes, 0, dims) for v, dims in zip(values, summed, strict=True)]
    axes = axes_of(values[0], batch[0])
    for value, *used in zip(values, summed, batch, strict=True):
        taken = (*used[0], *used[1])
        axes += axes_of(value, [k for k in range(value.array.ndim) if k not in taken])
    return [Padded(bind(equation, [v.array for v in values]), axes)]


@rule("conv_general_dilated")
def convolution(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    """A filter looks at zeros behind the end, as it does before the beginning."""
    params = equation.params
    numbers = params["dimension_numbers"]
    of_input, of_filter, of_output = numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec
    values = [
        v.standard(sizes, shape, spec[2:])
        for v, shape, spec in zip(operands, equation.in_shapes, (of_input, of_filter), strict=True)
    ]
    values = meeting(sizes, values, ((of_input[1],), (of_filter[1],)))
    grouped = [values[1].axes[of_filter[0]]]
    if params["feature_group_count"] != 1:
        grouped.append(values[0].axes[of_input[1]])
    if params["batch_group_count"] != 1:
        grouped.append(values[0].axes[of_input[0]])
    if len(grouped) > 1 and any(map(is_open, grouped)):
        raise Unpaddable("groups of an open size")
    values = [
        v.filled(sizes, 0, spec[1:]) for v, spec in zip(values, (of_input, of_filter), strict=True)
    ]
    (shape,) = equation.shapes
    padding = []
    for d in range(len(of_input) - 2):
        length = dilated(values[0].array.shape[of_input[2 + d]], params["lhs_dilation"][d])
        filter = dilated(values[1].array.shape[of_filter[2 + d]], params["rhs_dilation"][d])
        wanted, low = sizes.pad(shape[of_output[2 + d]]), params["padding"][d][0]
        padding.append(padding_of(wanted, low, length, filter, params["window_strides"][d]))
    axes = list(sizes.axes(shape))
    axes[of_output[0]] = values[0].axes[of_input[0]]
    axes[of_output[1]] = values[1].axes[of_filter[0]]
    result = bind(equation, [v.array for v in values], padding=tuple(padding))
    return [Padded(result, tuple(axes))]


# ----------------------------------------------------------------------------------- linear algebra


@rule("cholesky", "lu", "triangular_solve")
def solving(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    """A square matrix goes on as the identity does, and so do its factors."""
    values = [v.standard(sizes, s) for v, s in zip(operands, equation.in_shapes, strict=True)]
    before, matrix = equation.in_shapes[0], values[0]
    if any(map(is_open, matrix.axes[-2:])):
        if before[-1] is not before[-2]:
            raise Unpaddable("matrices of an open size that aren't square")
        dims = range(matrix.array.ndim - 2, matrix.array.ndim)
        matrix = matrix.filled(sizes, 0, dims)
        empty = ~sizes.mask(matrix.axes[-1])
        matrix.array = matrix.array + jnp.diag(empty.astype(matrix.array.dtype))
    arrays = [matrix.array, *[v.filled(sizes, 0).array for v in values[1:]]]
    return _results(sizes, equation, arrays)


@rule("eig", "eigh", "fft", "geqrf", "householder_product", "lu_pivots_to_permutation", "qr")
@rule("svd", "tridiagonal_solve")
def batched(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    """Matrices and lines of a known size, many of them."""
    name = equation.source.primitive.name
    inner = len(equation.params["fft_lengths"]) if name == "fft" else 2
    if name == "lu_pivots_to_permutation":
        inner = 1
    outer = operands[0].array.ndim - inner
    shapes = (*equation.in_shapes, *equation.shapes)
    if any(not isinstance(dim, int) for shape in shapes for dim in shape[outer:]):
        raise Unpaddable(f"{name} of matrices of an open size")
    return _results(sizes, equation, standard_arrays(sizes, operands, equation.in_shapes))


def _results(sizes: Sizes, equation: Equation, arrays: list[Any]) -> list[Padded]:
    """What the primitive makes of arrays with standard dimensions."""
    results = bind(equation, arrays)
    results = results if equation.source.primitive.multiple_results else [results]
    return of_standard(sizes, results, equation.shapes)
