"""The harness itself: each way in which jtorch could refuse a program wrongly is found."""

from __future__ import annotations

import pytest

import jtorch
from tests.errors.harness import MODES, Row, World, problems


def wrong_class(u: World) -> None:
    raise (ValueError if u.t is jtorch else RuntimeError)("sizes must match")


def wrong_words(u: World) -> None:
    raise RuntimeError("something went wrong" if u.t is jtorch else "sizes must match")


def no_error(u: World) -> None:
    if u.t is not jtorch:
        raise RuntimeError("sizes must match")


def another_line(u: World) -> None:
    if u.t is jtorch:
        raise RuntimeError("sizes must match")
    raise RuntimeError("sizes must match")


def changed_value(u: World) -> None:
    if u.t is jtorch:
        u.v.add_(1)
    raise RuntimeError("sizes must match")


def changed_mode(u: World) -> None:
    u.t.set_grad_enabled(u.t is not jtorch)
    raise RuntimeError("sizes must match")


def freed_graph(u: World) -> None:
    if u.t is jtorch:
        u.t.autograd.grad((u.h * u.h).sum(), u.w)
    raise RuntimeError("sizes must match")


def frames_of_jax(u: World) -> None:
    if u.t is jtorch:
        try:
            import jax.numpy as jnp

            jnp.ones(2) + jnp.ones(3)
        except TypeError as error:
            raise RuntimeError("sizes must match") from error
    raise RuntimeError("sizes must match")


FOUND = [
    (wrong_class, "instead of"),
    (wrong_words, "is not in jtorch's"),
    (no_error, "no error"),
    (another_line, "raised at"),
    (changed_value, "v.value"),
    (changed_mode, "grad mode"),
    (freed_graph, "going on"),
    (frames_of_jax, "frames of JAX"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("run", "complaint"), FOUND)
def test_a_wrong_refusal_is_found(run: object, complaint: str, mode: str) -> None:
    try:
        found = problems(Row("sizes ... match", run), mode)
    finally:
        jtorch.set_grad_enabled(True)
    assert any(complaint in f for f in found)


@pytest.mark.parametrize("mode", MODES)
def test_a_right_refusal_is_none(mode: str) -> None:
    def run(u: World) -> None:
        raise RuntimeError("sizes must match")

    assert problems(Row("sizes ... match", run), mode) == []
    assert problems(Row("sizes", lambda u: None), mode)[0].startswith("PyTorch accepts it")
