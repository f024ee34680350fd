"""Sums, means, extrema, truth and spread over one, some or all dimensions.

`dim=None` reduces everything. Not here: medians, quantiles and covariance (statistics.py), running
sums (cumulative.py), norms (norms.py), sorting (sorting.py). Next: statistics.py.
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .._core.dtype import INTEGER, TITLES, dtype, int64, to_dtype
from .._core.op import Array, op
from ._promotion import is_bool, is_complex, is_integral, promoted, title
from ._shapes import Shape, wrap_dim, wrap_dims
from .comparison import maximum, minimum

Dims = int | tuple[int, ...] | None


def _sum_dtype(input: Array, d: dtype | None) -> Any:
    """Integers are summed as int64."""
    if d is not None:
        return d.numpy
    return int64.numpy if is_integral(input) else input.dtype


@op()
def sum(
    input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Array:
    """The sum; integers and bools as int64. See torch.sum."""
    dims = wrap_dims(dim, input.ndim)
    return jnp.sum(input.astype(_sum_dtype(input, dtype)), axis=dims, keepdims=keepdim)


@op()
def nansum(
    input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Array:
    """The sum of what is not NaN. See torch.nansum."""
    if is_complex(input):
        raise RuntimeError("nansum does not support complex inputs")
    return sum(jnp.where(jnp.isnan(input), 0, input), dim, keepdim, dtype=dtype)


def _mean_dtype(name: str, input: Array, d: dtype | None) -> Any:
    of, kind = (to_dtype(input.dtype), "Input") if d is None else (d, "Optional")
    if of.category <= INTEGER:
        raise RuntimeError(
            f"{name}(): could not infer output dtype. {kind} dtype must be either a floating "
            f"point or complex dtype. Got: {TITLES[of]}"
        )
    return of.numpy


@op()
def mean(
    input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Array:
    """The mean. See torch.mean."""
    kind = _mean_dtype("mean", input, dtype)
    dims = wrap_dims(dim, input.ndim)
    input = input.astype(kind)
    return jnp.mean(input, axis=dims, keepdims=keepdim)


@op(lacks={"complex": "nansum on CPU does not support complex inputs"})
def nanmean(
    input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Array:
    """The mean of what is not NaN. See torch.nanmean."""
    if is_integral(input):
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got "
            f"{title(input)}"
        )
    count = sum(~jnp.isnan(input), dim, keepdim)
    total = sum(jnp.where(jnp.isnan(input), 0, input), dim, keepdim, dtype=dtype)
    return total / count.astype(total.dtype)


@op(saves=("input", "output"))
def prod(
    input: Array, dim: int | None = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Array:
    """The product over one dimension or all; integers as int64. See torch.prod."""
    dims = wrap_dims(dim, input.ndim)
    input = input.astype(_sum_dtype(input, dtype))
    return (jnp.all if is_bool(input) else jnp.prod)(input, axis=dims, keepdims=keepdim)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3, 4))
def extreme_elements(input: Array, name: str, dims: Shape, keepdim: bool, nans: bool) -> Array:
    """The largest or smallest elements. Equals share the gradient, and if `nans` so do NaNs."""
    return (jnp.max if name == "max" else jnp.min)(input, axis=dims, keepdims=keepdim)


@extreme_elements.defjvp
def extreme_elements_jvp(
    name: str, dims: Shape, keepdim: bool, nans: bool, primals: tuple, tangents: tuple
) -> tuple:
    (input,), (tangent,) = primals, tangents
    result = extreme_elements(input, name, dims, True, nans)
    chosen = input == result
    if nans:
        chosen = chosen | (jnp.isnan(input) & jnp.isnan(result))
    count = jnp.sum(chosen, axis=dims, keepdims=True).astype(tangent.dtype)
    # Where NaN won and has no share, PyTorch divides 0 by 0; XLA would not.
    weights = jnp.where(count == 0, jnp.nan, chosen.astype(tangent.dtype) / count)
    shares = tangent * weights
    return (
        result if keepdim else result.squeeze(dims),
        jnp.sum(shares, axis=dims, keepdims=keepdim),
    )


def _extremum(
    input: Array, dim: Any, keepdim: bool, other: Any, choose: tuple[str, Callable]
) -> Any:
    """The three overloads of max and min: of all, along a dimension, of two tensors."""
    name, both = choose
    if other is None and isinstance(dim, jax.Array):
        other, dim = dim, None
    if other is not None:
        return both(*promoted(input, other))
    if is_complex(input):
        raise RuntimeError(f"{name}: does not support complex input")
    if dim is None:
        if input.size == 0:
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
        return extreme_elements(input, name, wrap_dims(None, input.ndim), False, True)
    return _along(input, dim, keepdim, name)


def index_of(name: str, input: Array, axis: int | None, keepdims: bool) -> Array:
    """Where the first "max" or "min" stands, or the first NaN. (Two reductions: on the CPU a
    quarter of the time of XLA's one over pairs, which `jnp.argmax` is.)"""
    if axis is None:
        found = index_of(name, input.reshape(-1), 0, False)
        return found.reshape((1,) * input.ndim) if keepdims else found
    reduce = jnp.max if name == "max" else jnp.min
    hit = input == reduce(input, axis=axis, keepdims=True)
    if jnp.issubdtype(input.dtype, jnp.floating):
        hit = hit | jnp.isnan(input)
    count = input.shape[axis]
    places = lax.broadcasted_iota(jnp.int32 if count < 2**31 else jnp.int64, input.shape, axis)
    found = jnp.min(jnp.where(hit, places, count), axis=axis, keepdims=keepdims)
    return found.astype(jnp.int64)


def _along(input: Array, dim: int, keepdim: bool, name: str) -> tuple[Array, Array]:
    dim = wrap_dim(dim, input.ndim)
    if input.ndim == 0:
        return input, jnp.zeros((), jnp.int64)
    if input.shape[dim] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    indices = index_of(name, input, dim, True)
    values = take_along(input, indices, dim)
    if keepdim:
        return values, indices
    return values.squeeze(dim), indices.squeeze(dim)


def take_along(input: Array, indices: Array, dim: int) -> Array:
    """input at `indices` along a dimension, which are known to be within bounds."""
    return jnp.take_along_axis(input, indices, axis=dim, mode="promise_in_bounds")


@op(result=("values", "indices"), chooses=True, saves=())
def max(
    input: Array,
    dim: Array | int | None = None,
    keepdim: bool = False,
    *,
    other: Array | None = None,
) -> Any:
    """The largest element; along a dimension also its index (the first of several); or, given a
    second tensor, the larger of each pair. Of all: equals share the gradient. See torch.max."""
    return _extremum(input, dim, keepdim, other, ("max", maximum))


@op(result=("values", "indices"), chooses=True, saves=())
def min(
    input: Array,
    dim: Array | int | None = None,
    keepdim: bool = False,
    *,
    other: Array | None = None,
) -> Any:
    """The smallest element; along a dimension also its index (the first of several); or, given a
    second tensor, the smaller of each pair. Of all: equals share the gradient. See torch.min."""
    return _extremum(input, dim, keepdim, other, ("min", minimum))


def _check_nonempty(name: str, input: Array, dims: Shape, all_dims: bool) -> None:
    if all_dims and input.size == 0 and input.ndim:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
            "Specify the reduction dim with the 'dim' argument."
        )
    for d in dims:
        if input.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


@op(chooses=True, saves=("input", "output"), lacks="complex")
def amax(input: Array, dim: Dims = (), keepdim: bool = False) -> Array:
    """The largest elements; equals share the gradient. See torch.amax."""
    dims = wrap_dims(dim, input.ndim)
    _check_nonempty("amax", input, dims, dim is None or dim == ())
    return extreme_elements(input, "max", dims, keepdim, False)


@op(chooses=True, saves=("input", "output"), lacks="complex")
def amin(input: Array, dim: Dims = (), keepdim: bool = False) -> Array:
    """The smallest elements; equals share the gradient. See torch.amin."""
    dims = wrap_dims(dim, input.ndim)
    _check_nonempty("amin", input, dims, dim is None or dim == ())
    return extreme_elements(input, "min", dims, keepdim, False)


@op(result=("min", "max"), saves=("input", "output"), out="exact", lacks="complex")
def aminmax(input: Array, *, dim: int | None = None, keepdim: bool = False) -> tuple[Array, Array]:
    """The smallest and the largest elements. See torch.aminmax."""
    if dim is None and input.size == 0:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
            "identity."
        )
    dims = wrap_dims(dim, input.ndim)
    return tuple(extreme_elements(input, n, dims, keepdim, False) for n in ("min", "max"))


def _argument(name: str, input: Array, dim: int | None, keepdim: bool) -> Array:
    if is_complex(input):
        raise RuntimeError(f"{name}: does not support complex input")
    if dim is None:
        if input.size == 0:
            raise IndexError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
            )
    else:
        dim = wrap_dim(dim, input.ndim)
        if input.ndim and input.shape[dim] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    if input.ndim == 0:
        return jnp.zeros((), jnp.int64)
    return index_of(name.removeprefix("arg"), input, dim, keepdim)


@op(differentiable=False, lacks={"bool": "argmax(): does not support bool input"})
def argmax(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the largest element, the first of several. See torch.argmax."""
    return _argument("argmax", input, dim, keepdim)


@op(differentiable=False, lacks={"bool": "argmin(): does not support bool input"})
def argmin(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the smallest element, the first of several. See torch.argmin."""
    return _argument("argmin", input, dim, keepdim)


def _truth(input: Array, function: Callable, dim: Dims, keepdim: bool) -> Array:
    """PyTorch answers for uint8 in uint8."""
    result = function(input != 0, axis=wrap_dims(dim, input.ndim), keepdims=keepdim)
    return result.astype(jnp.uint8) if input.dtype == jnp.uint8 else result


@op(differentiable=False)
def any(input: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """Whether any element is not zero. See torch.any."""
    return _truth(input, jnp.any, dim, keepdim)


@op(differentiable=False)
def all(input: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """Whether no element is zero. See torch.all."""
    return _truth(input, jnp.all, dim, keepdim)


@op(public=("Tensor",))
def sum_to_size(input: Array, size: tuple[int, ...]) -> Array:
    """The sum over the dimensions that broadcasting from `size` to input's shape would add or
    enlarge. See torch.Tensor.sum_to_size."""
    lead = input.ndim - len(size)
    fits = lead >= 0 and builtins.all(
        wanted in (1, have) for wanted, have in zip(size, input.shape[lead:], strict=True)
    )
    if not fits:
        raise RuntimeError(
            f"size {{{list(size)}}} is not expandable to size {{{list(input.shape)}}}."
        )
    if size and tuple(size) == input.shape:
        return input
    dims = [d for d in range(input.ndim) if d < lead or size[d - lead] != input.shape[d]]
    kind = jnp.int64 if is_integral(input) else input.dtype
    return jnp.sum(input, axis=tuple(dims), dtype=kind).reshape(size)


@op(differentiable=False)
def count_nonzero(input: Array, dim: Dims = None) -> Array:
    """How many elements are not zero. See torch.count_nonzero."""
    return jnp.sum(input != 0, axis=wrap_dims(dim, input.ndim), dtype=jnp.int64)


def _moments(
    name: str,
    input: Array,
    dim: Dims | bool,
    unbiased: bool,
    keepdim: bool,
    correction: float | None,
) -> tuple[Array, Array]:
    """Variance and mean. The second argument may be `unbiased`, as in PyTorch's first overload."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased else 0
    if is_integral(input):
        raise RuntimeError(f"{name} only support floating point and complex dtypes")
    dims = wrap_dims(dim, input.ndim)
    count = 1
    for d in dims:
        count *= input.shape[d]
    average = jnp.mean(input, axis=dims, keepdims=True)
    difference = input - average
    squares = (difference * difference.conj()).real
    degrees = jnp.asarray(float(count) - correction, squares.dtype)
    variance = jnp.sum(squares, axis=dims, keepdims=keepdim) / jnp.maximum(degrees, 0)
    return variance, average if keepdim else average.squeeze(dims)


def safe_sqrt(input: Array) -> Array:
    """The square root, with gradient 0 at 0."""
    zero = input == 0
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, input)))


@op()
def var(
    input: Array,
    dim: Dims | bool = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Array:
    """Sum of squared differences from the mean, over (count - correction). See torch.var."""
    return _moments("std and var", input, dim, unbiased, keepdim, correction)[0]


@op(saves=("input", "output"))
def std(
    input: Array,
    dim: Dims | bool = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Array:
    """The square root of the variance; its gradient is 0 where it is 0. See torch.std."""
    return safe_sqrt(_moments("std and var", input, dim, unbiased, keepdim, correction)[0])


@op(public=("torch",))
def var_mean(
    input: Array,
    dim: Dims | bool = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Array, Array]:
    """Variance and mean. See torch.var_mean."""
    return _moments("var_mean", input, dim, unbiased, keepdim, correction)


@op(public=("torch",), saves=("input", "output"))
def std_mean(
    input: Array,
    dim: Dims | bool = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Array, Array]:
    """Standard deviation and mean. See torch.std_mean."""
    variance, average = _moments("std_mean", input, dim, unbiased, keepdim, correction)
    return safe_sqrt(variance), average


@op(public=("torch", "Tensor", "special"), saves=("input", "output"))
def logsumexp(input: Array, dim: Dims, keepdim: bool = False) -> Array:
    """log(sum(exp(input))), without overflow. See torch.logsumexp."""
    (input,) = promoted(input, to_float=True)
    dims = wrap_dims(dim, input.ndim)
    return jax.nn.logsumexp(input, axis=dims, keepdims=keepdim)
