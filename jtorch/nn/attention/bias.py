"""Causal biases for scaled_dot_product_attention. See torch.nn.attention.bias."""

from __future__ import annotations

import enum
import warnings
from typing import Any

from ..._core.dtype import bool_
from ..._core.tensor import Tensor
from ..._expose import row
from ...functions.creation import ones
from .. import functional as F

_tril = row("tril")


class CausalVariant(enum.IntEnum):
    """Which corner the triangle of a causal bias starts from, where there are more keys than
    queries. See torch.nn.attention.bias.CausalVariant."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias:
    """The attn_mask under which no query sees a later key: (seq_len_q, seq_len_kv), never built
    where attention has a flag for it.

    Differs from PyTorch: it is no Tensor. See torch.nn.attention.bias.CausalBias."""

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> None:
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant).__name__}")
        self.variant = variant
        self.seq_len_q = seq_len_q
        self.seq_len_kv = seq_len_kv
        if seq_len_q > seq_len_kv and variant == CausalVariant.LOWER_RIGHT:
            warnings.warn(
                "Lower right causal bias will produce NaNs in the output when seq_len_q > "
                "seq_len_kv!",
                stacklevel=2,
            )

    def _materialize(self, device: Any = None) -> Tensor:
        """The bias as booleans, true where a query sees a key."""
        lower_right = self.variant == CausalVariant.LOWER_RIGHT
        offset = self.seq_len_kv - self.seq_len_q if lower_right else 0
        whole = ones(self.seq_len_q, self.seq_len_kv, dtype=bool_, device=device)
        return _tril(whole, offset)

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func is not F.scaled_dot_product_attention:
            return NotImplemented
        return _attend(*args, **(kwargs or {}))

    def __repr__(self) -> str:
        return repr(self._materialize())


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: CausalBias,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    if is_causal:
        raise ValueError("CausalBias should not be used with causal=True")
    square = attn_mask.seq_len_q == attn_mask.seq_len_kv
    causal = square or attn_mask.variant == CausalVariant.UPPER_LEFT
    mask = None if causal else attn_mask._materialize(query.device)
    options = {"scale": scale, "enable_gqa": enable_gqa}
    return F.scaled_dot_product_attention(query, key, value, mask, dropout_p, causal, **options)


def causal_upper_left(*size: int) -> CausalBias:
    """Query i sees the keys up to i. See torch.nn.attention.bias.causal_upper_left."""
    return _of_size("causal_upper_left", CausalVariant.UPPER_LEFT, size)


def causal_lower_right(*size: int) -> CausalBias:
    """The last query sees all keys, the one before all but the last.

    See torch.nn.attention.bias.causal_lower_right."""
    return _of_size("causal_lower_right", CausalVariant.LOWER_RIGHT, size)


def _of_size(name: str, variant: CausalVariant, size: tuple[int, ...]) -> CausalBias:
    if len(size) != 2:
        raise AssertionError(f"{name} only supports 2D tensors")
    return CausalBias(variant, *size)


__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]
