"""`as_function`: a Module as a pure JAX function, under JAX's transformations and with optax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jtorch
from jtorch import nn
from jtorch.interop.jax import as_function, random_key

X = np.linspace(-1, 1, 15, dtype=np.float32).reshape(5, 3)


def network(p: float = 0.0) -> Any:
    jtorch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(p), nn.Linear(4, 2)
    )


def mse(function: Callable) -> Callable:
    def loss(params: dict, buffers: dict, x: Any, y: Any, rng: Any = None) -> tuple:
        outputs, buffers = function(params, buffers, x, rng=rng)
        return ((outputs - y) ** 2).mean(), buffers

    return loss


def test_training_with_optax_is_training_here() -> None:
    """The same losses, weights and running statistics as jtorch's own loop, by one scan."""
    model = network()
    function, params, buffers = as_function(model)
    assert list(params) == [name for name, _ in model.named_parameters()]
    transformation = optax.sgd(0.1, momentum=0.9)

    def step(carry: tuple, _: None) -> tuple:
        params, buffers, state = carry
        valued = jax.value_and_grad(mse(function), has_aux=True)
        (loss, buffers), grads = valued(params, buffers, X, jnp.ones((5, 2)))
        updates, state = transformation.update(grads, state, params)
        return (optax.apply_updates(params, updates), buffers, state), loss

    start = params, buffers, transformation.init(params)
    (params, buffers, _), losses = jax.lax.scan(step, start, None, length=4)

    optimizer = jtorch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    for expected in losses:
        loss = (model(jtorch.tensor(X)) - 1).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert loss.item() == pytest.approx(float(expected), rel=1e-5)
    for name, value in model.state_dict().items():
        np.testing.assert_allclose({**params, **buffers}[name], value, rtol=2e-5, atol=1e-6)
    assert buffers["1.num_batches_tracked"].dtype == jnp.int64
    model.load_state_dict({k: jtorch.from_jax(v) for k, v in {**params, **buffers}.items()})


def test_the_module_stays_as_it_is() -> None:
    model = network(0.5)
    before = {name: value.tolist() for name, value in model.state_dict().items()}
    function, params, buffers = as_function(model)
    pointers = {k: v.unsafe_buffer_pointer() for k, v in params.items()}
    assert pointers == {k: p.jax().unsafe_buffer_pointer() for k, p in model.named_parameters()}
    state = jtorch.get_rng_state()
    jax.jit(function)(params, buffers, X, rng=jax.random.key(0))
    assert jtorch.equal(jtorch.get_rng_state(), state)
    assert {name: value.tolist() for name, value in model.state_dict().items()} == before
    assert all(type(p) is nn.Parameter and p.grad is None for p in model.parameters())


def test_modes_are_those_at_the_making() -> None:
    model = network(0.5)
    model[1].eval()  # a frozen batch norm
    train, params, buffers = as_function(model)
    evaluate, *_ = as_function(model.eval())
    model.train()
    outputs, new = evaluate(params, buffers, X)
    np.testing.assert_allclose(outputs, model.eval()(jtorch.tensor(X)).detach(), rtol=1e-5)
    assert new["1.num_batches_tracked"].tolist() == 0
    dropped, new = jax.jit(train)(params, buffers, X, rng=jax.random.key(0))
    assert new["1.num_batches_tracked"].tolist() == 0
    assert not np.allclose(dropped, outputs)
    assert not model.training


def test_dropout_by_key() -> None:
    """A key gives a mask, the same under jit and outside of it; vmap takes one for each example."""
    function, params, buffers = as_function(nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5)))
    ones, keys = jnp.ones((8, 8)), jax.random.split(jax.random.key(1), 2)
    jitted = jax.jit(lambda x, rng: function(params, buffers, x, rng=rng)[0])
    first, second = (jitted(ones, key) for key in keys)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, jitted(ones, keys[0]))
    np.testing.assert_array_equal(first, function(params, buffers, ones, rng=keys[0])[0])
    assert set(np.unique(first)) == {0, 4}
    assert 0.1 < (np.asarray(first) > 0).mean() < 0.45
    each = jax.vmap(jitted, (None, 0))(ones, keys)
    np.testing.assert_array_equal(each, [first, second])
    raw = jitted(ones, jax.random.PRNGKey(1))
    assert raw.shape == (8, 8)


def test_a_key_in_a_users_function() -> None:
    """`random_key` is for a module in the middle of a function of JAX."""
    drop = nn.Dropout(0.5)

    @jax.jit
    def f(x: Any, key: Any) -> Any:
        with random_key(key):
            return drop(x) * drop(x)

    first, second = (f(jtorch.ones(32), jax.random.key(k)) for k in range(2))
    assert first.tolist() != second.tolist() and set(first.tolist()) == {0, 4}


def test_transformations() -> None:
    model = network().eval()
    function, params, buffers = as_function(model)
    one = lambda p, x: function(p, buffers, x[None])[0][0].sum()  # noqa: E731
    grads = jax.vmap(jax.grad(one), (None, 0))(params, X)
    remat = jax.jit(jax.vmap(jax.grad(jax.checkpoint(one)), (None, 0)))(params, X)
    x = jtorch.tensor(X)
    expected = jtorch.vmap(
        jtorch.func.grad(lambda p, x: jtorch.func.functional_call(model, p, (x[None],)).sum()),
        (None, 0),
    )({k: p.detach() for k, p in model.named_parameters()}, x)
    for name, value in expected.items():
        np.testing.assert_allclose(grads[name], value, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(remat[name], value, rtol=1e-5, atol=1e-6)


def test_trees_and_arguments_by_name() -> None:
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    function, params, buffers = as_function(attention)
    x = np.ones((1, 3, 4), np.float32)
    (outputs, weights), _ = function(params, buffers, x, key=x, value=x, need_weights=True)
    expected = attention(*[jtorch.tensor(x)] * 3)
    np.testing.assert_allclose(outputs, expected[0].detach(), rtol=1e-5, atol=1e-6)
    assert isinstance(weights, jax.Array) and weights.shape == (1, 3, 3)
    none, *_ = as_function(attention)
    (_, nothing), _ = none(params, buffers, x, x, x, need_weights=False)
    assert nothing is None


def test_tied_weights_are_there_once() -> None:
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    function, params, buffers = as_function(model)
    assert list(params) == ["0.weight"]
    eye = {"0.weight": 2 * jnp.eye(3)}
    assert function(eye, buffers, jnp.ones(3))[0].tolist() == [4, 4, 4]


def test_errors() -> None:
    function, params, buffers = as_function(network(0.5))
    with pytest.raises(RuntimeError, match="want a key"):
        jax.jit(function)(params, buffers, X)
    with pytest.raises(RuntimeError, match=r"lacking are \['0.bias'\], unknown are \['b'\]"):
        renamed = {("b" if name == "0.bias" else name): value for name, value in params.items()}
        function(renamed, buffers, X)
    with pytest.raises(TypeError, match="a key of jax.random is wanted, not int"):
        function(params, buffers, X, rng=3)
    with pytest.raises(TypeError, match="wants a Module"):
        as_function(lambda x: x)  # pyright: ignore[reportArgumentType]
    with random_key(jax.random.key(0)), pytest.raises(RuntimeError, match="only the masks"):
        jtorch.randn(3)
    assert jtorch.randn(3).shape == (3,)
