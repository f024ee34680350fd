"""DistributedSampler: each of several processes visits its own part of a dataset.

The other samplers are in sampler.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

import numpy as np

from ..._core.generator import Generator
from ..._core.samplers import permutation
from .sampler import Sampler


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index from `rank` on, of an order that all replicas share.

    The order is shuffled by `seed` + epoch: `set_epoch` before each epoch gives another one. All
    replicas visit as many samples: the first ones come again where the length is no multiple of
    num_replicas, or with `drop_last` the last ones are left out. Differs from PyTorch: there is no
    process group here to ask, so `num_replicas` and `rank` must be given (ValueError).
    See torch.utils.data.distributed.DistributedSampler.
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise ValueError(
                "Default process group has not been initialized: give DistributedSampler its "
                "num_replicas and rank"
            )
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        size = len(dataset)
        self.num_samples = size // num_replicas if drop_last else math.ceil(size / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        if self.shuffle:
            generator = Generator().manual_seed(self.seed + self.epoch)
            indices = permutation(generator, size, np.dtype(np.int64)).tolist()
        else:
            indices = list(range(size))
        # The whole order over and over, as often as a number of samples beyond the length needs.
        indices *= math.ceil(self.total_size / size) if size else 1
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next, so that it gets an order of its own."""
        self.epoch = epoch
