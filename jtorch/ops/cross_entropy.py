"""Losses over classes and probabilities: cross_entropy and nll_loss, binary ones, kl_div, margins.

The class of a target is picked from the input itself, not from its log_softmax: measured forward
and backward on two CPU cores at 1024 x 8192, 16 ms and no temporaries, against 30 ms and 32 MiB
(58 ms when picked by comparison). A program can't raise for a target out of range: such a loss is
NaN. What losses share is in _reduction.py; activation.py has log_softmax.
"""

from __future__ import annotations

import functools
import warnings

import jax
import jax.numpy as jnp

from .._core.dtype import BOOL, INTEGER, int64, uint8
from .._core.op import Array, Number, op
from ._checks import (
    NO_DIFFERENCE_OF_BOOLS,
    dtype_of,
    is_floating,
    is_portion,
    listed,
    require_floating,
    torch_size,
    widen,
)
from ._promotion import promoted, title
from ._reduction import legacy_reduction, reduce_loss
from ._shapes import broadcast_shapes

F = ("nn.functional",)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _log_sum_exp(input: Array, dim: int) -> Array:
    """log(sum(exp(input))). Its derivative is computed anew from input and output, so that a
    program does not keep exp(input)."""
    return jnp.log(jnp.sum(jnp.exp(input), axis=dim, keepdims=True))


@_log_sum_exp.defjvp
def _log_sum_exp_jvp(dim: int, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (input,), (tangent,) = primals, tangents
    output = _log_sum_exp(input, dim)
    return output, jnp.sum(jnp.exp(input - output) * tangent, axis=dim, keepdims=True)


def _check_classes(input: Array, target: Array, weight: Array | None, reduction: str) -> int:
    """PyTorch's checks of an input (N, C, ...) and a target (N, ...). Returns the class dim."""
    if input.ndim < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {input.ndim})")
    if input.ndim > 1 and target.shape[:1] != input.shape[:1]:
        batch = target.shape[0] if target.ndim else 0
        raise ValueError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({batch})."
        )
    if dtype_of(target) not in (int64, uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {title(target)}")
    if input.ndim <= 2:
        if target.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input.ndim == 1 and target.shape and (target.shape != (1,) or reduction == "none"):
            raise RuntimeError(
                f"size mismatch (got input: {listed(input.shape)}, target: {listed(target.shape)})"
            )
    else:
        _check_spatial(input, target)
    classes = input.shape[0 if input.ndim == 1 else 1]
    if weight is not None:
        if weight.shape != (classes,):
            raise RuntimeError(
                f"weight tensor should be defined either for all {classes} classes or no "
                f"classes but got weight tensor of shape: {listed(weight.shape)}"
            )
        if weight.dtype != input.dtype:
            raise RuntimeError(f"expected scalar type {title(input)} but found {title(weight)}")
    return 0 if input.ndim == 1 else 1


def _check_spatial(input: Array, target: Array) -> None:
    expected = (input.shape[0], *input.shape[2:])
    if target.shape == expected:
        return
    if input.ndim != 4:
        raise RuntimeError(f"Expected target size {listed(expected)}, got {listed(target.shape)}")
    if target.ndim != 3:
        raise RuntimeError(
            "only batches of spatial targets supported (3D tensors) but got targets of "
            f"dimension: {target.ndim}"
        )
    raise RuntimeError(
        f"size mismatch (got input: {listed(input.shape)} , target: {listed(target.shape)}"
    )


class _Classes:
    """The target classes of an input: which class is meant, what counts, and with which weight."""

    def __init__(
        self,
        shape: tuple[int, ...],
        target: Array,
        weight: Array | None,
        ignore_index: int,
        dim: int,
    ) -> None:
        self.dim = dim
        classes = shape[dim]
        if len(shape) == 1:
            target = target.reshape(())
        self.counted = target != ignore_index
        self.valid = ((target >= 0) & (target < classes)) | ~self.counted
        self.numbers = jnp.where(self.counted, target, 0)
        self.weight = None if weight is None else jnp.take(weight, self.numbers, mode="clip")

    def pick(self, values: Array) -> Array:
        """The value at each target's class."""
        index = jnp.expand_dims(self.numbers, self.dim)
        picked = jnp.take_along_axis(values, index, axis=self.dim, mode="clip")
        return jnp.squeeze(picked, self.dim)

    def finish(self, loss: Array, weighted: bool) -> Array:
        """Zero for what is ignored, NaN for what is out of range, times the class weight."""
        if weighted and self.weight is not None:
            loss = loss * self.weight
        loss = jnp.where(self.valid, loss, jnp.full_like(loss, jnp.nan))
        return jnp.where(self.counted, loss, jnp.zeros_like(loss))

    def total(self, dtype: jnp.dtype) -> Array:
        """What a mean divides by: the weights, or the number, of the targets that count."""
        if self.weight is None:
            return jnp.sum(self.counted, dtype=jnp.int32).astype(dtype)
        return jnp.sum(jnp.where(self.counted, self.weight, jnp.zeros_like(self.weight)))


def _reduce_classes(loss: Array, classes: _Classes, reduction: str) -> Array:
    if reduction == "mean":
        return jnp.sum(loss) / classes.total(loss.dtype)
    return reduce_loss(loss, reduction)


@op(public=F, saves=("input",))
def nll_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """-weight[target] * input[target] over the class dim of an input (N, C, ...), then reduced;
    the mean divides by the sum of the weights. See torch.nn.functional.nll_loss."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    dim = _check_classes(input, target, weight, reduction)
    require_floating("nll_loss_out_frame", input)
    classes = _Classes(input.shape, target, weight, ignore_index, dim)
    loss = classes.finish(-classes.pick(widen(input)), weighted=True)
    return _reduce_classes(loss, classes, reduction).astype(input.dtype)


@op(public=F, saves=(), accepts={"label_smoothing": is_portion})
def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: Number = 0.0,
) -> Array:
    """-log(softmax(input))[target] over the class dim of an input (N, C, ...), then reduced.

    Target: classes (N, ...), or probabilities of the shape of input.
    See torch.nn.functional.cross_entropy."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if isinstance(label_smoothing, (int, float)) and not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    if target.shape == input.shape:
        return _soft_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)
    require_floating("log_softmax_lastdim_kernel_impl", input)
    dim = _check_classes(input, target, weight, reduction)
    x = widen(input)
    largest = jax.lax.stop_gradient(jnp.max(x, axis=dim, keepdims=True))
    shifted = x - largest
    log_sum = _log_sum_exp(shifted, dim)
    classes = _Classes(input.shape, target, weight, ignore_index, dim)
    picked = classes.pick(x) - jnp.squeeze(largest, dim)
    loss = classes.finish(jnp.squeeze(log_sum, dim) - picked, weighted=True)
    result = _reduce_classes(loss, classes, reduction)
    if not (isinstance(label_smoothing, (int, float)) and label_smoothing == 0):
        smooth = _smooth_part(log_sum - shifted, weight, classes, reduction)
        portion = jnp.asarray(label_smoothing, result.dtype)
        result = (1 - portion) * result + smooth * (portion / input.shape[dim])
    return result.astype(input.dtype)


@op(name="_linear_cross_entropy", public=(), saves=())
def linear_cross_entropy(
    input: Array,
    linear_weight: Array,
    target: Array,
    linear_bias: Array | None,
    weight: Array | None,
    ignore_index: int,
    reduction: str,
    chunk: int,
) -> Array:
    """cross_entropy of input linear_weight^T + linear_bias, (N, E) and (C, E), for classes (N).

    Only the logits of `chunk` samples exist at a time; the backward computes them anew."""

    def loss_of(sample: tuple[Array, Array]) -> Array:
        x, meant = sample
        logits = jnp.matmul(linear_weight, x, preferred_element_type=widen(x).dtype)
        if linear_bias is not None:
            logits = logits + linear_bias.astype(logits.dtype)
        scale = None if weight is None else weight.astype(logits.dtype)
        return cross_entropy(logits, meant, scale, None, ignore_index, None, "none")

    losses = jax.lax.map(jax.checkpoint(loss_of), (input, target), batch_size=chunk)
    shape = (input.shape[0], linear_weight.shape[0])
    classes = _Classes(shape, target, weight, ignore_index, 1)
    return _reduce_classes(losses, classes, reduction).astype(input.dtype)


def _smooth_part(surprise: Array, weight: Array | None, classes: _Classes, reduction: str) -> Array:
    """The loss against all classes alike; `surprise` is -log(softmax(input))."""
    dim = classes.dim
    if weight is not None:
        surprise = surprise * weight.reshape((-1,) + (1,) * (surprise.ndim - dim - 1))
    loss = classes.finish(jnp.sum(surprise, axis=dim), weighted=False)
    return _reduce_classes(loss, classes, reduction)


def _soft_cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: Number,
) -> Array:
    """cross_entropy with probabilities for target."""
    if not is_floating(target):
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {title(target)}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    require_floating("log_softmax_lastdim_kernel_impl", input)
    dim = 0 if input.ndim == 1 else 1
    count = input.shape[dim] if input.ndim else 1
    if weight is not None and weight.shape != (count,):
        raise RuntimeError(
            "cross_entropy: weight tensor should be defined either for all "
            f"{count} classes or no classes but got weight tensor of shape: {listed(weight.shape)}"
        )
    dtype = jnp.promote_types(input.dtype, target.dtype)
    if not (isinstance(label_smoothing, (int, float)) and label_smoothing == 0):
        portion = jnp.asarray(label_smoothing, target.dtype)
        target = target * (1 - portion) + portion / count
    shape, x = input.shape, jnp.atleast_1d(widen(input))
    dim = min(dim, x.ndim - 1)
    surprise = -jax.nn.log_softmax(x, axis=dim) * target.reshape(x.shape)
    if weight is not None:
        surprise = surprise * weight.reshape((-1,) + (1,) * (surprise.ndim - dim - 1))
    loss = jnp.sum(surprise, axis=dim)
    if reduction == "mean":
        samples = input.size // count if len(shape) > 1 else 1
        return (jnp.sum(loss) / samples).astype(dtype)
    return reduce_loss(loss, reduction).astype(dtype)


@jax.custom_jvp
def _binary_cross_entropy(input: Array, target: Array) -> Array:
    """-(target log(input) + (1 - target) log(1 - input)), logarithms at least -100."""
    log_one = jnp.maximum(jnp.log(input), -100)
    log_zero = jnp.maximum(jnp.log1p(-input), -100)
    return (target - 1) * log_zero - target * log_one


@_binary_cross_entropy.defjvp
def _binary_cross_entropy_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """PyTorch's derivative: (input - target) / max(input (1 - input), 1e-12)."""
    input, target = primals
    slope = (input - target) / jnp.maximum((1 - input) * input, 1e-12)
    target_slope = jnp.log1p(-input) - jnp.log(input)
    tangent = slope * tangents[0] + target_slope * tangents[1]
    return _binary_cross_entropy(input, target), tangent


@op(public=F)
def binary_cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """-(target log(input) + (1 - target) log(1 - input)), then reduced.

    An input outside 0..1 is not reported. See torch.nn.functional.binary_cross_entropy."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({torch_size(target.shape)}) that is different to the input "
            f"size ({torch_size(input.shape)}) is deprecated. "
            "Please ensure they have the same size."
        )
    require_floating("binary_cross_entropy", input)
    if target.dtype != input.dtype:
        raise RuntimeError(f"Found dtype {title(target)} but expected {title(input)}")
    loss = _binary_cross_entropy(widen(input), widen(target)).astype(input.dtype)
    if weight is not None:
        broadcast_shapes(weight.shape, input.shape)
        loss = loss * weight
    return reduce_loss(loss, reduction)


@op(public=F)
def binary_cross_entropy_with_logits(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> Array:
    """binary_cross_entropy of sigmoid(input), without its overflow; pos_weight multiplies the
    part of target 1. See torch.nn.functional.binary_cross_entropy_with_logits."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if input.shape != target.shape:
        raise ValueError(
            f"Target size ({torch_size(target.shape)}) must be the same as input size "
            f"({torch_size(input.shape)})"
        )
    require_floating("log_sigmoid_cpu", input)
    kind = dtype_of(target).category
    if kind == BOOL:
        raise RuntimeError(NO_DIFFERENCE_OF_BOOLS)
    if kind == INTEGER:
        raise RuntimeError(
            f"result type {title(input)} can't be cast to the desired output type {title(target)}"
        )
    log_sigmoid = jax.nn.log_sigmoid(input)
    if pos_weight is not None:
        broadcast_shapes(pos_weight.shape, input.shape)
        log_sigmoid = ((pos_weight - 1) * target + 1) * log_sigmoid
    loss = (1 - target) * input - log_sigmoid
    if weight is not None:
        broadcast_shapes(weight.shape, input.shape)
        loss = loss * weight
    return reduce_loss(loss, reduction)


@op(public=F, saves=())
def kl_div(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Array:
    """target (log(target) - input), then reduced; "batchmean" is the sum over the batch size.

    See torch.nn.functional.kl_div."""
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size. 'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition. 'mean' will be changed to behave the same as 'batchmean' in the next "
            "major release.",
            stacklevel=2,
        )
    if reduction != "batchmean" or size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce, reduction)
    if not is_floating(input) or not is_floating(target):
        raise RuntimeError("kl_div: Integral inputs not supported.")
    input, target = promoted(input, target)
    broadcast_shapes(input.shape, target.shape)
    if log_target:
        loss = jnp.exp(target) * (target - input)
    else:
        loss = jax.scipy.special.xlogy(target, target) - target * input
    if reduction == "batchmean":
        return jnp.sum(loss) / (input.shape[0] if input.ndim else 1)
    return reduce_loss(loss, reduction)
