"""Attention of nn.functional: scaled_dot_product_attention and multi_head_attention_forward.

The ops are in jtorch/ops/attention.py; here is what drops out weights, and the projections into
heads and back. Read functional.py next.
"""

from __future__ import annotations

import math
import warnings

from .._core.dtype import bool_, dtype
from .._core.tensor import Tensor
from .._expose import row
from ..functions.creation import zeros_like
from ..functions.dropout import dropout

_attention = row("_attention")
_attention_weights = row("_attention_weights")
_attention_values = row("_attention_values")
_baddbmm, _bmm = row("baddbmm"), row("bmm")
_cat, _linear, _pad, _softmax = row("cat"), row("linear"), row("pad"), row("_softmax")


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query key^T scale + mask) value: (*, L, E), (*, S, E), (*, S, V) -> (*, L, V).

    See torch.nn.functional.scaled_dot_product_attention."""
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p:g}")
    if dropout_p == 0:
        return _attention(query, key, value, attn_mask, is_causal, scale, enable_gqa)
    weights = _attention_weights(query, key, value, attn_mask, is_causal, scale, enable_gqa)
    return _attention_values(dropout(weights, dropout_p), value, enable_gqa)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def _is_batched(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None
) -> bool:
    """Whether query is (L, N, E), not (L, E), after PyTorch's checks of the numbers of dims."""
    dims = query.dim()
    _require(
        dims in (2, 3),
        f"query should be unbatched 2D or batched 3D tensor but received {dims}-D query tensor",
    )
    start = f"For {'batched' if dims == 3 else 'unbatched'} ({dims}-D) `query`, expected"
    _require(
        key.dim() == value.dim() == dims,
        f"{start} `key` and `value` to be {dims}-D but found {key.dim()}-D and "
        f"{value.dim()}-D tensors respectively",
    )
    _require(
        padding is None or padding.dim() == dims - 1,
        f"{start} `key_padding_mask` to be `None` or {dims - 1}-D but found another tensor instead",
    )
    _require(
        mask is None or mask.dim() in (2, 3),
        f"{start} `attn_mask` to be `None`, 2-D or 3-D but found another tensor instead",
    )
    return dims == 3


def additive_masks(
    mask: Tensor | None,
    padding: Tensor | None,
    kind: dtype,
    name: str = "attn_mask",
    padding_name: str = "key_padding_mask",
) -> list[Tensor | None]:
    """Both masks as what is added to the scores: booleans as -inf where they are true.

    kind: the dtype of the scores. They should be of the same dtype; the names are for the words."""
    found = []
    for given, other, names in (
        (padding, mask, (padding_name, name)),
        (mask, None, (name, padding_name)),
    ):
        if given is not None and not given.is_floating_point():
            known = given.dtype is bool_
            _require(known, f"only bool and floating types of {names[0]} are supported")
        if given is not None and other is not None and given.dtype is not other.dtype:
            warnings.warn(
                f"Support for mismatched {names[0]} and {names[1]} is deprecated. Use same type "
                "for both instead.",
                stacklevel=3,
            )
        if given is not None and given.dtype is bool_:
            given = zeros_like(given, dtype=kind).masked_fill_(given, -math.inf)
        found.append(given)
    return found[::-1]


def _checked_mask(mask: Tensor | None, sizes: tuple[int, int], heads: int) -> Tensor | None:
    """The mask with three dims, of which the first may be 1."""
    if mask is None:
        return None
    expected = sizes if mask.dim() == 2 else (heads, *sizes)
    if tuple(mask.shape) != expected:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {expected}."
        )
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _merged(
    mask: Tensor | None, padding: Tensor | None, more: int, num_heads: int
) -> Tensor | None:
    """The sum of the masks, (1 or N * heads, 1 or L, S), with `more` sources that none hides."""
    if padding is not None:
        batch, sources = padding.shape
        by_head = padding.reshape(batch, 1, 1, sources).expand(-1, num_heads, -1, -1)
        padding = by_head.reshape(batch * num_heads, 1, sources)
        mask = padding if mask is None else mask + padding
    return _pad(mask, (0, more)) if mask is not None and more else mask


def _check_sizes(
    query: Tensor, key: Tensor, value: Tensor, expected: int, num_heads: int, separate: bool
) -> None:
    embed_dim = query.shape[2]
    _require(
        embed_dim == expected,
        f"was expecting embedding dimension of {expected}, but got {embed_dim}",
    )
    _require(
        embed_dim % num_heads == 0, f"embed_dim {embed_dim} not divisible by num_heads {num_heads}"
    )
    count = 2 if separate else 3
    _require(
        key.shape[:count] == value.shape[:count],
        f"key shape {key.shape} does not match value shape {value.shape}",
    )


def _projected(
    inputs: tuple[Tensor, Tensor, Tensor],
    weights: tuple[Tensor | None, ...] | None,
    packed: Tensor | None,
    bias: Tensor | None,
) -> list[Tensor]:
    """query, key and value through their projections, given one by one or packed into one."""
    if weights is None:
        if packed is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        weights = packed.chunk(3)
    for name, weight in zip("qkv", weights, strict=True):
        _require(
            weight is not None,
            f"use_separate_proj_weight is True but {name}_proj_weight is None",
        )
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return [_linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]


def _with_biases(
    k: Tensor, v: Tensor, bias_k: Tensor | None, bias_v: Tensor | None, free: bool
) -> list[Tensor]:
    """Keys and values with one more of each, the same in the whole batch."""
    if bias_k is None or bias_v is None:
        _require(bias_k is None, "bias_k is set but bias_v is None")
        _require(bias_v is None, "bias_v is set but bias_k is None")
        return [k, v]
    _require(free, "bias cannot be added to static key or value.")
    return [_cat([x, b.expand(1, x.shape[1], -1)]) for x, b in ((k, bias_k), (v, bias_v))]


def _in_heads(
    q: Tensor, k: Tensor, v: Tensor, static_k: Tensor | None, static_v: Tensor | None, heads: int
) -> list[Tensor]:
    """(L, N, E) as (N * heads, L, E / heads), or what stands for keys and values from the start."""
    size = q.shape[1] * q.shape[2] // heads
    found = []
    for name, x, static in (("", q, None), ("static_k", k, static_k), ("static_v", v, static_v)):
        if static is None:
            found.append(x.reshape(-1, heads, size).transpose(0, 1))
            continue
        for dim, wanted in ((0, heads), (2, size)):
            got = static.shape[dim]
            _require(got == wanted, f"expecting {name}.size({dim}) of {wanted}, but got {got}")
        found.append(static)
    return found


def _attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    dropout_p: float,
    causal: bool,
    batch: int,
    need_weights: bool,
) -> tuple[Tensor, Tensor | None]:
    """The heads' outputs, and if wanted their weights (N, heads, L, S) after dropout."""
    if need_weights:
        scaled, keys = q * math.sqrt(1 / q.shape[-1]), k.transpose(-2, -1)
        scores = _bmm(scaled, keys) if mask is None else _baddbmm(mask, scaled, keys)
        weights = _softmax(scores, -1)
        if dropout_p > 0:
            weights = dropout(weights, dropout_p)
        return weights @ v, weights.reshape(batch, -1, *weights.shape[1:])
    query, key, value = (x.reshape(batch, -1, *x.shape[1:]) for x in (q, k, v))
    if mask is not None:
        mask = mask.unsqueeze(0) if len(mask) == 1 else mask.reshape(batch, -1, *mask.shape[1:])
    output = scaled_dot_product_attention(query, key, value, mask, dropout_p, causal)
    return output.reshape(q.shape[0], *output.shape[2:]), None


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Heads of softmax(q k^T / sqrt(E / heads) + masks) v, of projections of query (L, N, E), key
    and value (S, N, E), projected to (L, N, E); and the weights (N, L, S).

    See torch.nn.functional.multi_head_attention_forward."""
    batched = _is_batched(query, key, value, key_padding_mask, attn_mask)
    if not batched:
        query, key, value = (x.unsqueeze(1) for x in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, embed_dim = query.shape
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    causal = is_causal and key_padding_mask is None and not need_weights
    attn_mask, padding = additive_masks(attn_mask, key_padding_mask, query.dtype)
    _check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    mask = _checked_mask(None if causal else attn_mask, (length, key.shape[0]), batch * num_heads)
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected((query, key, value), separate, in_proj_weight, in_proj_bias)
    k, v = _with_biases(k, v, bias_k, bias_v, static_k is None and static_v is None)
    q, k, v = _in_heads(q, k, v, static_k, static_v, batch * num_heads)
    if add_zero_attn:
        k, v = (_cat([x, x.new_zeros(x.shape[0], 1, x.shape[2])], 1) for x in (k, v))
    mask = _merged(mask, padding, (bias_k is not None) + add_zero_attn, num_heads)
    options = (dropout_p if training else 0.0, causal, batch, need_weights)
    output, weights = _attend(q, k, v, mask, *options)
    output = output.transpose(0, 1).reshape(length, batch, embed_dim)
    output = _linear(output, out_proj_weight, out_proj_bias)
    weights = weights.mean(1) if weights is not None and average_attn_weights else weights
    if batched:
        return output, weights
    return output.squeeze(1), None if weights is None else weights.squeeze(0)
