"""utils.data against PyTorch: the same batches in the same order, the same random state after."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

SEEDS = (0, 1, 7, 2**40 + 3)
MANY_SEEDS = (*range(18), 2**40 + 3, 2**63 - 1)
LIBRARIES = (jtorch, torch)
Point = collections.namedtuple("Point", ["x", "y"])


def plain(value: Any) -> Any:
    """Tensors as (dtype, list), whatever holds them as it is: what both libraries must agree on."""
    if isinstance(value, jtorch.Tensor | torch.Tensor):
        return str(value.dtype).split(".")[-1], value.tolist()
    if isinstance(value, dict | collections.UserDict):
        return type(value).__name__, {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(part) for part in value]
    return value


def both(function: Any, seed: int = 0) -> tuple[Any, Any]:
    """What the function gives under jtorch and PyTorch, and a number drawn afterwards."""
    results = []
    for library in LIBRARIES:
        library.manual_seed(seed)
        result = plain(function(library))
        results.append((result, library.randint(1 << 20, (3,)).tolist()))
    return results[0], results[1]


def dataset_of(library: Any, rows: int = 23) -> Any:
    features = library.arange(rows * 2, dtype=library.float32).view(rows, 2)
    return library.utils.data.TensorDataset(features, library.arange(rows))


def batches_of(library: Any, dataset: Any = None, epochs: int = 2, **options: Any) -> list[Any]:
    dataset = dataset_of(library) if dataset is None else dataset
    loader = library.utils.data.DataLoader(dataset, **options)
    return [len(loader)] + [list(loader) for _ in range(epochs)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 5},
        {"batch_size": 5, "shuffle": True},
        {"batch_size": 5, "shuffle": True, "drop_last": True},
        {"batch_size": 23, "shuffle": True},
        {"batch_size": 50, "drop_last": True},
        {"batch_size": None, "shuffle": True},
        {"batch_sampler": [[3, 1], [22]]},
        {"sampler": [4, 2, 9], "batch_size": 2},
        {"collate_fn": len, "batch_size": 4, "shuffle": True},
    ],
    ids=str,
)
def test_loader_gives_the_same_batches(seed: int, options: dict[str, Any]) -> None:
    ours, theirs = both(lambda library: batches_of(library, **options), seed)
    assert ours == theirs


@pytest.mark.parametrize("seed", SEEDS)
def test_loader_draws_from_a_generator(seed: int) -> None:
    def run(library: Any) -> Any:
        generator = library.Generator().manual_seed(seed)
        batches = batches_of(library, batch_size=4, shuffle=True, generator=generator)
        return [batches, library.randint(1 << 20, (2,), generator=generator)]

    ours, theirs = both(run)
    assert ours == theirs


@pytest.mark.parametrize("seed", MANY_SEEDS)
@pytest.mark.parametrize(
    "make",
    [
        lambda data, rows: data.SequentialSampler(rows),
        lambda data, rows: data.RandomSampler(rows),
        lambda data, rows: data.RandomSampler(rows, num_samples=50),
        lambda data, rows: data.RandomSampler(rows, replacement=True),
        lambda data, rows: data.RandomSampler(rows, replacement=True, num_samples=64),
        lambda data, rows: data.SubsetRandomSampler([9, 5, 7, 1]),
        lambda data, rows: data.WeightedRandomSampler([0.1, 3.0, 0.5, 2.0], 30),
        lambda data, rows: data.WeightedRandomSampler([0.1, 3.0, 0.5, 2.0], 3, replacement=False),
        lambda data, rows: data.BatchSampler(data.RandomSampler(rows), 4, drop_last=True),
        lambda data, rows: data.BatchSampler(data.RandomSampler(rows), 4, drop_last=False),
        lambda data, rows: data.DistributedSampler(rows, 4, 1, seed=5),
        lambda data, rows: data.DistributedSampler(rows, 4, 3, drop_last=True),
        lambda data, rows: data.DistributedSampler(rows, 40, 39, shuffle=False),
    ],
)
def test_samplers(seed: int, make: Any) -> None:
    def run(library: Any) -> Any:
        sampler = make(library.utils.data, range(11))
        return [len(sampler), list(sampler), list(sampler)]

    ours, theirs = both(run, seed)
    assert ours == theirs


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("lengths", [[20, 3], [0.5, 0.25, 0.25], [0.9, 0.1], [23]], ids=str)
def test_random_split(seed: int, lengths: list[Any]) -> None:
    def run(library: Any) -> Any:
        data = library.utils.data
        parts = data.random_split(dataset_of(library), lengths)
        loaders = [data.DataLoader(part, batch_size=4, shuffle=True) for part in parts]
        return [[part.indices for part in parts], [list(loader) for loader in loaders]]

    ours, theirs = both(run, seed)
    assert ours == theirs


def test_concatenation() -> None:
    def run(library: Any) -> Any:
        together = dataset_of(library, 3) + dataset_of(library, 4)
        chosen = [together[i] for i in (0, 2, 3, 6, -1, -7)]
        return [len(together), chosen, batches_of(library, together, batch_size=3)]

    ours, theirs = both(run)
    assert ours == theirs


def test_stacks_of_datasets() -> None:
    def run(library: Any) -> Any:
        data = library.utils.data
        parts = [dataset_of(library, 6), data.Subset(dataset_of(library, 9), range(3, 9)), "abcdef"]
        pairs = data.StackDataset(*parts)
        named = data.StackDataset(x=parts[0], y=parts[1], z=parts[2])
        loaders = [data.DataLoader(stack, 4, shuffle=True) for stack in (pairs, named)]
        return [len(pairs), pairs[1], named[2], [list(loader) for loader in loaders]]

    ours, theirs = both(run)
    assert ours == theirs


def stream_of(library: Any, start: int, stop: int) -> Any:
    class Stream(library.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            return iter(range(start, stop))

        def __len__(self) -> int:
            return stop - start

    return Stream()


@pytest.mark.parametrize("options", [{}, {"drop_last": True}, {"batch_size": None}], ids=str)
def test_streams(options: dict[str, Any]) -> None:
    def run(library: Any) -> Any:
        chain = stream_of(library, 0, 5) + stream_of(library, 10, 16)
        loader = library.utils.data.DataLoader(chain, **{"batch_size": 4, **options})
        return [len(chain), len(loader), list(loader), list(loader), type(loader.sampler).__name__]

    ours, theirs = both(run)
    assert ours == theirs


def test_a_stream_longer_than_it_says() -> None:
    class Liar(jtorch.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            return iter(range(3))

        def __len__(self) -> int:
            return 2

    loader = jtorch.utils.data.DataLoader(Liar(), batch_size=None)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 2.*but 3 samples have been fetched"):
        list(loader)


def test_names_where_code_imports_them_from() -> None:
    data = jtorch.utils.data
    assert data.dataloader.default_collate is data._utils.collate.default_collate
    assert data.sampler.Sampler is data.Sampler
    assert data.dataset.Dataset is data.Dataset
    assert data.distributed.DistributedSampler is data.DistributedSampler
    assert data.get_worker_info() is None


def test_collate_with_a_table() -> None:
    def run(library: Any) -> Any:
        collation = library.utils.data._utils.collate
        table = {**collation.default_collate_fn_map, str: lambda batch, **_: "".join(batch)}
        return collation.collate([("a", 1), ("b", 2)], collate_fn_map=table)

    ours, theirs = both(run)
    assert ours == theirs


class Squares:
    """A dataset as people write them: an item at a time, computed with Tensors."""

    def __init__(self, library: Any) -> None:
        self.numbers = library.arange(10, dtype=library.float32)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Any:
        number = self.numbers[index]
        return {"square": number * number, "index": index, "name": f"number {index}"}


class Together(Squares):
    """The same, asked for a batch of samples at once."""

    def __getitems__(self, indices: list[int]) -> list[Any]:
        return [self[index] for index in indices]


@pytest.mark.parametrize("kind", [Squares, Together])
def test_datasets_of_users(kind: type[Squares]) -> None:
    ours, theirs = both(
        lambda library: batches_of(library, kind(library), batch_size=4, shuffle=True)
    )
    assert ours == theirs


SAMPLES: dict[str, list[Any]] = {
    "float": [1.5, 2.5],
    "int": [1, 2],
    "bool": [True, False],
    "text": ["a", "b"],
    "bytes": [b"a", b"b"],
    "array": [np.zeros(2, np.float32), np.ones(2, np.float32)],
    "array of integers": [np.arange(3, dtype=np.int16), np.arange(3, dtype=np.int16)],
    "numpy float": [np.float32(1), np.float32(2)],
    "numpy int": [np.int64(1), np.int64(2)],
    "tuple": [(1, 2.0), (3, 4.0)],
    "list": [[1, 2.0], [3, 4.0]],
    "nested": [{"a": (1, [2.0])}, {"a": (3, [4.0])}],
    "named tuple": [Point(1, 2.0), Point(3, 4.0)],
    "mapping": [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
    "range": [range(2), range(2, 4)],
}


@pytest.mark.parametrize("name", SAMPLES)
def test_default_collate(name: str) -> None:
    ours, theirs = both(lambda library: library.utils.data.default_collate(SAMPLES[name]))
    assert ours == theirs


@pytest.mark.parametrize("name", SAMPLES)
def test_default_convert(name: str) -> None:
    ours, theirs = both(lambda library: library.utils.data.default_convert(SAMPLES[name]))
    assert ours == theirs


def test_collate_stacks_tensors_and_keeps_gradients() -> None:
    x = jtorch.ones(3, requires_grad=True)
    jtorch.utils.data.default_collate([x, x * 2]).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [3.0, 3.0, 3.0]


BAD: dict[str, tuple[Any, type[Exception]]] = {
    "shuffle and sampler": (lambda d: d.DataLoader([1], shuffle=True, sampler=[0]), ValueError),
    "batch_sampler and batch_size": (
        lambda d: d.DataLoader([1], batch_size=2, batch_sampler=[[0]]),
        ValueError,
    ),
    "drop_last without batches": (
        lambda d: d.DataLoader([1], batch_size=None, drop_last=True),
        ValueError,
    ),
    "batch_size of zero": (lambda d: d.DataLoader([1], batch_size=0), ValueError),
    "negative num_workers": (lambda d: d.DataLoader([1], num_workers=-1), ValueError),
    "negative timeout": (lambda d: d.DataLoader([1], timeout=-1), ValueError),
    "prefetch without workers": (lambda d: d.DataLoader([1], prefetch_factor=2), ValueError),
    "persistent without workers": (
        lambda d: d.DataLoader([1], persistent_workers=True),
        ValueError,
    ),
    "timeout without workers": (lambda d: iter(d.DataLoader([1], timeout=1)), AssertionError),
    "context without workers": (
        lambda d: d.DataLoader([1], multiprocessing_context="spawn"),
        ValueError,
    ),
    "unknown context": (
        lambda d: d.DataLoader([1], num_workers=1, multiprocessing_context="threads"),
        ValueError,
    ),
    "context of another type": (
        lambda d: d.DataLoader([1], num_workers=1, multiprocessing_context=3),
        TypeError,
    ),
    "negative prefetch": (
        lambda d: d.DataLoader([1], num_workers=1, prefetch_factor=-1),
        ValueError,
    ),
    "shuffled stream": (
        lambda d: d.DataLoader(d.ChainDataset([]), shuffle=True),
        ValueError,
    ),
    "stream with a sampler": (
        lambda d: d.DataLoader(d.ChainDataset([]), sampler=[0]),
        ValueError,
    ),
    "stream with a batch sampler": (
        lambda d: d.DataLoader(d.ChainDataset([]), batch_sampler=[[0]]),
        ValueError,
    ),
    "fixed attributes": (lambda d: setattr(d.DataLoader([1]), "batch_size", 2), ValueError),
    "concatenated streams": (lambda d: d.ConcatDataset([d.ChainDataset([])]), AssertionError),
    "chained lists": (lambda d: list(d.ChainDataset([[1]])), AssertionError),
    "empty stack": (lambda d: d.StackDataset(), ValueError),
    "mixed stack": (lambda d: d.StackDataset([1], a=[1]), ValueError),
    "uneven stack": (lambda d: d.StackDataset([1], [1, 2]), ValueError),
    "half a subset": (
        lambda d: type("Half", (d.Subset,), {"__getitem__": len})([1], [0]),
        NotImplementedError,
    ),
    "rank out of range": (lambda d: d.DistributedSampler([1], 2, 2), ValueError),
    "no process group": (lambda d: d.DistributedSampler([1]), ValueError),
    "other keys": (lambda d: d.default_collate([{"a": 1}, {"b": 1}]), KeyError),
    "no samples": (lambda d: d.default_collate([]), IndexError),
    "empty dataset, shuffled": (lambda d: d.DataLoader([], shuffle=True), ValueError),
    "replacement of another type": (lambda d: d.RandomSampler([1], replacement=1), TypeError),
    "weights of two dimensions": (lambda d: d.WeightedRandomSampler([[1.0]], 1), ValueError),
    "no datasets": (lambda d: d.ConcatDataset([]), AssertionError),
    "index too negative": (lambda d: d.ConcatDataset([[1, 2]])[-3], ValueError),
    "wrong lengths": (lambda d: d.random_split([1, 2], [1, 2]), ValueError),
    "negative fraction": (lambda d: d.random_split([1, 2], [1.5, -0.5]), ValueError),
    "unequal samples": (lambda d: d.default_collate([[1], [1, 2]]), RuntimeError),
    "unknown samples": (lambda d: d.default_collate([object()]), TypeError),
    "arrays of text": (lambda d: d.default_collate([np.array(["a"])]), TypeError),
    "unequal arrays": (lambda d: d.default_collate([np.ones(2), np.ones(3)]), RuntimeError),
    "no __getitem__": (lambda d: d.Dataset()[0], NotImplementedError),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_are_pytorchs(name: str) -> None:
    call, expected = BAD[name]
    messages = []
    for library in LIBRARIES:
        with pytest.raises(expected) as caught:
            call(library.utils.data)
        messages.append(str(caught.value))
    ours, theirs = (set(message.lower().replace(",", " ").split()) for message in messages)
    assert len(ours & theirs) >= min(4, len(theirs)), messages


def test_tensors_of_unequal_length() -> None:
    for library in LIBRARIES:
        with pytest.raises(AssertionError, match="Size mismatch between tensors"):
            library.utils.data.TensorDataset(library.ones(2), library.ones(3))


def test_a_batch_comes_materialised() -> None:
    loader = jtorch.utils.data.DataLoader(dataset_of(jtorch), batch_size=5, shuffle=True)
    for _ in loader:
        assert jtorch.debug.recorded_nodes() == 0


def test_epochs_compile_nothing_new() -> None:
    loader = jtorch.utils.data.DataLoader(dataset_of(jtorch), batch_size=5, shuffle=True)
    list(loader)
    before = jtorch.debug.statistics()["programs_compiled"]
    for _ in range(5):
        list(loader)
    assert jtorch.debug.statistics()["programs_compiled"] == before
