"""Bessel functions of order 0 and 1, and Airy's function: `torch.special.bessel_j0` and so on.

They are those of the Cephes library as PyTorch has them, evaluated in the dtype of the input as it
does, with PyTorch's values at 0, infinity and beyond. PyTorch gives them no gradient. The
coefficients, and how PyTorch's differ from Cephes', are in _bessel_coefficients.py; i0 and i1 under
their usual names are in special.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax.numpy as jnp
import jax.scipy.special as scipy_special
import numpy as np

from .._core.op import Array, op
from . import _bessel_coefficients as table
from ._checks import require_wide
from ._layout import LIKE_INPUTS


def _ratio(x: Array, above: np.ndarray, below: np.ndarray) -> Array:
    """One polynomial over another; unrolled, so that XLA fuses them with what is around."""
    over, under = (jnp.polyval(jnp.asarray(c, x.dtype), x, unroll=16) for c in (above, below))
    return over / under


def _chebyshev(x: Array, coefficients: np.ndarray) -> Array:
    """Half the sum of a Chebyshev series in x / 2, by Clenshaw. Unrolled: a loop of 25 steps takes
    XLA 3.5 times as long to compile, and 4 times as long to run."""
    now = before = earlier = jnp.zeros_like(x)
    for c in coefficients:
        now, before, earlier = x * now - before + jnp.asarray(c, x.dtype), now, before
    return (now - earlier) / 2


# --------------------------------------------------------------------------------------- J and Y


def _near_0(x: Array) -> Array:
    """J0 for |x| <= 5."""
    s = x * x
    first, second = table.J0_ZEROS
    value = (s - first) * (s - second) * _ratio(s, table.J0_P, table.J0_Q)
    return jnp.where(jnp.abs(x) < 1e-5, 1 - s / 4, value)


def _near_1(x: Array) -> Array:
    """J1 for |x| <= 5."""
    s = x * x
    first, second = table.J1_ZEROS
    return _ratio(s, table.J1_P, table.J1_Q) * x * (s - first) * (s - second)


def _waves(x: Array, order: int) -> tuple[Array, Array]:
    """J and Y for x > 5: waves of slowly changing amplitude and phase (Hankel's expansion)."""
    w = 5 / x
    names = ("C_P", "C_Q", "S_P", "S_Q")
    c_p, c_q, s_p, s_q = (getattr(table, f"WAVE{order}_{name}") for name in names)
    even = _ratio(w * w, c_p, c_q)
    odd = w * _ratio(w * w, s_p, s_q)
    angle = x - math.pi / 4 * (1 + 2 * order)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    scale = math.sqrt(2 / math.pi) / jnp.sqrt(x)
    return (even * cosine - odd * sine) * scale, (even * sine + odd * cosine) * scale


def _j0(x: Array) -> Array:
    x = jnp.abs(x)
    return jnp.where(x <= 5, _near_0(x), _waves(x, 0)[0])


def _j1(x: Array) -> Array:
    far = _waves(jnp.abs(x), 1)[0]
    return jnp.where(jnp.abs(x) <= 5, _near_1(x), jnp.where(x < 0, -far, far))


def _from_zero(x: Array, at_zero: float, value: Array) -> Array:
    """The value where x > 0, its limit at 0, NaN below."""
    return jnp.where(x == 0, at_zero, jnp.where(x < 0, jnp.nan, value)).astype(x.dtype)


def _y0(x: Array) -> Array:
    near = _ratio(x * x, table.Y0_P, table.Y0_Q) + 2 / math.pi * jnp.log(x) * _near_0(x)
    return _from_zero(x, -jnp.inf, jnp.where(x <= 5, near, _waves(x, 0)[1]))


def _y1(x: Array) -> Array:
    near = x * _ratio(x * x, table.Y1_P, table.Y1_Q)
    near = near + 2 / math.pi * (_near_1(x) * jnp.log(x) - 1 / x)
    return _from_zero(x, -jnp.inf, jnp.where(x <= 5, near, _waves(x, 1)[1]))


def _spherical_j0(x: Array) -> Array:
    """sin(x) / x; its Taylor polynomial of degree 12 below 1/2, 0 at infinity."""
    taylor = np.array([(-1) ** k / math.factorial(2 * k + 1) for k in range(6, -1, -1)])
    near = jnp.polyval(jnp.asarray(taylor, x.dtype), x * x, unroll=16)
    value = jnp.where(jnp.abs(x) < 0.5, near, jnp.sin(x) / x)
    return jnp.where(jnp.isinf(x), 0, value).astype(x.dtype)


# ---------------------------------------------------------------------------------------------- K


def _k0(x: Array, scaled: bool) -> Array:
    near = _chebyshev(x * x - 2, table.K0_NEAR) - jnp.log(x / 2) * scipy_special.i0(x)
    return _k(x, near, _chebyshev(8 / x - 2, table.K0_FAR), scaled)


def _k1(x: Array, scaled: bool) -> Array:
    near = jnp.log(x / 2) * scipy_special.i1(x) + _chebyshev(x * x - 2, table.K1_NEAR) / x
    return _k(x, near, _chebyshev(8 / x - 2, table.K1_FAR), scaled)


def _k(x: Array, near: Array, series: Array, scaled: bool) -> Array:
    """K, times exp(x) if scaled: `near` up to 2, beyond a series times exp(-x) / sqrt(x)."""
    far = series / jnp.sqrt(x)
    near, far = (near * jnp.exp(x), far) if scaled else (near, jnp.exp(-x) * far)
    return _from_zero(x, jnp.inf, jnp.where(x <= 2, near, far))


# ------------------------------------------------------------------------------------------- Airy


def _airy_series(x: Array) -> Array:
    """Ai for |x| < 2.1 by its power series in x^3 (Abramowitz and Stegun, 10.4.2 to 10.4.5)."""
    k = 3.0 * np.arange(1, 18)
    even = np.cumprod([1.0, *(1 / (k * (k - 1)))])[::-1]
    odd = np.cumprod([1.0, *(1 / (k * (k + 1)))])[::-1]
    f, g = (jnp.polyval(jnp.asarray(c, x.dtype), x * x * x, unroll=18) for c in (even, odd))
    return 0.355028053887817239260 * f - 0.258819403792806798405 * x * g


def _airy_ai(x: Array) -> Array:
    size = jnp.abs(x)
    zeta = 2 * size * jnp.sqrt(size) / 3
    z = 1 / zeta
    amplitude = 1 / math.sqrt(math.pi) / jnp.sqrt(jnp.sqrt(size))
    right = amplitude * _ratio(z, table.AIRY_P, table.AIRY_Q) / (2 * jnp.exp(zeta))
    # A phase of thousands has too few digits in float32.
    wide = size.astype(jnp.float64)
    angle = (2 * wide * jnp.sqrt(wide) / 3 + math.pi / 4) % (2 * math.pi)
    angle = angle.astype(x.dtype)
    sine = jnp.sin(angle) * (1 + z * z * _ratio(z * z, table.AIRY_S_P, table.AIRY_S_Q))
    left = amplitude * (sine - jnp.cos(angle) * z * _ratio(z * z, table.AIRY_C_P, table.AIRY_C_Q))
    value = jnp.where(x < -2.09, left, jnp.where(x >= 2.09, right, _airy_series(x)))
    value = jnp.where(x > 103.892, 0, value)
    return jnp.where(jnp.isinf(x), jnp.nan, value).astype(x.dtype)


# name, function, formula
FUNCTIONS: list[tuple[str, Callable[[Array], Array], str]] = [
    ("airy_ai", _airy_ai, "Airy's function Ai."),
    ("bessel_j0", _j0, "The Bessel function of the first kind of order 0."),
    ("bessel_j1", _j1, "The Bessel function of the first kind of order 1."),
    ("bessel_y0", _y0, "The Bessel function of the second kind of order 0."),
    ("bessel_y1", _y1, "The Bessel function of the second kind of order 1."),
    ("modified_bessel_i0", scipy_special.i0, "The modified Bessel function of order 0."),
    ("modified_bessel_i1", scipy_special.i1, "The modified Bessel function of order 1."),
    ("modified_bessel_k0", lambda x: _k0(x, False), "That of the second kind of order 0."),
    ("modified_bessel_k1", lambda x: _k1(x, False), "That of the second kind of order 1."),
    ("scaled_modified_bessel_k0", lambda x: _k0(x, True), "exp(x) modified_bessel_k0(x)."),
    ("scaled_modified_bessel_k1", lambda x: _k1(x, True), "exp(x) modified_bessel_k1(x)."),
    ("spherical_bessel_j0", _spherical_j0, "sin(x) / x, 1 at 0."),
]


def _declare(name: str, function: Callable[[Array], Array], formula: str) -> None:
    def apply(x: Array) -> Array:
        require_wide(name, x)
        return function(x)

    apply.__doc__ = f"{formula} It has no gradient. See torch.special.{name}."
    facts = {"promote": "float", "differentiable": False, "strides": LIKE_INPUTS}
    op(f"special_{name}", public=("special",), **facts)(apply)


for _name, _function, _formula in FUNCTIONS:
    _declare(_name, _function, _formula)
