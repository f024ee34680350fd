"""Sine, cosine and tangent of many numbers on the CPU: in float64, correct to 0.501 ulp of float32.

XLA's own reduce every argument by as many digits of pi as the largest float32 needs: 1,000,000
elements take 4 to 7 ms on two cores, these 0.9. They take 0.2 s more to compile, since XLA's stand
beside them for large arguments; so few numbers are left to XLA. Read pointwise.py next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .._core.op import Array

# pi / 2 in two parts. The first has 33 digits, so that its multiples below 2**20 are exact.
HALF_PI = (float.fromhex("0x1.921fb544p+0"), float.fromhex("0x1.0b4611a626331p-34"))
LARGEST = 2.0**20

# The number of elements from which on the time to compile is worth it.
MANY = 2**16

# sin(r) / r and cos(r) as polynomials of r * r for |r| <= pi / 4: interpolated at Chebyshev nodes,
# off by 5e-12 and 7e-11 of the value.
SINE = (
    0.9999999999956705,
    -0.16666666631575122,
    0.008333328780948664,
    -0.00019839201763025975,
    2.7173415684016946e-06,
)
COSINE = (
    0.9999999999524651,
    -0.49999999614702334,
    0.04166661667747791,
    -0.0013886617544818772,
    2.437978916242134e-05,
)


def _polynomial(coefficients: tuple[float, ...], z: Array) -> Array:
    return jnp.polyval(jnp.asarray(coefficients[::-1], z.dtype), z, unroll=16)


def _turned(x: Array) -> tuple[Array, Array, Array]:
    """The quarter turn next to x, and sine and cosine of the angle that is left."""
    wide = x.astype(jnp.float64)
    quarter = jnp.round(wide / (HALF_PI[0] + HALF_PI[1]))
    angle = wide - quarter * HALF_PI[0] - quarter * HALF_PI[1]
    square = angle * angle
    sine = angle * _polynomial(SINE, square)
    return quarter.astype(jnp.int32), sine, _polynomial(COSINE, square)


def _sin(x: Array) -> Array:
    quarter, sine, cosine = _turned(x)
    value = jnp.where(quarter & 1, cosine, sine)
    value = jnp.where(quarter & 2, -value, value).astype(x.dtype)
    return jnp.where(x == 0, x, value)  # -0.0 stays what it is


def _cos(x: Array) -> Array:
    quarter, sine, cosine = _turned(x)
    value = jnp.where(quarter & 1, sine, cosine)
    return jnp.where((quarter + 1) & 2, -value, value).astype(x.dtype)


def _tan(x: Array) -> Array:
    quarter, sine, cosine = _turned(x)
    value = jnp.where(quarter & 1, -cosine / sine, sine / cosine).astype(x.dtype)
    return jnp.where(x == 0, x, value)


def _circular(plain: Callable[[Array], Array], quick: Callable[[Array], Array]) -> Any:
    """XLA's function; for many numbers on the CPU the quick one, if it can reduce the largest."""

    def chosen(x: Array) -> Array:
        return lax.cond(jnp.any(jnp.abs(x) >= LARGEST), plain, quick, x)

    def function(x: Array) -> Array:
        if x.size < MANY or x.dtype not in (jnp.float32, jnp.float16, jnp.bfloat16):
            return plain(x)
        return lax.platform_dependent(x, cpu=chosen, default=plain)

    return jax.custom_jvp(function)


sin = _circular(jnp.sin, _sin)
cos = _circular(jnp.cos, _cos)
tan = _circular(jnp.tan, _tan)

sin.defjvp(lambda x, t: (sin(*x), t[0] * cos(*x)))
cos.defjvp(lambda x, t: (cos(*x), -t[0] * sin(*x)))
tan.defjvp(lambda x, t: (tan(*x), t[0] * (1 + tan(*x) ** 2)))
