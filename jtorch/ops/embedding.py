"""Looking up rows: embedding, one_hot.

What writes to the table (max_norm) or has to read the classes (one_hot without num_classes) is
finished in nn/functional.py. Gathering in general is in gather.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from .._core.dtype import int32, int64
from .._core.op import Array, Number, op
from ._checks import dtype_of
from ._promotion import title
from .norms import linalg_vector_norm

PRIVATE = ()


@op(name="_embedding", public=PRIVATE)
def embedding(
    input: Array,
    weight: Array,
    padding_idx: int | None = None,
    scale_grad_by_freq: bool = False,
) -> Array:
    """weight[input]. A program can't raise for an index out of range: such a row is NaN."""
    if dtype_of(input) not in (int64, int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{title(input)}Tensor instead (while checking arguments for "
            "embedding)"
        )
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    count = weight.shape[0]
    wanted = jnp.where(input < 0, count, input)  # a negative index is none, as in PyTorch
    output = jnp.take(weight, wanted, axis=0, mode="fill")
    if padding_idx is not None:
        frozen = (input == padding_idx)[..., None]
        output = jnp.where(frozen, jax.lax.stop_gradient(output), output)
    if scale_grad_by_freq:
        times = jnp.zeros(count, jnp.int32).at[input].add(1)[input][..., None]
        share = 1 / jnp.maximum(times, 1).astype(weight.dtype)
        output = jax.lax.stop_gradient(output * (1 - share)) + output * share
    return output


@op(name="_embedding_renorm", public=PRIVATE, differentiable=False)
def embedding_renorm(weight: Array, input: Array, max_norm: Number, norm_type: float) -> Array:
    """weight with the rows that input names scaled down to a norm of at most max_norm."""
    lengths = linalg_vector_norm(weight, norm_type, 1, True)
    limit = jnp.asarray(max_norm, weight.dtype)
    named = jnp.zeros(weight.shape[0], bool).at[input].set(True)[:, None]
    shorter = weight * (limit / (lengths + jnp.asarray(1e-7, weight.dtype)))
    return jnp.where(named & (lengths > limit), shorter, weight)


@op(name="_one_hot", public=PRIVATE, differentiable=False)
def one_hot(tensor: Array, num_classes: int) -> Array:
    """1 at the class, 0 elsewhere: (*) -> (*, num_classes)."""
    if dtype_of(tensor) is not int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if num_classes <= 0:
        raise RuntimeError("Class values must be smaller than num_classes.")
    shape = (*tensor.shape, num_classes)
    numbers = jax.lax.broadcasted_iota(jnp.int64, shape, tensor.ndim)
    return (numbers == tensor[..., None]).astype(jnp.int64)


_WEIGHTS = (
    "Expected tensor for argument #1 'weight' to have one of the following scalar types: "
    "Half, BFloat16, Float, Double"
)


@op(
    name="_embedding_bag",
    public=PRIVATE,
    saves=(),
    lacks={"bool integer complex": _WEIGHTS},
)
def embedding_bag(
    input: Array,
    weight: Array,
    offsets: Array | None,
    mode: str,
    per_sample_weights: Array | None,
    include_last_offset: bool,
    padding_idx: int | None,
    scale_grad_by_freq: bool,
) -> Array:
    """The sum, mean or maximum of weight's rows in each bag. Bags: the rows of a 2-d input, or the
    parts of a 1-d one that start at offsets."""
    if input.ndim == 2:
        bags = input.shape[0]
        owner = jnp.repeat(jnp.arange(bags), input.shape[1])
    else:
        assert offsets is not None  # F.embedding_bag asks for them where input is 1-d
        bags = offsets.shape[0] - include_last_offset
        starts = offsets[:bags]
        owner = jnp.searchsorted(starts, jnp.arange(input.size), side="right") - 1
    flat = input.reshape(-1)
    rows = embedding(flat, weight, None, scale_grad_by_freq)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    counted = jnp.ones(flat.shape, bool) if padding_idx is None else flat != padding_idx
    times = jax.ops.segment_sum(counted.astype(weight.dtype), owner, bags)[:, None]
    if mode == "max":
        rows = jnp.where(counted[:, None], rows, -jnp.inf)
        return jnp.where(times > 0, jax.ops.segment_max(rows, owner, bags), 0)
    rows = jnp.where(counted[:, None], rows, jnp.zeros_like(rows))
    total = jax.ops.segment_sum(rows, owner, bags)
    return total / jnp.maximum(times, 1) if mode == "mean" else total
