"""Elementwise functions of one tensor: powers, logarithms, trigonometry, rounding, signs.

Not here: arithmetic of two tensors (arithmetic.py), comparisons (comparison.py), rarer functions
(special.py), activations. Most are one line of a table: the function of jax.numpy, and, where
PyTorch saves the result for the backward pass, the gradient in terms of the result.
Next: arithmetic.py.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from .._core.op import Array, Number, op
from . import _circular, _hyperbolic
from ._checks import check_fits
from ._layout import LIKE_ARRAYS, LIKE_INPUTS, PRESERVED
from ._promotion import (
    check_broadcast,
    is_bool,
    is_complex,
    is_integral,
    is_number,
    promoted,
    title,
)


def unary(name: str, function: Callable[[Array], Array], doc: str) -> Callable:
    """A function of one array with PyTorch's signature."""

    def apply(input: Array) -> Array:
        return function(input)

    apply.__name__ = name
    apply.__doc__ = f"{doc} See torch.{name}."
    return apply


# name, function, formula, aliases
ELEMENTARY: list[tuple[str, Callable, str, tuple[str, ...]]] = [
    ("log", jnp.log, "Natural logarithm.", ()),
    ("log2", jnp.log2, "Logarithm to base 2.", ()),
    ("log10", jnp.log10, "Logarithm to base 10.", ()),
    ("sin", _circular.sin, "Sine.", ()),
    ("cos", _circular.cos, "Cosine.", ()),
    ("asin", jnp.arcsin, "Inverse sine.", ("arcsin",)),
    ("acos", jnp.arccos, "Inverse cosine.", ("arccos",)),
    ("atan", jnp.arctan, "Inverse tangent.", ("arctan",)),
    ("sinh", _hyperbolic.sinh, "Hyperbolic sine.", ()),
    ("cosh", _hyperbolic.cosh, "Hyperbolic cosine.", ()),
    ("asinh", jnp.arcsinh, "Inverse hyperbolic sine.", ("arcsinh",)),
    ("acosh", jnp.arccosh, "Inverse hyperbolic cosine.", ("arccosh",)),
    ("atanh", jnp.arctanh, "Inverse hyperbolic tangent.", ("arctanh",)),
]

# name, function, formula
ANGLES: list[tuple[str, Callable, str]] = [
    ("deg2rad", jnp.deg2rad, "Degrees to radians: input * pi / 180."),
    ("rad2deg", jnp.rad2deg, "Radians to degrees: input * 180 / pi."),
]

# name, function, gradient from (cotangent, output), formula
BY_RESULT: list[tuple[str, Callable, Callable, str]] = [
    ("exp", jnp.exp, lambda ct, y: ct * y, "e to the power of input."),
    ("sqrt", jnp.sqrt, lambda ct, y: ct / (2 * y), "Square root; NaN for negative numbers."),
    ("rsqrt", lax.rsqrt, lambda ct, y: -0.5 * ct * y * y * y, "1 / sqrt(input)."),
    ("reciprocal", jnp.reciprocal, lambda ct, y: -ct * y * y, "1 / input."),
    ("tanh", jnp.tanh, lambda ct, y: ct * (1 - y * y), "Hyperbolic tangent."),
    ("tan", _circular.tan, lambda ct, y: ct * (1 + y * y), "Tangent."),
]

for _name, _function, _doc, _aliases in ELEMENTARY:
    op(promote="float", inplace=True, aliases=_aliases)(unary(_name, _function, _doc))

for _name, _function, _doc in ANGLES:
    _refusal = f"{_name} is not supported for complex tensors."
    op(promote="float", inplace=True, lacks={"complex": _refusal})(unary(_name, _function, _doc))

for _name, _function, _gradient, _doc in BY_RESULT:
    op(promote="float", inplace=True, backward=_gradient)(unary(_name, _function, _doc))

SPECIAL_TOO = ("torch", "Tensor", "special")

op(promote="float", inplace=True, public=SPECIAL_TOO)(
    unary("log1p", jnp.log1p, "log(1 + input), accurate near zero.")
)
op(
    promote="float",
    inplace=True,
    public=SPECIAL_TOO,
    backward=lambda cotangent, output: cotangent * (output + 1),
)(unary("expm1", jnp.expm1, "exp(input) - 1, accurate near zero."))
op(
    promote="float",
    inplace=True,
    public=SPECIAL_TOO,
    backward=lambda cotangent, output: cotangent * output * 0.6931471805599453,
)(unary("exp2", jnp.exp2, "2 to the power of input."))


def _sigmoid_backward(cotangent: Array, output: Array) -> Array:
    return cotangent * (1 - output) * output


@op(promote="float", inplace=True, backward=_sigmoid_backward)
def sigmoid(input: Array) -> Array:
    """1 / (1 + exp(-input)). See torch.sigmoid."""
    return jax.nn.sigmoid(input)


@op(inplace=True, aliases=("absolute",))
def abs(input: Array) -> Array:
    """|input|; the modulus, as real numbers, if input is complex. The gradient at 0 is 0.
    See torch.abs."""
    if is_bool(input):
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'")
    return jnp.abs(input) if is_integral(input) else magnitude(input)


@jax.custom_jvp
def magnitude(input: Array) -> Array:
    """|input| with gradient 0 at 0 (that of JAX is 1) and at NaN."""
    return jnp.abs(input)


@magnitude.defjvp
def _magnitude_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (input,), (tangent,) = primals, tangents
    return magnitude(input), jnp.real(tangent * jnp.conj(sgn(input)))


@op()
def conj(input: Array) -> Array:
    """The complex conjugate: a copy, where PyTorch gives a view. See torch.conj."""
    return jnp.conj(input)


@op(inplace=True)
def conj_physical(input: Array) -> Array:
    """The complex conjugate. See torch.conj_physical."""
    return jnp.conj(input)


@op(inplace=True, aliases=("negative",))
def neg(input: Array) -> Array:
    """-input. See torch.neg."""
    if is_bool(input):
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying "
            "to invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return -input


@op()
def positive(input: Array) -> Array:
    """input. See torch.positive."""
    if is_bool(input):
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@op(inplace=True)
def square(input: Array) -> Array:
    """input * input. See torch.square."""
    if is_bool(input):
        return (input & input).astype(jnp.int64)
    return input * input


@op(inplace=True)
def sign(input: Array) -> Array:
    """-1, 0 or 1 by the sign of input; the gradient is zero. See torch.sign."""
    if is_complex(input):
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. "
            "Please use torch.sgn instead."
        )
    if is_bool(input):
        return input
    # XLA's sign of NaN is NaN, PyTorch's is 0.
    return jnp.where(jnp.isnan(input), 0, jnp.sign(input)).astype(input.dtype)


@op(inplace=True)
def sgn(input: Array) -> Array:
    """input / |input|, 0 at 0: the sign of complex numbers. See torch.sgn."""
    if not is_complex(input):
        return sign(input)
    zero = input == 0
    safe = jnp.where(zero, 1, input)
    return jnp.where(zero, 0, safe / jnp.abs(safe))


@op(differentiable=False, strides=LIKE_INPUTS, lacks="complex")
def signbit(input: Array) -> Array:
    """Whether the sign bit is set, that of -0. too. See torch.signbit."""
    return jnp.signbit(input) if jnp.issubdtype(input.dtype, jnp.floating) else input < 0


@op(strides=LIKE_INPUTS, saves=("input",))
def angle(input: Array) -> Array:
    """The argument of complex numbers; 0 or pi for real ones. See torch.angle."""
    if is_complex(input):
        return jnp.angle(input)
    (input,) = promoted(input, to_float=True)
    result = jnp.where(input < 0, jnp.pi, 0.0).astype(input.dtype)
    return jnp.where(jnp.isnan(input), lax.stop_gradient(input), result)


def _rounding(name: str, function: Callable, doc: str, aliases: tuple[str, ...] = ()) -> None:
    def apply(input: Array) -> Array:
        return input if is_integral(input) else function(input)

    apply.__name__ = name
    apply.__doc__ = f"{doc} The gradient is zero. See torch.{name}."
    op(inplace=True, aliases=aliases, lacks="bool complex")(apply)


_rounding("floor", jnp.floor, "The largest integer that is not larger.")
_rounding("ceil", jnp.ceil, "The smallest integer that is not smaller.")
_rounding("trunc", jnp.trunc, "The integer part.", ("fix",))


@op(inplace=True, public=SPECIAL_TOO, lacks="bool complex")
def round(input: Array, *, decimals: int = 0) -> Array:
    """To the nearest integer, halves to even; or to `decimals` digits. See torch.round."""
    if is_integral(input) and decimals:
        raise NotImplementedError(f"\"round_cpu\" not implemented for '{title(input)}'")
    if is_integral(input):
        return input
    if decimals == 0:
        return jnp.round(input)
    scale = jnp.asarray(10.0 ** (decimals if decimals > 0 else -decimals), input.dtype)
    if decimals > 0:
        return jnp.round(input * scale) / scale
    return jnp.round(input / scale) * scale


@op(inplace=True, lacks="bool integer complex")
def frac(input: Array) -> Array:
    """input without its integer part: input - trunc(input). See torch.frac."""
    return input - jnp.trunc(input)


@op(inplace=True, strides=PRESERVED)
def nan_to_num(
    input: Array,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Array:
    """NaN and the infinities replaced, by 0 and the extreme numbers of the dtype if not said
    otherwise. See torch.nan_to_num."""
    if is_integral(input):
        return input
    if is_complex(input):
        parts = (nan_to_num(part, nan, posinf, neginf) for part in (input.real, input.imag))
        return lax.complex(*parts)
    limits = jnp.finfo(input.dtype)
    result = jnp.where(jnp.isnan(input), 0.0 if nan is None else nan, input)
    result = jnp.where(jnp.isposinf(input), limits.max if posinf is None else posinf, result)
    result = jnp.where(jnp.isneginf(input), limits.min if neginf is None else neginf, result)
    return result.astype(input.dtype)


@op(
    inplace=True,
    promote="own",
    strides=LIKE_ARRAYS,
    chooses=True,
    aliases=("clip",),
    lacks="bool",
)
def clamp(
    input: Array,
    min: Array | Number | None = None,
    max: Array | Number | None = None,
) -> Array:
    """min(max(input, lower), upper), broadcast; `max` wins where the two bounds cross.

    The gradient goes to input within the bounds, borders included, else to the bound.
    See torch.clamp."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if is_complex(input):
        raise NotImplementedError("clamp is not supported for complex types")
    bounds = [b for b in (min, max) if b is not None]
    check_broadcast(input, *(b for b in bounds if not is_number(b)))
    given = bounds
    result, *bounds = promoted(input, *given)
    for bound in given:
        check_fits(bound, result)
    bounds = list(jnp.broadcast_arrays(*bounds))
    lower = bounds.pop(0) if min is not None else None
    upper = bounds.pop(0) if max is not None else None
    value = result
    result = jnp.where(jnp.isnan(value), lax.stop_gradient(value), value)
    if lower is not None:
        result = jnp.where((value < lower) | jnp.isnan(lower), lower, result)
    if upper is not None:
        over = (value > upper) | jnp.isnan(upper)
        if lower is not None:
            over = over | ((upper < lower) & ~jnp.isnan(value))
        result = jnp.where(over, upper, result)
    return result


@op(inplace=True, promote="own", strides=LIKE_ARRAYS, chooses=True)
def clamp_min(input: Array, min: Array | Number) -> Array:
    """The larger of input and the bound. See torch.clamp_min."""
    return clamp(input, min, None)


@op(inplace=True, promote="own", strides=LIKE_ARRAYS, chooses=True)
def clamp_max(input: Array, max: Array | Number) -> Array:
    """The smaller of input and the bound. See torch.clamp_max."""
    return clamp(input, None, max)
