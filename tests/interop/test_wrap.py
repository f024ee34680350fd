"""`wrap`: a JAX function as one operation, with its gradients, in the step's program."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jtorch
from jtorch import nn
from jtorch.interop.jax import wrap

from ..comparison import compiled

X = [0.5, -1.0, 2.0]


def x_of(kind: Any = jtorch.float32) -> Any:
    return jtorch.tensor(X, dtype=kind)


def smooth(x: jax.Array, tree: dict, scale: float = 1.0, *, power: int = 3) -> dict:
    return {"y": jnp.sin(x) * tree["w"] * scale, "z": [(x**power).sum()]}


def smooth_tensors(x: Any, tree: dict, scale: float = 1.0, *, power: int = 3) -> dict:
    return {"y": x.sin() * tree["w"] * scale, "z": [(x**power).sum()]}


@jax.custom_vjp
def clipped(x: jax.Array) -> jax.Array:
    """The identity, whose gradient is clipped."""
    return x * 1


clipped.defvjp(lambda x: (x * 1, None), lambda _, g: (jnp.clip(g, -1, 1),))


def total(results: dict) -> Any:
    return (results["y"] * results["y"]).sum() + results["z"][0] * results["y"].sum()


USES: dict[str, Callable[[Callable], Any]] = {
    "values": lambda f: list(f(x_of(), {"w": x_of()}, 2.5, power=2).values()),
    "backward": lambda f: jtorch.func.grad(lambda x: total(f(x, {"w": x}, 2.0)))(x_of()),
    "second derivatives": lambda f: jtorch.func.hessian(lambda x: total(f(x, {"w": x})))(x_of()),
    "jvp": lambda f: jtorch.func.jvp(lambda x: f(x, {"w": x})["y"], (x_of(),), (x_of(),)),
    "vmap": lambda f: jtorch.vmap(lambda x: f(x, {"w": x_of()}, 0.5)["y"])(jtorch.ones(2, 3)),
    "per-sample": lambda f: jtorch.vmap(jtorch.func.grad(lambda x: total(f(x, {"w": x}))))(
        jtorch.stack([x_of(), x_of() + 1])
    ),
    "under jit": lambda f: jax.jit(lambda x: f(x, {"w": x})["y"])(x_of()),
    "eager": lambda f: eagerly(lambda: f(x_of(), {"w": x_of()})["y"]),
    "arrays": lambda f: f(jtorch.as_tensor(jnp.asarray(X)), {"w": x_of()}, np.float32(3))["y"],
}


def eagerly(function: Callable) -> Any:
    with jtorch.debug.eager():
        return function()


@pytest.mark.parametrize("use", USES)
def test_it_is_an_operation(use: str) -> None:
    found, expected = USES[use](wrap(smooth)), USES[use](smooth_tensors)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-6)


def test_the_trees_of_arguments_and_results() -> None:
    """Keys, None, static arguments, numbers, integers; and one function, two structures."""

    @wrap
    def f(key: Any, tree: Any, flag: bool, *, axis: Any = None, name: str = "a") -> Any:
        noise = jax.random.normal(key, (2,))
        if tree is None:
            return noise
        return {name: (noise, None), "flag": flag}, jnp.argmax(tree["x"], axis)

    key = jax.random.key(3)
    assert f(key, None, True).tolist() == jax.random.normal(key, (2,)).tolist()
    (found, index), again = f(key, {"x": x_of()}, False, axis=0, name="n"), f(key, None, False)
    assert found["n"][0].tolist() == again.tolist() and found["n"][1] is None
    assert found["flag"].item() is False
    assert index.item() == 2 and index.dtype is jtorch.int32


def test_a_custom_vjp_counts() -> None:
    x = x_of().requires_grad_()
    (wrap(clipped)(x) * jtorch.tensor([0.5, 3.0, -4.0])).sum().backward()
    assert x.grad.tolist() == [0.5, 1.0, -1.0]
    assert wrap(clipped)(x).grad_fn is not None and not wrap(clipped)(x.detach()).requires_grad


def test_a_training_step_is_one_program() -> None:
    """With a number that varies, and the function wrapped anew in each iteration."""
    traced = []

    def gated(x: jax.Array, weight: jax.Array, scale: float) -> jax.Array:
        traced.append(scale)
        return jax.nn.gelu(x @ weight.T) * scale

    layer = nn.Linear(3, 4, bias=False)
    optimizer = jtorch.optim.Adam(layer.parameters(), 0.01)

    def step(scale: float) -> None:
        loss = wrap(gated)(jtorch.ones(2, 3), layer.weight, scale).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for k in range(2):
        step(0.5 + k)
    count = len(traced)
    assert compiled(lambda: [step(1.5 + k) for k in range(8)]) == 0
    assert len(traced) == count


def test_a_decorator_on_methods_and_partials() -> None:
    class Net:
        scale = 2

        @wrap(x64=False)
        def __call__(self, x: jax.Array) -> jax.Array:
            return x * self.scale

    net = Net()
    assert net(x_of()).tolist() == [1, -2, 4]
    assert compiled(lambda: net(x_of()).tolist()) == 0
    assert Net.__call__.__name__ == "__call__"
    assert wrap(functools.partial(jnp.sum, axis=0))(x_of()).item() == 1.5


def test_widths() -> None:
    """It runs as JAX is set where it is called; `x64` says otherwise."""
    ramp = wrap(lambda x: (x.sum(), jnp.arange(2), jnp.zeros(2)))
    kinds = [t.dtype for t in ramp(jtorch.tensor([2**20]))]
    assert kinds == [jtorch.int32, jtorch.int32, jtorch.float32]
    with jax.enable_x64(True):
        assert [t.dtype for t in ramp(x_of())] == [jtorch.float32, jtorch.int64, jtorch.float64]
    wide = wrap(lambda x: x + 1, x64=True)
    assert wide(jtorch.tensor([2**40])).tolist() == [2**40 + 1]
    third = x_of(jtorch.float64).requires_grad_()
    with pytest.warns(UserWarning, match="float64 argument is computed with in float32"):
        narrow = wrap(lambda x: x / 3)(third)
    narrow.sum().backward()
    assert narrow.dtype is jtorch.float32 and third.grad.dtype is jtorch.float64
    assert wrap(lambda x, s: x * s)(x_of(jtorch.bfloat16), 2.5).dtype is jtorch.bfloat16
    assert not jax.config.jax_enable_x64


def fails(x: jax.Array) -> jax.Array:
    return x @ jnp.ones((7, 7))  # the line that the note names


@pytest.mark.parametrize(
    ("function", "args", "error", "message"),
    [
        (lambda x: "a", (X,), TypeError, "its result is no array, but str"),
        (lambda x: {"q": [x, {1}]}, (X,), TypeError, r"at \['q'\]\[1\] is no array, but set"),
        (lambda x: jax.random.key(0), (X,), TypeError, "return jax.random.key_data"),
        (lambda x: None, (X,), TypeError, "returns no arrays"),
        (lambda x, n: jnp.zeros(n), (X, 3), TypeError, "concrete values of integer type"),
        (lambda x, s: x, (X, {1}), TypeError, "type set is no array, and can't be hashed"),
        (fails, (X,), TypeError, "contracting dimensions"),
    ],
    ids=["text", "place", "key", "nothing", "size", "unhashable", "shapes"],
)
def test_errors(function: Callable, args: tuple, error: type, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        wrap(function)(jtorch.tensor(args[0]), *args[1:])
    if function is fails:
        assert any("fails(), a JAX function, at" in note for note in caught.value.__notes__)


def test_refusals() -> None:
    with pytest.raises(TypeError, match="a function is wanted"):
        wrap(3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="can't be hashed"):
        wrap(UnhashableFunction())
    sparse = jtorch.ones(2, 2).to_sparse()
    with pytest.raises(TypeError, match="layout torch.sparse_coo is no jax.Array"):
        wrap(jnp.sum)(sparse)


class UnhashableFunction:
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __call__(self, x: jax.Array) -> jax.Array:
        return x
