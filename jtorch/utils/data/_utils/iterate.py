"""One pass over a loader: what is common to all, and the pass that loads in this process.

PyTorch's order of random draws is kept: the sampler is started, then a seed for the workers is
drawn, with or without workers. Whenever a batch is handed out, what is still pending is
materialised: a loop over a loader makes programs of one batch each, also where no optimizer step
ends them. The pass with worker processes is in pool.py; read transport.py next.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...._core.events import materialises
from ...._core.generator import Generator, default_generator
from ...._core.program import materialise_all
from ..sampler import draw_seed
from .fetch import Plan, fetcher_of, rows_at
from .progress import Progress, Start, after, state_of

if TYPE_CHECKING:
    from ..dataloader import DataLoader


class Iteration:
    """An iterator over the batches of a loader."""

    def __init__(self, loader: DataLoader, sources: int) -> None:
        self._loader_plan: Plan = loader._plan()
        self._loader_indices = loader._index_sampler
        self._sources = sources
        self._length_called: int | None = None
        self._begin(loader, first=True)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __len__(self) -> int:
        return len(self._loader_indices)  # type: ignore[arg-type]

    @materialises("DataLoader", "the next batch is handed out")
    def __next__(self) -> Any:
        try:
            batch, source, state = self._next_batch()
        except StopIteration:
            self.progress.finished = True
            raise
        self.progress.count(source, state)
        self._check_length()
        materialise_all()
        return batch

    def _next_batch(self) -> tuple[Any, int, Any]:
        """The next batch, who made it and the state of the dataset after it."""
        raise NotImplementedError

    def _start(self, loader: DataLoader, progress: Progress) -> None:
        """Get ready for the first batch after what `progress` says was handed out."""
        raise NotImplementedError

    def _begin(self, loader: DataLoader, first: bool) -> None:
        """Start an epoch, or go on in one that a state dict tells of."""
        generators = generators_of(loader)
        self.progress = Progress(
            [generator.state_bytes() for generator in generators], self._sources
        )
        self._length_called = loader._length_called
        resumed = loader._take_resumed()
        again: Any = contextlib.nullcontext()
        self.progress.seeds = first
        if resumed is not None:
            self._base_seed = resumed.base_seed
            self.progress.states = resumed.states
            self.progress.seeds = resumed.seeds
            again = Start(generators, resumed.states, default_generator)
        with again:
            self._indices = iter(self._loader_indices)
            if self.progress.seeds:
                self._base_seed = draw_seed(loader.generator)
                if loader.num_workers:
                    # PyTorch starts the sampler twice when there are workers.
                    self._indices = iter(self._loader_indices)
            self.progress.base_seed = self._base_seed
            if resumed is not None:
                self._go_on_from(resumed)
            self._start(loader, self.progress)
        loader._progress = self.progress

    def _go_on_from(self, resumed: Progress) -> None:
        if resumed.yielded and len(resumed.sources) != self._sources:
            raise ValueError(
                f"the state dict is of a loader with {len(resumed.sources)} sources of batches "
                f"(workers, or this process), this one has {self._sources}"
            )
        if resumed.yielded:
            self.progress.sources = list(resumed.sources)
        self.progress.yielded = resumed.yielded
        self.progress.turn = resumed.turn
        passed = 0 if self._loader_plan.iterable else resumed.yielded
        self._indices = after(self._indices, passed)

    def _check_length(self) -> None:
        expected, given = self._length_called, self.progress.yielded
        if not self._loader_plan.iterable or expected is None or given <= expected:
            return
        message = (
            f"Length of IterableDataset {self._loader_plan.dataset} was reported to be {expected}"
            f"(when accessing len(dataloader)), but {given} samples have been fetched. "
        )
        if self._has_workers:
            message += (
                "For multiprocessing data-loading, this could be caused by not properly "
                "configuring the IterableDataset replica at each worker: see get_worker_info."
            )
        warnings.warn(message, stacklevel=3)

    _has_workers = False


class InProcess(Iteration):
    """Loads the samples in this process, when they are asked for."""

    def __init__(self, loader: DataLoader) -> None:
        if loader.timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        super().__init__(loader, 1)

    def _start(self, loader: DataLoader, progress: Progress) -> None:
        self._fetcher = resumed_fetcher(self._loader_plan, rows_at, *progress.sources[0])

    def _next_batch(self) -> tuple[Any, int, Any]:
        batch = self._fetcher.fetch(next(self._indices))
        return batch, 0, state_of(self._loader_plan.dataset)


def resumed_fetcher(plan: Plan, take: Any, yielded: int, state: Any) -> Any:
    """A fetcher that goes on after `yielded` batches, or from a dataset's state."""
    if state is not None:
        plan.dataset.load_state_dict(state)
    fetcher = fetcher_of(plan, take)
    if plan.iterable and state is None:
        for _ in range(yielded):
            fetcher.fetch(range(plan.batch_size or 0))
    return fetcher


def generators_of(loader: DataLoader) -> list[Generator]:
    """The generators that a loader draws from: the default one, its own, its samplers'."""
    found = [default_generator]
    inner = getattr(loader.batch_sampler, "sampler", None)
    for owner in (loader, loader.sampler, loader.batch_sampler, inner):
        generator = getattr(owner, "generator", None)
        if isinstance(generator, Generator) and all(generator is not known for known in found):
            found.append(generator)
    return found
