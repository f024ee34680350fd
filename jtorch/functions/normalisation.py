"""Normalisation that writes to its arguments: batch_norm and instance_norm, and torch's forms.

The ops are in jtorch/ops/norm.py. Read nn/functional.py next.
"""

from __future__ import annotations

import math

from .._core.op import ROWS
from .._core.record import record, record_inplace
from .._core.tensor import Tensor
from .._expose import row
from ..ops.norm import statistics_kind
from .creation import empty

_batch_norm_train = row("_batch_norm_train")
batch_norm_eval = row("_batch_norm_eval")
_instance_norm = row("_instance_norm")
BATCH_STATISTICS = ROWS["_batch_statistics"]
MOVE_MEAN, MOVE_VAR = ROWS["_move_mean"], ROWS["_move_var"]


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias by channel (dim 1).

    In training, mean and variance are the batch's, and the running ones are moved by momentum.
    See torch.nn.functional.batch_norm."""
    if training and eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    if not training:
        for name, value in (("running_mean", running_mean), ("running_var", running_var)):
            if value is None:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
        return batch_norm_eval(input, running_mean, running_var, weight, bias, eps)
    shape = input.shape
    if len(shape) > 1 and math.prod(shape) == shape[1]:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {shape}"
        )
    for name, value in (("running_mean", running_mean), ("running_var", running_var)):
        if value is not None and len(shape) > 1 and value.numel() != shape[1]:
            raise RuntimeError(f"{name} should contain {shape[1]} elements not {value.numel()}")
    return standardise_batch(input, weight, bias, running_mean, running_var, momentum, eps)


def standardise_batch(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    momentum: float,
    eps: float,
) -> Tensor:
    """batch_norm by the statistics of the batch, towards which the running ones are moved."""
    output = _batch_norm_train(input, weight, bias, eps)
    _move(input, running_mean, running_var, momentum, False)
    return output


def _move(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    momentum: float,
    by_sample: bool,
) -> None:
    if not input.numel():  # no statistics to move towards
        return
    if running_mean is not None:
        record_inplace(MOVE_MEAN, (running_mean, input, momentum), {})
    if running_var is not None:
        record_inplace(MOVE_VAR, (running_var, input, momentum, by_sample), {})


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """batch_norm of each sample by itself. See torch.nn.functional.instance_norm."""
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when use_input_stats is false"
            )
        return batch_norm_eval(input, running_mean, running_var, weight, bias, eps)
    if math.prod(input.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {input.shape}"
        )
    output = _instance_norm(input, weight, bias, eps)
    _move(input, running_mean, running_var, momentum, True)
    return output


# ------------------------------------------------------------------- under torch, in another order


def _torch_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """nn.functional.batch_norm. See torch.batch_norm."""
    return batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def _torch_instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """nn.functional.instance_norm. See torch.instance_norm."""
    statistics = (running_mean, running_var)
    return instance_norm(input, *statistics, weight, bias, use_input_stats, momentum, eps)


def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """batch_norm, the mean and 1 / deviation of the batch (nothing where it is not training).

    See torch.native_batch_norm."""
    given = (input, weight, bias, running_mean, running_var)
    kind = statistics_kind(*(t.dtype for t in given if t is not None))
    if not training:
        output = batch_norm_eval(input, running_mean, running_var, weight, bias, eps)
        mean, inverse = (empty(0, dtype=kind, device=input.device) for _ in range(2))
        return output, mean, inverse
    statistics = record(BATCH_STATISTICS, input, eps, kind)
    output = standardise_batch(input, weight, bias, running_mean, running_var, momentum, eps)
    return output, *statistics


_torch_batch_norm.__name__ = _torch_batch_norm.__qualname__ = "batch_norm"
_torch_instance_norm.__name__ = _torch_instance_norm.__qualname__ = "instance_norm"
FUNCTIONS = [_torch_batch_norm, _torch_instance_norm, native_batch_norm]
