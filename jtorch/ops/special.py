"""Special functions: erf, gamma, Bessel and their relatives, for `torch` and `torch.special`.

A name `special_x` is exposed as `torch.special.x`, as in PyTorch's own registry. Not here:
exponentials, logarithms and trigonometry (pointwise.py), Bessel functions (bessel.py), orthogonal
polynomials (polynomial.py). Next: pointwise.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as scipy_special
from jax import lax

from .._core.op import Array, Number, op
from ._checks import widen
from ._layout import CONTIGUOUS, LIKE_INPUTS
from ._promotion import check_broadcast, is_complex, title
from ._shapes import broadcast_shapes
from .pointwise import unary

EVERYWHERE = ("torch", "Tensor", "special")
ONLY_SPECIAL = ("special",)


def _sinc(input: Array) -> Array:
    return jnp.sinc(input)


@jax.custom_jvp
def _digamma(input: Array) -> Array:
    """NaN at negative integers, as XLA has it, but minus infinity at 0."""
    at_zero = jnp.where(jnp.signbit(input), jnp.inf, -jnp.inf).astype(input.dtype)
    return jnp.where(input == 0, at_zero, lax.digamma(input))


@_digamma.defjvp
def _digamma_jvp(primals: tuple, tangents: tuple) -> tuple:
    return _digamma(*primals), tangents[0] * _polygamma(1, *primals)


def _trigamma(input: Array) -> Array:
    """The derivative of digamma; XLA's is wrong below 0, so by reflection there."""
    negative = input < 0
    x = jnp.where(negative, 1 - input, input)
    value = jnp.where(jnp.isposinf(x), 0, lax.zeta(jnp.full_like(x, 2), x))
    sine = jnp.sin(jnp.pi * jnp.where(negative, input, 0.5))
    return jnp.where(negative, (jnp.pi / sine) ** 2 - value, value)


@jax.custom_jvp
def _erfinv(input: Array) -> Array:
    """`lax.erf_inv`, whose float32 is off by up to 5 ulp, after a step of Newton's method; towards
    1 on erfc, where erf keeps no digits."""
    x = widen(input)
    size, root = jnp.abs(x), jnp.abs(lax.erf_inv(x))
    excess = jnp.where(size < 0.5, lax.erf(root) - size, (1 - size) - lax.erfc(root))
    step = excess * jnp.exp(root * root) * (math.sqrt(math.pi) / 2)
    root = jnp.where(size < 1, root - step, root)
    return jnp.copysign(root, x).astype(input.dtype)


@_erfinv.defjvp
def _erfinv_jvp(primals: tuple, tangents: tuple) -> tuple:
    result = _erfinv(*primals)
    return result, tangents[0] * jnp.exp(result * result) * (math.sqrt(math.pi) / 2)


@jax.custom_jvp
def _i0(input: Array) -> Array:
    """With the gradient i1, which is 0 at 0: JAX gives 1 there."""
    return scipy_special.i0(input)


@_i0.defjvp
def _i0_jvp(primals: tuple, tangents: tuple) -> tuple:
    return _i0(*primals), tangents[0] * scipy_special.i1(*primals)


@jax.custom_jvp
def _i1(input: Array) -> Array:
    """With PyTorch's gradient, which is 1/2 at NaN too."""
    return scipy_special.i1(input)


@_i1.defjvp
def _i1_jvp(primals: tuple, tangents: tuple) -> tuple:
    (input,) = primals
    plain = jnp.abs(input) > jnp.finfo(input.dtype).eps
    safe = jnp.where(plain, input, 1)
    slope = jnp.where(plain, _i0(safe) - scipy_special.i1(safe) / safe, 0.5)
    return _i1(input), tangents[0] * slope.astype(input.dtype)


def _erfcx(input: Array) -> Array:
    """exp(x^2) erfc(x): a continued fraction where the product overflows (x > 5)."""
    small = jnp.minimum(input, 5.0)
    product = jnp.exp(small * small) * lax.erfc(small)
    x = jnp.maximum(input, 5.0)
    fraction = x
    for k in range(30, 0, -1):
        fraction = x + (k / 2) / fraction
    return jnp.where(input > 5.0, 1 / (fraction * math.sqrt(math.pi)), product)


@jax.custom_jvp
def _entropy(input: Array) -> Array:
    safe = jnp.where(input > 0, input, 1)
    inside = jnp.where(input == 0, 0, -safe * jnp.log(safe))
    return jnp.where(input < 0, -jnp.inf, jnp.where(jnp.isnan(input), input, inside))


@_entropy.defjvp
def _entropy_jvp(primals: tuple, tangents: tuple) -> tuple:
    (input,), (tangent,) = primals, tangents
    return _entropy(input), tangent * (-jnp.log(input) - 1)


def _normal_area(x: Array) -> Array:
    return scipy_special.ndtr(widen(x)).astype(x.dtype)


# name, function, formula
EVERYWHERE_TABLE: list[tuple[str, Callable, str]] = [
    ("erf", lax.erf, "The error function."),
    ("erfc", lax.erfc, "1 - erf(input)."),
    ("erfinv", _erfinv, "The inverse of the error function."),
    ("digamma", _digamma, "The derivative of the logarithm of the gamma function."),
    ("i0", _i0, "The modified Bessel function of order 0."),
    ("sinc", _sinc, "sin(pi input) / (pi input), 1 at 0."),
]
BOTH = ("input", "output")
# and what PyTorch saves, where that isn't read off
SPECIAL_TABLE: list[tuple[str, Callable, str, tuple | None]] = [
    ("gammaln", lax.lgamma, "The logarithm of |gamma(input)|.", None),
    ("psi", _digamma, "The derivative of the logarithm of the gamma function.", None),
    ("expit", jax.nn.sigmoid, "1 / (1 + exp(-input)).", ("output",)),
    ("ndtr", _normal_area, "The area under the standard normal density.", ()),
    ("ndtri", scipy_special.ndtri, "The inverse of ndtr.", ("output",)),
    ("log_ndtr", scipy_special.log_ndtr, "log(ndtr(input)).", BOTH),
    ("i0e", scipy_special.i0e, "exp(-|input|) i0(input).", BOTH),
    ("i1", _i1, "The modified Bessel function of order 1.", BOTH),
    ("i1e", scipy_special.i1e, "exp(-|input|) i1(input).", BOTH),
    ("erfcx", _erfcx, "exp(input ** 2) erfc(input).", BOTH),
    ("entr", _entropy, "-input log(input); 0 at 0, minus infinity below.", None),
]

for _name, _function, _doc in EVERYWHERE_TABLE:
    op(promote="float", inplace=True, public=EVERYWHERE)(unary(_name, _function, _doc))
for _name, _function, _doc, _saves in SPECIAL_TABLE:
    _lacks = "" if _name == "expit" else "complex"
    op(promote="float", strides=LIKE_INPUTS, public=ONLY_SPECIAL, saves=_saves, lacks=_lacks)(
        unary(f"special_{_name}", _function, _doc)
    )

op(promote="float", inplace=True)(unary("lgamma", lax.lgamma, "The logarithm of |gamma(input)|."))


@op(promote="float", inplace=True, public=EVERYWHERE, lacks="complex")
def logit(input: Array, eps: float | None = None) -> Array:
    """log(input / (1 - input)), input clamped to [eps, 1 - eps] if eps is given.
    See torch.logit."""
    if eps is not None:
        input = jnp.where(input < eps, eps, jnp.where(input > 1 - eps, 1 - eps, input))
    return jnp.log(input / (1 - input))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _polygamma(n: int, input: Array) -> Array:
    if n == 0:
        return _digamma(input)
    x = widen(input)
    if n == 1:
        return _trigamma(x).astype(input.dtype)
    sign = 1 if n % 2 else -1
    return (sign * math.factorial(n) * _hurwitz(jnp.full_like(x, n + 1), x)).astype(input.dtype)


@_polygamma.defjvp
def _polygamma_jvp(n: int, primals: tuple, tangents: tuple) -> tuple:
    return _polygamma(n, *primals), tangents[0] * _polygamma(n + 1, *primals)


@op("_polygamma", promote="float", strides=LIKE_INPUTS, public=())
def polygamma_of(input: Array, n: int) -> Array:
    """The n-th derivative of digamma. See torch.Tensor.polygamma."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return _polygamma(n, input)


@op(promote="float", strides=LIKE_INPUTS, public=("torch", "special"))
def polygamma(n: int, input: Array) -> Array:
    """The n-th derivative of digamma. See torch.polygamma."""
    return polygamma_of(input, n)


@op(
    promote="float",
    inplace=True,
    strides=CONTIGUOUS,
    lacks={"bool": "The input tensor may not be a boolean tensor."},
)
def mvlgamma(input: Array, p: int) -> Array:
    """The logarithm of the multivariate gamma function of dimension p. See torch.mvlgamma."""
    constant = p * (p - 1) / 4 * math.log(math.pi)
    terms: Any = sum(lax.lgamma(input - j / 2) for j in range(p))
    return constant + terms


op("special_multigammaln", promote="float", public=ONLY_SPECIAL)(mvlgamma)


@jax.custom_jvp
def _x_log_y(input: Array, other: Array) -> Array:
    """input * log(other), 0 where input is 0 and other is not NaN."""
    return jnp.where((input == 0) & ~jnp.isnan(other), 0, input * jnp.log(other))


@jax.custom_jvp
def _x_log1p_y(input: Array, other: Array) -> Array:
    """input * log1p(other), 0 where input is 0 and other is not NaN."""
    return jnp.where((input == 0) & ~jnp.isnan(other), 0, input * jnp.log1p(other))


@_x_log_y.defjvp
def _x_log_y_jvp(primals: tuple, tangents: tuple) -> tuple:
    x, y = primals
    by_x = jnp.where((x == 0) & (y <= 0), 0, jnp.log(y))
    return _x_log_y(x, y), by_x * tangents[0] + x / y * tangents[1]


@_x_log1p_y.defjvp
def _x_log1p_y_jvp(primals: tuple, tangents: tuple) -> tuple:
    x, y = primals
    by_x = jnp.where((x == 0) & (y <= -1), 0, jnp.log1p(y))
    return _x_log1p_y(x, y), by_x * tangents[0] + x / (1 + y) * tangents[1]


@op(promote="float", inplace=True, public=EVERYWHERE, lacks="complex")
def xlogy(input: Array | Number, other: Array | Number) -> Array:
    """input * log(other), 0 where input is 0. See torch.xlogy."""
    check_broadcast(input, other)
    return _x_log_y(*jnp.broadcast_arrays(input, other))


@op(promote="float", strides=LIKE_INPUTS, public=ONLY_SPECIAL, lacks="complex")
def special_xlog1py(input: Array | Number, other: Array | Number) -> Array:
    """input * log1p(other), 0 where input is 0. See torch.special.xlog1py."""
    check_broadcast(input, other)
    return _x_log1p_y(*jnp.broadcast_arrays(input, other))


def _hurwitz(s: Array, q: Array) -> Array:
    """The sum of (q + k) ** -s over k >= 0, s > 1. For q < 0 the terms below 0 are summed apart, by
    their absolute values; they are real only if s is an integer. In float64, as PyTorch: they
    nearly cancel around halves."""
    s, q = s.astype(jnp.float64), q.astype(jnp.float64)
    below = q < 0
    start = jnp.where(below, q - jnp.floor(q), q)  # the first q + k above 0
    ends = jnp.stack([start, jnp.where(below, jnp.ceil(q) - q, 1), jnp.where(below, 1 - q, 1)])
    above, from_start, beyond = lax.zeta(jnp.broadcast_to(s, ends.shape), ends)
    negative = jnp.where(s % 2 == 1, -1, 1) * (from_start - beyond)
    value = jnp.where(below, jnp.where(s == jnp.floor(s), above + negative, jnp.nan), above)
    return jnp.where((q <= 0) & (q == jnp.floor(q)), jnp.inf, value)


@jax.custom_jvp
def _zeta(s: Array, q: Array) -> Array:
    """PyTorch's domain: NaN for s < 1, infinite at 1."""
    value = _hurwitz(jnp.where(s <= 1, 2, s), q)
    value = jnp.where(s == 1, jnp.inf, value)
    return jnp.where(s < 1, jnp.nan, value).astype(q.dtype)


@_zeta.defjvp
def _zeta_jvp(primals: tuple, tangents: tuple) -> tuple:
    s, q = primals
    return _zeta(s, q), -s * _zeta(s + 1, q) * tangents[1]


@jax.custom_jvp
def _without_derivative(s: Array) -> Array:
    """s, in which zeta can't be differentiated."""
    return s


@_without_derivative.defjvp
def _without_derivative_jvp(primals: tuple, tangents: tuple) -> tuple:
    raise NotImplementedError("the derivative for 'zeta' is not implemented.")


@op(promote="float", strides=LIKE_INPUTS, public=ONLY_SPECIAL, lacks="complex")
def special_zeta(input: Array | Number, other: Array | Number) -> Array:
    """The Hurwitz zeta function. See torch.special.zeta."""
    shape = broadcast_shapes(jnp.shape(input), jnp.shape(other))
    input = _without_derivative(input)
    return _zeta(jnp.broadcast_to(input, shape), jnp.broadcast_to(other, shape))


def _incomplete(function: Callable, a: Array, x: Array, at_zero: float) -> Array:
    """An incomplete gamma function with PyTorch's limits: at_zero where x is 0 or a infinite, and
    1 - at_zero where x is infinite or a is 0."""
    check_broadcast(a, x)
    a, x = jnp.broadcast_arrays(a, x)
    special = (a == 0) | (x == 0) | jnp.isinf(a) | jnp.isinf(x)
    value = function(jnp.where(special, 1, a), jnp.where(special, 1, x))
    undefined = (x < 0) | (a < 0) | ((a == 0) & ~(x > 0)) | (jnp.isinf(a) & jnp.isinf(x))
    start = ((x == 0) | jnp.isinf(a)) & (a != 0)
    limit = jnp.where(start, at_zero, 1 - at_zero)
    return jnp.where(undefined, jnp.nan, jnp.where(special, limit, value)).astype(value.dtype)


@op("igamma", promote="float", inplace=True, lacks="bool integer")
def igamma(input: Array, other: Array) -> Array:
    """The regularised lower incomplete gamma function. See torch.igamma."""
    return _incomplete(lax.igamma, input, other, 0.0)


@op("igammac", promote="float", inplace=True, lacks="bool integer")
def igammac(input: Array, other: Array) -> Array:
    """The regularised upper incomplete gamma function. See torch.igammac."""
    return _incomplete(lax.igammac, input, other, 1.0)


for _name, _function in (("special_gammainc", igamma), ("special_gammaincc", igammac)):
    op(_name, promote="float", strides=LIKE_INPUTS, public=ONLY_SPECIAL)(_function)


@op(promote="common", strides=LIKE_INPUTS, lacks="bool integer")
def logaddexp(input: Array, other: Array) -> Array:
    """log(exp(input) + exp(other)), without overflow. See torch.logaddexp."""
    check_broadcast(input, other)
    if not is_complex(input):
        return _log_add(input, other, 1.0)
    return complex_log_add(input, other)


@op(promote="common", strides=LIKE_INPUTS, lacks="bool integer")
def logaddexp2(input: Array, other: Array) -> Array:
    """log2(2 ** input + 2 ** other), without overflow. See torch.logaddexp2."""
    check_broadcast(input, other)
    if is_complex(input):
        raise NotImplementedError(f"\"logaddexp2_cpu\" not implemented for '{title(input)}'")
    return _log_add(input, other, math.log(2.0))


def complex_log_add(input: Array, other: Array) -> Array:
    """log(exp(input) + exp(other)), on the branch where the one with the larger real part lies."""
    swap = input.real < other.real
    high, low = jnp.where(swap, other, input), jnp.where(swap, input, other)
    return high + jnp.log1p(jnp.exp(low - high))


def _log_add(input: Array, other: Array, base: float) -> Array:
    result = jnp.logaddexp(input * base, other * base)
    return result if base == 1.0 else result / base
