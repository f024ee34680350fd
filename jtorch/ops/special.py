"""Special functions: erf, gamma, Bessel and their relatives, for `torch` and `torch.special`.

A name `special_x` is exposed as `torch.special.x`, as in PyTorch's own registry. Not here:
exponentials, logarithms and trigonometry (pointwise.py). Next: pointwise.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as scipy_special
from jax import lax

from .._core.op import Array, Number, op
from ._promotion import check_broadcast, promoted
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
    return _digamma(*primals), tangents[0] * _trigamma(*primals)


def _trigamma(input: Array) -> Array:
    """The derivative of digamma; XLA's is wrong below 0, so by reflection there."""
    negative = input < 0
    value = lax.polygamma(jnp.ones_like(input), jnp.where(negative, 1 - input, input))
    sine = jnp.sin(jnp.pi * jnp.where(negative, input, 0.5))
    return jnp.where(negative, (jnp.pi / sine) ** 2 - value, value)


@jax.custom_jvp
def _i0(input: Array) -> Array:
    """With the gradient i1, which is 0 at 0: JAX gives 1 there."""
    return scipy_special.i0(input)


@_i0.defjvp
def _i0_jvp(primals: tuple, tangents: tuple) -> tuple:
    return _i0(*primals), tangents[0] * scipy_special.i1(*primals)


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


# name, function, formula
EVERYWHERE_TABLE: list[tuple[str, Callable, str]] = [
    ("erf", lax.erf, "The error function."),
    ("erfc", lax.erfc, "1 - erf(input)."),
    ("erfinv", lax.erf_inv, "The inverse of the error function."),
    ("digamma", _digamma, "The derivative of the logarithm of the gamma function."),
    ("i0", _i0, "The modified Bessel function of order 0."),
    ("sinc", _sinc, "sin(pi input) / (pi input), 1 at 0."),
]
SPECIAL_TABLE: list[tuple[str, Callable, str]] = [
    ("special_gammaln", lax.lgamma, "The logarithm of |gamma(input)|."),
    ("special_psi", _digamma, "The derivative of the logarithm of the gamma function."),
    ("special_expit", jax.nn.sigmoid, "1 / (1 + exp(-input))."),
    ("special_ndtr", scipy_special.ndtr, "The area under the standard normal density."),
    ("special_ndtri", scipy_special.ndtri, "The inverse of ndtr."),
    ("special_log_ndtr", scipy_special.log_ndtr, "log(ndtr(input))."),
    ("special_i0e", scipy_special.i0e, "exp(-|input|) i0(input)."),
    ("special_i1", scipy_special.i1, "The modified Bessel function of order 1."),
    ("special_i1e", scipy_special.i1e, "exp(-|input|) i1(input)."),
    ("special_erfcx", _erfcx, "exp(input ** 2) erfc(input)."),
    ("special_entr", _entropy, "-input log(input); 0 at 0, minus infinity below."),
]

for _name, _function, _doc in EVERYWHERE_TABLE:
    op(promote="float", inplace=True, public=EVERYWHERE)(unary(_name, _function, _doc))
for _name, _function, _doc in SPECIAL_TABLE:
    op(promote="float", public=ONLY_SPECIAL)(unary(_name, _function, _doc))

op(promote="float", inplace=True)(unary("lgamma", lax.lgamma, "The logarithm of |gamma(input)|."))


@op(promote="float", inplace=True, public=EVERYWHERE)
def logit(input: Array, eps: float | None = None) -> Array:
    """log(input / (1 - input)), input clamped to [eps, 1 - eps] if eps is given.
    See torch.logit."""
    if eps is not None:
        input = jnp.where(input < eps, eps, jnp.where(input > 1 - eps, 1 - eps, input))
    return jnp.log(input / (1 - input))


@op(public=("torch", "special"))
def polygamma(n: int, input: Array) -> Array:
    """The n-th derivative of digamma. See torch.polygamma."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    (input,) = promoted(input, to_float=True)
    if n <= 1:
        return _trigamma(input) if n else _digamma(input)
    return lax.polygamma(jnp.full_like(input, n), input)


@op(promote="float", inplace=True)
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


@op(promote="float", inplace=True, public=EVERYWHERE)
def xlogy(input: Array | Number, other: Array | Number) -> Array:
    """input * log(other), 0 where input is 0. See torch.xlogy."""
    check_broadcast(input, other)
    return _x_log_y(*jnp.broadcast_arrays(input, other))


@op(promote="float", public=ONLY_SPECIAL)
def special_xlog1py(input: Array | Number, other: Array | Number) -> Array:
    """input * log1p(other), 0 where input is 0. See torch.special.xlog1py."""
    check_broadcast(input, other)
    return _x_log1p_y(*jnp.broadcast_arrays(input, other))


@op(promote="float", public=ONLY_SPECIAL)
def special_zeta(input: Array | Number, other: Array | Number) -> Array:
    """The Hurwitz zeta function. See torch.special.zeta."""
    check_broadcast(input, other)
    input, other = jnp.broadcast_arrays(input, other)
    pole = (input == 1) | ((input > 1) & (other <= 0) & (other == jnp.floor(other)))
    return jnp.where(pole, jnp.inf, lax.zeta(input, other))


@op("igamma", promote="float", inplace=True)
def igamma(input: Array, other: Array) -> Array:
    """The regularised lower incomplete gamma function. See torch.igamma."""
    check_broadcast(input, other)
    return lax.igamma(*jnp.broadcast_arrays(input, other))


@op("igammac", promote="float", inplace=True)
def igammac(input: Array, other: Array) -> Array:
    """The regularised upper incomplete gamma function. See torch.igammac."""
    check_broadcast(input, other)
    return lax.igammac(*jnp.broadcast_arrays(input, other))


op("special_gammainc", promote="float", public=ONLY_SPECIAL)(igamma)
op("special_gammaincc", promote="float", public=ONLY_SPECIAL)(igammac)


@op(promote="common")
def logaddexp(input: Array, other: Array) -> Array:
    """log(exp(input) + exp(other)), without overflow. See torch.logaddexp."""
    check_broadcast(input, other)
    return _log_add(input, other, 1.0)


@op(promote="common")
def logaddexp2(input: Array, other: Array) -> Array:
    """log2(2 ** input + 2 ** other), without overflow. See torch.logaddexp2."""
    check_broadcast(input, other)
    return _log_add(input, other, math.log(2.0))


def _log_add(input: Array, other: Array, base: float) -> Array:
    result = jnp.logaddexp(input * base, other * base)
    return result if base == 1.0 else result / base
