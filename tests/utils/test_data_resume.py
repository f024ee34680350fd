"""state_dict and load_state_dict of a DataLoader: the rest of an epoch, and the epochs after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import jtorch
from jtorch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, get_worker_info

SIZE = 23


class Numbers(Dataset):
    def __getitem__(self, index: int) -> Any:
        return np.float32(index)

    def __len__(self) -> int:
        return SIZE


class Stream(IterableDataset):
    """Each worker gives its share."""

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        self.position, step = (0, 1) if info is None else (info.id, info.num_workers)
        return self.rest(step)

    def rest(self, step: int) -> Iterator[int]:
        while self.position < SIZE:
            self.position += step
            yield self.position - step


class Positioned(Stream):
    """Says where it is, and can be put there."""

    start: int | None = None

    def __iter__(self) -> Iterator[int]:
        super().__iter__()
        info = get_worker_info()
        if self.start is not None:
            self.position, self.start = self.start, None
        return self.rest(1 if info is None else info.num_workers)

    def state_dict(self) -> dict[str, int]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.start = state["position"]


def seeded(seed: int) -> Any:
    return jtorch.Generator().manual_seed(seed)


LOADERS: dict[str, Any] = {
    "in order": lambda: DataLoader(Numbers(), 3),
    "shuffled": lambda: DataLoader(Numbers(), 3, shuffle=True),
    "not batched": lambda: DataLoader(Numbers(), None, shuffle=True),
    "generator": lambda: DataLoader(Numbers(), 3, shuffle=True, generator=seeded(1)),
    "sampler's generator": lambda: DataLoader(
        Numbers(), 3, sampler=RandomSampler(Numbers(), generator=seeded(2))
    ),
    "replacement": lambda: DataLoader(
        Numbers(), 3, sampler=RandomSampler(Numbers(), True, 70, generator=seeded(3))
    ),
    "stream": lambda: DataLoader(Stream(), 3),
    "positioned": lambda: DataLoader(Positioned(), 3),
    "shuffled, workers": lambda: DataLoader(Numbers(), 3, shuffle=True, num_workers=2),
    "generator, workers": lambda: DataLoader(
        Numbers(), 3, shuffle=True, num_workers=2, generator=seeded(1)
    ),
    "persistent": lambda: DataLoader(
        Numbers(), 3, shuffle=True, num_workers=2, persistent_workers=True
    ),
    "stream, workers": lambda: DataLoader(Stream(), 3, num_workers=2),
    "positioned, workers": lambda: DataLoader(Positioned(), 3, num_workers=2),
}


def values(loader: DataLoader) -> list:
    return [batch.tolist() for batch in loader]


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("stop", [1, 4])
def test_the_rest_of_an_epoch(name: str, stop: int) -> None:
    jtorch.manual_seed(7)
    loader = LOADERS[name]()
    values(loader)
    whole = []
    for number, batch in enumerate(loader, 1):
        whole.append(batch.tolist())
        jtorch.rand(3)  # others draw, too
        if number == stop:
            saved = loader.state_dict(), jtorch.get_rng_state()
    after = values(loader)

    jtorch.manual_seed(99)
    again = LOADERS[name]()
    again.load_state_dict(saved[0])
    jtorch.set_rng_state(saved[1])
    rest = []
    for batch in again:
        rest.append(batch.tolist())
        jtorch.rand(3)
    assert rest == whole[stop:]
    assert values(again) == after


@pytest.mark.parametrize("name", ["shuffled", "shuffled, workers"])
def test_between_epochs(name: str) -> None:
    loader = LOADERS[name]()
    values(loader)
    saved = loader.state_dict()
    expected = values(loader)
    again = LOADERS[name]()
    again.load_state_dict(saved)
    assert values(again) == expected


def test_a_loop_that_was_left() -> None:
    loader = LOADERS["shuffled"]()
    seen = []
    for batch in loader:
        seen.append(batch.tolist())
        if len(seen) == 2:
            break
    saved = loader.state_dict()
    again = LOADERS["shuffled"]()
    again.load_state_dict(saved)
    assert again.state_dict()["yielded"] == 2  # before it is used, it is where it was
    rest = values(again)
    assert sorted(sum(seen + rest, [])) == list(range(SIZE))


def test_a_state_can_be_saved(tmp_path: Any) -> None:
    loader = LOADERS["positioned, workers"]()
    batches = iter(loader)
    next(batches)
    jtorch.save(loader.state_dict(), tmp_path / "loader.pt")
    rest = [batch.tolist() for batch in batches]
    again = LOADERS["positioned, workers"]()
    again.load_state_dict(jtorch.load(tmp_path / "loader.pt"))
    assert values(again) == rest


def test_another_number_of_workers() -> None:
    loader = LOADERS["stream, workers"]()
    next(iter(loader))
    again = LOADERS["stream"]()
    again.load_state_dict(loader.state_dict())
    with pytest.raises(ValueError, match="2 sources of batches"):
        iter(again)
