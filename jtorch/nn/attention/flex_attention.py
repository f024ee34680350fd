"""Attention with a function for the scores and a mask by blocks. See
torch.nn.attention.flex_attention.

The scores are computed whole, in one program with what is before and after; XLA decides what of it
is built. Gradients go through on every device, and to Tensors that a `score_mod` refers to.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

from ..._core.dtype import float32, float64
from ..._core.tensor import Tensor
from ..._expose import row
from ...functions.creation import full_like
from ._block_mask import (
    BlockMask,
    Mod,
    and_masks,
    create_block_mask,
    create_mask,
    lifted,
    noop_mask,
    of_a_slice,
    or_masks,
    places_of,
)

_where, _repeat = row("where"), row("repeat_interleave")
_softmax, _logsumexp, _amax = row("softmax"), row("logsumexp"), row("amax")


class AuxRequest(NamedTuple):
    """What flex_attention is to return besides. lse: the logarithm of the sum of exponentials of
    the scores, (B, H, L).  max_scores: their maximum, (B, H, L)."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What an AuxRequest asked for; None for the rest."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: Mod | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: dict[str, Any] | None = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    """softmax(score_mod(scale * query @ key^T)) @ value, where `block_mask` shows it: query (B, Hq,
    L, E), key (B, Hkv, S, E), value (B, Hkv, S, Ev) -> (B, Hq, L, Ev). Half precision is computed
    in float32; a query that sees no key gets zeros.

    score_mod: a function of a score and its places (score, b, h, q_idx, kv_idx), 0-d Tensors.
    scale: 1 / sqrt(E) unless given. enable_gqa: Hq may be a multiple of Hkv. return_aux: what to
    return besides, as a pair with an AuxOutput; return_lse: the old way to ask for the lse.
    kernel_options: for the kernels of PyTorch; they change nothing here. ValueError for sizes that
    don't fit, NotImplementedError for other than four dimensions. See
    torch.nn.attention.flex_attention.flex_attention."""
    _check(query, key, value, block_mask, enable_gqa)
    if return_lse:
        if return_aux is not None:
            raise ValueError(
                "Cannot specify both return_lse and return_aux. return_lse is deprecated, please "
                "use return_aux=AuxRequest(lse=True) instead."
            )
        warnings.warn(
            "return_lse is deprecated and will be removed in v2.10. "
            "Please use return_aux=AuxRequest(lse=True) instead.",
            FutureWarning,
            stacklevel=2,
        )
    asked = AuxRequest(lse=return_lse) if return_aux is None else return_aux
    key, value = (_like_heads(x, query) for x in (key, value))
    scores = _scores(query, key, scale)
    if score_mod is not None:
        sizes = tuple(scores.shape)
        scores = lifted(score_mod, scores, places_of(sizes, query.device)).to(scores.dtype)
    if block_mask is not None:
        scores = _where(block_mask.shown(query, key), scores, full_like(scores, -math.inf))
    best = _amax(scores, -1)
    blind = best.isneginf()
    weights = _softmax(scores, -1).masked_fill(blind.unsqueeze(-1), 0.0)
    output = weights.to(query.dtype) @ value.to(query.dtype)
    lse = _logsumexp(scores, -1) if asked.lse else None
    if return_aux is not None:
        return output, AuxOutput(lse, best if asked.max_scores else None)
    return (output, lse) if return_lse else output


def _scores(query: Tensor, key: Tensor, scale: float | None) -> Tensor:
    """(B, H, L, S), of float32 or float64."""
    kind = float64 if query.dtype is float64 else float32
    product = query.to(kind) @ key.to(kind).transpose(-2, -1)
    return product * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)


def _like_heads(x: Tensor, query: Tensor) -> Tensor:
    """Keys or values for each head, and each example, of the queries."""
    if x.shape[1] != query.shape[1]:
        x = _repeat(x, query.shape[1] // x.shape[1], 1)
    return x.expand(query.shape[0], -1, -1, -1)


def _check(
    query: Tensor, key: Tensor, value: Tensor, block_mask: BlockMask | None, enable_gqa: bool
) -> None:
    if query.device != key.device or query.device != value.device:
        raise ValueError(
            "Expected query, key, and value to have the same device type, but got query.device: "
            f"{query.device}, key.device: {key.device}, and value.device: {value.device} instead."
        )
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            "Expect query and key/value to have the same embedding dimension but got "
            f"E={query.shape[-1]} and E={key.shape[-1]}."
        )
    if not query.dim() == key.dim() == value.dim() == 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    heads, others = query.shape[1], key.shape[1]
    if not enable_gqa and heads != others:
        raise ValueError(
            "Expect query and key/value to have the same number of heads but got "
            f"Hq={heads} and Hkv={others}. Try setting enable_gqa=True for GQA."
        )
    if heads % others:
        raise ValueError(
            "Expect number of query heads to be a multiple of kv heads for GQA but got "
            f"Hq={heads} and Hkv={others}."
        )
    if query.shape[0] != key.shape[0] and block_mask is None:
        raise ValueError(
            "Expect query and key/value to have the same batch size, or non-none block_mask, but "
            f"got block_mask=None, Bq={query.shape[0]}, and Bkv={key.shape[0]}."
        )
    if block_mask is not None:
        _check_mask(query, key, block_mask)


def _check_mask(query: Tensor, key: Tensor, block_mask: BlockMask) -> None:
    if block_mask.mask_mod is of_a_slice:
        raise RuntimeError("Cannot use mask_mod from a sliced BlockMask")
    lengths = query.shape[-2], key.shape[-2]
    found = block_mask.shape[-2:]
    said = (
        f"block_mask was created for block_mask.shape={block_mask.shape} but got "
        f"q_len={lengths[0]} and kv_len={lengths[1]}. As the block mask was created for a "
    )
    if lengths[0] > found[0] or lengths[1] > found[1]:
        raise ValueError(
            f"{said}smaller length than you're using it for, you likely need to create a new block "
            "mask."
        )
    if lengths != found:
        raise ValueError(
            f"{said}larger length than you're using it for, you can either 1. create a new block "
            "mask with the correct length, or 2. 'adjust' the existing block mask to the correct "
            "length by calling block_mask._adjust(q_len, kv_len). This essentially 'crops' the "
            "block mask to the upper left corner, which does not work for all mask_mods!"
        )
    if query.device != block_mask.kv_num_blocks.device:
        raise RuntimeError(
            "Expect q/k/v and block_mask to be on the same device but got "
            f"{query.device} and {block_mask.kv_num_blocks.device}."
        )


__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]
