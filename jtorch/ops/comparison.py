"""Comparisons, logic, bits, extrema of two tensors, and choices by a condition.

Results of comparisons are bool and never require grad. Not here: max and min along a dimension
(reduction.py), sorting (sorting.py). Next: reduction.py.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from .._core.op import Array, Number, op
from ._checks import check_fits, number
from ._layout import CONTIGUOUS, LIKE_INPUTS
from ._promotion import (
    c_name,
    check_broadcast,
    is_bool,
    is_complex,
    is_integral,
    is_number,
    promoted,
    title,
)


def _comparison(name: str, function: Callable, aliases: tuple[str, ...], sign: str) -> None:
    def apply(input: Array, other: Array | Number) -> Array:
        check_broadcast(input, other)
        if sign not in ("==", "!=") and is_complex(input):
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{title(input)}'")
        return function(input, other)

    apply.__name__ = name
    apply.__doc__ = f"input {sign} other, element by element. See torch.{name}."
    op(promote="common", inplace=True, differentiable=False, aliases=aliases)(apply)


_comparison("eq", jnp.equal, (), "==")
_comparison("ne", jnp.not_equal, ("not_equal",), "!=")
_comparison("lt", jnp.less, ("less",), "<")
_comparison("le", jnp.less_equal, ("less_equal",), "<=")
_comparison("gt", jnp.greater, ("greater",), ">")
_comparison("ge", jnp.greater_equal, ("greater_equal",), ">=")


def _logical(name: str, function: Callable, doc: str) -> None:
    def apply(input: Array, other: Array) -> Array:
        check_broadcast(input, other)
        return function(input != 0, other != 0)

    apply.__name__ = name
    apply.__doc__ = f"{doc} of the truth values, as bool. See torch.{name}."
    op(inplace=True, differentiable=False)(apply)


_logical("logical_and", jnp.logical_and, "And")
_logical("logical_or", jnp.logical_or, "Or")
_logical("logical_xor", jnp.logical_xor, "Exclusive or")


@op(inplace=True, differentiable=False)
def logical_not(input: Array) -> Array:
    """Whether input is zero. See torch.logical_not."""
    return input == 0


def _bitwise(name: str, function: Callable, doc: str) -> None:
    def apply(input: Array | Number, other: Array | Number) -> Array:
        check_broadcast(input, other)
        if not is_integral(input):
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{title(input)}'")
        return function(*jnp.broadcast_arrays(input, other))

    apply.__name__ = name
    apply.__doc__ = f"{doc} of integers or bools. See torch.{name}."
    op(promote="common", inplace=True, differentiable=False)(apply)


_bitwise("bitwise_and", jnp.bitwise_and, "Bitwise and")
_bitwise("bitwise_or", jnp.bitwise_or, "Bitwise or")
_bitwise("bitwise_xor", jnp.bitwise_xor, "Bitwise exclusive or")
_bitwise("bitwise_left_shift", jnp.left_shift, "Left shift: input * 2 ** other")
_bitwise("bitwise_right_shift", jnp.right_shift, "Arithmetic right shift")


@op(inplace=True, differentiable=False)
def bitwise_not(input: Array) -> Array:
    """All bits inverted; not, for bools. See torch.bitwise_not."""
    if not is_integral(input):
        raise NotImplementedError(f"\"bitwise_not_cpu\" not implemented for '{title(input)}'")
    return ~input


def _test(
    name: str, function: Callable, on_integers: bool, doc: str, of_complex: bool = True
) -> None:
    def apply(input: Array) -> Array:
        if is_integral(input):
            return jnp.full(input.shape, on_integers)
        return function(input)

    apply.__name__ = name
    apply.__doc__ = f"{doc} See torch.{name}."
    lacks = {} if of_complex else {"complex": f"{name} does not support complex inputs."}
    op(differentiable=False, strides=LIKE_INPUTS, lacks=lacks)(apply)


_test("isnan", jnp.isnan, False, "Whether an element is NaN.")
_test("isinf", jnp.isinf, False, "Whether an element is infinite.")
_test("isfinite", jnp.isfinite, True, "Whether an element is neither infinite nor NaN.")
_test("isposinf", jnp.isposinf, False, "Whether an element is plus infinity.", False)
_test("isneginf", jnp.isneginf, False, "Whether an element is minus infinity.", False)


@op(differentiable=False, strides=LIKE_INPUTS)
def isreal(input: Array) -> Array:
    """Whether the imaginary part is zero. See torch.isreal."""
    return jnp.isreal(input)


@op(differentiable=False, strides=LIKE_INPUTS)
def isclose(
    input: Array,
    other: Array,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> Array:
    """|input - other| <= atol + rtol * |other|, element by element. See torch.isclose."""
    if input.dtype != other.dtype:
        raise RuntimeError(f"{title(input)} did not match {title(other)}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")
    check_broadcast(input, other)
    close = input == other
    if is_integral(input):
        if rtol == 0 and atol == 0:
            return close
        input, other = input.astype(jnp.float64), other.astype(jnp.float64)
    allowed = atol + jnp.abs(rtol * other)
    difference = jnp.abs(input - other)
    close = close | (jnp.isfinite(difference) & (difference <= allowed))
    return close | (jnp.isnan(input) & jnp.isnan(other)) if equal_nan else close


@op(
    differentiable=False,
    promote="own",
    lacks={"complex": "Unsupported input type encountered for isin(): {}"},
)
def isin(
    elements: Array | Number,
    test_elements: Array | Number,
    *,
    assume_unique: bool = False,
    invert: bool = False,
) -> Array:
    """Whether each element is among the test elements. See torch.isin."""
    for given in (elements, test_elements):
        if is_bool(given):
            raise RuntimeError("Unsupported input type encountered for isin(): Bool")
    elements, test_elements = promoted(elements, test_elements)
    found = jnp.isin(elements, test_elements.reshape(-1))
    return ~found if invert else found


@op(promote="own", strides=LIKE_INPUTS, public=("torch",))
def where(condition: Array, input: Array | Number, other: Array | Number) -> Array:
    """input where the condition holds, else other; all broadcast. See torch.where."""
    if condition.dtype not in (jnp.bool_, jnp.uint8):
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            + title(condition)
        )
    check_broadcast(condition, *(v for v in (input, other) if not is_number(v)))
    values = promoted(input, other)
    for given, value in zip((input, other), values, strict=True):
        check_fits(given, value)
    return jnp.where(condition.astype(jnp.bool_), *values)


def _no_complex(name: str, input: Array) -> None:
    if is_complex(input):
        raise RuntimeError(f"{name} not implemented for complex tensors.")


@jax.custom_jvp
def _larger(input: Array, other: Array) -> Array:
    return jnp.maximum(input, other)


@jax.custom_jvp
def _smaller(input: Array, other: Array) -> Array:
    return jnp.minimum(input, other)


def _shared(input: Array, other: Array, chosen: tuple, tangents: tuple) -> Array:
    """The tangent of the chosen operand; half of each where both are equal."""
    equal = input == other
    mine, its = (jnp.where(equal, 0.5, chosen[k]).astype(input.dtype) for k in range(2))
    return mine * tangents[0] + its * tangents[1]


@_larger.defjvp
def _larger_jvp(primals: tuple, tangents: tuple) -> tuple:
    input, other = primals
    chosen = (~(input < other), ~(input > other))
    return _larger(input, other), _shared(input, other, chosen, tangents)


@_smaller.defjvp
def _smaller_jvp(primals: tuple, tangents: tuple) -> tuple:
    input, other = primals
    chosen = (~(input > other), ~(input < other))
    return _smaller(input, other), _shared(input, other, chosen, tangents)


@op(promote="common", strides=LIKE_INPUTS, chooses=True)
def maximum(input: Array, other: Array) -> Array:
    """The larger of two; NaN if either is. Equal operands share the gradient.
    See torch.maximum."""
    _no_complex("maximum", input)
    check_broadcast(input, other)
    if is_integral(input):
        return jnp.maximum(input, other)
    return _larger(*jnp.broadcast_arrays(input, other))


@op(promote="common", strides=LIKE_INPUTS, chooses=True)
def minimum(input: Array, other: Array) -> Array:
    """The smaller of two; NaN if either is. Equal operands share the gradient.
    See torch.minimum."""
    _no_complex("minimum", input)
    check_broadcast(input, other)
    if is_integral(input):
        return jnp.minimum(input, other)
    return _smaller(*jnp.broadcast_arrays(input, other))


@op(
    promote="common",
    strides=LIKE_INPUTS,
    chooses=True,
    lacks={"complex": "fmax not implemented for complex tensors."},
)
def fmax(input: Array, other: Array) -> Array:
    """The larger of two; a number where the other is NaN. See torch.fmax."""
    check_broadcast(input, other)
    if is_integral(input):
        return jnp.maximum(input, other)
    return jnp.where((input >= other) | jnp.isnan(other), input, other)


@op(
    promote="common",
    strides=LIKE_INPUTS,
    chooses=True,
    lacks={"complex": "fmin not implemented for complex tensors."},
)
def fmin(input: Array, other: Array) -> Array:
    """The smaller of two; a number where the other is NaN. See torch.fmin."""
    check_broadcast(input, other)
    if is_integral(input):
        return jnp.minimum(input, other)
    return jnp.where((input <= other) | jnp.isnan(other), input, other)


@op(inplace=True, lacks={"complex": "heaviside is not yet implemented for complex tensors."})
def heaviside(input: Array, values: Array) -> Array:
    """0 below zero, 1 above, `values` at zero. See torch.heaviside."""
    if input.dtype != values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    check_broadcast(input, values)
    step = lax.stop_gradient(jnp.where(input == 0, values, (input > 0).astype(input.dtype)))
    return step


@op(inplace=True, promote="own", strides=CONTIGUOUS)
def masked_fill(input: Array, mask: Array, value: Array | Number) -> Array:
    """value where the mask holds, else input; the value takes input's dtype.
    See torch.masked_fill."""
    if not is_bool(mask):
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype "
            + c_name(mask).replace("long int", "long long")
        )
    check_broadcast(input, mask)
    value = cast_value(value, input)
    if value.ndim:
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    return jnp.where(mask, value, input)


def cast_value(value: Array | Number, like: Array) -> Array:
    """A number or array as an array of like's dtype; PyTorch's error if a number does not fit."""
    if is_number(value):
        return number(value, like)
    (value,) = promoted(value)
    if is_complex(value) and not is_complex(like):
        raise RuntimeError(f"value cannot be converted to type {c_name(like)} without overflow")
    return value.astype(like.dtype)
