"""A program that goes on after an error: in the middle of a step, at every step, in a hook.

The results are PyTorch's, and mistakes compile no programs without bound. What one wrong call
leaves behind is in the tables beside this file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch

import jtorch
from tests.errors.harness import MODES, mode_of

X = [[1.0, -2.0, 3.0], [0.5, 0.0, -1.5]]


class Loop:
    """A small training loop with a place for mistakes."""

    def __init__(self, t: Any) -> None:
        self.t = t
        self.x = t.tensor(X)
        self.w = t.tensor([0.3, -0.2, 0.1], requires_grad=True)
        self.adam = t.optim.Adam([self.w], lr=0.05)
        self.seen: list[float] = []

    def step(self, before: Callable, middle: Callable, after: Callable) -> None:
        """One step."""
        self.adam.zero_grad()
        before(self)
        hidden = (self.x * self.w).tanh()
        middle(self)
        loss = (hidden * hidden).sum()
        loss.backward()
        after(self)
        self.adam.step()
        self.seen.append(loss.item())


def nothing(loop: Loop) -> None:
    pass


def wrong_shape(loop: Loop) -> None:
    loop.w @ loop.t.ones(4)


def write_to_a_leaf(loop: Loop) -> None:
    loop.w.add_(1.0)


def no_graph(loop: Loop) -> None:
    loop.x.sum().backward()


def wrong_index(loop: Loop) -> None:
    loop.x[5]


def from_python(loop: Loop) -> None:
    raise RuntimeError("a mistake of the user's own")


MISTAKES = (wrong_shape, write_to_a_leaf, no_graph, wrong_index, from_python)
PLACES = ("before", "middle", "after")


def train(t: Any, mistake: Callable, place: str, every: int, caught_inside: bool) -> list[float]:
    """What is seen of 12 steps with a mistake in some of them."""

    def guarded(loop: Loop) -> None:
        with contextlib.suppress(RuntimeError, IndexError):
            mistake(loop)

    loop = Loop(t)
    for k in range(12):
        parts = dict.fromkeys(PLACES, nothing)
        if k % every == 0:
            parts[place] = guarded if caught_inside else mistake
        with contextlib.suppress(RuntimeError, IndexError):
            loop.step(**parts)
        loop.seen.extend(loop.w.tolist())
    return loop.seen


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("caught_inside", [True, False])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_training_goes_on(mistake: Callable, place: str, caught_inside: bool, mode: str) -> None:
    with mode_of(mode):
        ours = train(jtorch, mistake, place, 3, caught_inside)
    theirs = train(torch, mistake, place, 3, caught_inside)
    assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("caught_inside", [True, False])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_compile_nothing_new(mistake: Callable, place: str, caught_inside: bool) -> None:
    train(jtorch, mistake, place, 3, caught_inside)
    before = jtorch.debug.statistics()
    train(jtorch, mistake, place, 3, caught_inside)
    after = jtorch.debug.statistics()
    assert after["programs_compiled"] == before["programs_compiled"]


@pytest.mark.parametrize("mode", MODES)
def test_an_error_in_a_hook(mode: str) -> None:
    """Leaves no gradient half-way, and the graph can be walked again."""

    def run(t: Any) -> list[float]:
        w = t.tensor([1.0, 2.0], requires_grad=True)
        hidden = w * 3
        strict = [True]

        def hook(gradient: Any) -> None:
            if strict[0]:
                raise ValueError("not yet")

        hidden.register_hook(hook)
        loss = (hidden * hidden).sum()
        with pytest.raises(ValueError, match="not yet"):
            loss.backward(retain_graph=True)
        seen = [w.grad is None]
        strict[0] = False
        loss.backward()
        return [*seen, *w.grad.tolist(), t.is_grad_enabled()]

    with mode_of(mode):
        assert run(jtorch) == run(torch)
