"""torch.nn.utils.rnn held against PyTorch's: expressions, their errors, and what packing costs."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

from ..comparison import compiled
from .test_layers import numbers
from .test_recurrent import flat

TEXTS = [
    "rnn.pack_padded_sequence(x, [4, 3, 1])",
    "rnn.pack_padded_sequence(x, [3, 2, 2])",
    "rnn.pack_padded_sequence(x, torch.tensor([4.0, 3.0, 2.0]))",
    "rnn.pack_padded_sequence(x, [1, 4, 1], enforce_sorted=False)",
    "rnn.pack_padded_sequence(x.transpose(0, 1), [2, 3, 1], True, False)",
    "rnn.pack_padded_sequence(x[..., 0], [4, 3, 1])",
    "rnn.pack_padded_sequence(x, [4, 3])",
    "rnn.pack_padded_sequence(x, [4, 3, 0])",
    "rnn.pack_padded_sequence(x, [2, 3, 4])",
    "rnn.pack_padded_sequence(x, 4)",
    "rnn.pack_padded_sequence(x, torch.tensor([[4, 3, 2]]))",
    "rnn.pack_padded_sequence(x[:, :0], [])",
    "rnn.pack_padded_sequence(x[:, 0, 0], [1, 1, 1, 1])",
    "rnn.pad_packed_sequence(packed)",
    "rnn.pad_packed_sequence(packed, True, -1.5, 6)",
    "rnn.pad_packed_sequence(packed, total_length=6)",
    "rnn.pad_packed_sequence(packed, total_length=2)",
    "rnn.pad_packed_sequence(rnn.PackedSequence(packed.data * 2, *packed[1:]))",
    "rnn.pad_packed_sequence(rnn.PackedSequence(x[0], torch.tensor([2, 1])), True)",
    "rnn.PackedSequence((x[0], torch.tensor([2, 1])), sorted_indices=torch.tensor([1, 0]))",
    "rnn.PackedSequence(x)",
    "packed.data, packed[0], packed[-1], packed[:2], packed[1:]",
    "packed._replace(data=packed.data + 1)",
    "packed.double(), packed.long(), packed.half().float(), packed.cpu()",
    "packed.int(), packed.short(), packed.char(), packed.byte()",
    "packed.to(torch.float32) is packed, packed.is_cuda, packed.is_pinned(), len(packed)",
    "packed.data.mul_(2), rnn.pad_packed_sequence(packed)",
    "rnn.pad_sequence([x[:, 0], x[:2, 1], x[:3, 2]])",
    "rnn.pad_sequence([x[:2, 1], x[:, 0]], True, 1.5)",
    "rnn.pad_sequence((s for s in [x[:2, 1], x[:, 0]]), padding_value=2, padding_side='left')",
    "rnn.pad_sequence([x[:2, 1].long(), x[:, 0]])",
    "rnn.pad_sequence(x)",
    "rnn.pad_sequence([x[:2, 1] * 1, x[:, 0] * 1], True, 3.0, 'left')",
    "rnn.pad_sequence(3)",
    "rnn.pad_sequence([])",
    "rnn.pad_sequence([x], padding_side='x')",
    "rnn.pad_sequence([torch.ones(2, 2), torch.ones(3, 3)])",
    "rnn.pad_sequence([torch.ones(2, 2), torch.ones(3)])",
    "rnn.pack_sequence([x[:, 0], x[:2, 1]])",
    "rnn.pack_sequence([x[:2, 1], x[:, 0]], enforce_sorted=False)",
    "rnn.pack_sequence([x[:2, 1], x[:, 0]])",
    "rnn.pack_sequence([])",
    "tuple(rnn.unpack_sequence(packed))",
    "tuple(rnn.unpad_sequence(x * 1, torch.tensor([1, 4, 9])))",
    "tuple(rnn.unpad_sequence(x, torch.tensor([1, 3, 0, 2]), batch_first=True))",
    "rnn.invert_permutation(torch.tensor([2, 0, 1])), rnn.invert_permutation(None)",
]


def look(library: Any, text: str) -> Any:
    """The values of an expression, or what it raises."""
    rnn = library.nn.utils.rnn
    x = library.arange(24.0).reshape(4, 3, 2)
    packed = rnn.pack_padded_sequence(x, [1, 4, 2], enforce_sorted=False)
    names = {"torch": library, "rnn": rnn, "x": x, "packed": packed}
    try:
        found = eval(text, names)
    except (ArithmeticError, AssertionError, LookupError, RuntimeError, ValueError) as error:
        return type(error), str(error)
    tensors = [value if isinstance(value, bool | int) else numbers(value) for value in flat(found)]
    return tensors, repr(found)


@pytest.mark.parametrize("text", TEXTS)
def test_as_pytorch(text: str) -> None:
    expected, found = look(torch, text), look(jtorch, text)
    assert found[1] == expected[1]
    if isinstance(expected[0], type):
        assert found[0] is expected[0]
        return
    for wanted, got in zip(expected[0], found[0], strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_gradients_of_packing() -> None:
    """There and back, with what is written between."""
    found = []
    for library in (torch, jtorch):
        rnn = library.nn.utils.rnn
        x = library.arange(24.0).reshape(4, 3, 2).requires_grad_()
        base = x * 1
        packed = rnn.pack_padded_sequence(base, [2, 4, 1], enforce_sorted=False)
        base.mul_(100)  # PyTorch's packed data are a copy
        squared = rnn.PackedSequence(packed.data**2, *packed[1:])
        output, _ = rnn.pad_packed_sequence(squared)
        sequences = rnn.pad_sequence([x[:2, 0], x[:, 1]], padding_side="left")
        (output.sum() + (sequences * library.ones(2).cumsum(0)).sum()).backward()
        found.append((numbers(output), numbers(x.grad)))
    for wanted, got in zip(*found, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_packed_sequence_is_a_named_tuple() -> None:
    rnn = jtorch.nn.utils.rnn
    packed = rnn.pack_sequence([jtorch.ones(3), jtorch.zeros(1)])
    data, sizes, _, _ = packed
    assert isinstance(packed, tuple)
    assert packed._fields == ("data", "batch_sizes", "sorted_indices", "unsorted_indices")
    assert packed.data is data
    assert packed.batch_sizes is sizes
    assert packed == packed  # noqa: PLR0124
    assert list(packed._asdict()) == list(packed._fields)
    again = pickle.loads(pickle.dumps(packed))
    assert again.data.tolist() == [1, 0, 1, 1]


def test_padding_data_compiles_nothing() -> None:
    """Sequences out of a data set, put together as a `collate_fn` does."""
    data = [jtorch.ones(length) for length in range(1, 9)]
    jtorch.synchronize()

    def collate() -> None:
        for start in range(6):
            jtorch.nn.utils.rnn.pad_sequence(data[start : start + 3], batch_first=True).numpy()

    assert compiled(collate) == 0
