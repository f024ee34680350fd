"""How far a loader has come in an epoch, so that another one can go on from there.

The samplers are not asked: they are started again from the random state they had, and what they
say for the batches that were handed out already is passed over. A dataset with `state_dict` and
`load_state_dict` is asked; another one that streams is run through, without handing anything out.
Read iterate.py next.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...._core.device import CPU
from ...._core.generator import Generator
from ...._core.program import host
from ...._core.tensor import cell_of, from_array


class Progress:
    """Where an epoch started and what was handed out since.

    states: of the generators, in bytes, before the first draw of the epoch
    yielded: how many batches were handed out
    sources: for each worker (or this process) how many of them it made, and its dataset's state
    turn: which worker makes the next batch
    base_seed: of the workers; `seeds` says whether this epoch draws it (workers that stay keep it)
    """

    def __init__(self, states: Sequence[np.ndarray], sources: int) -> None:
        self.states = list(states)
        self.base_seed = 0
        self.seeds = True
        self.yielded = 0
        self.sources: list[tuple[int, Any]] = [(0, None)] * sources
        self.turn = 0
        self.finished = False

    def count(self, source: int, state: Any) -> None:
        """A batch of a worker has been handed out; `state` is its dataset's after it."""
        self.yielded += 1
        self.sources[source] = (self.sources[source][0] + 1, state)
        self.turn = (source + 1) % len(self.sources)

    def to_dict(self) -> dict[str, Any]:
        """All of it in what can be saved."""
        return {
            "generators": [from_array(state, CPU) for state in self.states],
            "yielded": self.yielded,
            "turn": self.turn,
            "base_seed": self.base_seed,
            "seeds": self.seeds,
            "sources": [{"yielded": count, "dataset": state} for count, state in self.sources],
        }

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Progress:
        """What `to_dict` gave."""
        progress = cls([host(cell_of(state)) for state in saved["generators"]], 0)
        progress.yielded = saved["yielded"]
        progress.turn = saved["turn"]
        progress.base_seed = saved["base_seed"]
        progress.seeds = saved["seeds"]
        progress.sources = [(part["yielded"], part["dataset"]) for part in saved["sources"]]
        return progress


def state_of(dataset: Any) -> Any:
    """What a dataset tells of itself; None where it has no `state_dict`."""
    tell = getattr(dataset, "state_dict", None)
    return tell() if callable(tell) else None


class Start:
    """Runs the beginning of an epoch as it ran before, in `with`: from saved random states.

    A generator that is only a loader's goes on from there. The default one, which others draw from,
    gets the state back that it has now, unless it is at the start of the epoch itself.
    """

    def __init__(
        self, generators: Sequence[Generator], states: Sequence[np.ndarray], shared: Generator
    ) -> None:
        self.pairs = list(zip(generators, states, strict=True))
        self.kept = [
            (generator, generator.state_bytes())
            for generator, state in self.pairs
            if generator is shared and not np.array_equal(generator.state_bytes(), state)
        ]

    def __enter__(self) -> None:
        for generator, state in self.pairs:
            generator.load_bytes(state)

    def __exit__(self, *_: object) -> None:
        for generator, state in self.kept:
            generator.load_bytes(state)


def after(indices: Iterator, count: int) -> Iterator:
    """The iterator without its first `count` items; the next one is drawn now, not later."""
    rest = itertools.islice(indices, count, None)
    return itertools.chain(list(itertools.islice(rest, 1)), rest)
