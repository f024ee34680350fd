"""Distances between vectors, and the losses that are made of them: cosines, triplets, margins.

Norms themselves are in norms.py, losses between single elements in loss.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from .._core.dtype import int64
from .._core.op import Array, Number, op
from ._checks import NO_DIFFERENCE_OF_BOOLS, dtype_of, not_negative, number, require_floating
from ._promotion import is_number, promoted, title, to_inexact
from ._reduction import clamp_value_min, hinge, legacy_reduction, reduce_loss
from ._shapes import broadcast_shapes, wrap_dim
from .norms import linalg_vector_norm

F = ("nn.functional",)
F_AND_TORCH = ("torch", "nn.functional")


@op(
    promote="common",
    public=F_AND_TORCH,
    accepts={"eps": not_negative},
    lacks={"complex": "expected common dtype to be floating point, yet common dtype is {}"},
)
def cosine_similarity(x1: Array, x2: Array, dim: int = 1, eps: Number = 1e-8) -> Array:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along dim. See torch.cosine_similarity."""
    if not jnp.issubdtype(x1.dtype, jnp.inexact):
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {title(x1)}"
        )
    if is_number(eps) and not eps >= 0:
        raise RuntimeError(f"eps must be non-negative, got: {eps:g}")
    shape = broadcast_shapes(x1.shape, x2.shape)
    dim = wrap_dim(dim, len(shape))
    units = []
    for x in (x1, x2):
        x = jnp.broadcast_to(x, shape)
        length = linalg_vector_norm(x, 2, dim if shape else None, True)
        units.append(x / clamp_value_min(length, eps))
    product = units[0] * units[1]
    return jnp.sum(product, axis=dim) if shape else product


@op(promote="float", public=F_AND_TORCH, saves=("output",), lacks={"bool": NO_DIFFERENCE_OF_BOOLS})
def pairwise_distance(
    x1: Array, x2: Array, p: float = 2.0, eps: Number = 1e-6, keepdim: bool = False
) -> Array:
    """The p-norm of x1 - x2 + eps over the last dim. See torch.pairwise_distance."""
    broadcast_shapes(x1.shape, x2.shape)
    return linalg_vector_norm(x1 - x2 + number(eps, x1), p, -1, keepdim)


@op(public=F)
def normalize(input: Array, p: float = 2.0, dim: int = 1, eps: Number = 1e-12) -> Array:
    """input / max(its p-norm along dim, eps). See torch.nn.functional.normalize."""
    length = linalg_vector_norm(input, p, dim, True)
    low = number(eps, length)
    return input / jnp.where(length < low, low, length)


@op(public=F, lacks="complex")
def cosine_embedding_loss(
    input1: Array,
    input2: Array,
    target: Array,
    margin: Number = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """1 - cos where target is 1, max(0, cos - margin) where it is -1; inputs (N, D), target (N).

    See torch.nn.functional.cosine_embedding_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.ndim != target.ndim + 1 or input2.ndim != target.ndim + 1:
        expected = "1D" if target.ndim == 0 else "2D"
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {expected} input tensors, but found inputs "
            f"with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    broadcast_shapes(input1.shape, input2.shape)
    lengths = [to_inexact(jnp.sum(x * x, axis=-1)) for x in (input1, input2)]
    input1, input2 = promoted(input1, input2)
    product = jnp.sum(input1 * input2, axis=-1)
    product, *lengths = promoted(product, *lengths, to_float=True)
    # PyTorch adds its epsilon to the squares here, and not in cosine_similarity.
    first, second = (length + number(1e-12, length) for length in lengths)
    cosine = product / jnp.sqrt(first * second)
    broadcast_shapes(target.shape, cosine.shape)
    zero = jnp.zeros_like(cosine)
    alike = jnp.where(target == 1, 1 - cosine, zero)
    unlike = jnp.where(target == -1, hinge(cosine - number(margin, cosine)), zero)
    return reduce_loss(alike + unlike, reduction)


@op(promote="float", public=F, saves=(), lacks={"bool": NO_DIFFERENCE_OF_BOOLS})
def triplet_margin_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2,
    eps: Number = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """max(0, margin + |anchor - positive| - |anchor - negative|), then reduced.

    See torch.nn.functional.triplet_margin_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and "
            f"negative {negative.ndim}D inputs"
        )
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = jnp.minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduce_loss(hinge(number(margin, near) + near - far), reduction)


def _as_rows(name: str, input: Array, target: Array) -> tuple[Array, Array]:
    """Input with at least one dim, target of its leading shape, after PyTorch's checks."""
    if input.ndim > 2 or (input.ndim and 0 in input.shape[-1:]):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, "
            f"but got: {list(input.shape)}"
        )
    require_floating(name, input)
    if dtype_of(target) is not int64:
        raise RuntimeError(f"expected scalar type Long but found {title(target)}")
    return jnp.atleast_1d(input), target


@op(public=F)
def multi_margin_loss(
    input: Array,
    target: Array,
    p: int = 1,
    margin: Number = 1.0,
    weight: Array | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """sum over i != y of max(0, margin - input[y] + input[i])^p / C, y the target class.

    See torch.nn.functional.multi_margin_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    input, target = _as_rows("multi_margin_loss", input, target)
    classes = input.shape[-1]
    if target.shape != input.shape[:-1] and not (input.ndim == 1 and target.shape == (1,)):
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of "
            f"input samples (batch size). Expected target size [{input.shape[0]}], "
            f"but got {list(target.shape)}. Input has shape {list(input.shape)}."
        )
    if weight is not None and weight.shape != (classes,):
        raise RuntimeError(
            f"inconsistent weight size, expected {classes} but got {list(weight.shape)}"
        )
    meant = target.reshape(input.shape[:-1] + (1,))
    chosen = jnp.take_along_axis(input, meant, axis=-1, mode="clip")
    excess = number(margin, input) - chosen + input
    # The gradient is 0 where the margin is just met, unlike in clamp_min.
    loss = jnp.where(excess > 0, excess, jnp.zeros_like(excess)) ** p
    if weight is not None:
        loss = loss * jnp.take(weight, meant, mode="clip")
    others = jax.lax.broadcasted_iota(meant.dtype, input.shape, input.ndim - 1) != meant
    loss = jnp.sum(jnp.where(others, loss, jnp.zeros_like(loss)), axis=-1) / classes
    return reduce_loss(loss.reshape(target.shape), reduction)


@op(public=F)
def multilabel_margin_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """sum over target classes y and other classes i of max(0, 1 - input[y] + input[i]) / C.

    Target: class numbers up to the first -1. See torch.nn.functional.multilabel_margin_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    input, target = _as_rows("multilabel_margin_loss", input, target)
    if target.shape != input.shape and (target.size, input.size) != (1, 1):
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    target = target.reshape(input.shape)
    classes = input.shape[-1]
    listed = jnp.cumprod(target >= 0, axis=-1).astype(bool)
    numbers = jnp.arange(classes)
    hits = listed[..., :, None] & (target[..., :, None] == numbers)
    is_target = jnp.any(hits, axis=-2)
    chosen = jnp.take_along_axis(input, jnp.where(listed, target, 0), axis=-1, mode="clip")
    excess = 1 - chosen[..., :, None] + input[..., None, :]
    counted = listed[..., :, None] & ~is_target[..., None, :] & (excess > 0)
    loss = jnp.sum(jnp.where(counted, excess, jnp.zeros_like(excess)), axis=(-2, -1)) / classes
    return reduce_loss(loss, reduction)


@op(promote="common", public=F, lacks="integer complex")
def multilabel_soft_margin_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """The mean over classes of binary_cross_entropy_with_logits, then reduced.

    See torch.nn.functional.multilabel_soft_margin_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    broadcast_shapes(target.shape, input.shape)
    positive = target * jax.nn.log_sigmoid(input)
    loss = -(positive + (1 - target) * jax.nn.log_sigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return reduce_loss(jnp.mean(loss, axis=-1), reduction)


@op(
    public=F_AND_TORCH,
    saves=("input", "output"),
    lacks={"bool integer complex": "pdist only supports floating-point dtypes"},
)
def pdist(input: Array, p: float = 2) -> Array:
    """The p-norm distances of all pairs of rows: (N, M) -> (N (N - 1) / 2). See torch.pdist."""
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    first, second = np.triu_indices(input.shape[0], 1)
    return linalg_vector_norm(input[first] - input[second], p, -1)
