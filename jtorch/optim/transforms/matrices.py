"""Rules that look at a parameter as a whole: Adafactor and Muon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from .basic import Array, Leaf, MomentumState, cast, number


def lerp(start: Leaf, end: Leaf, weight: Any) -> Leaf:
    """start + weight * (end - start), computed from the nearer side, as in PyTorch."""
    apart = end - start
    forward = start + cast(weight, start) * apart
    return jnp.where(weight < 0.5, forward, end - apart * cast(1 - weight, start))


class AdafactorState(NamedTuple):
    """Step count; of a matrix the means of squares along rows and columns, else all of them."""

    step: Array
    row_var: Leaf
    col_var: Leaf
    variance: Leaf


def adafactor(
    lr: Any, beta2_decay: Any, eps: Sequence[Any], d: Any
) -> optax.GradientTransformation:
    """Adam without a first moment, with a second moment of rank one and steps relative to the
    parameter's size: Shazeer and Stern 2018, with PyTorch's learning rate min(lr, 1 / sqrt(t))."""
    eps1, eps2 = eps

    def init(params: Leaf) -> AdafactorState:
        if params.ndim < 2:
            return AdafactorState(number(0), None, None, jnp.zeros_like(params))
        rows, columns = jnp.zeros_like(params[..., :1]), jnp.zeros_like(params[..., :1, :])
        return AdafactorState(number(0), rows, columns, None)

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, AdafactorState]:
        g = updates
        step = state.step + 1
        count = step.astype(jnp.float64)
        weight = count**beta2_decay
        rate = jnp.minimum(lr, 1 / jnp.sqrt(count))
        size = jnp.maximum(eps2, _root_mean_square(params)) * rate
        if g.ndim < 2:
            variance = lerp(state.variance, g * g, weight)
            new = AdafactorState(step, None, None, variance)
        else:
            rows = lerp(state.row_var, jnp.mean(g * g, -1, keepdims=True), weight)
            columns = lerp(state.col_var, jnp.mean(g * g, -2, keepdims=True), weight)
            total = jnp.maximum(jnp.mean(rows, -2, keepdims=True), cast(eps1, g))
            variance = rows * columns / total
            new = AdafactorState(step, rows, columns, None)
        update = g / jnp.sqrt(jnp.maximum(variance, cast(eps1 * eps1, g)))
        clipped = size / jnp.maximum(1.0, _root_mean_square(update) / d)
        return -cast(clipped, g) * update, new

    return optax.GradientTransformation(init, update)


def _root_mean_square(array: Array) -> Array:
    """In float64, of a norm in the array's own dtype."""
    return jnp.linalg.norm(array.ravel()).astype(jnp.float64) / array.size**0.5


def blend(decay: Any, nesterov: bool) -> optax.GradientTransformation:
    """The running mean b of the gradients, or g + decay * (b - g)."""

    def init(params: Leaf) -> MomentumState:
        return MomentumState(jnp.zeros_like(params))

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, MomentumState]:
        buffer = lerp(state.momentum_buffer, updates, 1 - decay)
        return (lerp(updates, buffer, decay) if nesterov else buffer), MomentumState(buffer)

    return optax.GradientTransformation(init, update)


def orthogonalise(
    coefficients: Sequence[Any], steps: int, eps: Any
) -> optax.GradientTransformation:
    """A matrix with its singular values brought near 1 by Newton-Schulz iterations in bfloat16,
    x <- a x + (b y + c y^2) x with y = x x^T: https://kellerjordan.github.io/posts/muon/."""

    def update(matrix: Leaf, _: Leaf) -> Leaf:
        a, b, c = (jnp.asarray(v).astype(jnp.float32) for v in coefficients)
        tall = matrix.shape[0] > matrix.shape[1]
        x = _to_half(matrix.T if tall else matrix)
        norm = _to_half(jnp.linalg.norm(_to_single(x).ravel()))
        x = _to_half(_to_single(x) / _to_single(jnp.maximum(norm, _to_half(eps))))
        for _ in range(steps):
            gram = _to_half(_product(x, x, 1))
            mixed = _to_half(b * _to_single(gram) + c * _product(gram, gram, 0))
            x = _to_half(a * _to_single(x) + _product(mixed, x, 0))
        return (x.T if tall else x).astype(matrix.dtype)

    return optax.stateless(update)


def _to_half(value: Any) -> Array:
    """In bfloat16. XLA may leave a mere conversion out, where float32 follows."""
    single = jnp.asarray(value).astype(jnp.float32)
    return jax.lax.reduce_precision(single, exponent_bits=8, mantissa_bits=7).astype(jnp.bfloat16)


def _to_single(value: Array) -> Array:
    return value.astype(jnp.float32)


def _product(left: Array, right: Array, side: int) -> Array:
    """Of bfloat16 matrices, added up in float32, over the rows (0) or the columns (1) of the right
    one: XLA's CPU takes twice as long for a product with a matrix that was transposed before."""
    sides = (((1,), (side,)), ((), ()))
    return jax.lax.dot_general(left, right, sides, preferred_element_type=jnp.float32)


def descend_by_shape(lr: Any, adjust: str | None) -> optax.GradientTransformation:
    """-lr * ratio * u. For a matrix of shape (A, B) the ratio is sqrt(max(1, A / B)), as Jordan's,
    or with "match_rms_adamw" 0.2 sqrt(max(A, B)), Liu et al. 2025, arXiv:2502.16982."""

    def update(u: Leaf, _: Leaf) -> Leaf:
        height, width = u.shape
        ratio = max(1, height / width) ** 0.5
        if adjust == "match_rms_adamw":
            ratio = 0.2 * max(height, width) ** 0.5
        return -cast(lr * ratio, u) * u

    return optax.stateless(update)
