"""Checkpoints through orbax: what is written is the state at the call; sharded arrays stay so."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import jtorch
from jtorch.io import orbax


def parts(seed: int = 0) -> dict[str, Any]:
    jtorch.manual_seed(seed)
    model = jtorch.nn.Sequential(jtorch.nn.Linear(64, 256), jtorch.nn.BatchNorm1d(256))
    optimizer = jtorch.optim.Adam(model.parameters(), 0.1)
    scheduler = jtorch.optim.lr_scheduler.StepLR(optimizer, 2)
    return {"model": model, "optimizer": optimizer, "scheduler": scheduler}


def train(parts: dict[str, Any], steps: int) -> list[float]:
    losses = []
    for _ in range(steps):
        loss = parts["model"](jtorch.randn(8, 64)).tanh().mean()
        parts["optimizer"].zero_grad()
        loss.backward()
        parts["optimizer"].step()
        parts["scheduler"].step()
        losses.append(loss)
    return [loss.item() for loss in losses]


def values(state: Any) -> Any:
    """Copies of all values of a state."""
    if isinstance(state, jtorch.Tensor):
        return state.dtype, state.numpy().tolist()
    if isinstance(state, dict):
        return {key: values(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return [values(value) for value in state]
    return state


def test_the_state_at_the_call(tmp_path: Path) -> None:
    """Training goes on at once, and its steps take over the buffers that they may."""
    run = parts()
    train(run, 2)
    with orbax.Checkpoints(tmp_path, keep=2) as checkpoints:
        kept = {}
        for step in (2, 3, 4):
            kept[step] = values({name: part.state_dict() for name, part in run.items()})
            assert checkpoints.save(step, **run)
            train(run, 1)
        expected = train(run, 3)
        assert checkpoints.steps() == [3, 4]
        for step in (3, 4):
            again = parts(seed=1)
            assert checkpoints.restore(step, **again) == step
            found = values({name: part.state_dict() for name, part in again.items()})
            assert found == kept[step]
        train(again, 1)
        assert train(again, 3) == expected  # with the same random numbers


STATE = {
    "w": jtorch.arange(6.0).view(2, 3),
    "long": jtorch.tensor(2**40),
    0: [jtorch.full((2,), 0.1, dtype=jtorch.float64), None, "text", (1, 2.5)],
    "empty": jtorch.ones(0, 3, dtype=jtorch.int16),
    "half": jtorch.ones(2, dtype=jtorch.bfloat16),
    "mask": jtorch.tensor([True, False]),
    "complex": jtorch.tensor([1 + 2j]),
}


def test_a_state(tmp_path: Path) -> None:
    orbax.save(tmp_path / "state", STATE)
    found = orbax.load(tmp_path / "state")
    assert values(found) == values(STATE)
    assert list(found) == list(STATE)
    assert found["empty"].shape == (0, 3)
    with pytest.raises(ValueError, match="exists"):
        orbax.save(tmp_path / "state", STATE)


def test_errors(tmp_path: Path) -> None:
    x = jtorch.ones(1)
    with orbax.Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.restore(model=parts()["model"]) == 0
        with pytest.raises(TypeError, match="no state_dict"):
            checkpoints.save(1, epoch=3)
        checkpoints.save(1, state={"x": x})
        with pytest.raises(KeyError, match="more"):
            checkpoints.restore(more={})
        with pytest.raises(FileNotFoundError):
            checkpoints.restore(7)
    for state in ({"a.b": x, "a": {"b": x}}, {"tree": x}, x):
        with pytest.raises(ValueError, match="paths of a state's Tensors"):
            orbax.save(tmp_path / "bad", state)
    with pytest.raises(TypeError, match="dicts, lists and tuples"):
        orbax.save(tmp_path / "bad", {"x": {x}})


SHARDED = textwrap.dedent("""
    import os, sys
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
    import jax
    import numpy as np
    import jtorch
    from jtorch.io import orbax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    def laid_out(*axes):
        mesh = Mesh(np.array(jax.devices()), ("x",))
        array = np.arange(32, dtype=np.float32).reshape(8, 4)
        return jtorch.from_jax(jax.device_put(array, NamedSharding(mesh, PartitionSpec(*axes))))

    def check(found, *axes):
        array = found["w"].jax()
        assert array.tolist() == laid_out().tolist()
        assert array.sharding.is_equivalent_to(laid_out(*axes).jax().sharding, 2), array.sharding
        assert found["n"].jax().devices() == {jax.devices()[0]}

    state = {"w": laid_out("x"), "n": jtorch.ones(3)}
    orbax.save(sys.argv[1] + "/state", state)
    check(orbax.load(sys.argv[1] + "/state"), "x")
    check(orbax.load(sys.argv[1] + "/state", like={"w": laid_out(None, "x")}), None, "x")
    with orbax.Checkpoints(sys.argv[1] + "/run") as checkpoints:
        checkpoints.save(1, state=state)
        found, other = {}, {"w": laid_out(None, "x"), "n": jtorch.zeros(3)}
        checkpoints.restore(state=found)
        checkpoints.restore(state=other)
    check(found, "x")
    check(other, None, "x")
""")


def test_sharded_arrays(tmp_path: Path) -> None:
    """On four devices, restored as they lay, or as the Tensors that are there do."""
    subprocess.run([sys.executable, "-c", SHARDED, str(tmp_path)], check=True)
