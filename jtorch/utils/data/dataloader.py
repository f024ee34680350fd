"""The DataLoader: batches of a dataset, loaded here or by worker processes.

It only ties the parts together: indices from a sampler (sampler.py), samples from the dataset
(dataset.py), a batch from `collate_fn` (_utils/collate.py). Its iterators are in _utils, whose
`__init__` says in which order to read them.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.context import BaseContext
from typing import Any, Generic, TypeVar

from ..._core.generator import Generator
from ._utils import server
from ._utils.collate import default_collate, default_convert
from ._utils.fetch import Plan
from ._utils.iterate import InProcess, generators_of
from ._utils.pool import FromWorkers
from ._utils.progress import Progress
from ._utils.worker import get_worker_info
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

Sample = TypeVar("Sample", covariant=True)

# What decides the batches: fixed once a loader is made.
_FIXED = {
    "batch_size",
    "batch_sampler",
    "sampler",
    "drop_last",
    "dataset",
    "persistent_workers",
}


class DataLoader(Generic[Sample]):
    """Iterates over batches of a dataset.

    The batches, their order and the random numbers in workers are PyTorch's for a seed and a number
    of workers. Workers are forked from a process of their own, because JAX has threads
    (`multiprocessing_context`: "spawn" or "forkserver" start them as those do). They get the
    dataset, `collate_fn` and `worker_init_fn` by pickling; what stands in the main script, and
    lambdas and local classes, travel by value, and the main script isn't run again: it needs no
    `if __name__ == "__main__":`. What the default collation makes of arrays becomes Tensors in the
    main process; a worker starts JAX, on the CPU, only where the dataset or `collate_fn` uses
    Tensors. `pin_memory` changes nothing: the next batch is sent to the device while the step runs.

    `state_dict()` tells how far the epoch has come; after `load_state_dict()` the next epoch is the
    rest of that one. Samplers start from the random state that they had; a dataset with
    `state_dict` and `load_state_dict` goes on from its own, another iterable-style one is run
    through again.

    Workers need fork and Unix sockets (Linux, macOS). See torch.utils.data.DataLoader; the state is
    that of torchdata's StatefulDataLoader in meaning, not in layout.
    """

    _fixed = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[Sequence] | Iterable[Sequence] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        prefetch_factor = _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        iterable = isinstance(dataset, IterableDataset)
        if iterable:
            _check_iterable(shuffle, sampler, batch_sampler)
        _check_batching(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        if sampler is None:
            sampler = _sampler_of(dataset, iterable, bool(shuffle), generator)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = _context_of(multiprocessing_context, num_workers)
        self.generator = generator
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._iterable = iterable
        self._length_called: int | None = None
        self._iterator: FromWorkers | None = None
        self._progress: Progress | None = None
        self._resumed: Progress | None = None
        self._fixed = True
        self.check_worker_number_rationality()
        if num_workers > 0 and self.multiprocessing_context is None:
            server.prepare()

    def __setattr__(self, name: str, value: Any) -> None:
        if self._fixed and name in _FIXED:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            return InProcess(self)
        if not self.persistent_workers:
            self.check_worker_number_rationality()
            return FromWorkers(self)
        if self._iterator is None:
            self._iterator = FromWorkers(self)
        else:
            self._iterator.restart(self)
        return self._iterator

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._index_sampler)  # type: ignore[arg-type]
        length = self._length_called = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else math.ceil(length / self.batch_size)

    def state_dict(self) -> dict[str, Any]:
        """How far the epoch has come; what comes after its last batch is the next epoch."""
        progress = self._resumed or self._progress
        if progress is None or progress.finished:
            progress = Progress([g.state_bytes() for g in generators_of(self)], 0)
            if self._iterator is not None:
                progress.seeds = False
                progress.base_seed = self._iterator.progress.base_seed
        return progress.to_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Have the next iterator go on where `state_dict()` was called, here or elsewhere."""
        self._resumed = Progress.from_dict(state_dict)

    def check_worker_number_rationality(self) -> None:
        """Warn of more workers than this process has processors."""
        affinity = getattr(os, "sched_getaffinity", None)
        most = os.cpu_count() if affinity is None else len(affinity(0))
        if most is not None and self.num_workers > most:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our "
                f"suggested max number of worker in current system is {most}, which is smaller "
                "than what this DataLoader is going to create.",
                stacklevel=3,
            )

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _plan(self) -> Plan:
        batched = self.batch_sampler is not None
        collate: Any = self.collate_fn
        return Plan(self.dataset, self._iterable, batched, self.batch_size, collate, self.drop_last)

    def _take_resumed(self) -> Progress | None:
        resumed, self._resumed = self._resumed, None
        return resumed


class _InfiniteConstantSampler(Sampler[None]):
    """None for ever: what asks an iterable-style dataset for samples."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


def _sampler_of(
    dataset: Any, iterable: bool, shuffle: bool, generator: Generator | None
) -> Sampler:
    if iterable:
        return _InfiniteConstantSampler()
    return RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)


def _context_of(context: Any, workers: int) -> BaseContext | None:
    """The multiprocessing context that is meant. ValueError and TypeError as PyTorch's."""
    if context is None:
        return None
    if workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading "
            f"(num_workers > 0), but got num_workers={workers}"
        )
    if isinstance(context, str):
        known = multiprocessing.get_all_start_methods()
        if context not in known:
            raise ValueError(
                "multiprocessing_context option should specify a valid start method in "
                f"{known!r}, but got multiprocessing_context={context!r}"
            )
        context = multiprocessing.get_context(context)
    if not isinstance(context, BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string "
            f"specifying the start method, but got multiprocessing_context={context}"
        )
    return context


def _check_workers(
    workers: int, timeout: float, prefetch: int | None, persistent: bool
) -> int | None:
    """The prefetch factor to use."""
    if workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; "
            "use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if workers == 0 and prefetch is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 "
            "to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch is not None and prefetch < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if workers == 0 and persistent:
        raise ValueError("persistent_workers option needs num_workers > 0")
    return 2 if workers > 0 and prefetch is None else prefetch


def _check_iterable(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    options = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in options.items():
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={value}"
            )


def _check_batching(
    batch_size: int | None, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
                "drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )
