"""Sequences of several lengths in one batch: padded, packed, and as a list. See torch.nn.utils.rnn.

A packed batch keeps the padded form that it was made of, and its `data` is made when it is asked
for: recurrent layers and `pad_packed_sequence` go from padded to padded, so that a batch of other
lengths runs the same program. How rows lie is worked out in jtorch/functions/packing.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from ..._core import dtype as dtypes
from ..._core.alias import cell_of
from ..._core.device import CPU
from ..._core.program import host
from ..._core.tensor import Tensor, from_array
from ..._expose import row
from ...functions.creation import empty_like
from ...functions.packing import Packing
from ...functions.ranges import arange
from ...ops._shapes import broadcast_shapes

_pad, _stack = row("pad"), row("stack")


class PackedSequence_(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """A batch of sequences, packed: (data, batch_sizes, sorted_indices, unsorted_indices).

    data (sum of the lengths, *) holds the first steps of all sequences, then the second ones, and
    so on, the longest sequence first; batch_sizes (T), of the CPU, counts the sequences that have a
    step. See torch.nn.utils.rnn.PackedSequence.
    """

    _data: Tensor | None
    _padded: Tensor | None
    _packing: Packing | None

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be "
                "created manually. They should be instantiated by functions like pack_sequence and "
                "pack_padded_sequences in nn.utils.rnn. "
                "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        made = super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)  # pyright: ignore
        made._data, made._padded, made._packing = data, None, None
        return made

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Self:
        return cls(*iterable)

    @classmethod
    def _of_padded(
        cls,
        padded: Tensor,
        packing: Packing,
        batch_sizes: Tensor,
        sorted_indices: Tensor | None,
        unsorted_indices: Tensor | None,
    ) -> Self:
        """The sequences that (T, N, *) holds."""
        made = cls(padded, batch_sizes, sorted_indices, unsorted_indices)
        made._data, made._padded, made._packing = None, padded, packing
        return made

    @property
    def data(self) -> Tensor:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The steps of all sequences. See torch.nn.utils.rnn.PackedSequence."""
        if self._padded is not None:
            # From now on `data` is what holds: it may be written in place.
            self._data, self._padded = self.packing.pack(self._padded), None
        assert self._data is not None  # one of the two is always there
        return self._data

    @property
    def padded(self) -> Tensor:
        """The batch as (T, N, *), with whatever after the end of a sequence."""
        return self.packing.pad(self.data) if self._padded is None else self._padded

    @property
    def packing(self) -> Packing:
        """How the rows lie."""
        if self._packing is None:
            self._packing = Packing.of_sizes(self.batch_sizes)
        return self._packing

    def with_padded(self, padded: Tensor) -> Self:
        """The same lengths and order with other values, (T, N, *)."""
        return self._of_padded(padded, self.packing, *self[1:])

    # A tuple whose first item is made when it is asked for.

    def __iter__(self) -> Iterator[Any]:
        yield self.data
        yield from super().__getitem__(slice(1, None))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice) and index.indices(4)[0] > 0 and (index.step or 1) > 0:
            return super().__getitem__(index)
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        fields = zip(self._fields, self, strict=True)
        return f"PackedSequence({', '.join(f'{name}={value!r}' for name, value in fields)})"

    def __reduce__(self) -> tuple:
        return type(self), tuple(self)

    # Conversion.

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """`data` in another dtype or on another device, where the indices follow.

        See torch.nn.utils.rnn.PackedSequence.to."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        indices = [None if i is None else i.to(data.device) for i in self[2:]]
        return type(self)(data, self.batch_sizes, *indices)

    def cpu(self, *args: Any, **kwargs: Any) -> Self:
        """On the CPU. See torch.nn.utils.rnn.PackedSequence.cpu."""
        return self.to(*args, **{**kwargs, "device": "cpu"})

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """On a GPU. See torch.nn.utils.rnn.PackedSequence.cuda."""
        return self.to(*args, **{"device": "cuda", **kwargs})

    def pin_memory(self) -> Self:
        """The sequence itself: JAX decides where its buffers lie.

        See torch.nn.utils.rnn.PackedSequence.pin_memory."""
        return self

    def double(self) -> Self:
        """In float64."""
        return self.to(dtype=dtypes.float64)

    def float(self) -> Self:
        """In float32."""
        return self.to(dtype=dtypes.float32)

    def half(self) -> Self:
        """In float16."""
        return self.to(dtype=dtypes.float16)

    def long(self) -> Self:
        """In int64."""
        return self.to(dtype=dtypes.int64)

    def int(self) -> Self:
        """In int32."""
        return self.to(dtype=dtypes.int32)

    def short(self) -> Self:
        """In int16."""
        return self.to(dtype=dtypes.int16)

    def char(self) -> Self:
        """In int8."""
        return self.to(dtype=dtypes.int8)

    def byte(self) -> Self:
        """In uint8."""
        return self.to(dtype=dtypes.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether `data` lies on a GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether `data` lies in pinned memory: never."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another one; None of None.

    See torch.nn.utils.rnn.invert_permutation."""
    if permutation is None:
        return None
    numbers = arange(permutation.numel(), device=permutation.device)
    return empty_like(permutation).scatter_(0, permutation, numbers)


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """The sequences of (T, N, *), or with batch_first (N, T, *), of the given lengths, packed.

    Lengths have to fall unless enforce_sorted is False. Reads them if they are a Tensor.
    RuntimeError for lengths that don't fit. See torch.nn.utils.rnn.pack_padded_sequence."""
    counts = _counts(lengths)
    if batch_first:
        input = input.transpose(0, 1)
    order = None
    if not enforce_sorted:
        ranks = np.argsort(-counts, kind="stable")
        order = from_array(ranks, input.device)
        counts = counts[ranks]
        input = input.index_select(1, order)
    _check_counts(counts, input)
    padded = input[: counts[0]].clone()  # what is written to input later doesn't count
    packing = Packing.of_lengths(counts)
    sizes = from_array(packing.sizes, CPU)
    back = None if order is None else from_array(np.argsort(ranks), input.device)
    return PackedSequence._of_padded(padded, packing, sizes, order, back)


def _counts(lengths: Any) -> np.ndarray:
    """Lengths as an array."""
    if isinstance(lengths, Tensor):
        where = lengths.device.type
        lengths = host(cell_of(lengths)).astype(np.int64)
    else:
        where = "cpu"
        lengths = np.asarray(lengths, np.int64)
    if lengths.ndim != 1 or where != "cpu":
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.ndim}D {where} Long tensor"
        )
    return lengths


def _check_counts(counts: np.ndarray, input: Tensor) -> None:
    if not input.numel():
        raise RuntimeError("Cannot pack empty tensors.")
    if len(counts) != input.size(1):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} "
            f"(batch_size={input.size(1)})"
        )
    if (counts <= 0).any():
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if (np.diff(counts) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if counts[0] > input.size(0):
        raise RuntimeError(
            f"a sequence of {counts[0]} steps was asked for, but input has only {input.size(0)}: "
            "lengths may be no greater than the size of the time dimension"
        )


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The sequences, padded and in their old order, (T, N, *) or (N, T, *); and their lengths (N).

    See torch.nn.utils.rnn.pad_packed_sequence."""
    packing = sequence.packing
    steps = len(packing.sizes)
    if total_length is not None and total_length < steps:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {steps}"
        )
    output = packing.fill(sequence.padded, padding_value)
    if total_length is not None and total_length > steps:
        after = (0, 0) * (output.dim() - 1) + (0, total_length - steps)
        output = _pad(output, after, "constant", padding_value)
    lengths = packing.lengths
    if batch_first:
        output = output.transpose(0, 1)
    if sequence.unsorted_indices is not None:
        output = output.index_select(0 if batch_first else 1, sequence.unsorted_indices)
        lengths = lengths[host(cell_of(sequence.unsorted_indices))]
    return output, from_array(lengths, CPU)


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (L, *) as one Tensor (T, N, *), or with batch_first (N, T, *).

    Data of the CPU that needs no gradient is put together on the host, so that other lengths
    compile nothing. See torch.nn.utils.rnn.pad_sequence."""
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    for sequence in sequences:
        broadcast_shapes((len(sequence), *sequences[0].shape[1:]), sequence.shape)
    join = _join_on_host if all(map(_is_data, sequences)) else _join
    output = join(sequences, max(len(s) for s in sequences), padding_value, padding_side == "left")
    return output if batch_first else output.transpose(0, 1)


def _is_data(sequence: Tensor) -> bool:
    cell = cell_of(sequence)
    return cell.array is not None and cell.aval.device is CPU and not sequence.requires_grad


def _join_on_host(sequences: Sequence[Tensor], length: int, value: float, at_left: bool) -> Tensor:
    kind, rest = sequences[0].dtype.numpy, sequences[0].shape[1:]
    output = np.full((len(sequences), length, *rest), value, kind)
    for place, sequence in zip(output, sequences, strict=True):
        rows = host(cell_of(sequence))
        start = length - len(rows) if at_left else 0
        place[start : start + len(rows)] = rows
    return from_array(output, CPU)


def _join(sequences: Sequence[Tensor], length: int, value: float, at_left: bool) -> Tensor:
    padded = []
    for sequence in sequences:
        sequence = sequence.to(sequences[0].dtype)
        missing = length - len(sequence)
        amounts = (0, 0) * (sequence.dim() - 1) + ((missing, 0) if at_left else (0, missing))
        padded.append(_pad(sequence, amounts, "constant", value) if missing else sequence)
    return _stack(padded)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences that (T, N, *), or with batch_first (N, T, *), holds.

    Without batch_first the argument's first two dims change places, in PyTorch as here. Reads the
    lengths. See torch.nn.utils.rnn.unpad_sequence."""
    if not batch_first:
        padded_sequences.transpose_(0, 1)
    pairs = zip(padded_sequences, lengths.tolist(), strict=True)
    return [sequence[: max(length, 0)].clone() for sequence, length in pairs]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (L, *), packed. See torch.nn.utils.rnn.pack_sequence."""
    lengths = [sequence.size(0) for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences (L, *) of a packed batch. See torch.nn.utils.rnn.unpack_sequence."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]
