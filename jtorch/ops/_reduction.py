"""How losses end: the mean, the sum or all elements, and PyTorch's older names for the choice.

Also the warning about a target of another size, and the straight-through clamp of PyTorch's
denominators. Used by loss.py, cross_entropy.py and distance.py.
"""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp

from .._core.op import Array, Number
from ._checks import number, torch_size
from ._promotion import title


def legacy_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction, where one of the deprecated arguments may be given. Checks its name."""
    if size_average is not None or reduce is not None:
        if reduce is not None and not reduce:
            reduction = "none"
        else:
            reduction = "sum" if size_average is not None and not size_average else "mean"
        warnings.warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction='{reduction}' instead.",
            stacklevel=2,
        )
    check_reduction(reduction)
    return reduction


def check_reduction(reduction: str) -> None:
    """ValueError for a name that is none of PyTorch's three."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")


def require_mean_dtype(loss: Array, reduction: str) -> None:
    """RuntimeError, in PyTorch's words, for the mean of integers."""
    if reduction == "mean" and not jnp.issubdtype(loss.dtype, jnp.inexact):
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point "
            f"or complex dtype. Got: {title(loss)}"
        )


def reduce_loss(loss: Array, reduction: str) -> Array:
    """All elements, their mean or their sum."""
    if reduction == "none":
        return loss
    return jnp.mean(loss) if reduction == "mean" else jnp.sum(loss)


def warn_of_sizes(input: Array, target: Array) -> None:
    """PyTorch's warning where broadcasting a target is probably a mistake."""
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({torch_size(target.shape)}) that is different to the input "
            f"size ({torch_size(input.shape)}). This will likely lead to incorrect results due "
            "to broadcasting. Please ensure they have the same size.",
            stacklevel=2,
        )


def clamp_value_min(input: Array, low: Number) -> Array:
    """max(input, low), of which the gradient knows nothing: PyTorch clamps these under no_grad."""
    value = jax.lax.stop_gradient(input)
    return jnp.maximum(value, number(low, input)) + (input - value)


def hinge(input: Array) -> Array:
    """max(0, input), with gradient 1 at 0, as `clamp_min(0)` has."""
    return jnp.where(input < 0, jnp.zeros_like(input), input)
