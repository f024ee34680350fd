"""Gradient transformations in optax's style, where optax's own compute something else than PyTorch.

Hyper-parameters arrive as float64 scalars of the program. What PyTorch computes with Python floats
(bias corrections, step sizes) is computed in float64 here and then cast to the parameter's dtype;
so results agree digit by digit. (optax computes `1 - b2**count` in float32: at the first step of
Adam that is off by 6e-5.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Array = jax.Array


def cast(value: Any, like: Array) -> Array:
    """A scalar in the dtype of an array."""
    return jnp.asarray(value).astype(like.dtype)


def ascend() -> optax.GradientTransformation:
    """Gradients with the other sign: `maximize`."""
    return optax.stateless(lambda updates, params: -updates)


def decay_weights(weight_decay: Any) -> optax.GradientTransformation:
    """g + weight_decay * p: the L2 penalty of SGD and Adam."""
    return optax.stateless(lambda g, p: g + cast(weight_decay, p) * p)


def descend(lr: Any) -> optax.GradientTransformation:
    """-lr * u."""
    return optax.stateless(lambda u, _: -cast(lr, u) * u)


class MomentumState(NamedTuple):
    """The running sum of gradients."""

    momentum_buffer: Array


def momentum(
    decay: Any, dampening: Any, nesterov: bool, first: bool
) -> optax.GradientTransformation:
    """b = decay * b + (1 - dampening) * g, and b = g at the first step; the update is b, or g +
    decay * b."""

    def init(param: Array) -> MomentumState:
        return MomentumState(jnp.zeros_like(param))

    def update(g: Array, state: MomentumState, param: Any = None) -> tuple[Array, MomentumState]:
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

    def init(param: Array) -> Any:
        zeros = jnp.zeros_like(param)
        step = jnp.zeros((), jnp.float32)
        return AmsgradState(step, zeros, zeros, zeros) if amsgrad else AdamState(step, zeros, zeros)

    def update(g: Array, state: Any, param: Any = None) -> tuple[Array, Any]:
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

    def update(g: Array, state: Any, param: Array) -> tuple[Array, Any]:
        updates, state = inner.update(g, state, param)
        return updates - cast(lr * weight_decay, param) * param, state

    return optax.GradientTransformation(inner.init, update)
