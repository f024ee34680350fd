"""Footgun 15: an interrupt, or too little memory, in the middle of a step: everything is as it was
before."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import jax
import pytest

import jtorch
from jtorch._compile import direct
from jtorch._core import program

from ..comparison import as_it_is, difference, forget, plain


class Training:
    """A model with buffers and random numbers, and an optimizer with state."""

    def __init__(self, repeated: Callable = as_it_is) -> None:
        jtorch.manual_seed(0)
        nn = jtorch.nn
        self.model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        self.optimizer = jtorch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.x, self.y = jtorch.randn(6, 3), jtorch.randint(0, 2, (6,))
        self.step = repeated(self.iterate)

    def iterate(self) -> None:
        """One iteration."""
        self.optimizer.zero_grad()
        loss = jtorch.nn.functional.cross_entropy(self.model(self.x), self.y)
        loss.backward()
        self.optimizer.step()

    def state(self) -> Any:
        """Everything that a checkpoint would hold."""
        return plain([self.model.state_dict(), self.optimizer.state_dict()], jtorch)


def interrupt(*_: Any) -> None:
    """What ctrl-C does while a program runs."""
    raise KeyboardInterrupt


def exhaust(*_: Any) -> None:
    """What XLA says when memory runs out."""
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes.")


def break_down(*_: Any) -> None:
    """Another failure of XLA's."""
    raise jax.errors.JaxRuntimeError("INTERNAL: it broke")


FAILURES = [
    (interrupt, KeyboardInterrupt, None),
    (exhaust, jtorch.OutOfMemoryError, "RESOURCE_EXHAUSTED"),
    (break_down, jtorch.ProgramError, "INTERNAL"),
]


# Where a program is compiled, and where it is run.
PLACES = [(program, "build"), (program, "_run")]
# How a step is made, how many good ones come before, and where it fails. What `compile` repeats is
# compiled by then, and run at a place of its own.
STEPS = [
    *product([as_it_is], [0, 1, 3], PLACES),
    *product([jtorch.compile], [0, 1], PLACES),
    (jtorch.compile, 3, (direct, "outputs_of")),
]


def fails(
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[Any, str],
    failure: Callable,
    kind: type,
    words: str | None,
    run: Any,
) -> None:
    """Run something whose program fails at one of `PLACES`."""
    with monkeypatch.context() as patch:
        patch.setattr(*place, failure)
        with pytest.raises(kind, match=words):
            run()


@pytest.mark.parametrize("repeated, before, place", STEPS)
@pytest.mark.parametrize("failure, kind, words", FAILURES)
def test_15_a_failed_step(
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[Any, str],
    failure: Any,
    kind: type,
    words: str | None,
    before: int,
    repeated: Any,
) -> None:
    """A step fails after `before` good ones: the state is as before, and training goes on the
    same."""
    training, twin = Training(repeated), Training()
    for _ in range(before):
        training.step()
        twin.step()
    saved = training.state()
    if place[1] == "build":
        forget()
    fails(monkeypatch, place, failure, kind, words, training.step)
    found = training.state()
    if not before:  # the state of an optimizer is made at its first step
        found[1]["state"] = saved[1]["state"]
    assert not (what := difference(saved, found)), what
    for _ in range(3):
        training.step()
        twin.step()
    assert not (what := difference(twin.state(), training.state())), what


def test_15_the_error_names_the_op_and_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest node of the program is named, with its shapes and the user's line."""
    x = jtorch.ones(7, 300).matmul(jtorch.ones(300, 5))
    with monkeypatch.context() as patch:
        patch.setattr(program, "_run", exhaust)
        with pytest.raises(jtorch.OutOfMemoryError) as caught:
            x.sum().item()
    assert "float32[7, 300]" in str(caught.value) and "test_failures.py" in str(caught.value)
    with pytest.raises(RuntimeError, match="this Tensor has no value"):
        x.sum().item()


def test_15_a_real_lack_of_memory() -> None:
    """An allocation that no machine has fails, and the written Tensor has its old value."""
    x = jtorch.arange(3.0)
    jtorch.synchronize()
    with pytest.raises(RuntimeError):
        x.add_(jtorch.ones(1 << 24, 1 << 24).cumsum(0).cumsum(1)[5, :3])
        x.tolist()
    assert x.tolist() == [0.0, 1.0, 2.0]
    assert (x + 1).tolist() == [1.0, 2.0, 3.0]


def test_15_in_place_writes_and_views_are_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every alias shows the old values again."""
    x = jtorch.arange(6.0)
    jtorch.synchronize()
    row, kept = x.view(2, 3)[1], x.detach()

    def write() -> None:
        row.mul_(10)
        kept[0] = 7
        row.tolist()

    fails(monkeypatch, PLACES[1], interrupt, KeyboardInterrupt, None, write)
    assert x.tolist() == kept.tolist() == [0, 1, 2, 3, 4, 5]
    assert row.tolist() == [3, 4, 5]
    row.add_(1)
    assert x.tolist() == [0, 1, 2, 4, 5, 6]


def test_15_an_interrupt_between_two_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    """ctrl-C while shapes are inferred: the trace goes on, without the op."""
    x = jtorch.arange(3.0) * 2
    with monkeypatch.context() as patch:
        patch.setattr(jax, "eval_shape", interrupt)
        with pytest.raises(KeyboardInterrupt):
            x.roll(1, 0)
    assert x.roll(1, 0).tolist() == [4, 0, 2]
