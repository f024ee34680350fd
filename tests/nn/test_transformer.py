"""MultiheadAttention and the transformers held against PyTorch's, as in test_recurrent.py: a
constructor, and how the layer is called; masks, errors, warnings, and what a mask costs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

from ..comparison import compiled
from .test_layers import numbers
from .test_recurrent import build, compare, draw

# In calls, x (3, 2, 4) and y (5, 2, 4) hold numbers, N is 2; `causal` and `hidden` mask (3, 3) and
# (3, 5), `ended` and `over` the steps of x (2, 3) and of y (2, 5).
ATTENTION = [
    ("nn.MultiheadAttention(4, 2)", "layer(x, y, y)"),
    ("nn.MultiheadAttention(4, 2, dropout=0.4)", "layer(x, x, x, attn_mask=causal)"),
    (
        "nn.MultiheadAttention(4, 2, bias=False, add_bias_kv=True, add_zero_attn=True)",
        "layer(x, y, y, over, average_attn_weights=False)",
    ),
    (
        "nn.MultiheadAttention(4, 2, kdim=2, vdim=1, batch_first=True)",
        "layer(y, y[..., :2], y[..., :1], need_weights=False)",
    ),
    (
        "nn.MultiheadAttention(4, 2, dropout=0.4)",
        "layer(x, x, x, need_weights=False, attn_mask=causal, is_causal=True)",
    ),
    ("nn.MultiheadAttention(4, 2)", "layer(x[:, 0], y[:, 0], y[:, 0], attn_mask=hidden)"),
    (
        "nn.MultiheadAttention(4, 2)",
        "layer(x, y, y, over.float(), False, hidden.float().expand(4, 3, 5))",
    ),
]
SIZES = "4, 2, 6, 0.3"
TRANSFORMERS = [
    (f"nn.TransformerEncoderLayer({SIZES})", "layer(x, causal, ended)"),
    (f"nn.TransformerEncoderLayer({SIZES}, 'gelu', norm_first=True)", "layer(x, is_causal=False)"),
    (
        f"nn.TransformerDecoderLayer({SIZES}, torch.tanh, 1e-3, bias=False, norm_first=True)",
        "layer(x, y, causal, hidden, ended, over)",
    ),
    (
        f"nn.TransformerEncoder(nn.TransformerEncoderLayer({SIZES}, batch_first=True), 2)",
        "layer(x.transpose(0, 1), src_key_padding_mask=ended)",
    ),
    (
        f"nn.TransformerDecoder(nn.TransformerDecoderLayer({SIZES}, batch_first=True), 1)",
        "layer(x, y[:3], nn.Transformer.generate_square_subsequent_mask(2))",
    ),
    (
        "nn.Transformer(4, 2, 1, 1, 6, 0.3)",
        "layer(y, x, tgt_mask=causal, src_key_padding_mask=over, memory_key_padding_mask=over)",
    ),
]


def names(library: Any, layer: Any = None) -> dict[str, Any]:
    """What texts may use."""
    random = np.random.RandomState(0)
    x, y = draw(library, random, 3, 2, 4), draw(library, random, 5, 2, 4)
    causal = library.ones(3, 3).triu(1) > 0
    hidden = library.tensor([[0, 1, 0, 0, 1], [1, 0, 0, 0, 0], [0, 0, 1, 1, 0]]) > 0
    over = library.tensor([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]) > 0
    found = {"torch": library, "nn": library.nn, "layer": layer, "x": x, "y": y}
    return found | {"causal": causal, "hidden": hidden, "over": over, "ended": over[:, 1:4]}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize(("text", "use"), ATTENTION + TRANSFORMERS)
def test_as_pytorch(text: str, use: str) -> None:
    def call(library: Any, layer: Any) -> tuple[Any, list]:
        given = names(library, layer)
        return eval(use, given), [given["x"], given["y"]]

    compare(text, call)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("padding", ["ended", "ended.flip(1)", "None"])
def test_padding_that_is_left_out(padding: str) -> None:
    """In evaluation, without gradients, PyTorch's encoder leaves padding out if it can."""
    found = []
    for library in (torch, jtorch):
        library.manual_seed(0)
        one = library.nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)
        layer = library.nn.TransformerEncoder(one, 2, library.nn.LayerNorm(4)).eval()
        given = names(library)
        with library.no_grad():
            x = given["x"].transpose(0, 1)
            found.append(numbers(layer(x, src_key_padding_mask=eval(padding, given))))
    np.testing.assert_allclose(found[1], found[0], rtol=2e-5, atol=2e-6)


ERRORS = [
    "nn.MultiheadAttention(0, 2)",
    "nn.MultiheadAttention(4, 3)",
    "nn.MultiheadAttention(4, 2)(x, y, y[:2])",
    "nn.MultiheadAttention(4, 2)(x, y[:, 0], y)",
    "nn.MultiheadAttention(4, 2)(x[0, 0], y, y)",
    "nn.MultiheadAttention(6, 2)(x, y, y)",
    "nn.MultiheadAttention(4, 2)(x, y, y, is_causal=True)",
    "nn.MultiheadAttention(4, 2)(x, y, y, attn_mask=causal)",
    "nn.MultiheadAttention(4, 2)(x, y, y, attn_mask=hidden.long())",
    "nn.MultiheadAttention(4, 2)(x, y, y, over.long())",
    "nn.TransformerEncoderLayer(4, 2, activation='tanh')",
    "nn.Transformer(4, 2, 1, 1, 6)(x, y[:, :1])",
    "nn.Transformer(4, 2, 1, 1, 6, batch_first=True)(x, y)",
    "nn.Transformer(8, 2, 1, 1, 6)(x, y)",
]


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("text", ERRORS)
def test_errors_as_pytorch(text: str) -> None:
    said = []
    for library in (torch, jtorch):
        with pytest.raises(Exception) as caught:
            eval(text, names(library))
        said.append((caught.type, str(caught.value)))
    assert said[1] == said[0]


WARNINGS = [
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6), 1)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, norm_first=True), 1)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(3, 1, 6, batch_first=True), 1)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, 0, torch.tanh, 1e-5, True), 1)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, bias=False, batch_first=True), 1)",
    "nn.TransformerEncoder(nn.TransformerDecoderLayer(4, 2, 6), 1)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6), 1, enable_nested_tensor=False)",
    "nn.TransformerEncoderLayer(4, 2, 6)(x, causal.float(), ended)",
    "nn.MultiheadAttention(4, 2)(x, x, x, ended, True, causal.float())",
]


@pytest.mark.parametrize("text", WARNINGS)
def test_warnings_as_pytorch(text: str) -> None:
    said = []
    for library in (torch, jtorch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            eval(text, names(library))
        said.append({(w.category, str(w.message)) for w in caught})
    assert said[1] == said[0]


def test_other_padding_compiles_nothing() -> None:
    layer = jtorch.nn.TransformerEncoderLayer(4, 2, 6, 0.1, batch_first=True)
    optimizer = jtorch.optim.SGD(layer.parameters(), lr=0.1)
    x = build(jtorch, "torch.ones(2, 5, 4)")

    def step(lengths: list[int]) -> None:
        padding = jtorch.tensor(np.arange(5) >= np.array(lengths)[:, None])
        optimizer.zero_grad()
        layer(x, src_key_padding_mask=padding).sum().backward()
        optimizer.step()

    step([5, 3])
    step([4, 3])
    assert compiled(lambda: [step(lengths) for lengths in ([1, 5], [2, 2])]) == 0
