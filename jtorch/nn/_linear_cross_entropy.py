"""linear_cross_entropy: a linear layer and the cross entropy of its output in one, by pieces.

The op for pieces is in jtorch/ops/cross_entropy.py. Read functional.py next.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

from .._core.dtype import int64
from .._core.tensor import Tensor
from .._expose import row
from ..functions.lookups import check_classes
from ._losses import CHECKED

_linear, _by_pieces = row("linear"), row("_linear_cross_entropy")
_cross_entropy = CHECKED["cross_entropy"]


@dataclasses.dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How many samples' logits may exist at a time: `batch_chunk_size`, or by a rule.

    The rule "aspect_ratio:N" makes a piece's logits as large as the input, divided by N. XLA
    decides how sums are accumulated, and the graph may always be kept, so `acc_policy`,
    `acc_dtype` and `allow_retain_graph` change nothing. See torch.nn.LinearCrossEntropyOptions."""

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        _factor(self.chunking_method)
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")


def _factor(method: str | None) -> int:
    """N of "aspect_ratio:N"."""
    if method in (None, "auto"):
        return 2
    name, _, factor = method.partition(":")
    factor = factor if ":" in method else "1"
    if name != "aspect_ratio" or not factor.isdigit() or int(factor) < 1:
        raise ValueError(f"invalid chunking_method: {method!r}")
    return int(factor)


def _piece(options: Any, samples: int, features: int, classes: int) -> int:
    """How many samples make a piece."""
    size = options.batch_chunk_size
    if size is None and options.chunking_method is None:
        size = samples
    if size is None:
        fitting = -(-samples // -(-classes // features))
        size = (1 << (fitting - 1).bit_length()) // _factor(options.chunking_method)
    return max(1, min(size, samples))


def _check(
    input: Tensor, linear_weight: Tensor, linear_bias: Tensor | None
) -> tuple[int, tuple[int, ...]]:
    """PyTorch's checks of the shapes. Returns the number of classes, and the dims d of a weight
    (C, *d, E)."""
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if linear_weight.dim() < 2:
        raise RuntimeError(
            f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}"
        )
    features = input.shape[-1]
    if features != linear_weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {features} and {linear_weight.shape[-1]}, respectively"
        )
    shape = tuple(linear_weight.shape[:-1])
    if linear_bias is not None and tuple(linear_bias.shape) != shape:
        raise RuntimeError(f"expected linear_bias shape {shape}, got {tuple(linear_bias.shape)}")
    if linear_weight.dim() > 2 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} "
            f"requires batched input, (N, {features}), got unbatched input with shape "
            f"{tuple(input.shape)}"
        )
    return shape[0], shape[1:]


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """cross_entropy of input linear_weight^T + linear_bias: (N, E), (C, *d, E), (N, *d).

    With options the logits never exist as a whole. See torch.nn.functional.linear_cross_entropy."""
    classes, more = _check(input, linear_weight, linear_bias)
    shape = (*input.shape[:-1], classes, *more)
    if ignore_index is not None and tuple(target.shape) == shape:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    ignore_index = -100 if ignore_index is None else ignore_index
    if options is not None:
        fits = label_smoothing == 0 and target.dtype is int64 and not more
        if fits and reduction in ("mean", "sum", "none"):
            check_classes(target, classes, ignore_index, "Target {} is out of bounds.")
            rows = input.reshape(-1, input.shape[-1])
            piece = _piece(options, len(rows), input.shape[-1], classes)
            last = (ignore_index, reduction, piece)
            args = (rows, linear_weight, target.reshape(-1), linear_bias, weight)
            loss = _by_pieces(*args, *last)
            return loss.reshape(()) if input.dim() == 1 else loss
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in "
            "{'mean','sum','none'}, label_smoothing == 0, target.dtype == int64, "
            f"out_features == (). Got reduction={reduction!r}, label_smoothing={label_smoothing}, "
            f"target.dtype={target.dtype}, out_features={more}.",
            stacklevel=2,
        )
    if more:
        linear_weight = linear_weight.reshape(classes * math.prod(more), -1)
        linear_bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = _linear(input, linear_weight, linear_bias).reshape(shape)
    return _cross_entropy(
        logits,
        target,
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


__all__ = ["LinearCrossEntropyOptions", "linear_cross_entropy"]
