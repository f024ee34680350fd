"""The DataLoader: batches of a map-style dataset, loaded in this process.

It only ties the parts together: indices from a sampler (sampler.py), samples from the dataset
(dataset.py), a batch from `collate_fn` (collate.py). Whenever it hands out a batch, what is still
pending is materialised: a loop over a loader makes programs of one batch each, also where no
optimizer step ends them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ..._core.generator import Generator
from ..._core.program import materialise_all
from .collate import default_collate, default_convert
from .dataset import gatherer
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, draw_seed

Sample = TypeVar("Sample", covariant=True)


class DataLoader(Generic[Sample]):
    """Iterates over batches of a dataset.

    Differs from PyTorch: the samples are loaded in this process, whatever `num_workers` says (it
    warns once), and iterable-style datasets are not supported yet. See torch.utils.data.DataLoader.
    """

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
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        _check_batching(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if not hasattr(dataset, "__getitem__"):
            raise TypeError(
                f"DataLoader needs a dataset with __getitem__, but {type(dataset).__name__} has "
                "none: iterable-style datasets are not supported yet"
            )
        if batch_sampler is not None:
            batch_size = None
        if sampler is None:
            shuffled = RandomSampler(dataset, generator=generator) if shuffle else None
            sampler = shuffled or SequentialSampler(dataset)
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
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order

    def __iter__(self) -> Iterator[Any]:
        # PyTorch draws a seed for its workers here, with or without workers: the random state keeps
        # step.
        draw_seed(self.generator)
        indices = self.sampler if self.batch_sampler is None else self.batch_sampler
        return self._batches(iter(indices), self._fetcher())

    def __len__(self) -> int:
        indices = self.sampler if self.batch_sampler is None else self.batch_sampler
        return len(indices)  # type: ignore[arg-type]

    def _batches(self, indices: Iterator[Any], fetch: Callable[[Any], Any]) -> Iterator[Any]:
        for chosen in indices:
            batch = fetch(chosen)
            materialise_all()
            yield batch

    def _fetcher(self) -> Callable[[Any], Any]:
        """The function from the next index, or list of indices, to what the loader hands out."""
        dataset = self.dataset
        collate = self.collate_fn
        if self.batch_sampler is None:
            return lambda index: collate(dataset[index])
        gather = gatherer(dataset) if collate is default_collate else None
        if gather is not None:
            return gather
        together = getattr(dataset, "__getitems__", None)
        if callable(together):
            return lambda indices: collate(together(indices))  # type: ignore[arg-type]
        return lambda indices: collate([dataset[index] for index in indices])


def get_worker_info() -> None:
    """None: samples are loaded in the main process. See torch.utils.data.get_worker_info."""
    return None


def _check_workers(workers: int, timeout: float, prefetch: int | None, persistent: bool) -> None:
    if workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; "
            "use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if workers == 0 and prefetch is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing: let "
            "num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if workers == 0 and persistent:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if workers > 0:
        _warn_of_workers()


_warned_of_workers = False


def _warn_of_workers() -> None:
    """Say it once a process."""
    global _warned_of_workers
    if not _warned_of_workers:
        _warned_of_workers = True
        warnings.warn(
            "DataLoader loads the samples in this process for now; num_workers is ignored.",
            stacklevel=4,
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
