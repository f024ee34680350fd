"""Fetching: from what a sampler says to a batch of a dataset, in whichever process this runs.

A `Plan` says how; it travels to the workers. Read iterate.py next.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...._core.tensor import Tensor
from ....functions.creation import as_tensor
from ..dataset import Subset, TensorDataset
from .collate import default_collate


class Plan(NamedTuple):
    """How a loader makes batches.

    batch_size: None where a batch sampler decides, and where nothing is batched
    """

    dataset: Any
    iterable: bool
    batched: bool
    batch_size: int | None
    collate: Callable[[Any], Any]
    drop_last: bool


class Fetcher(Protocol):
    """Has the next batch for an index, or for a list of them."""

    def fetch(self, index: Any) -> Any: ...


class MapFetcher:
    """Batches of a dataset with an item for each index.

    gather: takes a whole batch of rows at once, where that equals collating single samples.
    """

    def __init__(self, plan: Plan, gather: Callable[[list], Any] | None) -> None:
        self.dataset = plan.dataset
        self.batched = plan.batched
        self.collate = plan.collate
        self.gather = gather

    def fetch(self, index: Any) -> Any:
        if self.gather is not None:
            return self.gather(index)
        if not self.batched:
            return self.collate(self.dataset[index])
        together = getattr(self.dataset, "__getitems__", None)
        if together:
            return self.collate(together(index))
        return self.collate([self.dataset[i] for i in index])


class IterableFetcher:
    """Batches of a dataset that streams; StopIteration at its end."""

    def __init__(self, plan: Plan) -> None:
        self.samples: Iterator = iter(plan.dataset)
        self.batched = plan.batched
        self.collate = plan.collate
        self.drop_last = plan.drop_last

    def fetch(self, index: Any) -> Any:
        if not self.batched:
            return self.collate(next(self.samples))
        batch = list(itertools.islice(self.samples, len(index)))
        if len(batch) < len(index):
            # What has ended once is not asked again.
            self.samples = iter(())
            if self.drop_last or not batch:
                raise StopIteration
        return self.collate(batch)


def fetcher_of(plan: Plan, take: Callable[[Tensor, list], Any]) -> Fetcher:
    """What fetches by a plan; `take` gives the rows of a Tensor at a list of indices."""
    if plan.iterable:
        return IterableFetcher(plan)
    whole = plan.batched and plan.collate is default_collate
    return MapFetcher(plan, _gatherer(plan.dataset, take) if whole else None)


def rows_at(tensor: Tensor, indices: list) -> Tensor:
    """One gather in place of a row for each sample and a stack."""
    return tensor[as_tensor(np.asarray(indices))]


def _gatherer(dataset: Any, take: Callable) -> Callable[[list], list] | None:
    """For TensorDatasets and subsets of them, as long as no subclass has its own `__getitem__`."""
    if type(dataset) is TensorDataset:
        return partial(_gather, dataset.tensors, take)
    if type(dataset) is Subset:
        inner = _gatherer(dataset.dataset, take)
        if inner is not None:
            return lambda indices: inner([dataset.indices[i] for i in indices])
    return None


def _gather(tensors: Sequence[Tensor], take: Callable, indices: list) -> list:
    return [take(tensor, indices) for tensor in tensors]
