"""`to_nnx`: a Module as an `nnx.Module` that trains under optax and is saved by orbax."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint
import pytest
from flax import nnx

import jtorch
from jtorch import nn
from jtorch.interop.flax import Buffer, to_nnx

X = np.linspace(-1, 1, 15, dtype=np.float32).reshape(5, 3)


def network(p: float = 0.0) -> Any:
    jtorch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(p), nn.Linear(4, 2))


@nnx.jit
def step(model: Any, optimizer: Any, x: Any) -> jax.Array:
    loss, grads = nnx.value_and_grad(lambda m: ((m(x) - 1) ** 2).mean())(model)
    optimizer.update(model, grads)
    return loss


def test_it_trains_as_the_module_does(tmp_path: Path) -> None:
    """The same losses and values; then it is saved, and restored into another."""
    module = network()
    model = to_nnx(module)
    optimizer = nnx.Optimizer(model, optax.sgd(0.1, momentum=0.9), wrt=nnx.Param)
    losses = [step(model, optimizer, X).item() for _ in range(4)]
    values = {k: v.tolist() for k, v in module.state_dict().items()}
    assert values == {k: v.tolist() for k, v in network().state_dict().items()}
    own = jtorch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    for expected in losses:
        loss = (module(jtorch.tensor(X)) - 1).pow(2).mean()
        own.zero_grad()
        loss.backward()
        own.step()
        assert loss.item() == pytest.approx(expected, rel=1e-5)
    flat = {".".join(path): v.get_value() for path, v in nnx.to_flat_state(nnx.state(model))}
    for name, value in module.state_dict().items():
        np.testing.assert_allclose(flat[name], value, rtol=2e-5, atol=1e-6)
    assert flat["1.num_batches_tracked"] == 4

    with orbax.checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", nnx.state(model))
        checkpointer.wait_until_finished()
        other = to_nnx(network())
        nnx.update(other, checkpointer.restore(tmp_path / "state", nnx.state(other)))
    other.eval()
    model.eval()
    np.testing.assert_array_equal(other(X), model(X))
    np.testing.assert_allclose(model(X), module.eval()(jtorch.tensor(X)).detach(), rtol=1e-4)


def test_the_arrays_are_the_modules() -> None:
    module = network()
    model = to_nnx(module)
    for name, parameter in module.named_parameters():
        variable: Any = model
        for part in name.split("."):
            variable = getattr(variable, part)
        assert type(variable) is nnx.Param
        here, there = parameter.detach().jax(), variable.get_value()
        assert here.unsafe_buffer_pointer() == there.unsafe_buffer_pointer()
    kept = model(X)
    own = jtorch.optim.SGD(module.parameters(), 1.0)
    module(jtorch.tensor(X)).sum().backward()
    own.step()  # doesn't take over what the other holds
    model.eval()
    assert kept.shape == model(X).shape


def test_kinds_of_variables() -> None:
    module = network()
    module.register_buffer("scale", jtorch.ones(2))
    module[0].requires_grad_(False)
    model = to_nnx(module)
    assert type(model.scale) is Buffer  # pyright: ignore[reportAttributeAccessIssue]
    kinds = {".".join(p): type(v) for p, v in nnx.to_flat_state(nnx.state(model))}
    assert kinds["0.weight"] is Buffer and kinds["3.weight"] is nnx.Param
    assert kinds["1.running_mean"] is nnx.BatchStat
    assert len(jax.tree.leaves(nnx.state(model, nnx.Param))) == 4


def test_dropout() -> None:
    """Keys come from the stream of `to_nnx`, or are given; in eval mode there is none."""
    model = to_nnx(network(0.5), rngs=nnx.Rngs(dropout=0))
    first, second = model(X), model(X)
    assert not np.array_equal(first, second)
    key = jax.random.key(1)
    np.testing.assert_array_equal(to_nnx(network(0.5))(X, rngs=key), model(X, rngs=key))
    model.eval()
    np.testing.assert_array_equal(model(X), model(X))
    lacking = to_nnx(network(0.5))
    with pytest.raises(RuntimeError, match="want a key"):
        lacking(X)


def test_modes() -> None:
    """A part that is frozen in eval mode stays so; the Module keeps its modes."""
    module = network()
    module[1].eval()
    model = to_nnx(module)
    model(jnp.asarray(X))
    assert [part.training for part in module] == [True, False, True, True]
    flat = {".".join(path): v.get_value() for path, v in nnx.to_flat_state(nnx.state(model))}
    assert flat["1.num_batches_tracked"] == 0
    assert to_nnx(module.eval()).deterministic


def test_errors() -> None:
    with pytest.raises(TypeError, match="wants a Module"):
        to_nnx(3)  # pyright: ignore[reportArgumentType]
    module = nn.Module()
    module.rngs = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"of its own named \['rngs'\]"):
        to_nnx(module)
