"""PyTorch's internal functions that are more than one op: batch_norm with its statistics, which
writes the running ones, segments whose lengths are checked, and others under torch.ops.aten.

The rows are in ops/internal.py and ops/norm.py; _aten.py makes the namespace.
"""

from __future__ import annotations

from typing import Any

from .._core.alias import cell_of
from .._core.device import CPU
from .._core.dtype import uint8
from .._core.program import host
from .._core.tensor import Tensor
from .._expose import row
from ..ops._shapes import wrap_dim
from .creation import empty
from .normalisation import native_batch_norm

_segments = row("_segment_reduce")


def _native_batch_norm_legit(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Any,
    running_var: Any,
    training: Any,
    momentum: Any = None,
    eps: Any = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """batch_norm, and the mean and 1 / deviation of the batch if `training`, which also moves the
    running statistics. The second overload has none: (input, weight, bias, training, momentum,
    eps)."""
    if isinstance(running_mean, bool):
        training, momentum, eps = running_mean, running_var, training
        running_mean = running_var = None
    if not training and (running_mean is None or running_var is None):
        raise RuntimeError("running_mean and running_var must be defined in evaluation mode")
    return native_batch_norm(
        input, weight, bias, running_mean, running_var, training, momentum, eps
    )


def _batch_norm_with_update(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """batch_norm in training, the statistics of the batch, and an empty reserve."""
    results = _native_batch_norm_legit(
        input, weight, bias, running_mean, running_var, True, momentum, eps
    )
    return *results, empty(0, dtype=uint8, device=input.device)


def _segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
) -> Tensor:
    """One number for each segment of an axis. Lengths that are at hand on the CPU are checked,
    unless `unsafe`. See torch.segment_reduce."""
    cell = None if lengths is None or unsafe or offsets is not None else cell_of(lengths)
    if cell is not None and cell.array is not None and cell.aval.device is CPU:
        values = host(cell)
        if (values < 0).any():
            raise RuntimeError("lengths contains negative value!")
        if (values.sum(-1) != data.shape[axis]).any():
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to "
                "data.size(lengths.dim()-1) when !unsafe."
            )
    return _segments(
        data, reduce, lengths=lengths, offsets=offsets, axis=axis, unsafe=unsafe, initial=initial
    )


def native_dropout_backward(grad_output: Tensor, mask: Tensor, scale: float) -> Tensor:
    """grad_output * mask * scale."""
    return grad_output * (mask.to(grad_output.dtype) * scale)


def slice_(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """The view input[start:end:step] of a dimension."""
    if not input.dim():
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    before = (slice(None),) * wrap_dim(dim, input.dim())
    return input[(*before, slice(start, end, step))]


FUNCTIONS = [_native_batch_norm_legit, _segment_reduce]
# name -> function, of torch.ops.aten.
ATEN = {f.__name__: f for f in (_batch_norm_with_update, native_dropout_backward, *FUNCTIONS)}
ATEN["slice"] = slice_
