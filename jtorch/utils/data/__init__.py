"""Datasets, samplers, collation and the DataLoader, under PyTorch's names. See torch.utils.data.

A sampler says which indices come next, a dataset gives the samples, collation makes a batch of
them, and the loader ties the three together. Read them in this order: dataset.py, sampler.py,
collate.py, dataloader.py.
"""

from __future__ import annotations

from ..._core.errors import absent
from .collate import default_collate, default_convert
from .dataloader import DataLoader, get_worker_info
from .dataset import (
    ConcatDataset,
    Dataset,
    Subset,
    TensorDataset,
    random_split,
)
from .sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
