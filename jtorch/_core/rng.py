"""The generator of random words on the host: MT19937, in step with PyTorch's CPU generator.

A `MersenneTwister` hands out 32-bit words in PyTorch's order, remembers the spare normal that
PyTorch keeps between calls, and saves and loads its state in PyTorch's own bytes. What is made of
the words (uniforms, normals, permutations, ...) is in samplers.py; the public names are in
functions/random.py.
Read samplers.py next.
"""

from __future__ import annotations

import os
import threading

import numpy as np
from numpy.random import RandomState

# The seed of a generator that nobody has seeded (PyTorch's c10::detail::default_rng_seed_val).
DEFAULT_SEED = 67280421310721
STATE_BYTES = 5056
# The twister makes its words in blocks of this many.
BLOCK = 624
_NOTHING = np.empty(0, np.uint32)

# PyTorch's CPUGeneratorImplState, as `torch.get_rng_state()` returns it.
_LAYOUT = np.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "key", "normal", "has_normal", "has_float"],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", BLOCK), "<f8", "<i4", "u1"],
        "offsets": [0, 8, 12, 16, 24, 5024, 5040, 5052],
        "itemsize": STATE_BYTES,
    }
)


class MersenneTwister:
    """MT19937 seeded as PyTorch's CPU generator is.

    Invariant: `_source` stands at the end of a block of 624 words; `_block` holds that block's
    words (none after seeding, when no block has been made yet) and `_position` says how many of
    them are used.
    """

    __slots__ = ("_block", "_lock", "_position", "_source", "moves", "spare_normal", "_seed")

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self._lock = threading.Lock()
        self.moves = 0  # how often words were drawn, or the state replaced
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Start anew from `seed`, taken modulo 2**64; only its low 32 bits select the stream."""
        self.moves += 1
        self._seed = seed % 2**64
        self._source = RandomState(self._seed & 0xFFFFFFFF)
        self._block = _NOTHING
        self._position = BLOCK
        # The second normal of a pair drawn in double precision, kept for the next call.
        self.spare_normal: float | None = None

    def initial_seed(self) -> int:
        """The seed of the last (re)seeding, in [0, 2**64)."""
        return self._seed

    def words(self, n: int) -> np.ndarray:
        """The next n words, uint32. The array is the caller's to change."""
        with self._lock:
            self.moves += 1
            start = self._position
            if start + n <= BLOCK:
                self._position = start + n
                return self._block[start : start + n].copy() if n else np.empty(0, np.uint32)
            result = np.empty(n, np.uint32)
            done = BLOCK - start
            if done:
                result[:done] = self._block[start:]
            whole = (n - done) // BLOCK * BLOCK
            if whole:
                result[done : done + whole] = self._draw(whole)
            rest = n - done - whole
            if rest:
                self._block = self._draw(BLOCK)
                result[n - rest :] = self._block[:rest]
            else:
                self._block = result[n - BLOCK :].copy()
            self._position = rest or BLOCK
            return result

    def words64(self, n: int) -> np.ndarray:
        """The next n 64-bit words, uint64, each made of two 32-bit words, the high one first."""
        pairs = self.words(2 * n)
        # Views as uint64 are little-endian: the word drawn first lies in the low half.
        both = pairs.view("<u8")
        return (both << np.uint64(32)) | (both >> np.uint64(32))

    def _draw(self, n: int) -> np.ndarray:
        return self._source.randint(0, 2**32, size=n, dtype=np.uint32)

    def state_bytes(self) -> np.ndarray:
        """The state in PyTorch's bytes: 5056 of uint8, as `torch.get_rng_state()` gives it."""
        with self._lock:
            state = np.zeros(1, _LAYOUT)
            state["seed"] = self._seed
            state["seeded"] = 1
            state["key"] = self._source.get_state(legacy=False)["state"]["key"]
            fresh = not self._block.size
            state["left"] = 1 if fresh else BLOCK + 1 - self._position
            state["next"] = 0 if fresh else self._position
            if self.spare_normal is not None:
                state["normal"] = self.spare_normal
                state["has_normal"] = 1
            return state.view(np.uint8)

    def load_bytes(self, state: np.ndarray) -> None:
        """Take over a state in PyTorch's bytes. RuntimeError if it is none."""
        if state.size != STATE_BYTES:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input RNG "
                f"state size to be {state.size}"
            )
        fields = np.ascontiguousarray(state, np.uint8).reshape(-1).view(_LAYOUT)[0]
        left = int(fields["left"])
        after = int(fields["next"])
        fresh = left == 1
        if not fields["seeded"] or not (fresh or (0 < left <= BLOCK and left + after == BLOCK + 1)):
            raise RuntimeError("Invalid mt19937 state")
        key = fields["key"].astype(np.uint32)
        with self._lock:
            self.moves += 1
            self._seed = int(fields["seed"])
            self._source = RandomState(0)
            self._position = BLOCK if fresh else after
            self._block = _NOTHING
            if not (fresh and after == 0):
                self._set_key(key, 0)
                self._block = self._draw(BLOCK)
            self._set_key(key, BLOCK)
            self.spare_normal = float(fields["normal"]) if fields["has_normal"] else None

    def _set_key(self, key: np.ndarray, position: int) -> None:
        state = {"key": key, "pos": position}
        self._source.set_state(
            {"bit_generator": "MT19937", "state": state, "has_gauss": 0, "gauss": 0.0}
        )


def entropy() -> int:
    """A seed of 53 bits from the operating system, as `torch.seed()` draws one."""
    return int.from_bytes(os.urandom(8), "little") & (2**53 - 1)
