"""ASGD and Rprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax

from .basic import Array, Leaf, cast, filled, number


class ASGDState(NamedTuple):
    """Step count, learning rate now, weight of the next parameters in their average, average."""

    step: Array
    eta: Array
    mu: Array
    ax: Array


def asgd(lr: Any, lambd: Any, alpha: Any, t0: Any) -> optax.GradientTransformation:
    """-eta * (g + lambd * p) with eta = lr / (1 + lambd * lr * t)^alpha, and the average of the
    parameters from step t0 on: Polyak and Juditsky 1992, as in Bottou's sgd."""

    def init(params: Leaf) -> ASGDState:
        eta = cast(lr, number(0))
        return ASGDState(number(0), eta, number(1), jnp.zeros_like(params))

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, ASGDState]:
        g = updates
        step = state.step + 1
        count = step.astype(jnp.float64)
        eta = state.eta.astype(jnp.float64)
        change = -cast(lambd * eta, g) * params - cast(eta, g) * g
        new = params + change
        average = jnp.where(state.mu == 1, new, state.ax + (new - state.ax) * cast(state.mu, g))
        eta = lr / (1 + lambd * lr * count) ** alpha
        mu = 1 / jnp.maximum(1, count - t0)
        return change, ASGDState(step, cast(eta, state.eta), cast(mu, state.mu), average)

    return optax.GradientTransformation(init, update)


class RpropState(NamedTuple):
    """Step count, last gradients, and a step size for each element."""

    step: Array
    prev: Array
    step_size: Array


def rprop(lr: Any, etas: Sequence[Any], step_sizes: Sequence[Any]) -> optax.GradientTransformation:
    """-sign(g) * s, where the step size s grows as long as an element's sign stays, and shrinks
    where it changes; there the gradient counts as 0: Riedmiller and Braun 1993."""
    shrink, grow = etas
    smallest, largest = step_sizes

    def init(params: Leaf) -> RpropState:
        return RpropState(number(0), jnp.zeros_like(params), filled(params, lr))

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, RpropState]:
        g = updates
        agreement = g * state.prev
        factor = jnp.where(agreement < 0, cast(shrink, g), cast(1, g))
        factor = jnp.where(agreement > 0, cast(grow, g), factor)
        sizes = jnp.clip(state.step_size * factor, cast(smallest, g), cast(largest, g))
        g = jnp.where(agreement < 0, jnp.zeros_like(g), g)
        return -jnp.sign(g) * sizes, RpropState(state.step + 1, g, sizes)

    return optax.GradientTransformation(init, update)
