"""Masks drawn inside a program from a key that is a cell: what dropout does on accelerators."""

from __future__ import annotations

import jtorch
from jtorch._core.device import CPU
from jtorch._core.device_random import bernoulli_mask


def draw(count: int = 3) -> list:
    return [bernoulli_mask((1000,), 0.3, CPU).float() for _ in range(count)]


def test_a_seed_gives_the_same_masks_and_every_draw_is_new() -> None:
    jtorch.manual_seed(3)
    first = [m.tolist() for m in draw()]
    jtorch.manual_seed(3)
    assert [m.tolist() for m in draw()] == first
    assert first[0] != first[1] != first[2]
    assert all(0.2 < sum(m) / 1000 < 0.4 for m in first)


def test_a_replayed_program_draws_new_numbers() -> None:
    jtorch.manual_seed(0)
    seen = []
    before = None
    for step in range(4):
        seen.append(tuple((bernoulli_mask((50,), 0.5, CPU).float() * 2).tolist()))
        if step == 1:
            before = jtorch.debug.statistics()["programs_compiled"]
    assert jtorch.debug.statistics()["programs_compiled"] == before
    assert len(set(seen)) == 4


def test_the_key_survives_a_failed_program(monkeypatch) -> None:
    jtorch.manual_seed(1)
    (first,) = draw(1)
    first.tolist()
    mask = bernoulli_mask((1000,), 0.3, CPU)

    def fail(*_: object) -> None:
        raise MemoryError("no memory")

    with monkeypatch.context() as patched:
        patched.setattr("jtorch._core.program._run", fail)
        try:
            mask.tolist()
        except RuntimeError:
            pass
    again = draw(1)[0].tolist()
    jtorch.manual_seed(1)
    assert [m.tolist() for m in draw(2)][1] == again
