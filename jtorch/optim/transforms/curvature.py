"""The direction of L-BFGS, as an op on the last curvature pairs, and a step along it."""

from __future__ import annotations

import math

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
    start: Array,
    count: Array,
    diagonal: Array,
) -> tuple[Array, ...]:
    """-H g, where H is the inverse Hessian that `count` pairs (y, s) tell of: the two loops of
    Nocedal 1980, algorithm 7.4 in Nocedal and Wright 2006.

    grad, previous: the gradient now and before the last step, which was t * direction.  old_dirs,
    old_stps, ro: the y and s of the pairs as rows of a ring, and 1 / (y s); after the ring comes a
    row for a pair that isn't taken.  start: the row of the oldest pair.  diagonal: H before the
    pairs, a multiple of the identity. Returned are the new direction, the six with the last step
    taken in unless its curvature is too small, the factors of the first loop, g d and max |d|.
    """
    capacity = ro.shape[0] - 1
    y, s = grad - previous, direction * t
    curvature = jnp.dot(y, s)
    taken = curvature > 1e-10
    full = taken & (count == capacity)
    place = jnp.where(taken, (start + count) % capacity, capacity)

    def added(rows: Array, row: Array) -> Array:
        return jax.lax.dynamic_update_index_in_dim(rows, row, place, 0)

    old_dirs, old_stps, ro = added(old_dirs, y), added(old_stps, s), added(ro, 1 / curvature)
    start = jnp.where(full, (start + 1) % capacity, start)
    count = jnp.where(taken, jnp.minimum(count + 1, capacity), count)
    diagonal = jnp.where(taken, curvature / jnp.dot(y, y), diagonal)

    def backwards(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        q, factors = carry
        i = count - 1 - k
        row = (start + i) % capacity
        factor = jnp.dot(old_stps[row], q) * ro[row]
        return q - factor * old_dirs[row], factors.at[i].set(factor)

    def forwards(i: Array, r: Array) -> Array:
        row = (start + i) % capacity
        return r + old_stps[row] * (factors[i] - jnp.dot(old_dirs[row], r) * ro[row])

    begin = (-grad, jnp.zeros_like(ro))
    q, factors = jax.lax.fori_loop(jnp.zeros_like(count), count, backwards, begin)
    new = jax.lax.fori_loop(jnp.zeros_like(count), count, forwards, q * diagonal)
    slope, largest = jnp.dot(grad, new), jnp.max(jnp.abs(new))
    return new, old_dirs, old_stps, ro, start, count, diagonal, factors, slope, largest


def _flat(gradients: list[Array]) -> Array:
    """Their elements one after the other, complex ones as pairs."""
    return jnp.concatenate(
        [
            jnp.stack([g.real, g.imag], -1).ravel() if jnp.iscomplexobj(g) else g.ravel()
            for g in gradients
        ]
    )


def _moved(params: list[Array], direction: Array, t: Array) -> list[Array]:
    """params + t * direction, which is flat as in `_flat`."""
    change, offset, found = direction * t, 0, []
    for param in params:
        is_complex = jnp.iscomplexobj(param)
        shape = (*param.shape, 2) if is_complex else param.shape
        step = change[offset : offset + math.prod(shape)].reshape(shape)
        offset += math.prod(shape)
        found.append(param + (jax.lax.complex(step[..., 0], step[..., 1]) if is_complex else step))
    return found


FLAT = Op(_flat, "lbfgs_flat", differentiable=False)
MOVED = Op(_moved, "lbfgs_moved", differentiable=False)
DIRECTION = Op(_direction, "lbfgs_direction", differentiable=False)
