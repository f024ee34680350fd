"""The masks of flex_attention: functions of places, and what they show by blocks.

A `mask_mod` is a function of single places, and so is the rest of a `score_mod`; vmap lifts them
over all (`lifted`). Read flex_attention.py next.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

from ..._core.alias import cell_of
from ..._core.dtype import bool_, int32
from ..._core.program import host
from ..._core.tensor import Tensor
from ..._expose import row
from ...func import vmap
from ...functions.creation import zeros
from ...functions.ranges import arange
from .. import functional as F

_argsort, _repeat = row("argsort"), row("repeat_interleave")

BLOCK = 128
Mod = Callable[..., Tensor]

# ------------------------------------------------------------------------------ functions of places


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """The mask_mod that hides nothing."""
    return batch.new_ones((), dtype=bool_)


def or_masks(*mask_mods: Mod) -> Mod:
    """The mask_mod that shows what one of several shows. RuntimeError for what isn't callable."""
    return _combined("or_mask", operator.or_, False, mask_mods)


def and_masks(*mask_mods: Mod) -> Mod:
    """The mask_mod that shows what all of several show. RuntimeError for what isn't callable."""
    return _combined("and_mask", operator.and_, True, mask_mods)


def _combined(name: str, combine: Callable, begin: bool, mask_mods: tuple[Mod, ...]) -> Mod:
    if not all(map(callable, mask_mods)):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def combined(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        found = [mask_mod(b, h, q_idx, kv_idx) for mask_mod in mask_mods]
        return functools.reduce(combine, found, b.new_full((), begin, dtype=bool_))

    combined.__name__ = name
    return combined


def _takes_score(mod: Mod) -> bool:
    """Whether a function is a score_mod (of five arguments), not a mask_mod (of four)."""
    needed = [p for p in inspect.signature(mod).parameters.values() if p.default is p.empty]
    return len(needed) == 5


def lifted(mod: Mod, scores: Tensor | None, places: tuple[Tensor, ...]) -> Tensor:
    """A function of single places, and a score, of all places at once: (B, H, Q, KV)."""
    first: tuple = () if scores is None else (0,)
    for along in range(3, -1, -1):
        mod = vmap(mod, in_dims=(*first, *[0 if k == along else None for k in range(4)]))
    return mod(*places) if scores is None else mod(scores, *places)


def places_of(sizes: tuple[int, ...], device: Any) -> tuple[Tensor, ...]:
    return tuple([arange(size, device=device) for size in sizes])


def create_mask(
    mod_fn: Mod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None
) -> Tensor:
    """The places that a mask_mod shows, or to which a score_mod gives another score than -inf:
    booleans (B, H, Q_LEN, KV_LEN).

    B, H: None for one."""
    sizes = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    places = places_of(sizes, device)
    if not _takes_score(mod_fn):
        return lifted(mod_fn, None, places)
    return ~lifted(mod_fn, zeros(*sizes, device=device), places).isneginf()


# --------------------------------------------------------------------------------------- the blocks


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _check_indices(indices: Tensor) -> None:
    if indices.dim() < 2:
        raise RuntimeError("BlockMask must have at least 2 dimensions")


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
        _check_indices(kv_indices)
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
        _check_indices(kv_indices)
        sizes = _pair(BLOCK_SIZE)
        if seq_lengths is None:
            rows, columns = kv_indices.shape[-2:]
            seq_lengths = (rows * sizes[0], columns * sizes[1])
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
            BLOCK_SIZE=sizes,
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
        numbers = self._each(lambda number: int(host(cell_of(number)).sum()), TENSORS[0:4:2])
        shown = sum(number or 0 for number in numbers)
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

    def shown(self, query: Tensor, key: Tensor) -> Tensor:
        """Which keys each query sees: booleans that broadcast to (B, H, Q, KV)."""
        lengths = query.shape[-2], key.shape[-2]
        sizes = (query.shape[0], query.shape[1], *lengths)
        shown = lifted(self.mask_mod, None, places_of(sizes, query.device))
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
            *self._each(lambda tensor: tensor[places], TENSORS[:4]),
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=of_a_slice,
            seq_lengths=self.seq_lengths,
            compute_q_blocks=self.q_indices is not None,
        )

    def _each(self, function: Callable[[Tensor], Any], names: tuple = TENSORS) -> list[Any]:
        """A function of each of some Tensors, None for those that aren't there."""
        tensors = [getattr(self, name) for name in names]
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
        grid = _pair(grid_size)
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


def _of_blocks(partial: Tensor, whole: Tensor | None, **rest: Any) -> BlockMask:
    """The mask with these blocks; rest: what else `BlockMask.from_kv_blocks` takes."""
    full = (None, None) if whole is None else _ordered(whole)
    return BlockMask.from_kv_blocks(*_ordered(partial), *full, **rest)


def of_a_slice(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
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

    separate_full_blocks: keep the blocks that are shown whole apart. _compile: changes nothing.
    AssertionError for what is no
    mask_mod. PyTorch's order of writes for one kernel's backward is not here: XLA sums gradients
    itself. See torch.nn.attention.flex_attention.create_block_mask."""
    if _takes_score(mask_mod):
        raise AssertionError(f"create-block_mask requires a mask_mod function! Got {mask_mod}")
    sizes = _pair(BLOCK_SIZE)
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
