"""flex_attention and its masks against PyTorch's unfused implementation, and gradients against
attention written out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.attention.flex_attention as theirs

import jtorch
import jtorch.nn.attention.flex_attention as ours

from ..comparison import compare

ROOMS: dict[Any, ModuleType] = {torch: theirs, jtorch: ours}


@pytest.fixture(autouse=True)
def unfused(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without a compiler PyTorch asks for this switch, and warns."""
    monkeypatch.setattr(theirs, "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def given(t: Any, *shape: int, seed: int = 0) -> Any:
    return t.tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def qkv(t: Any, heads: int = 4) -> list:
    return [given(t, 2, heads, 10, 8, seed=k) for k in range(3)]


def causal(b: Any, h: Any, q: Any, kv: Any) -> Any:
    return q >= kv


def corner(b: Any, h: Any, q: Any, kv: Any) -> Any:
    """Some queries see nothing; heads differ."""
    return (q > 3) & (kv < 5 + h)


def documents(t: Any) -> Callable:
    owner = t.tensor([0, 0, 0, 1, 1, 1, 1, 2, 2, 2])

    def same_document(b: Any, h: Any, q: Any, kv: Any) -> Any:
        return owner[q] == owner[kv]

    return same_document


def scores(t: Any) -> list:
    attend, (q, k, v) = ROOMS[t].flex_attention, qkv(t)
    bias = given(t, 4, 10, 10, seed=5)
    few = [given(t, 2, 2, 10, 8, seed=k) for k in (1, 2)]
    mods = [
        lambda s, b, h, i, j: s + bias[h, i, j],
        lambda s, b, h, i, j: t.where(i >= j, s, -float("inf")),
        lambda s, b, h, i, j: (s / 3).tanh() * 3 - (i - j).abs() * (h + 1) * 0.1,
    ]
    found = [attend(q, k, v), attend(q, k, v, scale=0.3)]
    found += [attend(q, k, v, score_mod=mod) for mod in mods]
    found.append(attend(q, *few, score_mod=mods[0], enable_gqa=True))
    found.append(attend(q.double(), k.double(), v.double(), score_mod=mods[2]))
    return found


def masks(t: Any) -> list:
    f, (q, k, v) = ROOMS[t], qkv(t)
    document = documents(t)
    found: list = []
    for mod in (causal, corner, f.and_masks(causal, document), f.or_masks(causal, document)):
        for batch, heads, size, apart in ((None, None, 4, True), (2, 4, (2, 5), False)):
            heads = 4 if mod is corner else heads
            mask = f.create_block_mask(mod, batch, heads, 10, 10, "cpu", size, False, apart)
            found.append(contents(t, mask))
            found.append(f.flex_attention(q, k, v, block_mask=mask))
    whole = f.create_block_mask(causal, None, None, 10, 10, "cpu")
    found.append([contents(t, whole), f.flex_attention(q, k, v, block_mask=whole)])
    return found


def contents(t: Any, mask: Any) -> list:
    tensors = [x for x in mask.as_tuple() if isinstance(x, t.Tensor)]
    text = [str(mask), repr(mask).partition("mask_mod")[0]]
    return [tensors, mask.to_dense(), mask.shape, mask.numel(), mask.sparsity(), text]


def parts_of_masks(t: Any) -> list:
    big = ROOMS[t].create_block_mask(causal, 2, 4, 20, 20, device="cpu", BLOCK_SIZE=4)
    parts = [big[0], big[0, 1], big[-1:, 1:3], big[:, :, t.tensor([1, 2])], big._adjust(7, 13)]
    pictures = [big.to_string((3, 2), 2), big.to_string(-1, 1), big.to_string(2)]
    return [[contents(t, part) for part in parts], pictures, contents(t, big.to("cpu"))]


def dense_masks(t: Any) -> list:
    f = ROOMS[t]
    early = f.create_mask(
        lambda s, b, h, i, j: t.where(i >= j, s, -float("inf")), 1, 2, 4, 5, "cpu"
    )
    return [early, f.create_mask(f.noop_mask, None, None, 4, 5, "cpu")]


def errors(t: Any) -> list:
    f, (q, k, v) = ROOMS[t], qkv(t)
    attend = f.flex_attention
    big = f.create_block_mask(causal, 2, 4, 20, 20, device="cpu", BLOCK_SIZE=4)
    small = f.create_block_mask(causal, 2, 4, 5, 5, device="cpu", BLOCK_SIZE=4)
    calls: list[Callable] = [
        lambda: attend(q, k[:, :2], v[:, :2]),
        lambda: attend(q, k[:, :3], v[:, :3], enable_gqa=True),
        lambda: attend(q, k[..., :4], v),
        lambda: attend(q[0], k[0], v[0]),
        lambda: attend(q, k[:1], v[:1]),
        lambda: attend(q, k, v, block_mask=big),
        lambda: attend(q, k, v, block_mask=small),
        lambda: attend(q, k, v, block_mask=big[0]),
        lambda: attend(q, k, v, return_lse=True, return_aux=f.AuxRequest(lse=True)),
        lambda: f.or_masks(3),
        lambda: f.create_block_mask(lambda s, b, h, i, j: s, 1, 1, 4, 4, "cpu"),
        lambda: f.BlockMask.from_kv_blocks(t.ones(3), t.ones(3)),
    ]
    found = []
    for call in calls:
        with pytest.raises(Exception, match=".") as caught:
            call()
        said = str(caught.value).partition("<function")[0]
        found.append([type(caught.value).__name__, said])
    return found


@pytest.mark.parametrize("program", [scores, masks, parts_of_masks, dense_masks, errors])
def test_equals_pytorch(program: Callable) -> None:
    compare(program, tolerance=1e-5)


def test_half_precision_is_computed_in_float32() -> None:
    results = []
    for t in (torch, jtorch):
        q, k, v = (x.bfloat16() for x in qkv(t))
        out = ROOMS[t].flex_attention(q, k, v, score_mod=lambda s, b, h, i, j: s * 2)
        assert out.dtype is t.bfloat16
        results.append(out.float().numpy())
    np.testing.assert_allclose(results[1], results[0], rtol=0.01, atol=0.01)


def written_out(q: Any, k: Any, v: Any, bias: Any) -> tuple:
    places = torch.arange(q.shape[-2])
    product = (q @ k.mT) / q.shape[-1] ** 0.5 + bias[:, places[:, None] - places + 9]
    product = product.masked_fill(places[:, None] < places, -float("inf"))
    return product.softmax(-1) @ v, product.logsumexp(-1), product.amax(-1)


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_reach_what_a_score_mod_refers_to(compiled: bool) -> None:
    """On the CPU too, where PyTorch has none."""
    leaves = [[x.requires_grad_() for x in (*qkv(t), given(t, 4, 19))] for t in (torch, jtorch)]
    q, k, v, bias = leaves[1]
    mask = ours.create_block_mask(causal, None, None, 10, 10, "cpu", 4)

    def attend(q: Any, k: Any, v: Any) -> Any:
        return ours.flex_attention(
            *(q, k, v),
            score_mod=lambda s, b, h, i, j: s + bias[h, i - j + 9],
            block_mask=mask,
            return_aux=ours.AuxRequest(lse=True, max_scores=True),
        )

    run = jtorch.compile(attend) if compiled else attend
    output, aux = run(q, k, v)
    found = (output, aux.lse, aux.max_scores)
    expected = written_out(*leaves[0])
    for results in (found, expected):
        sum((r.sin().sum() for r in results[1:]), results[0].sin().sum()).backward()
    found, expected = (
        [*results, *[x.grad for x in inputs]]
        for results, inputs in ((found, leaves[1]), (expected, leaves[0]))
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_blocks_that_are_left_out_are_hidden() -> None:
    """Also without a mask_mod: that is what PyTorch's kernels do, not its unfused attention."""
    q, k, v = qkv(jtorch)
    numbers = jtorch.tensor([[[1, 1]]], dtype=jtorch.int32)
    indices = jtorch.tensor([[[[1, 0], [0, 1]]]], dtype=jtorch.int32)
    mask = ours.BlockMask.from_kv_blocks(numbers, indices, BLOCK_SIZE=5)
    found = ours.flex_attention(q, k, v, block_mask=mask)
    hidden = jtorch.ones(10, 10).bool()
    hidden[:5, :5] = False
    hidden[5:, 5:] = False
    expected = jtorch.nn.functional.scaled_dot_product_attention(q, k, v, hidden)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_the_old_way_to_ask_for_the_lse() -> None:
    q, k, v = qkv(jtorch)
    with pytest.warns(FutureWarning, match="return_lse is deprecated"):
        output, lse = ours.flex_attention(q, k, v, return_lse=True)
    aux = ours.flex_attention(q, k, v, return_aux=ours.AuxRequest(lse=True))[1]
    assert lse.shape == output.shape[:-1]
    assert jtorch.equal(lse, aux.lse)
    assert aux.max_scores is None
