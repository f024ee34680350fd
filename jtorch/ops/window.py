"""Window functions: the formulas of `torch.signal.windows` and of `torch.hann_window` and its
siblings.

There is one row, which knows the formulas by name. functions/windows.py gives them their public
signatures, checks and dtypes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import jax.scipy.special as scipy_special

from .._core.dtype import dtype
from .._core.op import Array, op


def _general_cosine(n: Array, length: int, *a: float) -> Array:
    angles = 2 * math.pi / length * n * jnp.arange(len(a))[:, None]
    signed = jnp.asarray([-c if k % 2 else c for k, c in enumerate(a)], n.dtype)
    return signed @ jnp.cos(angles)


def _cosine(n: Array, length: int) -> Array:
    return jnp.sin(math.pi * (n + 0.5) / (length + 1))


def _exponential(n: Array, length: int, center: float | None, tau: float) -> Array:
    return jnp.exp(-jnp.abs(n - (length / 2 if center is None else center)) / tau)


def _gaussian(n: Array, length: int, std: float) -> Array:
    return jnp.exp(-(((n - length / 2) / std) ** 2) / 2)


def _bartlett(n: Array, length: int) -> Array:
    return 1 - jnp.abs(2 * n / length - 1)


def _kaiser(n: Array, length: int, beta: float) -> Array:
    """i0(beta sqrt(1 - x^2)) / i0(beta), x from -1 to 1."""
    inner = 2 * beta / length * jnp.sqrt(n * (length - n))
    return scipy_special.i0(inner) / scipy_special.i0(jnp.asarray(beta, n.dtype))


FORMULAS: dict[str, Callable] = {
    "general_cosine": _general_cosine,
    "cosine": _cosine,
    "exponential": _exponential,
    "gaussian": _gaussian,
    "bartlett": _bartlett,
    "kaiser": _kaiser,
}


@op("_window", public=(), differentiable=False)
def window(
    name: str, M: int, periodic: bool, parameters: tuple[Any, ...], kind: dtype, device: Any
) -> Array:
    """M points of a window that ends with the last one, or begins again after it if periodic; a
    single point is the symmetric window's. See torch.signal.windows."""
    length = M if periodic and M > 1 else M - 1
    if M == 1 and name not in ("exponential", "gaussian", "cosine"):
        return jnp.ones((1,), kind.numpy)
    # kaiser overflows where PyTorch's does, the others gain by the wider dtype.
    wide = jnp.float32 if name == "kaiser" and kind.itemsize <= 4 else jnp.float64
    return FORMULAS[name](jnp.arange(M, dtype=wide), length, *parameters).astype(kind.numpy)
