"""What the rules of several optimizers share: weight decay, the step itself, momentum."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from ..._core.dtype import float64, get_default_dtype

Array = jax.Array

# A leaf of the tree that optax maps over. Its own types say "a tree of any kind", and no operators.
Leaf: TypeAlias = Any


def cast(value: Any, like: Array) -> Array:
    """A scalar in the dtype of an array."""
    return jnp.asarray(value).astype(like.dtype)


def number(value: int) -> Array:
    """A step count, or another number of a state: of float32, or float64 where that is the
    default."""
    kind = jnp.float64 if get_default_dtype() is float64 else jnp.float32
    return jnp.full((), value, kind)


def filled(params: Leaf, value: Any) -> Leaf:
    """A state that begins with a value everywhere: in both parts of a complex number."""
    both = value * (1 + 1j) if jnp.iscomplexobj(params) else value
    return jnp.full_like(params, both)


def mean(average: Leaf, value: Leaf, decay: Any) -> Leaf:
    """The running mean: average + (1 - decay) * (value - average)."""
    return average + cast(1 - decay, value) * (value - average)


def mean_square(average: Leaf, value: Leaf, decay: Any) -> Leaf:
    """The running mean of squares: decay * average + (1 - decay) * value^2."""
    return average * cast(decay, value) + cast(1 - decay, value) * value * value


def decay_weights(weight_decay: Any) -> optax.GradientTransformation:
    """g + weight_decay * p: the L2 penalty."""

    def update(g: Leaf, p: Leaf) -> Leaf:
        return g + cast(weight_decay, p) * p

    return optax.stateless(update)


def shrink_weights(
    inner: optax.GradientTransformation, lr: Any, weight_decay: Any
) -> optax.GradientTransformation:
    """p * (1 - lr * weight_decay) before the inner update: decoupled decay, Loshchilov and Hutter
    2019."""

    def update(updates: Leaf, state: Any, params: Leaf = None) -> tuple[Leaf, Any]:
        updates, state = inner.update(updates, state, params)
        kept = 1 - lr * cast(weight_decay, lr)
        return updates - cast(1 - kept, params) * params, state

    return optax.GradientTransformation(inner.init, update)


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


def with_decay(
    rule: optax.GradientTransformation, hyper: dict[str, Any], options: dict[str, Any]
) -> optax.GradientTransformation:
    """A rule with what the options "maximize", "weight_decay" and "decoupled" put before it."""
    parts = []
    if options["maximize"]:
        parts.append(optax.scale(-1))
    if options.get("weight_decay"):
        if options.get("decoupled"):
            rule = shrink_weights(rule, hyper["lr"], hyper["weight_decay"])
        else:
            parts.append(decay_weights(hyper["weight_decay"]))
    return optax.chain(*parts, rule)
