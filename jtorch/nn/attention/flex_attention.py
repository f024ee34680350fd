"""Attention with a function for the scores and a mask by blocks. See
torch.nn.attention.flex_attention.

A `score_mod` and a `mask_mod` are functions of single scores and places; vmap lifts them over all.
The scores are computed whole, in one program with what is before and after; XLA decides what of it
is built. Gradients go through on every device, and to Tensors that a `score_mod` refers to.
"""

from __future__ import annotations

import inspect
import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from ..._core.alias import cell_of
from ..._core.device import default_device
from ..._core.dtype import bool_, float32, float64, int32
from ..._core.program import host
from ..._core.tensor import Tensor
from ..._expose import row
from ...func import vmap
from ...functions.creation import full_like, zeros
from ...functions.ranges import arange
from .. import functional as F

_where, _argsort = row("where"), row("argsort")
_softmax, _logsumexp, _amax = row("softmax"), row("logsumexp"), row("amax")
_repeat = row("repeat_interleave")

BLOCK = 128
Mod = Callable[..., Tensor]


class AuxRequest(NamedTuple):
    """What flex_attention is to return besides. lse: the logarithm of the sum of exponentials of
    the scores, (B, H, L).  max_scores: their maximum, (B, H, L)."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What an AuxRequest asked for; None for the rest."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


# ------------------------------------------------------------------------------ functions of places


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """The mask_mod that hides nothing."""
    return batch.new_ones((), dtype=bool_)


def or_masks(*mask_mods: Mod) -> Mod:
    """The mask_mod that shows what one of several shows. RuntimeError for what isn't callable."""
    _check_callable(mask_mods)

    def or_mask(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        shown = b.new_zeros((), dtype=bool_)
        for mask_mod in mask_mods:
            shown = shown | mask_mod(b, h, q_idx, kv_idx)
        return shown

    return or_mask


def and_masks(*mask_mods: Mod) -> Mod:
    """The mask_mod that shows what all of several show. RuntimeError for what isn't callable."""
    _check_callable(mask_mods)

    def and_mask(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        shown = b.new_ones((), dtype=bool_)
        for mask_mod in mask_mods:
            shown = shown & mask_mod(b, h, q_idx, kv_idx)
        return shown

    return and_mask


def _check_callable(mask_mods: tuple) -> None:
    if not all(map(callable, mask_mods)):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")


def _takes_score(mod: Mod) -> bool:
    """Whether a function is a score_mod (of five arguments), not a mask_mod (of four)."""
    needed = [p for p in inspect.signature(mod).parameters.values() if p.default is p.empty]
    return len(needed) == 5


def _lifted(mod: Mod, scores: Tensor | None, places: tuple[Tensor, ...]) -> Tensor:
    """A function of single places, and a score, of all places at once: (B, H, Q, KV)."""
    first: tuple = () if scores is None else (0,)
    for along in range(3, -1, -1):
        mod = vmap(mod, in_dims=(*first, *[0 if k == along else None for k in range(4)]))
    return mod(*places) if scores is None else mod(scores, *places)


def _places(sizes: tuple[int, ...], device: Any) -> tuple[Tensor, ...]:
    return tuple([arange(size, device=device) for size in sizes])


def create_mask(
    mod_fn: Mod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None
) -> Tensor:
    """The places that a mask_mod shows, or to which a score_mod gives another score than -inf:
    booleans (B, H, Q_LEN, KV_LEN).

    B, H: None for one."""
    sizes = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    where = default_device() if device is None else device
    places = _places(sizes, where)
    if not _takes_score(mod_fn):
        return _lifted(mod_fn, None, places)
    return ~_lifted(mod_fn, zeros(*sizes, device=where), places).isneginf()


# --------------------------------------------------------------------------------------- the blocks


def _ordered(dense: Tensor) -> tuple[Tensor, Tensor]:
    """How many blocks of each row are there, and which: those first, then the others."""
    numbers = dense.to(int32)
    return numbers.sum(-1).to(int32), _argsort(numbers, -1, True, stable=True).to(int32)


def _dense(num_blocks: Tensor, indices: Tensor) -> Tensor:
    """The opposite: int32, 1 where a block is there, (..., rows, columns)."""
    columns = indices.shape[-1]
    there = arange(columns, device=indices.device) < num_blocks.unsqueeze(-1)
    return zeros(*indices.shape, dtype=int32, device=indices.device).scatter(
        -1, indices.long(), there.to(int32)
    )


class BlockMask:
    """A mask by blocks of BLOCK_SIZE (queries, keys).

    kv_num_blocks, kv_indices: how many blocks of each row of blocks `mask_mod` is asked about,
    (B, H, rows), and which, (B, H, rows, columns); full_kv_num_blocks, full_kv_indices: the blocks
    that are shown whole. q_num_blocks and so on: the same for each column. seq_lengths: how many
    queries and keys there are. RuntimeError for indices of fewer than two dimensions,
    AssertionError for one of a pair without the other. See
    torch.nn.attention.flex_attention.BlockMask.
    """

    def __init__(
        self,
        seq_lengths: tuple[int, int],
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None,
        full_kv_indices: Tensor | None,
        q_num_blocks: Tensor | None,
        q_indices: Tensor | None,
        full_q_num_blocks: Tensor | None,
        full_q_indices: Tensor | None,
        BLOCK_SIZE: tuple[int, int] = (BLOCK, BLOCK),
        mask_mod: Mod = noop_mask,
    ) -> None:
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        pairs = {"kv": (full_kv_num_blocks, full_kv_indices)}
        pairs["q"] = (full_q_num_blocks, full_q_indices)
        for name, (number, indices) in pairs.items():
            if (number is None) != (indices is None):
                raise AssertionError(
                    f"full_{name}_num_blocks and full_{name}_indices must be both provided or "
                    "omitted"
                )
        self.seq_lengths = seq_lengths
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices
        self.BLOCK_SIZE = BLOCK_SIZE
        self.mask_mod = mask_mod

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None = None,
        full_kv_indices: Tensor | None = None,
        BLOCK_SIZE: int | tuple[int, int] = BLOCK,
        mask_mod: Mod | None = None,
        seq_lengths: tuple[int, int] | None = None,
        compute_q_blocks: bool = True,
    ) -> BlockMask:
        """A mask from its rows; the columns follow from them."""
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        if isinstance(BLOCK_SIZE, int):
            BLOCK_SIZE = (BLOCK_SIZE, BLOCK_SIZE)
        if seq_lengths is None:
            rows, columns = kv_indices.shape[-2:]
            seq_lengths = (rows * BLOCK_SIZE[0], columns * BLOCK_SIZE[1])
        columns_of: list[Any] = [None, None, None, None]
        if compute_q_blocks:
            columns_of[:2] = _ordered(_dense(kv_num_blocks, kv_indices).transpose(-2, -1))
            if full_kv_num_blocks is not None and full_kv_indices is not None:
                whole = _dense(full_kv_num_blocks, full_kv_indices)
                columns_of[2:] = _ordered(whole.transpose(-2, -1))
        return cls(
            seq_lengths,
            kv_num_blocks,
            kv_indices,
            full_kv_num_blocks,
            full_kv_indices,
            *columns_of,
            BLOCK_SIZE=BLOCK_SIZE,
            mask_mod=noop_mask if mask_mod is None else mask_mod,
        )

    def as_tuple(self, flatten: bool = True) -> tuple[Any, ...]:
        """All attributes; with `flatten` the pairs of numbers one by one."""
        tensors = self._each(lambda tensor: tensor)
        if flatten:
            return (*self.seq_lengths, *tensors, *self.BLOCK_SIZE, self.mask_mod)
        return (self.seq_lengths, *tensors, self.BLOCK_SIZE, self.mask_mod)

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, H, queries, keys)."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self) -> int:
        """How many places the mask has."""
        return math.prod(self.shape)

    def sparsity(self) -> float:
        """The percentage of places in blocks that are hidden whole. Reads the mask."""
        shown = int(host(cell_of(self.kv_num_blocks)).sum())
        if self.full_kv_num_blocks is not None:
            shown += int(host(cell_of(self.full_kv_num_blocks)).sum())
        return 100 * (1 - shown * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1] / self.numel())

    def to_dense(self) -> Tensor:
        """1 for each block of which something is shown, int32 (B, H, rows, columns)."""
        partial, whole = self._blocks()
        return partial if whole is None else partial | whole

    def _blocks(self) -> tuple[Tensor, Tensor | None]:
        """1 for each block that `mask_mod` is asked about, and for each that is shown whole."""
        partial = _dense(self.kv_num_blocks, self.kv_indices)
        if self.full_kv_num_blocks is None or self.full_kv_indices is None:
            return partial, None
        return partial, _dense(self.full_kv_num_blocks, self.full_kv_indices)

    def _shown(self, query: Tensor, key: Tensor) -> Tensor:
        """Which keys each query sees: booleans that broadcast to (B, H, Q, KV)."""
        lengths = query.shape[-2], key.shape[-2]
        sizes = (query.shape[0], query.shape[1], *lengths)
        shown = _lifted(self.mask_mod, None, _places(sizes, query.device))
        partial, whole = self._blocks()
        shown = shown & self._spread(partial, lengths)
        return shown if whole is None else shown | self._spread(whole, lengths)

    def _spread(self, blocks: Tensor, lengths: tuple[int, int]) -> Tensor:
        """The value of each block at all its places."""
        for dim, size, length in zip((-2, -1), self.BLOCK_SIZE, lengths, strict=True):
            blocks = _repeat(blocks, size, dim).narrow(dim, 0, length)
        return blocks.bool()

    def __getitem__(self, index: Any) -> BlockMask:
        """The mask of some examples, heads and rows of blocks. Its `mask_mod` has to be set again:
        it doesn't know which places these are."""
        given = index if isinstance(index, tuple) else (index,)
        rest = (slice(None),) * (3 - len(given))
        sizes = self.kv_num_blocks.shape[:3]
        places = tuple(
            slice(k % n, k % n + 1) if isinstance(k, int) and -n <= k < n else k
            for k, n in zip((*given, *rest), sizes, strict=True)
        )
        return BlockMask.from_kv_blocks(
            *self._each(lambda tensor: tensor[places])[:4],
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=_of_a_slice,
            seq_lengths=self.seq_lengths,
            compute_q_blocks=self.q_indices is not None,
        )

    def _each(self, function: Callable[[Tensor], Any]) -> list[Any]:
        """A function of each of the `TENSORS`, None for those that aren't there."""
        tensors = [getattr(self, name) for name in TENSORS]
        return [None if tensor is None else function(tensor) for tensor in tensors]

    def _adjust(self, new_q_len: int, new_kv_len: int) -> BlockMask:
        """The upper left corner, of another size."""
        rows = -(-new_q_len // self.BLOCK_SIZE[0])
        columns = -(-new_kv_len // self.BLOCK_SIZE[1])
        partial, whole = self._blocks()
        return _of_blocks(
            partial[..., :rows, :columns],
            None if whole is None else whole[..., :rows, :columns],
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=self.mask_mod,
            seq_lengths=(new_q_len, new_kv_len),
            compute_q_blocks=self.q_indices is not None,
        )

    def to(self, device: Any) -> BlockMask:
        """The mask on another device."""
        moved: Any = self._each(lambda tensor: tensor.to(device))
        return BlockMask(
            self.seq_lengths, *moved, BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=self.mask_mod
        )

    def to_string(self, grid_size: int | tuple[int, int] = (20, 20), limit: int = 4) -> str:
        """A picture: █ for blocks that are there, ░ for a part of the blocks under one character.

        grid_size: at most how many rows and columns the picture has; -1 for all. limit: of how many
        examples and heads."""
        dense = host(cell_of(self.to_dense()))
        *batch, rows, columns = dense.shape
        grid = (grid_size, grid_size) if isinstance(grid_size, int) else grid_size
        across = [
            1 if most == -1 else max(1, -(-size // most))
            for most, size in zip(grid, (rows, columns), strict=True)
        ]
        parts = []
        for k, place in enumerate(itertools.product(*map(range, batch))):
            if k == limit:
                parts += ["...", "To print out more, set BlockMask.to_string(limit=N)"]
                parts.append(
                    "You can also index (BlockMask[batch, head]) to choose a specific batch or head"
                )
                break
            picture = f"{place}\n"
            for r in range(0, rows, across[0]):
                for c in range(0, columns, across[1]):
                    share = dense[place][r : r + across[0], c : c + across[1]].mean()
                    picture += ("█" if share == 1 else "░" if share else " ") * 2
                picture += "\n"
            parts.append(picture)
        return "\n".join(parts)

    def __str__(self) -> str:
        title = f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n"
        return f"{title}{self.to_string().strip()}\n)"

    def __repr__(self) -> str:
        shapes = self._each(lambda tensor: tensor.shape)
        lines = [f"{name}={shape}" for name, shape in zip(TENSORS, shapes, strict=True)]
        lines += [f"BLOCK_SIZE={self.BLOCK_SIZE}", f"shape={self.shape}"]
        lines.append(f"sparsity={self.sparsity():.2f}%")
        lines.append(f"mask_mod={getattr(self.mask_mod, '__name__', self.mask_mod)}")
        return "BlockMask(\n" + ",\n".join(f"    {line}" for line in lines) + "\n)"


TENSORS = (
    "kv_num_blocks",
    "kv_indices",
    "full_kv_num_blocks",
    "full_kv_indices",
    "q_num_blocks",
    "q_indices",
    "full_q_num_blocks",
    "full_q_indices",
)


def _of_blocks(partial: Tensor, whole: Tensor | None, **rest: Any) -> BlockMask:
    """The mask with these blocks; rest: what else `BlockMask.from_kv_blocks` takes."""
    full = (None, None) if whole is None else _ordered(whole)
    return BlockMask.from_kv_blocks(*_ordered(partial), *full, **rest)


def _of_a_slice(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """The mask_mod of a mask that was indexed."""
    raise RuntimeError(
        "Cannot use mask_mod from a sliced BlockMask. When you slice a BlockMask using [], the "
        "mask_mod attribute is reset. You must set it from the original BlockMask's mask_mod."
    )


def create_block_mask(
    mask_mod: Mod,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = BLOCK,
    _compile: bool = False,
    separate_full_blocks: bool = True,
) -> BlockMask:
    """The BlockMask of a mask_mod for B examples, H heads (None: the same for all), Q_LEN queries
    and KV_LEN keys.

    separate_full_blocks: keep the blocks that are shown whole apart. AssertionError for what is no
    mask_mod. PyTorch's order of writes for one kernel's backward is not here: XLA sums gradients
    itself. See torch.nn.attention.flex_attention.create_block_mask."""
    if _takes_score(mask_mod):
        raise AssertionError(f"create-block_mask requires a mask_mod function! Got {mask_mod}")
    sizes = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    padded = F.pad(mask, (0, -KV_LEN % sizes[1], 0, -Q_LEN % sizes[0]))
    blocks = padded.unflatten(-1, (-1, sizes[1])).unflatten(-3, (-1, sizes[0]))
    shown = blocks.sum((-3, -1))
    whole = shown == sizes[0] * sizes[1]
    partial = (shown > 0) & ~whole if separate_full_blocks else shown > 0
    return _of_blocks(
        partial,
        whole if separate_full_blocks else None,
        BLOCK_SIZE=sizes,
        mask_mod=mask_mod,
        seq_lengths=(Q_LEN, KV_LEN),
    )


# ------------------------------------------------------------------------------------ the attention


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
        scores = _lifted(score_mod, scores, _places(sizes, query.device)).to(scores.dtype)
    if block_mask is not None:
        scores = _where(block_mask._shown(query, key), scores, full_like(scores, -math.inf))
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
    if block_mask.mask_mod is _of_a_slice:
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
