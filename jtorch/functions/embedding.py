"""Looking up rows: embedding, embedding_bag, one_hot of nn.functional.

The ops are in jtorch/ops/embedding.py; here is what writes to the table (max_norm) or has to read
values (one_hot without num_classes). Read nn/functional.py next.
"""

from __future__ import annotations

from .._core.grad_mode import no_grad
from .._core.op import ROWS
from .._core.record import record_inplace
from .._core.tensor import Tensor
from .._expose import row
from .lookups import check_classes, outside
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
    of a 1-d one that start at offsets. `sparse` and `scale_grad_by_freq` change nothing.

    See torch.nn.functional.embedding_bag."""
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
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
    wrong = outside(input, 0, weight.size(0))
    if wrong is not None:
        raise RuntimeError(
            f"an index of input takes value {wrong} which is not in the valid range "
            f"[0, {weight.size(0)})"
        )
    if padding_idx is not None:
        padding_idx %= weight.size(0)
    if max_norm is not None:
        with no_grad():
            record_inplace(ROWS["_embedding_renorm"], (weight, input, max_norm, norm_type), {})
    options = (mode, per_sample_weights, include_last_offset, padding_idx)
    return row("_embedding_bag")(input, weight, offsets, *options)


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
