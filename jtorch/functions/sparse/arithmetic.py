"""Arithmetic with sparse Tensors, entry by entry: sums, products, powers, transposition.

Each function is what PyTorch's of that name does where an argument is sparse. A sum of two patterns
and a product of two read them, for the number of entries of the result; the rest is recorded.
Products of matrices are in products.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._core.size import Size
from ..._core.tensor import Tensor, from_array
from ..._expose import row
from ...ops._shapes import wrap_dim
from .conversion import coalesce, total
from .kind import (
    TABLE,
    VALUES_AT,
    SparseTensor,
    become,
    implements,
    pattern_of,
    values_of,
    with_pattern,
)
from .own import on_values
from .pattern import Compressed, Coordinates, group, same_places

cat, index_select = row("cat"), row("index_select")

# Functions that leave 0 as it is. Linear ones need not add up the entries of one place first.
LINEAR = ("conj", "positive")
KEEP_ZERO = ("abs", "sign", "sgn", "signbit", "floor", "ceil", "round", "trunc", "frac", "relu")
KEEP_ZERO += ("sqrt", "square", "sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh")
KEEP_ZERO += ("erf", "erfinv", "expm1", "log1p", "deg2rad", "rad2deg", "angle", "nan_to_num")
KEEP_ZERO += ("isnan", "isinf", "isposinf", "isneginf")


def _after_coalescing(function: Any) -> Any:
    def implementation(input: Any, *args: Any, **kwargs: Any) -> Tensor:
        entries = coalesce(input) if input.is_sparse else input
        return with_pattern(function(values_of(entries), *args, **kwargs), pattern_of(entries))

    return implementation


def _number(value: Any) -> bool:
    """Whether an operand is a number, or a dense Tensor without dimensions."""
    return not isinstance(value, Tensor) or not value.dim()


# --------------------------------------------------------------------------------------------- sums


@implements(row("add"))
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha other, of two sparse Tensors or with the dense one on the left."""
    if alpha != 1:
        other = other * alpha
    own, its = pattern_of(input), pattern_of(other)
    if isinstance(own, Compressed) and its is None and isinstance(other, Tensor):
        return add(other, input)
    if its is None:
        if isinstance(own, Compressed):
            return NotImplemented
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if own is None:
        if input.shape != other.shape:
            raise RuntimeError(
                "add: expected 'self' and 'other' to have same size, but self has size "
                f"{list(input.shape)} while other has size {list(other.shape)} (FYI: dense-sparse "
                "addition does not currently support broadcasting)"
            )
        return input + other.to_dense()
    return _add_entries(input, other)


def _add_entries(input: Any, other: Any) -> Tensor:
    """The sum of two sparse Tensors: of two coalesced ones coalesced, else with all entries."""
    own, its = pattern_of(input), pattern_of(other)
    if own.size != its.size:
        raise RuntimeError(
            f"add: expected sizes of 'self' and 'other' to match, but {list(own.size)} != "
            f"{list(its.size)}"
        )
    if type(own) is not type(its):
        raise RuntimeError(f"add of layouts {own.layout} and {its.layout} is not supported")
    if own.sparse_dim != its.sparse_dim:
        raise RuntimeError(
            "add: expected 'self' and 'other' to have same density, but 'self' has "
            f"{own.sparse_dim} sparse dimensions while 'other' has {its.sparse_dim} sparse "
            "dimensions"
        )
    first, second = values_of(input), values_of(other)
    if same_places(own, its):
        return with_pattern(first + second, own, (input, 1), (other, 1))
    both = cat([first, second])
    if not (own.distinct and its.distinct):
        indices = cat([own.indices, its.indices], 1)
        return with_pattern(both, Coordinates(indices, own.size), (input, 1), (other, 1))
    places, which = group(np.concatenate([own.places(), its.places()]))
    made = type(own).from_places(places, own.size, own.sparse_dim, own.device)
    return with_pattern(total(both, which, len(places)), made, (input, 1), (other, 1))


@implements(row("neg"))
def neg(input: Any) -> Tensor:
    """-input."""
    return with_pattern(row("neg")(values_of(input)), pattern_of(input), (input, -1))


@implements(row("sub"))
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input - alpha other; of layout sparse_coo, as in PyTorch."""
    if any(isinstance(pattern_of(t), Compressed) for t in (input, other)):
        return NotImplemented
    return add(input, other, alpha=-alpha)


def _in_place(function: Any) -> Any:
    def implementation(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
        result = function(input, other, alpha=alpha)
        if result is NotImplemented:
            return result
        if isinstance(input, SparseTensor):
            return become(input, result.to(input.dtype))
        return input.copy_(result)

    return implementation


# ----------------------------------------------------------------------------------------- products


@implements(row("mul"))
def mul(input: Any, other: Any) -> Tensor:
    """The product by a number, by a dense Tensor at the entries, or of the entries that two sparse
    Tensors share."""
    own, its = pattern_of(input), pattern_of(other)
    if own is None:
        return mul(other, input)
    if its is not None:
        return _mul_entries(input, other)
    if _number(other):
        return with_pattern(values_of(input) * other, own, (input, other))
    if isinstance(own, Compressed) and other.shape != own.size:
        raise RuntimeError(
            "sparse_mask(): operands have incompatible sizes; self has size "
            f"{list(other.shape)} but mask has size {list(own.size)}"
        )
    factors = VALUES_AT(other.broadcast_to(own.size), own.indices)
    return with_pattern(values_of(input) * factors, own)


def _mul_entries(input: Any, other: Any) -> Tensor:
    if input.layout is not other.layout or input.shape != other.shape:
        raise RuntimeError(
            "sparse_binary_op_intersection_cpu(): expects sparse inputs with equal dimensionality, "
            "number of sparse dimensions, and shape of sparse dimensions"
        )
    if input.is_sparse:
        input, other = coalesce(input), coalesce(other)
    own, its = pattern_of(input), pattern_of(other)
    first, second = values_of(input), values_of(other)
    if same_places(own, its):
        return with_pattern(first * second, own)
    places, left, right = np.intersect1d(
        own.places(), its.places(), assume_unique=True, return_indices=True
    )
    made = type(own).from_places(places, own.size, own.sparse_dim, own.device)
    chosen = (
        index_select(values, 0, from_array(numbers, own.device))
        for values, numbers in ((first, left), (second, right))
    )
    return with_pattern(next(chosen) * next(chosen), made)


@implements(row("div"))
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """The quotient by a number; of layout sparse_coo, as in PyTorch."""
    if not isinstance(pattern_of(input), Coordinates):
        return NotImplemented
    if not _number(other):
        raise RuntimeError(
            "Sparse division requires a scalar or zero-dim dense tensor divisor (got shape "
            f"{list(other.shape)} for divisor)"
        )
    entries = input if rounding_mode is None else coalesce(input)
    found = row("div")(values_of(entries), other, rounding_mode=rounding_mode)
    linear = rounding_mode is None and (isinstance(other, Tensor) or other != 0)
    sources = ((input, 1 / other),) if linear and input.requires_grad else ()
    return with_pattern(found, pattern_of(entries), *sources)


@implements(row("floor_divide"))
def floor_divide(input: Any, other: Any) -> Tensor:
    """The quotient by a number, rounded down."""
    return div(input, other, rounding_mode="floor")


@implements(row("pow"))
def power(input: Any, exponent: Any) -> Tensor:
    """A power of a Tensor of layout sparse_coo, by a number that is not 0."""
    if not isinstance(pattern_of(input), Coordinates) or isinstance(exponent, Tensor):
        return NotImplemented
    if exponent == 0:
        raise RuntimeError(
            "pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor "
            "dense"
        )
    entries = coalesce(input)
    return with_pattern(values_of(entries) ** exponent, pattern_of(entries))


def _on_values_in_place(function: Any) -> Any:
    def implementation(input: Any, *others: Any) -> Tensor:
        known = isinstance(pattern_of(input), Coordinates) or function is not Tensor.div_
        if pattern_of(input) is None or not known or not all(map(_number, others)):
            return NotImplemented
        function(values_of(input), *others)
        return input

    return implementation


# ------------------------------------------------------------------------------------ transposition


def _with_order(input: Any, order: Sequence[int]) -> Tensor:
    """The dimensions in another order. Only sparse ones may move."""
    pattern = pattern_of(input)
    if not isinstance(pattern, Coordinates):
        return NotImplemented
    if list(order) == list(range(len(order))):
        return input
    count = pattern.sparse_dim
    moved = next(d for d, source in enumerate(order) if d != source)
    if list(order[count:]) != list(range(count, len(order))):
        raise RuntimeError(
            "sparse transpose: transposed dimensions must be sparse Got sparse_dim: "
            f"{count}, d0: {moved}, d1: {order[moved]}"
        )
    rows = from_array(np.asarray(order[:count]), pattern.device)
    indices = index_select(pattern.indices, 0, rows)
    size = Size(pattern.size[d] for d in order)
    return with_pattern(values_of(input), Coordinates(indices, size, indices.shape[1] < 2))


@implements(row("_matrix_transpose"))
def matrix_transpose(input: Any) -> Tensor:
    """Tensor.mT."""
    return transpose(input, -2, -1)


@implements(row("_reversed"))
def reversed_dims(input: Any) -> Tensor:
    """Tensor.T."""
    return _with_order(input, tuple(reversed(range(input.dim()))))


@implements(row("transpose"))
def transpose(input: Any, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    order = list(range(input.dim()))
    a, b = wrap_dim(dim0, input.dim()), wrap_dim(dim1, input.dim())
    order[a], order[b] = b, a
    return _with_order(input, order)


@implements(row("t"))
def t(input: Any) -> Tensor:
    """The transposed matrix."""
    pattern = pattern_of(input)
    if pattern.sparse_dim > 2 or input.dim() != pattern.sparse_dim:
        raise RuntimeError(
            "t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got "
            f"{pattern.sparse_dim} sparse and {input.dim() - pattern.sparse_dim} dense dimensions"
        )
    return _with_order(input, tuple(reversed(range(input.dim()))))


@implements(row("permute"))
def permute(input: Any, *dims: Any) -> Tensor:
    """The dimensions in another order."""
    order = dims[0] if len(dims) == 1 and isinstance(dims[0], (list, tuple)) else dims
    return _with_order(input, [wrap_dim(d, input.dim()) for d in order])


TABLE.update({row(name): on_values(row(name)) for name in LINEAR})
TABLE.update({row(name): _after_coalescing(row(name)) for name in KEEP_ZERO})
TABLE.update({Tensor.add_: _in_place(add), Tensor.sub_: _in_place(sub)})
TABLE.update({f: _on_values_in_place(f) for f in (Tensor.mul_, Tensor.div_, Tensor.neg_)})
