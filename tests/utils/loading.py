"""Loaders with workers, written once and run under both libraries.

    python -m tests.utils.loading torch

prints what PyTorch gives, as JSON: it forks, which a process with JAX must not. A scenario gets the
library and returns what can be written as JSON.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Tensors as [dtype, list], whatever holds them."""
    if hasattr(value, "tolist"):
        return [str(value.dtype).split(".")[-1], value.tolist()]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(plain, value)]
    return value


def samples_of(library: Any, size: int = 11) -> Any:
    """A dataset of arrays, numbers and text, with random numbers of every kind."""

    class Samples(library.utils.data.Dataset):
        def __len__(self) -> int:
            return size

        def __getitem__(self, index: int) -> Any:
            info = library.utils.data.get_worker_info()
            return {
                "image": np.full((2, 3), index, np.uint8),
                "large": np.full((64, 64), index, np.float32)[::8, ::8].copy(),
                "drawn": (random.random(), np.random.rand(), library.rand(2)),
                "worker": [info.id, info.num_workers, info.seed, len(info.dataset)],
                "seed": library.initial_seed(),
                "text": f"sample {index}",
                "even": index % 2 == 0,
            }

    return Samples()


def stream_of(library: Any, size: int = 13) -> Any:
    """A dataset that streams, each worker its share; they differ in length."""

    class Stream(library.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            info = library.utils.data.get_worker_info()
            step, first = (1, 0) if info is None else (info.num_workers, info.id)
            for number in range(first, size, step):
                yield number, np.float32(random.random())

        def __len__(self) -> int:
            return size

    return Stream()


def epochs(library: Any, dataset: Any, count: int = 2, **options: Any) -> list:
    options = {"num_workers": 2, "batch_size": 3, **options}
    loader = library.utils.data.DataLoader(dataset, **options)
    return [plain(list(loader)) for _ in range(count)]


def generator_of(library: Any) -> Any:
    return library.Generator().manual_seed(5)


def set_offset(library: Any) -> Callable[[int], None]:
    def initialise(worker: int) -> None:
        library.utils.data.get_worker_info().dataset.offset = 100 * worker

    return initialise


def offsets_of(library: Any) -> Any:
    class Offsets(library.utils.data.Dataset):
        offset = 0

        def __getitem__(self, index: Any) -> Any:
            return index + self.offset

        def __len__(self) -> int:
            return 7

    return Offsets()


def failing(library: Any, kind: Any, *arguments: Any) -> list:
    class Failing(library.utils.data.Dataset):
        def __getitem__(self, index: int) -> Any:
            if index == 2:
                raise kind(*arguments)
            return index

        def __len__(self) -> int:
            return 5

    loader = iter(library.utils.data.DataLoader(Failing(), num_workers=2))
    seen: list = []
    for _ in range(5):
        try:
            seen.append(plain(next(loader)))
        except Exception as error:
            lines = str(error).splitlines()
            seen.append([type(error).__name__, *lines[:2], lines[-1].split(".")[-1]])
    return seen


class Peculiar(Exception):
    """Can't be made from a message alone."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def tensors_of(library: Any) -> Any:
    rows = library.arange(24, dtype=library.float32).view(12, 2)
    return library.utils.data.TensorDataset(rows, library.arange(12))


def squares(library: Any) -> Callable[[list], Any]:
    def collate(batch: list) -> Any:
        numbers = library.utils.data.default_collate(batch)[1]
        return numbers * numbers, np.ones(2, np.float32), batch[0][0].sum()

    return collate


def unordered(library: Any) -> list:
    loader = library.utils.data.DataLoader(
        samples_of(library), batch_size=2, num_workers=2, in_order=False
    )
    return sorted(text for batch in loader for text in batch["text"])


SCENARIOS: dict[str, Callable[[Any], Any]] = {
    "in order": lambda t: epochs(t, samples_of(t)),
    "shuffled": lambda t: epochs(t, samples_of(t), shuffle=True),
    "one worker": lambda t: epochs(t, samples_of(t), shuffle=True, num_workers=1),
    "three workers": lambda t: epochs(t, samples_of(t), num_workers=3, prefetch_factor=1),
    "generator": lambda t: epochs(t, samples_of(t), shuffle=True, generator=generator_of(t)),
    "drop_last": lambda t: epochs(t, samples_of(t), shuffle=True, drop_last=True),
    "not batched": lambda t: epochs(t, samples_of(t), batch_size=None),
    "persistent": lambda t: epochs(t, samples_of(t), 3, shuffle=True, persistent_workers=True),
    "batch_sampler": lambda t: epochs(
        t, samples_of(t), batch_size=1, batch_sampler=[[3, 1], [0], [9, 8, 7]]
    ),
    "lambda": lambda t: epochs(t, range(7), collate_fn=lambda batch: sum(batch) + 0.5),
    "worker_init_fn": lambda t: epochs(t, offsets_of(t), worker_init_fn=set_offset(t)),
    "tensors": lambda t: epochs(t, tensors_of(t), shuffle=True),
    "subset of tensors": lambda t: epochs(t, t.utils.data.Subset(tensors_of(t), [1, 5, 7, 2])),
    "tensors in collate_fn": lambda t: epochs(t, tensors_of(t), collate_fn=squares(t)),
    "stream": lambda t: epochs(t, stream_of(t)),
    "stream, drop_last": lambda t: epochs(t, stream_of(t), drop_last=True, num_workers=3),
    "stream, not batched": lambda t: epochs(t, stream_of(t), batch_size=None),
    "stream, persistent": lambda t: epochs(t, stream_of(t), persistent_workers=True),
    "chain": lambda t: epochs(t, stream_of(t, 3) + stream_of(t, 4)),
    "not in order": unordered,
    "ValueError": lambda t: failing(t, ValueError, "no such sample"),
    "KeyError": lambda t: failing(t, KeyError, "missing"),
    "StopIteration": lambda t: failing(t, StopIteration),
    "peculiar": lambda t: failing(t, Peculiar, 1, 2),
}


def run(library: Any, name: str) -> Any:
    """What a scenario gives for seed 3, and random numbers drawn afterwards."""
    library.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    result = SCENARIOS[name](library)
    return json.loads(json.dumps([result, library.randint(1 << 20, (3,)).tolist()]))


def main() -> None:
    library = importlib.import_module(sys.argv[1])
    print(json.dumps({name: run(library, name) for name in SCENARIOS}))


if __name__ == "__main__":
    main()
