"""Scaled dot product attention, whole and in its two halves (between which dropout may stand).

nn/functional.py has the public function, which chooses between them. On NVIDIA GPUs half-precision
attention without a mask is cuDNN's, by jax.nn.dot_product_attention, which never builds the
weights. Elsewhere it is written out: measured forward and backward on two CPU cores at 8 x 4 heads
x 128 x 32, causal, it takes 4.2 ms, jax.nn.dot_product_attention 7.1 ms.
"""

from __future__ import annotations

import math
from functools import cache, partial

import jax
import jax.numpy as jnp

from .._core.dtype import bfloat16, bool_, float16, float32
from .._core.op import Array, Number, op
from ._checks import dtype_of, widen
from ._promotion import c_name
from ._shapes import broadcast_shapes

PRIVATE = ()


def _check(
    query: Array, key: Array, value: Array, attn_mask: Array | None, is_causal: bool
) -> None:
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{c_name(query)} key.dtype: {c_name(key)} and value.dtype: {c_name(value)} instead."
        )
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.ndim} key.dim: {key.ndim} and value.dim: {value.ndim} instead."
        )
    for first, second in ((query.shape[-1], key.shape[-1]), (key.shape[-2], value.shape[-2])):
        if first != second:
            raise RuntimeError(
                "Expected size for first two dimensions of batch2 tensor to be: "
                f"[{math.prod(query.shape[:-2])}, {first}] but got: "
                f"[{math.prod(key.shape[:-2])}, {second}]."
            )
    if attn_mask is None:
        return
    if is_causal:
        raise RuntimeError(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
            "is_causal=True"
        )
    if dtype_of(attn_mask) not in (bool_, float32, dtype_of(query)):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"attn_mask.dtype: {c_name(attn_mask)} and  query.dtype: {c_name(query)} instead."
        )
    wider = query if query.ndim >= key.ndim else key
    scores = (*wider.shape[:-2], query.shape[-2], key.shape[-2])
    if len(broadcast_shapes(scores, attn_mask.shape)) > len(scores):
        raise RuntimeError(f"attn_mask has more dimensions ({attn_mask.ndim}) than the scores")


def _grouped(query: Array, key: Array, enable_gqa: bool) -> tuple[Array, Array]:
    """With grouped queries, query as (..., heads of key, group, L, E), key with a group of one."""
    if not enable_gqa or query.ndim < 3 or query.shape[-3] == key.shape[-3]:
        return query, key
    heads, groups = query.shape[-3], key.shape[-3]
    if heads % groups:
        raise RuntimeError(
            "Number of heads in key and value must divide the number of heads in query"
        )
    shape = (*query.shape[:-3], groups, heads // groups, *query.shape[-2:])
    return query.reshape(shape), jnp.expand_dims(key, -3)


def _product(left: Array, right: Array) -> Array:
    """left @ right, half precision accumulated in float32."""
    wide = widen(left).dtype
    return jnp.matmul(left, right, preferred_element_type=wide)


def _weights(
    query: Array,
    key: Array,
    attn_mask: Array | None,
    is_causal: bool,
    scale: Number | None,
    enable_gqa: bool,
) -> Array:
    """softmax(query key^T scale + mask), in float32 for half precision."""
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1])
    rows, columns = query.shape[-2], key.shape[-2]
    heads = query.shape[:-2]
    query, grouped = _grouped(query, key, enable_gqa)
    scores = _product(query, jnp.swapaxes(grouped, -1, -2))
    scores = scores * jnp.asarray(scale, scores.dtype)
    if grouped is not key:
        scores = scores.reshape(*heads, rows, columns)
    if is_causal:
        attn_mask = jnp.tril(jnp.ones((rows, columns), bool))
    if attn_mask is None:
        return jax.nn.softmax(scores, axis=-1)
    if attn_mask.dtype == bool:
        scores = jnp.where(attn_mask, scores, -jnp.inf)
    else:
        scores = scores + attn_mask.astype(scores.dtype)
    if is_causal:
        return jax.nn.softmax(scores, axis=-1)
    # Rows that are wholly masked give zeros, not NaN, in PyTorch.
    empty = jnp.all(scores == -jnp.inf, axis=-1, keepdims=True)
    weights = jax.nn.softmax(jnp.where(empty, jnp.zeros_like(scores), scores), axis=-1)
    return jnp.where(empty, jnp.zeros_like(weights), weights)


def _values(weights: Array, value: Array, enable_gqa: bool) -> Array:
    shape = (*weights.shape[:-1], value.shape[-1])
    weights, grouped = _grouped(weights, value, enable_gqa)
    output = _product(weights, grouped)
    return output if grouped is value else output.reshape(shape)


@cache
def _has_cudnn() -> bool:
    """Whether there is an NVIDIA GPU for which cuDNN has flash attention."""
    if jax.default_backend() != "gpu":
        return False
    capability = getattr(jax.local_devices()[0], "compute_capability", "")
    return float(capability) >= 8 if capability.replace(".", "", 1).isdigit() else False


def _streams(
    query: Array, key: Array, value: Array, scale: Number | None, enable_gqa: bool
) -> bool:
    """Whether cuDNN's flash attention takes these: the rules of jax.nn.dot_product_attention."""
    if dtype_of(query) not in (float16, bfloat16) or not query.ndim == key.ndim == value.ndim == 4:
        return False
    width = query.shape[-1]
    return (
        (scale is None or isinstance(scale, int | float))
        and key.shape == value.shape
        and query.shape[0] == key.shape[0]
        and (query.shape[1] == key.shape[1] or (enable_gqa and query.shape[1] % key.shape[1] == 0))
        and width % 8 == 0
        and width <= 128
        and _has_cudnn()
    )


def _stream(
    query: Array, key: Array, value: Array, *, is_causal: bool, scale: Number | None
) -> Array:
    """cuDNN's attention, for which heads stand behind the steps."""
    query, key, value = (jnp.swapaxes(x, 1, 2) for x in (query, key, value))
    attend = jax.nn.dot_product_attention
    output = attend(query, key, value, is_causal=is_causal, scale=scale, implementation="cudnn")
    return jnp.swapaxes(output, 1, 2)


def _attend(
    query: Array,
    key: Array,
    value: Array,
    *,
    attn_mask: Array | None = None,
    is_causal: bool,
    scale: Number | None,
    enable_gqa: bool = False,
) -> Array:
    weights = _weights(query, key, attn_mask, is_causal, scale, enable_gqa)
    return _values(weights.astype(query.dtype), value, enable_gqa).astype(query.dtype)


@op(
    name="_attention",
    public=PRIVATE,
    saves=("value",),
    lacks={"bool integer": "expected scalar type Float but found {}", "complex": None},
)
def attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    is_causal: bool = False,
    scale: Number | None = None,
    enable_gqa: bool = False,
) -> Array:
    """softmax(query key^T scale + mask) value."""
    _check(query, key, value, attn_mask, is_causal)
    options = {"is_causal": is_causal, "scale": scale}
    plain = partial(_attend, attn_mask=attn_mask, enable_gqa=enable_gqa, **options)
    if attn_mask is not None or not _streams(query, key, value, scale, enable_gqa):
        return plain(query, key, value)
    stream = partial(_stream, **options)
    return jax.lax.platform_dependent(query, key, value, cuda=stream, default=plain)


@op(name="_attention_weights", public=PRIVATE)
def attention_weights(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    is_causal: bool = False,
    scale: Number | None = None,
    enable_gqa: bool = False,
) -> Array:
    """softmax(query key^T scale + mask)."""
    _check(query, key, value, attn_mask, is_causal)
    return _weights(query, key, attn_mask, is_causal, scale, enable_gqa).astype(query.dtype)


@op(name="_attention_values", public=PRIVATE)
def attention_values(weights: Array, value: Array, enable_gqa: bool = False) -> Array:
    """weights value."""
    return _values(weights, value, enable_gqa).astype(weights.dtype)
