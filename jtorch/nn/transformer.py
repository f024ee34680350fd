"""Transformers (Vaswani et al., 2017): the layers of encoder and decoder, stacks of them, and both.

Attention is in multihead_attention.py. With norm_first the norms stand before the blocks (Xiong et
al., 2020) instead of behind them.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.alias import cell_of
from .._core.grad_mode import is_grad_enabled
from .._core.program import host
from .._core.tensor import Tensor
from .._core.trace import local
from .._expose import row
from ..functions.creation import full
from . import functional as F
from . import init
from ._attention import additive_masks
from .activation import GELU, ReLU
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .multihead_attention import MultiheadAttention
from .norm import LayerNorm

_triu = row("triu")
_ACTIVATIONS: dict[str, Callable[..., Tensor]] = {"relu": F.relu, "gelu": F.gelu}


def _activation(given: str | Callable[..., Tensor]) -> Callable[..., Tensor]:
    if not isinstance(given, str):
        return given
    if given not in _ACTIVATIONS:
        raise RuntimeError(f"activation should be relu/gelu, not {given}")
    return _ACTIVATIONS[given]


def _clones(module: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(module) for _ in range(count)])


def _causal_mask(size: int, device: Any = None, dtype: Any = None) -> Tensor:
    """0 on and below the diagonal, -inf above."""
    return _triu(full((size, size), -math.inf, dtype=dtype, device=device), 1)


def _is_causal(mask: Tensor | None, hint: bool | None, length: int) -> bool:
    """Whether a mask is the causal one: what the hint says, or without one what it holds."""
    if hint is not None or mask is None or local.context.capture is not None:
        return hint is True  # a compiled function reads no values
    causal = np.triu(np.full((length, length), -np.inf), 1)
    return tuple(mask.shape) == causal.shape and bool((host(cell_of(mask)) == causal).all())


class _Layer(Module):
    """What the layers of encoder and decoder share: their parts, attention to oneself, and the
    network."""

    __constants__ = ["norm_first"]
    _attentions: tuple[str, ...] = ("self_attn",)

    self_attn: MultiheadAttention
    norm1: LayerNorm
    norm2: LayerNorm
    dropout1: Dropout
    dropout2: Dropout

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        place = {"device": device, "dtype": dtype}
        options = {"dropout": dropout, "bias": bias, "batch_first": batch_first}
        for name in self._attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, **options, **place))
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm_first = norm_first
        blocks = range(1, len(self._attentions) + 2)
        for number in blocks:
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
            setattr(self, f"norm{number}", norm)
        for number in blocks:
            setattr(self, f"dropout{number}", Dropout(dropout))
        self.activation = _activation(activation)

    def _attend_to_oneself(
        self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        options = {"attn_mask": mask, "key_padding_mask": padding, "is_causal": is_causal}
        return self.dropout1(self.self_attn(x, x, x, need_weights=False, **options)[0])

    def _network(self, x: Tensor, drop: Module) -> Tensor:
        return drop(self.linear2(self.dropout(self.activation(self.linear1(x)))))

    def _around(self, norm: Module, x: Tensor, block: Callable[[Tensor], Tensor]) -> Tensor:
        """The block's output added to its input, with the norm before the block or behind."""
        return x + block(norm(x)) if self.norm_first else norm(x + block(x))


class TransformerEncoderLayer(_Layer):
    """Attention to oneself, then a network of two linear layers; each adds to what came in and is
    normalised. See torch.nn.TransformerEncoderLayer.

    Shapes: x and y (S, N, d_model), or with batch_first (N, S, d_model), or (S, d_model).
    Initialisation: that of MultiheadAttention, Linear and LayerNorm.
    """

    @property
    def activation_relu_or_gelu(self) -> int:
        """1 if the activation is relu, 2 if gelu, else 0."""
        for number, function, layer in ((1, F.relu, ReLU), (2, F.gelu, GELU)):
            if self.activation is function or isinstance(self.activation, layer):
                return number
        return 0

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        names = ("src_mask", "src_key_padding_mask")
        mask, padding = additive_masks(src_mask, src_key_padding_mask, src.dtype, *names)
        x = self._around(
            self.norm1, src, lambda x: self._attend_to_oneself(x, mask, padding, is_causal)
        )
        return self._around(self.norm2, x, lambda x: self._network(x, self.dropout2))


class TransformerDecoderLayer(_Layer):
    """Attention to oneself, attention to the memory, a network of two linear layers; each adds to
    what came in and is normalised. See torch.nn.TransformerDecoderLayer.

    Shapes: x and y (T, N, d_model), the memory (S, N, d_model); batch_first and no batch as in the
    encoder. Initialisation: that of MultiheadAttention, Linear and LayerNorm.
    """

    _attentions = ("self_attn", "multihead_attn")

    multihead_attn: MultiheadAttention
    norm3: LayerNorm
    dropout3: Dropout

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        def attend_to_memory(x: Tensor) -> Tensor:
            output, _ = self.multihead_attn(
                x,
                memory,
                memory,
                need_weights=False,
                attn_mask=memory_mask,
                key_padding_mask=memory_key_padding_mask,
                is_causal=memory_is_causal,
            )
            return self.dropout2(output)

        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        x = self._around(self.norm1, tgt, lambda x: self._attend_to_oneself(x, *own))
        x = self._around(self.norm2, x, attend_to_memory)
        return self._around(self.norm3, x, lambda x: self._network(x, self.dropout3))


class TransformerEncoder(Module):
    """num_layers copies of a layer, one after the other, and a norm. See
    torch.nn.TransformerEncoder.

    As in PyTorch, where `enable_nested_tensor` lets it leave padding out (in evaluation, without
    gradients), outputs after the end of a sequence are zero before the norm.
    """

    __constants__ = ["norm"]

    def __init__(
        self,
        encoder_layer: Any,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check
        reason = _why_padding_stays(encoder_layer)
        if enable_nested_tensor and reason:
            warnings.warn(
                "enable_nested_tensor is True, but self.use_nested_tensor is False because "
                f"{reason}",
                stacklevel=2,
            )
            self.use_nested_tensor = False

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        names = ("mask", "src_key_padding_mask")
        mask, padding = additive_masks(mask, src_key_padding_mask, src.dtype, *names)
        left_out = mask is None and self._leaves_out(src, padding)
        causal = _is_causal(mask, is_causal, _length(src, self.layers[0]))
        output = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, is_causal=causal, src_key_padding_mask=padding)
        if left_out and padding is not None:
            output = output.masked_fill((padding != 0).unsqueeze(-1), 0.0)
        return output if self.norm is None else self.norm(output)

    def _leaves_out(self, src: Tensor, padding: Tensor | None) -> bool:
        """Whether PyTorch would compute the steps of the sequences alone."""
        first = self.layers[0]
        if not self.use_nested_tensor or first.training or src.dim() != 3 or padding is None:
            return False
        if is_grad_enabled() and (
            src.requires_grad or any(p.requires_grad for p in first.parameters())
        ):
            return False
        ended = host(cell_of(padding)) != 0
        return not self.mask_check or bool((ended[:, 1:] >= ended[:, :-1]).all())


def _why_padding_stays(layer: Any) -> str:
    """Why PyTorch would not leave padding out, in its words."""
    if not isinstance(layer, TransformerEncoderLayer):
        return "encoder_layer was not TransformerEncoderLayer"
    attention = layer.self_attn
    for holds, reason in (
        (layer.norm_first, "norm_first was True"),
        (
            not attention.batch_first,
            "self_attn.batch_first was not True(use batch_first for better inference performance)",
        ),
        (not attention._qkv_same_embed_dim, "self_attn._qkv_same_embed_dim was not True"),
        (attention.in_proj_bias is None, "self_attn was passed bias=False"),
        (not layer.activation_relu_or_gelu, "activation_relu_or_gelu was not True"),
        (layer.norm1.eps != layer.norm2.eps, "norm1.eps was not equal to encoder_layer.norm2.eps"),
        (attention.num_heads % 2 == 1, "self_attn.num_heads is odd"),
    ):
        if holds:
            return f"encoder_layer.{reason}"
    return ""


def _length(x: Tensor, layer: Any) -> int:
    """The number of steps of (S, N, E), (N, S, E) or (S, E)."""
    return x.size(1 if x.dim() == 3 and layer.self_attn.batch_first else 0)


class TransformerDecoder(Module):
    """num_layers copies of a layer, one after the other, and a norm. See
    torch.nn.TransformerDecoder."""

    __constants__ = ["norm"]

    def __init__(self, decoder_layer: Any, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        causal = _is_causal(tgt_mask, tgt_is_causal, _length(tgt, self.layers[0]))
        output = tgt
        for layer in self.layers:
            output = layer(
                output,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """An encoder, and a decoder that attends to what it makes. See torch.nn.Transformer.

    Shapes: src (S, N, d_model), tgt and y (T, N, d_model), or with batch_first (N, S, d_model) and
    so on, or without N. Initialisation: all matrices Glorot uniform.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps)
        options = (*sizes, batch_first, norm_first, bias, device, dtype)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.encoder = custom_encoder
        if custom_encoder is None:
            layer = TransformerEncoderLayer(*options)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        self.decoder = custom_decoder
        if custom_decoder is None:
            layer = TransformerDecoderLayer(*options)
            self.decoder = TransformerDecoder(layer, num_decoder_layers, norm())
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        batch_dim = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch_dim) != tgt.size(batch_dim):
            raise RuntimeError("the batch number of src and tgt must be equal")
        if not src.size(-1) == tgt.size(-1) == self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(
            src,
            mask=src_mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """A mask (sz, sz) for which no step sees a later one: 0 on and below the diagonal, -inf
        above. See torch.nn.Transformer.generate_square_subsequent_mask."""
        return _causal_mask(sz, device, dtype)


__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]
