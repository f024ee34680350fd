"""Adam and its kin: rules with a running mean of gradients and one of their squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from .basic import Array, Leaf, cast, mean, mean_square, number


class AdamState(NamedTuple):
    """Step count, first and second moment, and for AMSGrad the largest second moment so far."""

    step: Array
    exp_avg: Array
    exp_avg_sq: Array
    max_exp_avg_sq: Leaf = None


def adam(lr: Any, betas: Sequence[Any], eps: Any, amsgrad: bool) -> optax.GradientTransformation:
    """-lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps), Kingma and Ba 2015, in
    PyTorch's order.

    m and v are the running means of g and g^2; AMSGrad (Reddi et al. 2018) takes the largest v so
    far.
    """
    beta1, beta2 = betas

    def init(params: Leaf) -> AdamState:
        zeros = jnp.zeros_like(params)
        return AdamState(number(0), zeros, zeros, zeros if amsgrad else None)

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, AdamState]:
        g = updates
        step = state.step + 1
        count = step.astype(jnp.float64)
        first = mean(state.exp_avg, g, beta1)
        second = mean_square(state.exp_avg_sq, g, beta2)
        new = AdamState(step, first, second)
        if amsgrad:
            second = jnp.maximum(state.max_exp_avg_sq, second)
            new = new._replace(max_exp_avg_sq=second)
        step_size = lr / cast(1 - beta1**count, lr)
        correction = jnp.sqrt(1 - beta2**count)
        scale = jnp.sqrt(second) / cast(correction, g) + cast(eps, g)
        return -cast(step_size, g) * (first / scale), new

    return optax.GradientTransformation(init, update)


class AdamaxState(NamedTuple):
    """Step count, first moment and the decaying largest magnitude."""

    step: Array
    exp_avg: Array
    exp_inf: Array


def adamax(lr: Any, betas: Sequence[Any], eps: Any) -> optax.GradientTransformation:
    """-lr / (1 - beta1^t) * m / u with u = max(beta2 * u, |g| + eps), Kingma and Ba 2015."""
    beta1, beta2 = betas

    def init(params: Leaf) -> AdamaxState:
        zeros = jnp.zeros_like(params)
        return AdamaxState(number(0), zeros, zeros)

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, AdamaxState]:
        g = updates
        step = state.step + 1
        first = mean(state.exp_avg, g, beta1)
        largest = jnp.maximum(state.exp_inf * cast(beta2, g), jnp.abs(g) + cast(eps, g))
        step_size = lr / cast(1 - beta1 ** step.astype(jnp.float64), lr)
        return -cast(step_size, g) * (first / largest), AdamaxState(step, first, largest)

    return optax.GradientTransformation(init, update)


class NadamState(NamedTuple):
    """Step count, product of the momenta so far, first and second moment."""

    step: Array
    mu_product: Array
    exp_avg: Array
    exp_avg_sq: Array


def nadam(
    lr: Any, betas: Sequence[Any], eps: Any, momentum_decay: Any
) -> optax.GradientTransformation:
    """Adam with Nesterov's momentum, Dozat 2016; its momentum of step t is
    beta1 * (1 - 0.96^(t * momentum_decay) / 2)."""
    beta1, beta2 = betas

    def init(params: Leaf) -> NadamState:
        zeros = jnp.zeros_like(params)
        return NadamState(number(0), number(1), zeros, zeros)

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, NadamState]:
        g = updates
        step = state.step + 1
        count = step.astype(jnp.float64)
        mu = beta1 * (1 - 0.5 * 0.96 ** (count * momentum_decay))
        following = beta1 * (1 - 0.5 * 0.96 ** ((count + 1) * momentum_decay))
        product = state.mu_product * cast(mu, state.mu_product)
        first = mean(state.exp_avg, g, beta1)
        second = mean_square(state.exp_avg_sq, g, beta2)
        scale = jnp.sqrt(second / cast(1 - beta2**count, g)) + cast(eps, g)
        past = product.astype(jnp.float64)
        now = lr * cast(1 - mu, lr) / cast(1 - past, lr)
        ahead = lr * cast(following, lr) / cast(1 - past * following, lr)
        change = cast(now, g) * (g / scale) + cast(ahead, g) * (first / scale)
        return -change, NadamState(step, product, first, second)

    return optax.GradientTransformation(init, update)


def radam(lr: Any, betas: Sequence[Any], eps: Any) -> optax.GradientTransformation:
    """Adam whose second moment is used, and rectified, once its variance is finite: Liu et al.
    2020."""
    beta1, beta2 = betas

    def init(params: Leaf) -> AdamState:
        zeros = jnp.zeros_like(params)
        return AdamState(number(0), zeros, zeros)

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, AdamState]:
        g = updates
        step = state.step + 1
        count = step.astype(jnp.float64)
        first = mean(state.exp_avg, g, beta1)
        second = mean_square(state.exp_avg_sq, g, beta2)
        correction = 1 - beta2**count
        limit = 2 / (1 - beta2) - 1
        length = limit - 2 * count * beta2**count / correction
        rectifiable = length > 5
        ratio = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
        rectified = jnp.sqrt(jnp.where(rectifiable, ratio, 1))
        adapted = cast(jnp.sqrt(correction), g) / (jnp.sqrt(second) + cast(eps, g))
        scale = jnp.where(rectifiable, adapted * cast(rectified, g), cast(1, g))
        update = first / cast(1 - beta1**count, g) * cast(lr, g) * scale
        return -update, AdamState(step, first, second)

    return optax.GradientTransformation(init, update)


def sparse_adam(lr: Any, betas: Sequence[Any], eps: Any, sign: int) -> optax.GradientTransformation:
    """Adam on the rows that the gradient has, the others and their moments stay.

    The gradient is (values, places): rows of the parameter, where rows are what is left when the
    dimensions with sparse coordinates are one; those at the same place add up. sign: -1 to ascend.
    """
    beta1, beta2 = betas

    def init(params: Leaf) -> AdamState:
        zeros = jnp.zeros_like(params)
        return AdamState(number(0), zeros, zeros)

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, AdamState]:
        values, places = updates
        rows = (-1, *values.shape[1:])
        moments = [m.reshape(rows) for m in (state.exp_avg, state.exp_avg_sq)]
        beyond = moments[0].shape[0]
        found, which = jnp.unique(
            places, return_inverse=True, size=places.shape[0], fill_value=beyond
        )
        g = sign * jax.ops.segment_sum(values, which, places.shape[0])
        step = state.step + 1
        count = step.astype(jnp.float64)
        first = mean(moments[0].at[found].get(mode="clip"), g, beta1)
        second = moments[1].at[found].get(mode="clip")
        second = second + cast(1 - beta2, g) * (g * g - second)
        step_size = lr * jnp.sqrt(1 - beta2**count) / (1 - beta1**count)
        change = -cast(step_size, g) * (first / (jnp.sqrt(second) + cast(eps, g)))
        update = jnp.zeros_like(moments[0]).at[found].set(change, mode="drop")
        new = [
            m.at[found].set(v, mode="drop").reshape(params.shape)
            for m, v in zip(moments, (first, second), strict=True)
        ]
        return update.reshape(params.shape), AdamState(step, *new)

    return optax.GradientTransformation(init, update)
