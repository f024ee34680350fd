"""The direction of L-BFGS, as an op on the last curvature pairs."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..._core.op import Array, Op


def _direction(
    grad: Array,
    previous: Array,
    direction: Array,
    t: Array,
    old_dirs: Array,
    old_stps: Array,
    ro: Array,
    count: Array,
    diagonal: Array,
) -> tuple[Array, ...]:
    """-H g, where H is the inverse Hessian that `count` pairs (y, s) tell of: the two loops of
    Nocedal 1980, algorithm 7.4 in Nocedal and Wright 2006.

    grad, previous: the gradient now and before the last step, which was t * direction.  old_dirs,
    old_stps, ro: the y and s of the pairs as rows, oldest first, and 1 / (y s).  diagonal: H before
    the pairs, a multiple of the identity. Returned are the new direction, the five with the last
    step taken in unless its curvature is too small, the factors of the first loop, g d and max |d|.
    """
    capacity = ro.shape[0]
    y, s = grad - previous, direction * t
    curvature = jnp.dot(y, s)
    taken = curvature > 1e-10
    full = taken & (count == capacity)
    place = jnp.where(taken, jnp.minimum(count, capacity - 1), capacity)

    def added(rows: Array, row: Array) -> Array:
        shifted = jnp.where(full, jnp.roll(rows, -1, 0), rows)
        return shifted.at[place].set(row, mode="drop")

    old_dirs, old_stps, ro = added(old_dirs, y), added(old_stps, s), added(ro, 1 / curvature)
    count = jnp.where(taken, jnp.minimum(count + 1, capacity), count)
    diagonal = jnp.where(taken, curvature / jnp.dot(y, y), diagonal)

    def backwards(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        q, factors = carry
        i = count - 1 - k
        factor = jnp.dot(old_stps[i], q) * ro[i]
        return q - factor * old_dirs[i], factors.at[i].set(factor)

    def forwards(i: Array, r: Array) -> Array:
        return r + old_stps[i] * (factors[i] - jnp.dot(old_dirs[i], r) * ro[i])

    start = (-grad, jnp.zeros_like(ro))
    q, factors = jax.lax.fori_loop(jnp.zeros_like(count), count, backwards, start)
    new = jax.lax.fori_loop(jnp.zeros_like(count), count, forwards, q * diagonal)
    slope, largest = jnp.dot(grad, new), jnp.max(jnp.abs(new))
    return new, old_dirs, old_stps, ro, count, diagonal, factors, slope, largest


DIRECTION = Op(_direction, "lbfgs_direction", differentiable=False)
