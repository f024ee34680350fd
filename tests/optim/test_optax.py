"""Any optax transformation as an optimizer, against optax itself on the same numbers."""

from __future__ import annotations

import copy
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jtorch

from ..comparison import compilations

INPUT = np.random.RandomState(1).standard_normal((5, 3)).astype(np.float32)
START = [np.random.RandomState(2).standard_normal(s).astype(np.float32) for s in ((3, 4), (4,))]


def loss_of(params: Any) -> Any:
    matrix, vector = params.values if hasattr(params, "values") else params
    return (jnp.tanh(INPUT @ matrix + vector) ** 2).mean()


def matrices(params: Any) -> Any:
    return jax.tree.map(lambda p: p.ndim > 1, params)


def kinds(params: Any) -> Any:
    return jax.tree.map(lambda p: "matrix" if p.ndim > 1 else "vector", params)


EACH = {"mu", "nu"}
# transformation, names in the state of a parameter, names in the group's, more arguments
CASES: dict[str, tuple] = {
    "lion": (optax.lion(0.01), {"mu"}, {"count"}),
    "lamb": (optax.lamb(0.01), EACH, {"count"}),
    "adabelief": (optax.adabelief(0.01), EACH, {"count"}),
    "global norm": (
        optax.chain(optax.clip_by_global_norm(0.01), optax.adam(0.01)),
        EACH,
        {"count"},
    ),
    "two counts": (
        optax.chain(
            optax.scale_by_adam(), optax.scale_by_schedule(lambda count: -0.1 / (count + 1))
        ),
        EACH,
        {"0.count", "1.count"},
    ),
    "inject": (
        optax.inject_hyperparams(optax.sgd)(learning_rate=0.1, momentum=0.9),
        {"trace"},
        {"count", "hyperparams.learning_rate", "hyperparams.momentum"},
    ),
    "schedule-free": (
        optax.contrib.schedule_free(optax.sgd(0.1), 0.1),
        {"z"},
        {"b1", "weight_sum", "step_count", "max_lr"},
    ),
    "muon": (optax.contrib.muon(0.01), None, None),
    "adafactor": (
        optax.adafactor(0.01, min_dim_size_to_factor=2),
        {"v_row", "v_col", "v"},
        {"count"},
    ),
    "masked": (optax.masked(optax.adam(0.01), matrices), None, {"count"}),
    "partition": (
        optax.partition({"matrix": optax.adam(0.01), "vector": optax.sgd(0.1)}, kinds),
        None,
        {"count"},
    ),
    "noise": (optax.noisy_sgd(0.01, key=0), set(), {"count", "rng_key"}),
    "momo": (optax.contrib.momo(0.1), None, None),
    "sophia": (optax.contrib.sophia(0.01), None, None, {"obj_fn": loss_of}),
    "sam": (optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.05), sync_period=2), None, None),
}


class Training:
    """Of jtorch, with an optax transformation."""

    def __init__(self, transformation: Any, **arguments: Any) -> None:
        self.weights = [jtorch.tensor(a).requires_grad_() for a in START]
        self.input = jtorch.tensor(INPUT)
        self.optimizer = jtorch.optim.Optax(self.weights, transformation, **arguments)

    def closure(self) -> Any:
        self.optimizer.zero_grad()
        matrix, vector = self.weights
        loss = ((self.input @ matrix + vector).tanh() ** 2).mean()
        loss.backward()
        return loss

    def values(self) -> list[np.ndarray]:
        return [w.detach().numpy() for w in self.weights]


def plain(transformation: Any, steps: int, name: str, **arguments: Any) -> tuple[list, Any]:
    """What optax itself makes of the weights, and its state."""
    params = [jnp.asarray(a) for a in START]
    state = transformation.init(params)
    update = optax.with_extra_args_support(transformation).update
    for _ in range(steps):
        value, grads = jax.value_and_grad(loss_of)(params)
        given = {"value": value} if name == "momo" else {}
        updates, state = update(grads, state, params, **given, **arguments)
        params = optax.apply_updates(params, updates)
    return params, state


@pytest.mark.parametrize("name", CASES)
def test_transformations(name: str) -> None:
    transformation, each, whole, *more = CASES[name]
    arguments = more[0] if more else {}
    training = Training(transformation, **arguments)
    for _ in range(4):
        training.optimizer.step(training.closure)
    expected, _ = plain(transformation, 4, name, **arguments)
    for theirs, ours in zip(expected, training.values(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)
    state = training.optimizer.state
    if each is not None:
        assert [set(state[w]) for w in training.weights if w in state] == [each] * (2 * bool(each))
    if whole is not None:
        assert set(state["group 0"]) == whole


@pytest.mark.parametrize("name", ["lion", "global norm", "schedule-free", "noise"])
def test_state_dict(name: str) -> None:
    """It continues where the other one was; the numbers of steps and keys too."""
    transformation = CASES[name][0]
    training, again = Training(transformation), Training(transformation)
    for _ in range(2):
        training.optimizer.step(training.closure)
    saved = copy.deepcopy(training.optimizer.state_dict())
    again.optimizer.load_state_dict(saved)
    for weight, values in zip(again.weights, training.values(), strict=True):
        weight.data = jtorch.tensor(values)
    for one in (training, again):
        one.optimizer.step(one.closure)
    for expected, found in zip(training.values(), again.values(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert all(
        str(v.dtype) == str(saved["state"]["group 0"][n].dtype)
        for n, v in again.optimizer.state["group 0"].items()
    )


def test_a_hyperparameter_in_the_state_compiles_nothing() -> None:
    training = Training(optax.inject_hyperparams(optax.sgd)(learning_rate=0.1))
    for _ in range(2):
        training.optimizer.step(training.closure)
    before, values = compilations(), training.values()
    for _ in range(3):
        rate = training.optimizer.state["group 0"]["hyperparams.learning_rate"]
        training.optimizer.state["group 0"]["hyperparams.learning_rate"] = rate * 0 + 0.0
        training.optimizer.step(training.closure)
    assert compilations() - before <= 1  # the product
    for expected, found in zip(values, training.values(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_parameters_without_gradient_are_left_out() -> None:
    """The norm is that of the others; they keep their state."""
    a, b = (jtorch.tensor([3.0, 4.0]).requires_grad_() for _ in range(2))
    rule = optax.chain(optax.clip_by_global_norm(1.0), optax.trace(0.5), optax.scale(-1.0))
    optimizer = jtorch.optim.Optax([a, b], rule)
    (a.sum() * 3 + b.sum() * 4).backward()
    optimizer.step()
    norm = np.sqrt(2 * 9 + 2 * 16)
    np.testing.assert_allclose(a.tolist(), [3 - 3 / norm, 4 - 3 / norm], rtol=1e-6)
    before, buffer = a.tolist(), optimizer.state[a]["trace"].tolist()
    optimizer.zero_grad()
    b.sum().backward()
    optimizer.step()
    assert a.tolist() == before
    assert optimizer.state[a]["trace"].tolist() == buffer
    moved = 4 / norm + (0.5 * 4 / norm + np.sqrt(0.5))
    np.testing.assert_allclose(b.tolist(), [3 - moved, 4 - moved], rtol=1e-6)


def test_names_and_the_state_for_optax() -> None:
    """Named parameters have their names in paths; optax's own functions get its own state."""
    model = jtorch.nn.Linear(3, 2)
    seen = []

    def note(params: Any) -> Any:
        seen.append(
            [
                jax.tree_util.keystr(p, simple=True)
                for p, _ in jax.tree_util.tree_flatten_with_path(params)[0]
            ]
        )
        return matrices(params)

    rule = optax.contrib.schedule_free(optax.masked(optax.sgd(0.1), note), 0.1)
    optimizer = jtorch.optim.Optax(model.named_parameters(), rule)
    model(jtorch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert seen[0] == ["weight", "bias"]
    state, params = optimizer.optax_state()
    found = optax.contrib.schedule_free_eval_params(state, params)
    assert [v.shape for v in found.values] == [(2, 3), (2,)]
