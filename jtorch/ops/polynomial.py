"""Orthogonal polynomials of any degree: `torch.special.chebyshev_polynomial_t` and its siblings.

Degrees are values, one for each element, so the three-term recurrences (Abramowitz and Stegun,
table 22.7) run in a loop up to the highest degree. As PyTorch does, Chebyshev polynomials inside
(-1, 1) are computed by cosines from some degree on; a negative degree gives 0. PyTorch gives them
no gradient. Other functions are in special.py.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._core.op import Array, Number, op
from ._checks import require_wide
from ._layout import LIKE_INPUTS
from ._promotion import check_broadcast

Step = Callable[[Array, Array, Array], Array]


def _recur(n: Array, first: Array, step: Step, known: Array | bool = False) -> Array:
    """The polynomial of degree n, from those of degree 0 (which is 1) and 1.

    step(k, p, q): that of degree k from those of degrees k - 2 and k - 1.  known: where it needn't
    be computed.
    """

    def running(state: tuple) -> Array:
        k, _, q = state
        return (k <= n) & ~jnp.isnan(q) & ~known

    def body(state: tuple) -> tuple:
        k, p, q = state
        runs = running(state)
        return k + 1, jnp.where(runs, q, p), jnp.where(runs, step(k, p, q), q)

    start = (jnp.asarray(2, n.dtype), jnp.ones_like(first), first)
    _, _, value = lax.while_loop(lambda state: running(state).any(), body, start)
    return jnp.where(n == 0, 1, value).astype(first.dtype)


def _degree(n: Array) -> Array:
    """The degree as an integral number; -1 for NaN and for what is too large for int64."""
    return jnp.where(jnp.abs(n) < 2.0**63, jnp.trunc(n), -1)


# ------------------------------------------------------------------------------------- Chebyshev

# kind: (degree 1, at 1, |value| at -1, by the angle acos(x))
CHEBYSHEV: dict[str, tuple[Callable, Callable, Callable, Callable]] = {
    "t": (lambda x: x, jnp.ones_like, jnp.ones_like, lambda n, a: jnp.cos(n * a)),
    "u": (
        lambda x: 2 * x,
        lambda n: n + 1,
        lambda n: n + 1,
        lambda n, a: jnp.sin((n + 1) * a) / jnp.sin(a),
    ),
    "v": (
        lambda x: 2 * x - 1,
        jnp.ones_like,
        lambda n: 2 * n + 1,
        lambda n, a: jnp.cos((n + 0.5) * a) / jnp.cos(a / 2),
    ),
    "w": (
        lambda x: 2 * x + 1,
        lambda n: 2 * n + 1,
        jnp.ones_like,
        lambda n, a: jnp.sin((n + 0.5) * a) / jnp.sin(a / 2),
    ),
}
# The highest degree that PyTorch computes by the recurrence inside (-1, 1).
LIMITS = {"t": 6, "u": 8, "v": 8, "w": 8}
SHIFTED_LIMITS = {"t": 6, "u": 6, "v": 6, "w": 4}


def _chebyshev(kind: str, x: Array, n: Array, limit: int) -> Array:
    first, at_one, at_minus_one, by_angle = CHEBYSHEV[kind]
    inside = (jnp.abs(x) < 1) & (n > limit)
    ends = jnp.abs(x) == 1
    value = _recur(n, first(x), lambda k, p, q: 2 * x * q - p, inside | ends)
    signed = jnp.where(n % 2 == 0, 1, -1) * at_minus_one(n)
    value = jnp.where(ends, jnp.where(x > 0, at_one(n), signed), value)
    return jnp.where(inside, by_angle(n, jnp.arccos(jnp.where(inside, x, 0))), value)


# ---------------------------------------------------------------------------------------- others

# PyTorch gives NaN beyond these degrees of Hermite polynomials.
HERMITE_LIMITS = {np.dtype(np.float32): 128, np.dtype(np.float64): 512}


def _hermite(x: Array, n: Array, first: Array, step: Step) -> Array:
    too_high = n > HERMITE_LIMITS[x.dtype]
    return jnp.where(too_high, jnp.nan, _recur(n, first, step, too_high))


def _hermite_h(x: Array, n: Array) -> Array:
    return _hermite(x, n, 2 * x, lambda k, p, q: 2 * x * q - 2 * (k - 1) * p)


def _hermite_he(x: Array, n: Array) -> Array:
    return _hermite(x, n, x, lambda k, p, q: x * q - (k - 1) * p)


def _laguerre(x: Array, n: Array) -> Array:
    def step(k: Array, p: Array, q: Array) -> Array:
        return ((2 * (k - 1) + (1 - x)) * q - (k - 1) * p) / k

    return jnp.where(x == 0, 1, _recur(n, 1 - x, step, x == 0))


def _legendre(x: Array, n: Array) -> Array:
    def step(k: Array, p: Array, q: Array) -> Array:
        return ((2 * k - 1) * x * q - (k - 1) * p) / k

    ends = jnp.abs(x) == 1
    at_ends = jnp.where((x > 0) | (n % 2 == 0), 1, -1)
    return jnp.where(ends, at_ends, _recur(n, x, step, ends))


# name, function, formula
POLYNOMIALS: list[tuple[str, Callable[[Array, Array], Array], str]] = [
    ("hermite_polynomial_h", _hermite_h, "The physicists' Hermite polynomial H_n(x)."),
    ("hermite_polynomial_he", _hermite_he, "The probabilists' Hermite polynomial He_n(x)."),
    ("laguerre_polynomial_l", _laguerre, "The Laguerre polynomial L_n(x)."),
    ("legendre_polynomial_p", _legendre, "The Legendre polynomial P_n(x)."),
]


def _declare(name: str, function: Callable[[Array, Array], Array], formula: str) -> None:
    def apply(x: Array | Number, n: Array | Number) -> Array:
        require_wide(name, x)
        check_broadcast(x, n)
        x, n = jnp.broadcast_arrays(x, n)
        n = _degree(n)
        return jnp.where(n < 0, 0, function(x, n)).astype(x.dtype)

    apply.__doc__ = f"{formula} It has no gradient. See torch.special.{name}."
    facts = {"promote": "float", "differentiable": False, "strides": LIKE_INPUTS}
    op(f"special_{name}", public=("special",), **facts)(apply)


def _declare_chebyshev(kind: str) -> None:
    name, title = f"chebyshev_polynomial_{kind}", f"{kind.upper()}_n"
    _declare(
        name,
        lambda x, n: _chebyshev(kind, x, n, LIMITS[kind]),
        f"The Chebyshev polynomial {title}(x).",
    )
    _declare(
        f"shifted_{name}",
        lambda x, n: _chebyshev(kind, 2 * x - 1, n, SHIFTED_LIMITS[kind]),
        f"The shifted Chebyshev polynomial {title}(2 x - 1).",
    )


for _kind in CHEBYSHEV:
    _declare_chebyshev(_kind)
for _name, _function, _formula in POLYNOMIALS:
    _declare(_name, _function, _formula)
