"""Losses between numbers: squares, absolute values, hinges and likelihoods of single elements.

Losses over classes are in cross_entropy.py, distances between vectors and the losses made of them
in distance.py, and what all of them share in _reduction.py.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from .._core.op import Array, Number, op
from ._checks import (
    NO_CAST,
    NO_DIFFERENCE_OF_BOOLS,
    NO_DIFFERENCE_WITH_BOOL,
    not_negative,
    number,
    require_floating,
    torch_size,
)
from ._promotion import is_bool, promoted, to_inexact
from ._reduction import (
    check_reduction,
    clamp_value_min,
    hinge,
    legacy_reduction,
    reduce_loss,
    require_mean_dtype,
    warn_of_sizes,
)
from ._shapes import broadcast_shapes
from .pointwise import abs as magnitude

F = ("nn.functional",)


def _pair(input: Array, target: Array) -> tuple[Array, Array]:
    """Both in their common shape; a warning where that is not the shape of each."""
    warn_of_sizes(input, target)
    shape = broadcast_shapes(input.shape, target.shape)
    return jnp.broadcast_to(input, shape), jnp.broadcast_to(target, shape)


def _weighted(loss: Array, input: Array, weight: Array, reduction: str) -> Array:
    """The loss times weight; the mean divides by the sum of the weights."""
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")
    weighted = loss * weight
    if reduction == "mean":
        return jnp.sum(weighted) / jnp.sum(weight)
    return reduce_loss(weighted, reduction)


@op(promote="common", public=F)
def mse_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Array:
    """(input - target)^2, element by element, then reduced. See torch.nn.functional.mse_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    require_floating("mse_cpu", input)
    x, y = _pair(input, target)
    difference = x - y
    loss = difference * difference
    if weight is not None:
        return _weighted(loss, input, weight, reduction)
    return reduce_loss(loss, reduction)


@op(promote="common", public=F, saves=())
def l1_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Array:
    """|input - target|, element by element, then reduced. See torch.nn.functional.l1_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    require_mean_dtype(input, reduction)
    x, y = _pair(input, target)
    loss = magnitude(x - y)
    if weight is not None:
        return _weighted(loss, input, weight, reduction)
    return reduce_loss(loss, reduction)


@op(promote="common", public=F)
def smooth_l1_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: Number = 1.0,
) -> Array:
    """0.5 d^2 / beta where d = |input - target| < beta, d - 0.5 beta elsewhere, then reduced.

    See torch.nn.functional.smooth_l1_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    require_floating("smooth_l1_cpu", input)
    x, y = _pair(input, target)
    distance = magnitude(x - y)
    beta = number(beta, input)
    near = 0.5 * distance * distance / jnp.where(beta == 0, jnp.ones_like(beta), beta)
    return reduce_loss(jnp.where(distance < beta, near, distance - 0.5 * beta), reduction)


@op(promote="common", public=F)
def huber_loss(
    input: Array,
    target: Array,
    reduction: str = "mean",
    delta: Number = 1.0,
    weight: Array | None = None,
) -> Array:
    """0.5 d^2 where d = |input - target| <= delta, delta (d - 0.5 delta) elsewhere, then reduced.

    See torch.nn.functional.huber_loss."""
    check_reduction(reduction)
    require_floating("huber_cpu", input)
    x, y = _pair(input, target)
    distance = magnitude(x - y)
    delta = number(delta, input)
    far = delta * (distance - 0.5 * delta)
    loss = jnp.where(distance <= delta, 0.5 * distance * distance, far)
    if weight is not None:
        if weight.shape != input.shape:
            raise ValueError("Weights and input must have the same size.")
        loss = loss * weight  # the mean is over the elements here, unlike in mse_loss
    return reduce_loss(loss, reduction)


@op(promote="common", public=F, lacks={"bool integer": NO_CAST})
def soft_margin_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """log(1 + exp(-target * input)), target 1 or -1, then reduced.

    See torch.nn.functional.soft_margin_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    broadcast_shapes(input.shape, target.shape)
    return reduce_loss(jax.nn.softplus(-target * input), reduction)


@op(public=F, saves=(), lacks="complex")
def hinge_embedding_loss(
    input: Array,
    target: Array,
    margin: Number = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """input where target is 1, max(0, margin - input) where it is -1, then reduced.

    See torch.nn.functional.hinge_embedding_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if is_bool(input):
        raise RuntimeError(NO_DIFFERENCE_OF_BOOLS)
    require_mean_dtype(input, reduction)
    broadcast_shapes(input.shape, target.shape)
    zero = jnp.zeros_like(input)
    apart = jnp.where(target != 1, hinge(number(margin, input) - input), zero)
    together = jnp.where(target != -1, input, zero)
    return reduce_loss(apart + together, reduction)


@op(
    promote="common",
    public=F,
    saves=(),
    lacks={"bool": NO_DIFFERENCE_OF_BOOLS, "complex": None},
)
def margin_ranking_loss(
    input1: Array,
    input2: Array,
    target: Array,
    margin: Number = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """max(0, margin - target * (input1 - input2)), then reduced.

    See torch.nn.functional.margin_ranking_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        shapes = [torch_size(a.shape) for a in (input1, input2, target)]
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {shapes[0]}, input2: {shapes[1]}, target: {shapes[2]} "
        )
    broadcast_shapes(input1.shape, input2.shape, target.shape)
    loss = to_inexact(-target * (input1 - input2))
    return reduce_loss(hinge(loss + number(margin, loss)), reduction)


@op(promote="float", public=F, saves=(), lacks={"bool": NO_DIFFERENCE_WITH_BOOL})
def poisson_nll_loss(
    input: Array,
    target: Array,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: Number = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """exp(input) - target * input (or input - target * log(input + eps)), then reduced.

    `full` adds Stirling's approximation of log(target!).
    See torch.nn.functional.poisson_nll_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    broadcast_shapes(input.shape, target.shape)
    if log_input:
        loss = jnp.exp(input) - target * input
    else:
        loss = input - target * jnp.log(input + number(eps, input))
    if full:
        counted = target > 1
        safe = jnp.where(counted, target, jnp.ones_like(target))
        stirling = safe * jnp.log(safe) - safe + 0.5 * jnp.log(2 * math.pi * safe)
        loss = loss + jnp.where(counted, stirling, jnp.zeros_like(stirling))
    return reduce_loss(loss, reduction)


def _spreads_over_one_dim(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether the shapes are the same but for one dim, which is 1."""
    different = [n for n, m in zip(shape, wanted, strict=False) if n != m]
    return len(shape) == len(wanted) and different == [1]


@op(
    public=F,
    saves=(),
    accepts={"var": not_negative},
    lacks={"bool integer": NO_CAST, "complex": None},
)
def gaussian_nll_loss(
    input: Array,
    target: Array,
    var: Array | Number,
    full: bool = False,
    eps: Number = 1e-6,
    reduction: str = "mean",
) -> Array:
    """0.5 (log(var) + (input - target)^2 / var), var at least eps, then reduced.

    A negative entry of a tensor `var` is not reported: it counts as eps.
    See torch.nn.functional.gaussian_nll_loss."""
    if isinstance(var, (int, float)) and var < 0:
        raise ValueError("var has negative entry/entries")
    input, target, var = promoted(input, target, var, to_float=True)
    if var.ndim and var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = var[..., None]
        elif not _spreads_over_one_dim(var.shape, input.shape):
            raise ValueError("var is of incorrect size")
    check_reduction(reduction)
    broadcast_shapes(input.shape, target.shape)
    var = clamp_value_min(var, eps)
    difference = input - target
    loss = 0.5 * (jnp.log(var) + difference * difference / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduce_loss(loss, reduction)
