"""Rules that divide by the root of summed or averaged squares: Adadelta, Adagrad, RMSprop."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax

from .basic import Array, Leaf, cast, filled, mean, mean_square, number


class AdadeltaState(NamedTuple):
    """Step count, running mean of squared gradients and that of squared updates."""

    step: Array
    square_avg: Array
    acc_delta: Array


def adadelta(lr: Any, rho: Any, eps: Any) -> optax.GradientTransformation:
    """-lr * d with d = sqrt(E[d^2] + eps) / sqrt(E[g^2] + eps) * g, Zeiler 2012."""

    def init(params: Leaf) -> AdadeltaState:
        zeros = jnp.zeros_like(params)
        return AdadeltaState(number(0), zeros, zeros)

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, AdadeltaState]:
        g = updates
        square = mean_square(state.square_avg, g, rho)
        delta = jnp.sqrt(state.acc_delta + cast(eps, g)) / jnp.sqrt(square + cast(eps, g)) * g
        deltas = mean_square(state.acc_delta, delta, rho)
        return -cast(lr, g) * delta, AdadeltaState(state.step + 1, square, deltas)

    return optax.GradientTransformation(init, update)


class AdagradState(NamedTuple):
    """Step count and sum of squared gradients."""

    step: Array
    sum: Array


def adagrad(lr: Any, lr_decay: Any, eps: Any, initial: Any) -> optax.GradientTransformation:
    """-lr / (1 + (t - 1) * lr_decay) * g / (sqrt(sum of g^2) + eps), Duchi, Hazan and Singer
    2011."""

    def init(params: Leaf) -> AdagradState:
        return AdagradState(number(0), filled(params, initial))

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, AdagradState]:
        g = updates
        step_size = lr / cast(1 + state.step.astype(jnp.float64) * lr_decay, lr)
        total = state.sum + g * g
        change = -cast(step_size, g) * (g / (jnp.sqrt(total) + cast(eps, g)))
        return change, AdagradState(state.step + 1, total)

    return optax.GradientTransformation(init, update)


class RMSpropState(NamedTuple):
    """Step count, running mean of squares; with momentum its buffer, centered the mean."""

    step: Array
    square_avg: Array
    momentum_buffer: Leaf
    grad_avg: Leaf


def rmsprop(
    lr: Any, alpha: Any, eps: Any, momentum: Any, centered: bool
) -> optax.GradientTransformation:
    """-lr * g / (sqrt(E[g^2]) + eps), Tieleman and Hinton 2012; centered, E[g^2] - E[g]^2 takes the
    place of E[g^2] (Graves 2013).

    momentum: None, or the decay of a sum of the quotients, which is then the update.
    """

    def init(params: Leaf) -> RMSpropState:
        zeros = jnp.zeros_like(params)
        buffer = None if momentum is None else zeros
        return RMSpropState(number(0), zeros, buffer, zeros if centered else None)

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, RMSpropState]:
        g = updates
        square = variance = mean_square(state.square_avg, g, alpha)
        average = None
        if centered:
            average = mean(state.grad_avg, g, alpha)
            variance = square - average * average
        quotient = g / (jnp.sqrt(variance) + cast(eps, g))
        buffer = None
        if momentum is not None:
            quotient = buffer = state.momentum_buffer * cast(momentum, g) + quotient
        return -cast(lr, g) * quotient, RMSpropState(state.step + 1, square, buffer, average)

    return optax.GradientTransformation(init, update)
