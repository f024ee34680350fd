"""What functions on Tensors do with a sparse one as an object: casts, copies, autograd, facts.

Most are the same function on the values, or on the Tensor itself, whose cell holds the values.
Arithmetic is in arithmetic.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._core import backward
from ..._core.overrides import overridable
from ..._core.record import copy_
from ..._core.tensor import Tensor
from .. import conversion, creation, facts, shaping
from .kind import (
    TABLE,
    SparseTensor,
    become,
    implements,
    pattern_of,
    title,
    values_of,
    with_pattern,
)
from .pattern import Compressed, Coordinates

CASTS = ("to", "cpu", "cuda", "float", "double", "half", "long", "int", "short", "bool", "byte")
CASTS += ("char", "bfloat16", "cfloat", "cdouble", "pin_memory", "share_memory_")
# Functions of the values.
ON_VALUES = [conversion.METHODS[name] for name in CASTS]
ON_VALUES += [shaping.clone, conversion.detach, Tensor.detach, creation.as_tensor]
# Functions of the Tensor itself, of which they ask no more than attributes and its cell.
ON_ITSELF = [facts.is_tensor, facts.is_floating_point, facts.is_complex, facts.is_signed]
ON_ITSELF += [facts.numel, facts.is_same_size, facts.get_device, facts.is_nonzero]
ON_ITSELF += [facts.result_type, facts.is_conj, facts.is_neg]
ON_ITSELF += [facts.resolve_conj, facts.resolve_neg]
ON_ITSELF += [Tensor.requires_grad_, Tensor.detach_, conversion.detach_]
ON_ITSELF += [backward.backward, backward.retain_grad, backward.register_post_accumulate_grad_hook]


def on_values(function: Callable) -> Callable:
    """A function of the values, whose result has the pattern; the Tensor itself where the result
    is the values themselves."""

    def implementation(input: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(input, Tensor):
            return NotImplemented
        plain = [values_of(a) if isinstance(a, SparseTensor) else a for a in (input, *args)]
        found = function(*plain, **kwargs)
        if not isinstance(input, SparseTensor):
            return found
        return input if found is plain[0] else with_pattern(found, input._pattern)

    return implementation


for _function in map(overridable, ON_VALUES):
    TABLE[_function] = on_values(_function)
for _function in ON_ITSELF:
    TABLE[overridable(_function)] = getattr(overridable(_function), "__wrapped__", _function)


@implements(overridable(conversion.METHODS["type_as"]))
def type_as(input: Any, other: Any) -> Tensor:
    """The Tensor with the dtype of another of its layout."""
    if input.layout is not other.layout:
        raise RuntimeError(
            "to(options) doesn't support converting to a different layout, but got self.layout "
            f"being {title(input)} and options.layout set as {title(other)}"
        )
    return input.to(other.dtype)


@implements(overridable(conversion.METHODS["type"]))
def type_(input: Any, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the type; or the Tensor with another dtype."""
    found = conversion.type_(values_of(input), dtype, non_blocking)
    if isinstance(found, str):
        place, _, name = found.rpartition(".")
        return f"{place}.sparse.{name}"
    return with_pattern(found, input._pattern)


@implements(overridable(creation.tensor))
def tensor(data: Any, **options: Any) -> Tensor:
    """A copy, with another dtype or on another device."""
    if not isinstance(data, SparseTensor):
        return NotImplemented
    return with_pattern(creation.tensor(values_of(data), **options), pattern_of(data))


@implements(overridable(copy_))
def copy(input: Any, src: Any, non_blocking: bool = False) -> Tensor:
    """The entries of another sparse Tensor, in place."""
    if input.layout is not src.layout:
        raise RuntimeError("copy_() between dense and sparse Tensors is not implemented!")
    if input.shape != src.shape:
        raise RuntimeError(f"copy_() of a size {list(src.shape)} to a size {list(input.shape)}")
    return become(input, src.to(input.device, input.dtype, copy=True))


@implements(overridable(conversion.zero_))
def zero_(input: Any) -> Tensor:
    """Zeros in place of all values; the pattern stays."""
    conversion.zero_(values_of(input))
    return input


@implements(overridable(creation.zeros_like))
def zeros_like(input: Any, *, dtype: Any = None, device: Any = None, **options: Any) -> Tensor:
    """A Tensor of the same size without entries."""
    pattern, values = input._pattern, values_of(input)
    empty = creation.zeros(
        (0, *values.shape[1:]), dtype=dtype or input.dtype, device=device or input.device
    )
    if isinstance(pattern, Compressed):
        crow = creation.zeros_like(pattern.crow_indices)
        return with_pattern(empty, Compressed(crow, pattern.col_indices[:0], pattern.size))
    return with_pattern(empty, Coordinates(pattern.indices[:, :0], pattern.size, True))


# ------------------------------------------------------------------------------------------ reading


@implements(overridable(Tensor.numpy))
def numpy(input: Any, **_: Any) -> Any:
    """TypeError."""
    raise TypeError(
        f"can't convert {title(input)} layout tensor to numpy. Use Tensor.to_dense() first."
    )


@implements(overridable(Tensor.tolist))
def tolist(input: Any) -> Any:
    """RuntimeError."""
    raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")


@implements(overridable(Tensor.item))
def item(input: Any) -> Any:
    """The value of a Tensor of one element."""
    return input.to_dense().item()
