"""Reductions and normalisations that leave out what a mask doesn't select: torch.masked.

What is left out is replaced by the identity of the operation (0 for a sum, -inf for a maximum), and
the plain op runs. Where a mask leaves nothing, the result is that of the identity alone. Not here:
MaskedTensor. The rows are in ops/reduction.py, ops/statistics.py and ops/cumulative.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from .._core.dtype import COMPLEX, FLOAT, INTEGER, dtype, float32, int64
from .._core.tensor import Tensor
from .._expose import row
from ..ops._shapes import wrap_dim, wrap_dims
from .creation import ones
from .facts import iinfo

Dims: TypeAlias = int | tuple[int, ...] | None
Kind: TypeAlias = dtype | None

_sum, _cumsum, _cumprod, _nanmedian = map(row, ("sum", "cumsum", "cumprod", "nanmedian"))
_norm, _logsumexp, _softmax = row("linalg_vector_norm"), row("logsumexp"), row("softmax")
_log_softmax, _logaddexp, _where = row("log_softmax"), row("logaddexp"), row("where")


def _lowest(kind: dtype) -> Any:
    return -math.inf if kind.category >= FLOAT else iinfo(kind).min


def _highest(kind: dtype) -> Any:
    return math.inf if kind.category == FLOAT else iinfo(kind).max


# name -> the identity of the operation in a dtype.
_IDENTITIES: dict[str, Callable[[dtype], Any]] = {
    "sum": lambda kind: kind.category > 0 and 0,
    "prod": lambda kind: kind.category == 0 or 1,
    "amax": _lowest,
    "amin": _highest,
    "logsumexp": _lowest,
    "median": lambda kind: math.nan,
}


def input_mask(input: Tensor, mask: Tensor) -> Tensor:
    """The mask as bools of the shape of `input`. IndexError if it has more dimensions."""
    if mask.dim() > input.dim():
        raise IndexError(
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the "
            "input)"
        )
    if mask.shape != input.shape:
        mask = mask.expand(input.shape)
    return mask.bool()


def _selected(name: str, input: Tensor, mask: Tensor | None) -> Tensor:
    """`input` with the identity of an operation where the mask is False."""
    if mask is None:
        return input
    kind = input.dtype
    unordered = kind.category == 0 or (kind.category == COMPLEX and name != "logsumexp")
    if unordered and name not in ("sum", "prod"):
        raise NotImplementedError(f"identity of {name} on torch.{kind.name} input")
    return _where(input_mask(input, mask), input, _IDENTITIES[name](kind))


def _product(input: Tensor, dims: tuple[int, ...], keepdim: bool, kind: Kind) -> Tensor:
    """PyTorch's prod takes one dimension at a time."""
    if kind is None:
        kind = int64 if input.dtype.category <= INTEGER else input.dtype
    input = input.to(kind)
    for d in sorted(dims, reverse=True):
        input = input.prod(d, keepdim)
    return input


# name, the identity's name, reduce(input, dims, keepdim, dtype), what it is
_REDUCTIONS: tuple[tuple[str, str, Callable, str], ...] = (
    ("sum", "sum", lambda x, dims, keepdim, kind: _sum(x, dims, keepdim, dtype=kind), "sum"),
    ("prod", "prod", _product, "product"),
    ("amax", "amax", lambda x, dims, keepdim, kind: x.amax(dims, keepdim).to(kind), "maximum"),
    ("amin", "amin", lambda x, dims, keepdim, kind: x.amin(dims, keepdim).to(kind), "minimum"),
    (
        "logsumexp",
        "logsumexp",
        lambda x, dims, keepdim, kind: _logsumexp(x, dims, keepdim).to(kind),
        "log(sum(exp(input)))",
    ),
)

# name, the identity's name, function(input, dim, dtype), what it is
_NORMALISATIONS: tuple[tuple[str, str, Callable, str], ...] = (
    ("cumsum", "sum", lambda x, dim, kind: _cumsum(x, dim, dtype=kind), "running sum"),
    ("cumprod", "prod", lambda x, dim, kind: _cumprod(x, dim, dtype=kind), "running product"),
    ("softmax", "amax", lambda x, dim, kind: _softmax(x, dim, kind), "softmax"),
    ("log_softmax", "amax", lambda x, dim, kind: _log_softmax(x, dim, kind), "log(softmax)"),
    ("softmin", "amin", lambda x, dim, kind: _softmax(-x, dim, kind), "softmax of -input"),
)


def _named(function: Callable, name: str, doc: str) -> Callable:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc} See torch.masked.{name}."
    return function


def _reduction(name: str, identity: str, reduce: Callable, what: str) -> Callable:
    own_dtype = name in ("sum", "prod")

    def reduction(
        input: Tensor,
        dim: Dims = None,
        *,
        keepdim: bool | None = False,
        dtype: Kind = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        kind = dtype if own_dtype else dtype or input.dtype
        chosen = _selected(identity, input, mask)
        dims = wrap_dims(dim, input.dim())
        return reduce(chosen, dims, bool(keepdim), kind)

    return _named(reduction, name, f"The {what} over dims of the elements where mask is True.")


def _normalisation(name: str, identity: str, function: Callable, what: str) -> Callable:
    def normalisation(
        input: Tensor, dim: int, *, dtype: Kind = None, mask: Tensor | None = None
    ) -> Tensor:
        chosen = _selected(identity, input, mask)
        return function(chosen, wrap_dim(dim, input.dim()), dtype or input.dtype)

    return _named(normalisation, name, f"The {what} along dim of what mask selects.")


def _argument(name: str, identity: str) -> Callable:
    find = row(name)

    def argument(
        input: Tensor,
        dim: int | None = None,
        *,
        keepdim: bool | None = False,
        dtype: Kind = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        chosen = _selected(identity, input, mask)
        return find(chosen, dim, bool(keepdim)).to(dtype or input.dtype)

    return _named(argument, name, "The index of the extremum where mask is True, in input's dtype.")


def _count(input: Tensor, dim: Dims, keepdim: bool, mask: Tensor | None) -> Tensor:
    counted = ones(input.shape, dtype=int64, device=input.device) if mask is None else mask
    return _sum(counted, wrap_dims(dim, input.dim()), keepdim)


def mean(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Kind = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The mean of the elements where mask is True; NaN where there are none.
    See torch.masked.mean."""
    kind, source = (input.dtype, "Input") if dtype is None else (dtype, "Optional")
    if kind.category <= INTEGER:
        raise ValueError(
            f"mean(): Could not infer output dtype. {source} dtype must be either a floating point "
            f"or complex dtype. Got: torch.{kind.name}"
        )
    mask = None if mask is None else input_mask(input, mask)
    total = sum_(input, dim, keepdim=keepdim, dtype=kind, mask=mask)
    return total / _count(input, dim, bool(keepdim), mask)


def median(
    input: Tensor,
    dim: int = -1,
    *,
    keepdim: bool = False,
    dtype: Kind = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The lower median along dim of the elements where mask is True; NaN where there are none:
    ValueError for integers. See torch.masked.median."""
    real = input.dtype.is_floating_point
    chosen = _selected("median", input if real else input.to(float32), mask)
    output = _nanmedian(chosen, wrap_dim(dim, input.dim()), keepdim).values
    if real:
        return output
    if output.isnan().any():
        raise ValueError(
            "masked median expects no fully masked out rows if dtype is not floating point"
        )
    return output.to(dtype or input.dtype)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Kind = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """log(exp(input) + exp(other)), each where its mask is True. See torch.masked.logaddexp."""
    first, second = _selected("amax", input, input_mask), _selected("amax", other, other_mask)
    return _logaddexp(first, second).to(dtype or input.dtype)


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Kind = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The norm over dims of the elements where mask is True. See torch.masked.norm."""
    chosen = _selected("amin" if ord == -math.inf else "sum", input, mask)
    dims = wrap_dims(dim, input.dim())
    return _norm(chosen, ord, dims, bool(keepdim), dtype=dtype or input.dtype)


def normalize(
    input: Tensor,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: Kind = None,
    mask: Tensor | None = None,
) -> Tensor:
    """input / max(norm, eps) along dim, of the elements where mask is True.
    See torch.masked.normalize."""
    size = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _selected("sum", input, mask) / size.maximum(size.new_full((), eps))


def _variance(
    input: Tensor,
    dim: Dims,
    unbiased: bool | None,
    correction: float | None,
    keepdim: bool | None,
    kind: Kind,
    mask: Tensor | None,
) -> Tensor:
    if correction is None:
        correction = 1.0 if unbiased in (None, True) else 0.0
    elif unbiased is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if kind is None:
        kind = input.dtype if input.dtype.category >= FLOAT else float32
    compute = kind if kind.category >= FLOAT else float32
    mask = None if mask is None else input_mask(input, mask)
    count = _count(input, dim, True, mask)
    average = sum_(input, dim, keepdim=True, dtype=kind, mask=mask) / count
    difference = input - average
    squares = difference * difference.conj()
    total = sum_(squares, dim, keepdim=keepdim, dtype=compute, mask=mask)
    count = count.reshape(total.shape)
    if correction:
        count = count.to(compute.to_real()) - correction
        count = count.maximum(count.new_zeros(()))
    return (total / count).to(kind)


def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: Kind = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance of the elements where mask is True. See torch.masked.var."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: Kind = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The standard deviation of the elements where mask is True. See torch.masked.std."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask).sqrt()


FUNCTIONS = [_reduction(*facts) for facts in _REDUCTIONS]
FUNCTIONS += [_normalisation(*facts) for facts in _NORMALISATIONS]
FUNCTIONS += [_argument("argmax", "amax"), _argument("argmin", "amin")]
FUNCTIONS += [mean, median, logaddexp, norm, normalize, var, std]
sum_ = FUNCTIONS[0]
