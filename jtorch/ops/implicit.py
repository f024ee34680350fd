"""Implicit gradients of random numbers: how a gamma, or a point of the simplex, moves with its
concentration when its quantile stays.

That derivative, -(d cdf / d concentration) / density (Figurnov et al., 2018, arXiv:1805.08498), has
no closed form. The approximations are PyTorch's, with the constants of its
ATen/native/Distributions.h: series, saddle points, and fitted rational functions, right to about
three digits; `jax.lax.random_gamma_grad` has all digits, but other ones. Computed in float64, as
there. The samplers are in functions/chances.py.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._core.op import Array, op
from ._promotion import check_broadcast

# p / q as polynomials in v whose coefficients are polynomials in u: [power of u][power of v].
_GAMMA_P = (
    (0.16009398, -0.094634809, 0.025146376, -0.0030648343),
    (0.53487893, 0.1298071, 0.065735949, -0.0015649758),
    (0.040121004, -0.0065914022, -0.0026286047, -0.0013441777),
)
_GAMMA_Q = (
    (1.0, 0.32668115, 0.10406089, 0.0014179084),
    (0.16639465, 0.020070113, -0.0035938915, -0.00058392623),
    (0.017050642, -0.0021309326, 0.00085092367, -1.5247877e-07),
)
# [power of u][power of a][power of b].
_BETA_P = (
    (
        (1.003668233, -0.01061107488, -0.0657888334, 0.01201642863),
        (0.6336835991, -0.3557432599, 0.05486251648, -0.001465281033),
        (-0.03276231906, 0.004474107445, 0.002429354597, -0.0001557569013),
    ),
    (
        (0.221950385, -0.3187676331, 0.01799915743, 0.01074823814),
        (-0.2951249643, 0.06219954479, 0.01535556598, 0.001550077057),
        (0.02155310298, 0.004170831599, 0.001292462449, 6.976601077e-05),
    ),
    (
        (-0.05980841433, 0.008441916499, 0.01085618172, 0.002319392565),
        (0.02911413504, 0.01400243777, -0.002721828457, 0.000751041181),
        (0.005900514878, -0.001936558688, -9.495446725e-06, 5.385558597e-05),
    ),
)
_BETA_Q = (
    (
        (1.0, -0.02924021934, -0.04438342661, 0.007285809825),
        (0.6357567472, -0.3473456711, 0.05454656494, -0.002407477521),
        (-0.03301322327, 0.004845219414, 0.00231480583, -0.0002307248149),
    ),
    (
        (0.5925320577, -0.1757678135, 0.01505928619, 0.000564515273),
        (0.1014815858, -0.06589186703, 0.01272886114, -0.0007316646956),
        (-0.007258481865, 0.001096195486, 0.0003934994223, -4.12701925e-05),
    ),
    (
        (0.06469649321, -0.0236701437, 0.002902096474, -5.896963079e-05),
        (0.001925008108, -0.002869809258, 0.0008000589141, -6.063713228e-05),
        (-0.0003477407336, 6.959756487e-05, 1.097287507e-05, -1.650964693e-06),
    ),
)


def _polynomial(coefficients: Any, *variables: Array) -> Array:
    """The polynomial with coefficients[i][j]... of variables[0]**i * variables[1]**j * ..."""
    if not variables:
        return coefficients
    first, *rest = variables
    value: Any = 0.0
    for inner in reversed(coefficients):
        value = value * first + _polynomial(inner, *rest)
    return value


def _wide(*inputs: Array) -> list[Array]:
    return [jnp.asarray(x, np.float64) for x in jnp.broadcast_arrays(*inputs)]


# -------------------------------------------------------------------------------------------- gamma


def gamma_gradient(concentration: Array, x: Array) -> Array:
    """d x / d concentration at the quantile of x, for gammas of rate 1."""
    alpha, value = _wide(concentration, x)
    result = jnp.where(
        value < 0.8,
        _gamma_small(alpha, value),
        jnp.where(
            alpha > 8,
            _gamma_saddle_point(alpha, value),
            jnp.exp(
                _polynomial(_GAMMA_P, jnp.log(value / alpha), jnp.log(alpha))
                / _polynomial(_GAMMA_Q, jnp.log(value / alpha), jnp.log(alpha))
            ),
        ),
    )
    return result.astype(x.dtype)


def _gamma_small(alpha: Array, x: Array) -> Array:
    """By the first terms of the distribution function's power series."""
    term = jnp.ones_like(x)
    first, second = term / alpha, term / alpha**2
    for k in range(1, 6):
        term = term * -x / k
        first += term / (alpha + k)
        second += term / (alpha + k) ** 2
    slope = (jnp.log(x) - lax.digamma(alpha)) * first - second
    result = -slope * x**alpha / (x ** (alpha - 1) * jnp.exp(-x))
    return jnp.where(jnp.isnan(result), 0, result)


def _gamma_saddle_point(alpha: Array, x: Array) -> Array:
    """By Rice's expansion for large concentrations; by a polynomial where that has a singularity,
    at x = alpha."""
    near = (x >= 0.9 * alpha) & (x <= 1.1 * alpha)
    numerator = (1 + 24 * alpha * (1 + 12 * alpha)) * (
        1440 * alpha**2 + 6 * x * (53 - 120 * x) - 65 * x**2 / alpha + alpha * (107 + 3600 * x)
    )
    at_mean = numerator / (1244160 * alpha**4)
    off = jnp.where(near, 2 * alpha, x)
    root = jnp.sqrt(8 * alpha)
    distance = (off - alpha - alpha * jnp.log(off / alpha)) ** -1.5
    sum_of_two = root / (alpha - off) + jnp.where(off < alpha, -distance, distance)
    slope = jnp.log(off / alpha) * sum_of_two
    slope -= jnp.sqrt(2 / alpha) * (alpha + off) / (alpha - off) ** 2
    stirling = 1 + (1 + 1 / (24 * alpha)) / (12 * alpha)
    return jnp.where(near, at_mean, -stirling * off * slope / root)


# --------------------------------------------------------------------------------------------- beta


def beta_gradient(x: Array, concentration: Array, total: Array) -> Array:
    """d x / d concentration at the quantile of x, divided by 1 - x, for betas of `concentration`
    and `total - concentration`."""
    x, alpha, total = jnp.broadcast_arrays(x, concentration, total)
    beta = total - alpha
    boundary = total * x * (1 - x)
    wide = _wide(x, alpha, total)
    result = jnp.where(
        (x <= 0.5) & (boundary < 2.5),
        _beta_near_0(*wide),
        jnp.where(
            (x >= 0.5) & (boundary < 0.75),
            -_beta_near_1(*wide),
            jnp.where((alpha > 6) & (beta > 6), _beta_saddle_point(*wide), _beta_between(*wide)),
        ),
    )
    return result.astype(x.dtype)


def _beta_near_0(x: Array, alpha: Array, total: Array) -> Array:
    beta = total - alpha
    factor = lax.digamma(alpha) - lax.digamma(total) - jnp.log(x)
    term = jnp.ones_like(x)
    series = (factor + 1 / alpha) / alpha
    for k in range(1, 11):
        term = term * (k - beta) * x / k
        series += term / (alpha + k) * (factor + 1 / (alpha + k))
    result = x * (1 - x) ** -beta * series
    return jnp.where(jnp.isnan(result), 0, result)


def _beta_near_1(x: Array, alpha: Array, total: Array) -> Array:
    """The derivative of 1 - x in its second concentration, alpha."""
    rest = 1 - x
    factor = lax.digamma(total) - lax.digamma(alpha)
    term = powers = jnp.ones_like(x)
    slopes = jnp.zeros_like(x)
    series = factor / (total - alpha)
    for k in range(1, 9):
        term = term * -rest / k
        slopes = slopes * (alpha - k) + powers
        powers = powers * (alpha - k)
        series += term / (total - alpha + k) * (slopes + factor * powers)
    result = -((1 - rest) ** (1 - alpha)) * series
    return jnp.where(jnp.isnan(result), 0, result)


def _beta_saddle_point(x: Array, alpha: Array, total: Array) -> Array:
    """By Rice's expansion for large concentrations; by a polynomial near its singularity, the
    mean."""
    beta = total - alpha
    mean = alpha / total
    deviation = jnp.sqrt(alpha * beta / (total + 1)) / total
    near = jnp.abs(x - mean) <= 0.1 * deviation
    off = jnp.where(near, mean + deviation, x)
    rest = 1 - off
    root = jnp.sqrt(2 * alpha * beta / total)
    skew = beta * off - alpha * rest
    first = -2 * alpha**2 * rest - alpha * beta * rest - off * beta**2
    first /= jnp.sqrt(2 * alpha / beta) * total**1.5 * skew**2
    base = beta * jnp.log(beta / (total * rest)) + alpha * jnp.log(alpha / (total * off))
    last = jnp.where(off < mean, base**-1.5, -(base**-1.5))
    second = 0.5 * jnp.log(alpha / (total * off)) * (2 * root / skew + last)
    stirling = _stirling(alpha) * _stirling(beta) / _stirling(total)
    away = stirling * -off / root * (first + second)
    return jnp.where(near, _beta_at_mean(x, alpha, beta), away)


def _stirling(x: Array) -> Array:
    return 1 + 1 / (12 * x) + 1 / (288 * x * x)


def _beta_at_mean(x: Array, alpha: Array, beta: Array) -> Array:
    total = alpha + beta
    powers = (
        47 * x * beta**4,
        (43 + 20 * (16 + 27 * beta) * x) * beta**3,
        3 * (59 + 180 * beta - 90 * x) * beta**2,
        (453 + 1620 * beta * (1 - x) - 455 * x) * beta,
        8 * (1 - x) * (135 * beta - 11),
    )
    scale = (1 + 12 * alpha) * (1 + 12 * beta) / total**2
    scale /= 12960 * alpha**3 * beta**2 * (1 + 12 * total)
    return scale * _polynomial(powers, alpha) / (1 - x)


def _beta_between(x: Array, alpha: Array, total: Array) -> Array:
    """By a rational function that corrects x (digamma(total) - digamma(alpha)) / beta."""
    u = jnp.log(x)
    a = jnp.log(alpha) - u
    b = jnp.log(total) - a
    ratio = _polynomial(_BETA_P, u, a, b) / _polynomial(_BETA_Q, u, a, b)
    return ratio * x * (lax.digamma(total) - lax.digamma(alpha)) / (total - alpha)


# --------------------------------------------------------------------------------------------- rows


@op(public=("torch",), differentiable=False)
def _standard_gamma_grad(input: Array, output: Array) -> Array:
    """d output / d input, for gammas `output` of the concentrations `input` and rate 1."""
    check_broadcast(input, output)
    return gamma_gradient(input, output)


@op(public=("torch",), differentiable=False)
def _dirichlet_grad(x: Array, alpha: Array, total: Array) -> Array:
    """d x / d alpha divided by 1 - x, for betas `x` of `alpha` and `total - alpha`."""
    return beta_gradient(x, alpha, total)


@jax.custom_jvp
def _gamma(values: Array, concentration: Array) -> Array:
    return values


@_gamma.defjvp
def _gamma_jvp(primals: tuple, tangents: tuple) -> tuple:
    values, concentration = primals
    moved = tangents[0] + gamma_gradient(concentration, values) * tangents[1]
    return _gamma(values, concentration), moved


@jax.custom_jvp
def _dirichlet(values: Array, concentration: Array) -> Array:
    return values


@_dirichlet.defjvp
def _dirichlet_jvp(primals: tuple, tangents: tuple) -> tuple:
    values, concentration = primals
    total = concentration.sum(-1, keepdims=True)
    moved = beta_gradient(values, concentration, total) * tangents[1]
    moved -= values * moved.sum(-1, keepdims=True)
    return _dirichlet(values, concentration), tangents[0] + moved


@op(public=(), saves=("output",))
def _gamma_drawn(values: Array, concentration: Array) -> Array:
    """Gammas that move with their concentrations."""
    return _gamma(values, concentration)


@op(public=(), saves=("output",))
def _dirichlet_drawn(values: Array, concentration: Array) -> Array:
    """Points of the simplex that move with their concentrations."""
    return _dirichlet(values, concentration)
