"""Looking up rows: embedding, embedding_bag, one_hot of nn.functional.

The ops are in jtorch/ops/embedding.py; here is what writes to the table (max_norm) or has to read
values (one_hot without num_classes). Read nn/functional.py next.
"""

from __future__ import annotations

import warnings

from .._core.dtype import TITLES, int32, int64
from .._core.grad_mode import no_grad
from .._core.op import ROWS
from .._core.record import record_inplace
from .._core.tensor import Tensor
from .._expose import row
from .lookups import at_hand, check_classes, outside
from .sparse.rows import may_be_sparse, with_sparse_gradient

_embedding = row("_embedding")
_one_hot = row("_one_hot")
where = row("where")


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """weight[input]: (*), (V, D) -> (*, D). The row of padding_idx gets no gradient; rows longer
    than max_norm are shortened in place. sparse: the gradient of a weight that is a leaf is of
    layout sparse_coo in `weight.grad`; it has entries, zeros, for padding_idx too.

    Differs from PyTorch: `autograd.grad` doesn't reach a weight with sparse gradients.

    See torch.nn.functional.embedding."""
    if padding_idx is not None:
        count = weight.size(0)
        if not -count <= padding_idx < count:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= count
    if isinstance(weight, Tensor) and weight.dim() == 2:
        check_classes(input, weight.size(0), None, "index out of range in self")
    if max_norm is not None:
        with no_grad():
            record_inplace(ROWS["_embedding_renorm"], (weight, input, max_norm, norm_type), {})
    if not sparse or scale_grad_by_freq or not may_be_sparse(weight):
        return _embedding(input, weight, padding_idx, scale_grad_by_freq)
    rows = with_sparse_gradient(_embedding(input, weight.detach()), weight, input)
    if padding_idx is None:
        return rows
    return where((input == padding_idx).unsqueeze(-1), rows.detach(), rows)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows of each bag. Bags: the rows of a 2-d input, or the parts
    of a 1-d one that start at offsets. `sparse` changes nothing: gradients are dense here.

    See torch.nn.functional.embedding_bag."""
    if weight.dtype is int64 and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. "
            "Usage `embedding_bag(weight, input, ...)` is deprecated, "
            "and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    _check_bags(input, weight, offsets, per_sample_weights)
    _check_mode(mode, scale_grad_by_freq, sparse, per_sample_weights)
    _check_values(input, weight.size(0), offsets, include_last_offset)
    if padding_idx is not None:
        count = weight.size(0)
        if not -count <= padding_idx < count:
            raise RuntimeError(
                f"padding_idx must be within the number of embeddings, {-count} through "
                f"{count - 1}, but got {padding_idx}"
            )
        padding_idx %= count
    if max_norm is not None:
        embedding_renorm_(weight, input, max_norm, norm_type)
    options = (mode, per_sample_weights, include_last_offset, padding_idx, scale_grad_by_freq)
    return row("_embedding_bag")(input, weight, offsets, *options)


def _check_bags(
    input: Tensor, weight: Tensor, offsets: Tensor | None, per_sample_weights: Tensor | None
) -> None:
    """PyTorch's checks of the shapes."""
    if per_sample_weights is not None and input.size() != per_sample_weights.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, "
            f"then it must have the same shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(
            f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}"
        )
    if input.dim() not in (1, 2):
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    if input.dim() == 2 and offsets is not None:
        raise ValueError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
            f"fixed length sequences. However, found offsets of type {type(offsets)}"
        )
    if input.dim() == 1 and offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets is not None and offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")


def _check_mode(
    mode: str, scale_grad_by_freq: bool, sparse: bool, per_sample_weights: Tensor | None
) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )


def _check_values(
    input: Tensor, count: int, offsets: Tensor | None, include_last_offset: bool
) -> None:
    """PyTorch's checks of the values, where they are at hand."""
    for tensor in (input, offsets):
        if tensor is not None and tensor.dtype not in (int64, int32):
            raise RuntimeError(
                "Expected tensor for argument #1 'indices' to have one of the following scalar "
                f"types: Long, Int; but got torch.{TITLES[tensor.dtype]}Tensor instead (while "
                "checking arguments for embedding_bag)"
            )
    if offsets is not None and include_last_offset and not len(offsets):
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    starts = at_hand(offsets)
    if offsets is not None and starts is not None and starts.size:
        if starts[0] != 0:
            kind = TITLES[offsets.dtype]
            raise RuntimeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start "
                f"from position 0. However, got {starts[0]}\n[ torch.{kind}Tensor{{}} ]"
            )
        if starts[-1] > len(input):
            raise RuntimeError(
                f"offsets[-1] can not be greater than input's length {len(input)} but got "
                f"offsets[-1] of {starts[-1]}"
            )
    indices, wrong = at_hand(input), outside(input, 0, count)
    if indices is not None and wrong is not None:
        place = indices.reshape(-1).tolist().index(wrong)
        raise RuntimeError(
            f"Index {place} of input takes value {wrong} which is not in the valid range "
            f"[0, {count})"
        )


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class, 0 elsewhere: (*) -> (*, num_classes). Without num_classes the largest class
    is read, which materialises; with it, a class out of range raises where its value is at hand,
    and gives zeros otherwise.

    See torch.nn.functional.one_hot."""
    if num_classes == -1:
        if not tensor.numel():
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        if int(tensor.min()) < 0:
            raise RuntimeError("Class values must be non-negative.")
        num_classes = int(tensor.max()) + 1
    wrong = outside(tensor, 0, num_classes) if num_classes > 0 else None
    if wrong is not None:
        words = "non-negative" if wrong < 0 else "smaller than num_classes"
        raise RuntimeError(f"Class values must be {words}.")
    return _one_hot(tensor, num_classes)


def _by_weight(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """weight[indices]: nn.functional.embedding with the table first; -1 is no padding_idx.

    See torch.embedding."""
    padding = None if padding_idx == -1 else padding_idx
    return embedding(indices, weight, padding, None, 2.0, scale_grad_by_freq, sparse)


def embedding_renorm_(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """The rows at indices shortened in place to max_norm. See torch.embedding_renorm_."""
    with no_grad():
        return record_inplace(ROWS["_embedding_renorm"], (weight, indices, max_norm, norm_type), {})


_by_weight.__name__ = _by_weight.__qualname__ = "embedding"
FUNCTIONS = [_by_weight, embedding_renorm_]
