"""torch.set_float32_matmul_precision: how matrix products are asked for, and that it can change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest
import torch

import jtorch
from jtorch._core import trace
from jtorch._core.evaluation import path

from ..comparison import compilations, forget

F = jtorch.nn.functional
HIGHEST, HIGH, DEFAULT = (getattr(jax.lax.Precision, n) for n in ("HIGHEST", "HIGH", "DEFAULT"))


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    jtorch.backends.cuda.matmul.allow_tf32 = False
    jtorch.backends.cudnn.allow_tf32 = True


def precisions(function: Any, *shapes: tuple[int, ...]) -> set[Any]:
    """The precisions of the products in a function and in its gradient."""

    def pure(*arrays: jax.Array) -> jax.Array:
        return function(*map(jtorch.from_jax, arrays)).sum().jax()

    arrays = [np.ones(shape, np.float32) for shape in shapes]
    jaxpr = jax.make_jaxpr(jax.value_and_grad(pure, argnums=(0, 1)))(*arrays).jaxpr
    found = [eqn.params["precision"] for eqn in jaxpr.eqns if "precision" in eqn.params]
    assert len(found) == 3
    return set(found)


@pytest.mark.parametrize(
    ("name", "expected"), [("highest", HIGHEST), ("high", HIGH), ("medium", DEFAULT)]
)
def test_products(name: str, expected: Any) -> None:
    jtorch.set_float32_matmul_precision(name)
    assert jtorch.get_float32_matmul_precision() == name
    assert precisions(jtorch.matmul, (2, 3), (3, 4)) == {(expected, expected)}
    assert precisions(F.linear, (2, 3), (4, 3)) == {(expected, expected)}
    assert precisions(F.conv2d, (1, 2, 4, 4), (3, 2, 2, 2)) == {(HIGH, HIGH)}


def test_switches() -> None:
    """torch.backends: the same switches under other names."""
    for library in (torch, jtorch):
        assert library.get_float32_matmul_precision() == "highest"
        assert not library.backends.cuda.matmul.allow_tf32
        assert library.backends.cudnn.allow_tf32
    jtorch.backends.cuda.matmul.allow_tf32 = True
    assert jtorch.get_float32_matmul_precision() == "high"
    with jtorch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        assert precisions(F.conv2d, (1, 2, 4, 4), (3, 2, 2, 2)) == {(HIGHEST, HIGHEST)}
    assert precisions(F.conv2d, (1, 2, 4, 4), (3, 2, 2, 2)) == {(HIGH, HIGH)}
    jtorch.backends.cudnn.benchmark = True  # remembered
    assert jtorch.backends.cudnn.benchmark


def test_changed_in_a_loop() -> None:
    """Another precision is another program; back again is a program that is there."""
    forget()
    x = jtorch.ones(3, 3)
    x.tolist()
    counts = []
    for name in ("highest", "high", "highest", "high"):
        jtorch.set_float32_matmul_precision(name)
        before = compilations()
        y = x @ x
        assert {n.call.modes.precision for n in nodes()} == {name}
        y.tolist()
        counts.append(compilations() - before)
    assert counts == [1, 1, 0, 0]


def nodes() -> list[Any]:
    """What the present trace has recorded."""
    return [state.node for state in path(trace.local.context.trace.state)]


def test_unknown_name() -> None:
    with pytest.warns(UserWarning, match="is not one of 'highest', 'high', or 'medium'"):
        jtorch.set_float32_matmul_precision("low")
    assert jtorch.get_float32_matmul_precision() == "highest"
