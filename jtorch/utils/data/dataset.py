"""Map-style datasets: something with a length and an item for each index.

Besides the classes, `gatherer` finds out whether whole batches can be taken from a dataset at once.
What decides the order of the indices is in sampler.py; how samples become a batch is in collate.py.
Read sampler.py next.
"""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from ..._core.generator import Generator, default_generator
from ..._core.samplers import permutation
from ..._core.tensor import Tensor
from ...functions.creation import as_tensor

Sample = TypeVar("Sample", covariant=True)


class Dataset(Generic[Sample]):
    """What can be indexed by sample: define `__getitem__`, and `__len__` where it is known.

    A class that defines `__getitems__(indices)` is asked for a whole batch of samples at once.
    See torch.utils.data.Dataset.
    """

    def __getitem__(self, index: Any) -> Sample:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Sample i is the tuple of every tensor's i-th row. See torch.utils.data.TensorDataset."""

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if any(other.size(0) != tensors[0].size(0) for other in tensors):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(rows[index] for rows in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)


class ConcatDataset(Dataset):
    """The samples of several datasets, one dataset after the other.

    See torch.utils.data.ConcatDataset.
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> Any:
        if idx < 0:
            if -idx > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            idx += len(self)
        place = bisect.bisect_right(self.cumulative_sizes, idx)
        before = self.cumulative_sizes[place - 1] if place else 0
        return self.datasets[place][idx - before]


class Subset(Dataset[Sample]):
    """The samples of `dataset` at `indices`. See torch.utils.data.Subset."""

    def __init__(self, dataset: Dataset[Sample], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        chosen = [self.indices[i] for i in indices]
        together = getattr(self.dataset, "__getitems__", None)
        if callable(together):
            return together(chosen)  # type: ignore[no-any-return]
        return [self.dataset[i] for i in chosen]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Dataset[Sample],
    lengths: Sequence[int | float],
    generator: Generator | None = None,
) -> list[Subset[Sample]]:
    """Divide a dataset into parts of the given lengths, or fractions that sum to 1, at random.

    What fractions leave over is handed out one by one, from the first part on.
    See torch.utils.data.random_split.
    """
    size = len(dataset)  # type: ignore[arg-type]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _lengths_of(lengths, size)
    if sum(lengths) != size:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    drawn = permutation(generator or default_generator, size, np.dtype(np.int64))
    indices = drawn.tolist()
    ends = itertools.accumulate(lengths)
    parts = zip(lengths, ends, strict=True)
    return [Subset(dataset, indices[int(end - length) : int(end)]) for length, end in parts]


def _lengths_of(fractions: Sequence[int | float], size: int) -> list[int]:
    """Whole numbers that sum to `size`, near the fractions of it."""
    for index, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {index} is not between 0 and 1")
    lengths = [math.floor(size * fraction) for fraction in fractions]
    for index in range(size - sum(lengths)):
        lengths[index % len(lengths)] += 1
    for index, length in enumerate(lengths):
        if length == 0:
            warnings.warn(
                f"Length of split at index {index} is 0. This might result in an empty dataset.",
                stacklevel=3,
            )
    return lengths


def gatherer(dataset: Any) -> Callable[[list[int]], list[Tensor]] | None:
    """A function that takes a batch of rows at once, where that equals collating single samples.

    So it is for TensorDatasets and subsets of them, as long as no subclass has its own
    `__getitem__`: one gather for each tensor instead of a row for each sample and a stack.
    """
    if type(dataset) is TensorDataset:
        return partial(_gather, dataset.tensors)
    if type(dataset) is Subset:
        inner = gatherer(dataset.dataset)
        if inner is not None:
            return lambda indices: inner([dataset.indices[i] for i in indices])
    return None


def _gather(tensors: Sequence[Tensor], indices: list[int]) -> list[Tensor]:
    places = as_tensor(np.asarray(indices))
    return [rows[places] for rows in tensors]
