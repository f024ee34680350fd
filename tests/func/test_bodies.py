"""Functions recorded apart: what they compile, what they keep, and JAX around them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jtorch
from jtorch._core.body import Body
from jtorch._core.trace import Cell, local

from ..comparison import compiled
from ..core.test_interoperation import through

func = jtorch.func


def cubes(x: Any) -> Any:
    return (x**3).sum()


TRANSFORMS = [
    lambda x: jtorch.vmap(func.grad(cubes))(x),
    lambda x: func.hessian(cubes)(x[0]),
    lambda x: func.jvp(cubes, (x,), (x,))[1],
    lambda x: func.vjp(jtorch.vmap(cubes), x)[1](x[:, 0])[0],
    lambda x: jtorch.vmap(cubes, randomness="different")(x) + x.sum(),
]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_new_values_compile_nothing(transform: Callable) -> None:
    """Five calls with new functions and values of the same shapes run one program."""

    def calls() -> None:
        for _ in range(5):
            transform(jtorch.randn(4, 3)).sum().item()

    assert compiled(calls) <= 1
    assert compiled(calls) == 0


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_inside_of_jax(transform: Callable) -> None:
    data = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = transform(jtorch.tensor(data)).numpy()
    np.testing.assert_allclose(jax.jit(through(transform))(data), expected, rtol=1e-6)


def test_a_tracer_from_outside() -> None:
    """The arguments are values, and the function uses what JAX transforms."""

    def each(a: Any) -> Any:
        return jtorch.vmap(lambda k: a * k)(jtorch.arange(2.0))

    assert jax.jit(through(each))(jnp.ones(2)).tolist() == [[0, 0], [1, 1]]


def cells() -> int:
    return sum(type(o) in (Cell, Body) for o in gc.get_objects())


def test_nothing_is_kept() -> None:
    """A step that uses transforms leaves no cells behind, without the garbage collector's help."""
    weight = jtorch.ones(3, requires_grad=True)

    def step() -> None:
        x = jtorch.randn(4, 3)
        each = jtorch.vmap(func.grad(lambda r: (r * weight).pow(2).sum()))(x)
        (each.sum() + func.jvp(cubes, (weight,), (weight,))[1]).backward()
        assert jtorch.isfinite(weight.grad).all()

    step()
    gc.collect()
    before = cells()
    gc.disable()
    try:
        for _ in range(3):
            step()
        kept = cells()
    finally:
        gc.enable()
    assert kept <= before


def test_an_error_leaves_the_trace_as_it_was() -> None:
    context = local.context
    outside = context.trace
    for wrong in (lambda x: x.item(), lambda x: x @ x, lambda x: 3):
        for transform in (jtorch.vmap(wrong), lambda x, f=wrong: func.jvp(f, (x,), (x,))):
            with pytest.raises((RuntimeError, ValueError)):
                transform(jtorch.ones(2, 3, 4))
    assert not context.bodies and not context.transforms
    assert context.trace.device is outside.device and context.trace.body is None
    assert jtorch.vmap(cubes)(jtorch.ones(2, 3)).tolist() == [3, 3]


def test_what_has_left_its_function_has_no_value() -> None:
    kept = []
    jtorch.vmap(lambda x: (kept.append(x * 2), x)[1])(jtorch.ones(2))
    with pytest.raises(RuntimeError, match="Return it from there"):
        kept[0].item()
    with pytest.raises(RuntimeError, match="Return it from there"):
        (kept[0] + 1).item()


def test_printing() -> None:
    seen = []
    jtorch.vmap(lambda x: (seen.append(repr(x * 2)), x)[1])(jtorch.ones(2))
    assert seen == ["BatchedTensor(lvl=1, bdim=0, value=\n    tensor([2., 2.])\n)"]
