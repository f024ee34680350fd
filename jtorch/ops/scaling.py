"""What a GradScaler computes: gradients without their scale, and the next scale. See
jtorch/amp/grad_scaler.py, and torch.amp.GradScaler for the rule."""

from __future__ import annotations

import jax.numpy as jnp

from .._core.op import Array, Number, Sequence, op
from ._checks import widen

PRIVATE = ()


@op(name="_unscaled", public=PRIVATE, differentiable=False)
def unscaled(grads: Sequence[Array], scale: Array) -> tuple[Array, ...]:
    """The gradients / scale, and behind them 1 if one of them has an inf or NaN, else 0."""
    inverse = (1 / scale.astype(jnp.float64)).astype(jnp.float32)
    finite = jnp.asarray(True)
    for grad in grads:
        finite &= jnp.isfinite(grad).all()
    results = [(widen(g) * inverse).astype(g.dtype) for g in grads]
    return (*results, 1 - finite.astype(jnp.float32))


@op(name="_next_scale", public=PRIVATE, differentiable=False)
def next_scale(
    scale: Array,
    growth_tracker: Array,
    found_inf: Array,
    growth_factor: Number,
    backoff_factor: Number,
    growth_interval: Number,
) -> tuple[Array, Array]:
    """The scale and the number of steps since it changed: after an inf it backs off, after
    `growth_interval` steps without it grows, unless it would be infinite."""
    failed = found_inf > 0
    steps = growth_tracker + 1
    grows = steps == growth_interval
    grown = (scale * growth_factor).astype(scale.dtype)
    kept = jnp.where(grows & jnp.isfinite(grown), grown, scale)
    backed_off = (scale * backoff_factor).astype(scale.dtype)
    tracker = jnp.where(failed | grows, 0, steps).astype(growth_tracker.dtype)
    return jnp.where(failed, backed_off, kept), tracker
