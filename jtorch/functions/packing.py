"""Sequences of several lengths one step after the other, as PackedSequence holds them, and padded.

Packed, a batch has as many rows as its sequences have steps together: its shape changes with the
lengths, and a program with it. Padded, (T, N, *), it has one shape; so what computes on a packed
batch computes on the padded one, and knows the lengths as an array. Where the rows lie is worked
out here on the host. The class is in jtorch/nn/utils/rnn.py.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from .._core.alias import cell_of
from .._core.program import host
from .._core.tensor import Tensor, from_array


class Packing:
    """Which sequences of a batch, the longest first, have which steps.

    sizes: how many sequences have a step, for each of them. active: whether a sequence has a step,
    (T, N). places: where the packed rows lie among the T * N padded ones.
    """

    def __init__(self, sizes: np.ndarray) -> None:
        self.sizes = sizes
        self.active = np.arange(sizes[0]) < sizes[:, None]
        self.places = np.flatnonzero(self.active)
        self._tensors: dict[Any, Tensor] = {}

    @classmethod
    def of_lengths(cls, lengths: np.ndarray) -> Packing:
        """The packing of sequences with these lengths, which fall."""
        return cls((lengths > np.arange(lengths[0])[:, None]).sum(1))

    @classmethod
    def of_sizes(cls, batch_sizes: Tensor) -> Packing:
        """The packing that a PackedSequence's `batch_sizes` describe. Reads them."""
        return cls(host(cell_of(batch_sizes)))

    @cached_property
    def lengths(self) -> np.ndarray:
        """How many steps each sequence has."""
        return self.active.sum(0)

    def lengths_on(self, device: Any) -> Tensor:
        """The lengths as a Tensor, the same one whenever they are asked for."""
        if device not in self._tensors:
            self._tensors[device] = from_array(self.lengths, device)
        return self._tensors[device]

    def pack(self, padded: Tensor) -> Tensor:
        """(T, N, *) -> the rows that the sequences have."""
        rows = padded.flatten(0, 1)
        return rows.index_select(0, from_array(self.places, padded.device))

    def pad(self, data: Tensor) -> Tensor:
        """The inverse: (T, N, *), with whatever after the end of a sequence."""
        index = np.where(self.active, np.cumsum(self.active).reshape(self.active.shape) - 1, 0)
        rows = data.index_select(0, from_array(index.ravel(), data.device))
        return rows.view(*self.active.shape, *data.shape[1:])

    def fill(self, padded: Tensor, value: float) -> Tensor:
        """(T, N, *) with `value` after the end of each sequence."""
        ended = ~self.active.reshape(*self.active.shape, *(1 for _ in padded.shape[2:]))
        return padded.masked_fill(from_array(ended, padded.device), value)
