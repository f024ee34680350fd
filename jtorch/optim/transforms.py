"""Gradient transformations in optax's style, where optax's own compute something else than PyTorch.

Hyper-parameters arrive as float64 scalars of the program. What PyTorch computes with Python floats
(bias corrections, step sizes) is computed in float64 here and then cast to the parameter's dtype;
so results agree digit by digit. (optax computes `1 - b2**count` in float32: at the first step of
Adam that is off by 6e-5.)
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

Array = jax.Array


def cast(value: Any, like: Array) -> Array:
    """A scalar in the dtype of an array."""
    return jnp.asarray(value).astype(like.dtype)


# A leaf of the tree that optax maps over. Its own types say "a tree of any kind", and no operators.
Leaf: TypeAlias = Any


def ascend() -> optax.GradientTransformation:
    """Gradients with the other sign: `maximize`."""

    def update(g: Leaf, _: Leaf) -> Leaf:
        return -g

    return optax.stateless(update)


def decay_weights(weight_decay: Any) -> optax.GradientTransformation:
    """g + weight_decay * p: the L2 penalty of SGD and Adam."""

    def update(g: Leaf, p: Leaf) -> Leaf:
        return g + cast(weight_decay, p) * p

    return optax.stateless(update)


def descend(lr: Any) -> optax.GradientTransformation:
    """-lr * u."""

    def update(u: Leaf, _: Leaf) -> Leaf:
        return -cast(lr, u) * u

    return optax.stateless(update)


class MomentumState(NamedTuple):
    """The running sum of gradients."""

    momentum_buffer: Array


def momentum(
    decay: Any, dampening: Any, nesterov: bool, first: bool
) -> optax.GradientTransformation:
    """b = decay * b + (1 - dampening) * g, and b = g at the first step; the update is b, or g +
    decay * b."""

    def init(params: Leaf) -> MomentumState:
        return MomentumState(jnp.zeros_like(params))

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, MomentumState]:
        g = updates
        scaled = g if first or dampening is None else g * cast(1 - dampening, g)
        buffer = state.momentum_buffer * cast(decay, g) + scaled
        return (g + buffer * cast(decay, g) if nesterov else buffer), MomentumState(buffer)

    return optax.GradientTransformation(init, update)


class AdamState(NamedTuple):
    """Step count, first and second moment."""

    step: Array
    exp_avg: Array
    exp_avg_sq: Array


class AmsgradState(NamedTuple):
    """Adam's state, and the largest second moment so far."""

    step: Array
    exp_avg: Array
    exp_avg_sq: Array
    max_exp_avg_sq: Array


def adam(lr: Any, beta1: Any, beta2: Any, eps: Any, amsgrad: bool) -> optax.GradientTransformation:
    """-lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps), Kingma and Ba 2015, in
    PyTorch's order.

    m and v are the running means of g and g^2; AMSGrad (Reddi et al. 2018) takes the largest v so
    far.
    """

    def init(params: Leaf) -> Any:
        zeros = jnp.zeros_like(params)
        step = jnp.zeros((), jnp.float32)
        return AmsgradState(step, zeros, zeros, zeros) if amsgrad else AdamState(step, zeros, zeros)

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, Any]:
        g = updates
        step = state.step + 1
        count = step.astype(jnp.float64)
        mean = state.exp_avg + cast(1 - beta1, g) * (g - state.exp_avg)
        square = state.exp_avg_sq * cast(beta2, g) + cast(1 - beta2, g) * g * g
        step_size = lr / (1 - beta1**count)
        correction = jnp.sqrt(1 - beta2**count)
        moments = (step, mean, square)
        if amsgrad:
            largest = jnp.maximum(state.max_exp_avg_sq, square)
            moments = (*moments, largest)
            square = largest
        scale = jnp.sqrt(square) / cast(correction, g) + cast(eps, g)
        return -cast(step_size, g) * (mean / scale), type(state)(*moments)

    return optax.GradientTransformation(init, update)


def shrink_weights(
    inner: optax.GradientTransformation, lr: Any, weight_decay: Any
) -> optax.GradientTransformation:
    """p * (1 - lr * weight_decay) before the inner update: decoupled decay, Loshchilov and Hutter
    2019."""

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, Any]:
        updates, state = inner.update(updates, state, params)
        return updates - cast(lr * weight_decay, params) * params, state

    return optax.GradientTransformation(inner.init, update)
