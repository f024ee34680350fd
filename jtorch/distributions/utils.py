"""What distributions have in common: broadcasting of parameters, probabilities and logits,
attributes that are computed when first asked for, triangles of matrices as vectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

from .._core.dtype import dtype, get_default_dtype
from ._functions import Tensor, broadcast_tensors, enable_grad, finfo, pad, randn, tensor

euler_constant = 0.57721566490153286060
Number = (int, float, bool)


def is_tensor_like(value: Any) -> bool:
    """Whether a value is a Tensor, or of a class that overrides functions of Tensors."""
    return isinstance(value, Tensor) or hasattr(value, "__torch_function__")


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors and numbers as Tensors of one shape.

    Numbers get the dtype and device of the first Tensor; without any, the default dtype.
    ValueError for anything else. See torch.distributions.utils.broadcast_all.
    """
    if not all(is_tensor_like(v) or isinstance(v, Number) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing "
            "__torch_function__."
        )
    first = next((v for v in values if isinstance(v, Tensor)), None)
    options: dict[str, Any] = {"dtype": get_default_dtype()}
    if first is not None:
        options = {"dtype": first.dtype, "device": first.device}
    tensors = tuple(v if is_tensor_like(v) else tensor(v, **options) for v in values)
    if all(t.shape == tensors[0].shape for t in tensors):
        return tensors  # without views of them, which would have to be computed
    return broadcast_tensors(*tensors)


def all_numbers(*values: Any) -> bool:
    """Whether all of the parameters are Python numbers: then the batch has no dimensions."""
    return all(isinstance(v, Number) for v in values)


def _standard_normal(shape: Sequence[int], dtype: dtype, device: Any) -> Tensor:
    return randn(tuple(shape), dtype=dtype, device=device)


def _sum_rightmost(value: Any, dim: int) -> Any:
    """The sum over the last `dim` dimensions."""
    if dim == 0:
        return value
    return value.reshape((*value.shape[:-dim], -1)).sum(-1)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of log odds (binary), or of log probabilities up to a constant along the last
    dimension. See torch.distributions.utils.logits_to_probs."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities within [eps, 1 - eps], eps that of the dtype.

    See torch.distributions.utils.clamp_probs.
    """
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Log odds of probabilities (binary), or their logarithms.

    See torch.distributions.utils.probs_to_logits.
    """
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()


class lazy_property:
    """A method as an attribute that is computed when it is first read, then kept.

    See torch.distributions.utils.lazy_property.
    """

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        update_wrapper(self, wrapped)  # pyright: ignore[reportArgumentType]

    def __get__(self, instance: Any, obj_type: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        instance.__dict__[self.wrapped.__name__] = value
        return value


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements of (..., n, n) on and below a diagonal, row by row, as (..., elements).

    See torch.distributions.utils.tril_matrix_to_vec.
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    places = [row * n + column for row in range(n) for column in range(min(row + diag + 1, n))]
    index = tensor(places, device=mat.device).long()
    return mat.reshape((*mat.shape[:-2], n * n)).index_select(-1, index)


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The inverse of `tril_matrix_to_vec`: (..., elements) as (..., n, n), zero above the diagonal.

    See torch.distributions.utils.vec_to_tril_matrix.
    """
    count = vec.shape[-1]
    odd = 1 + 2 * diag
    size = (-odd + math.sqrt(odd**2 + 8 * count + 4 * abs(diag) * (diag + 1))) / 2
    n = round(size)
    if n - size > finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower "
            "triangular part of a square D x D matrix."
        )
    elements = iter(range(count))
    places = [
        next(elements) if column < row + diag + 1 else count
        for row in range(n)
        for column in range(n)
    ]
    index = tensor(places, device=vec.device).long()
    return pad(vec, [0, 1]).index_select(-1, index).reshape((*vec.shape[:-1], n, n))


__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]
