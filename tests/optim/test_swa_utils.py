"""swa_utils against PyTorch: averaged models, their batch norms, the learning rate."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

AVERAGES = {
    "equal": lambda swa: {},
    "equal, with buffers": lambda swa: {"use_buffers": True},
    "moving": lambda swa: {"avg_fn": swa.get_ema_avg_fn(0.9)},
    "moving, all at once": lambda swa: {
        "multi_avg_fn": swa.get_ema_multi_avg_fn(0.9),
        "use_buffers": True,
    },
    "equal, all at once": lambda swa: {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
    "equal, one by one": lambda swa: {"avg_fn": swa.get_swa_avg_fn()},
}


def model_of(lib: Any) -> Any:
    lib.manual_seed(0)
    return lib.nn.Sequential(lib.nn.Linear(4, 3), lib.nn.BatchNorm1d(3), lib.nn.Linear(3, 2))


def batches(lib: Any) -> list[Any]:
    random = np.random.RandomState(0)
    return [lib.tensor(random.standard_normal((6, 4)).astype(np.float32)) for _ in range(3)]


def trained(lib: Any, options: dict[str, Any]) -> Any:
    model = model_of(lib)
    averaged = lib.optim.swa_utils.AveragedModel(model, **options)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)
    for batch in batches(lib):
        optimizer.zero_grad()
        model(batch).square().mean().backward()
        optimizer.step()
        averaged.update_parameters(model)
    return averaged


def assert_same_state(expected: Any, found: Any) -> None:
    expected, found = expected.state_dict(), found.state_dict()
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert str(found[name].dtype) == str(value.dtype)
        np.testing.assert_allclose(found[name].numpy(), value.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", AVERAGES.values(), ids=AVERAGES)
def test_averaged_model(options: Any) -> None:
    expected = trained(torch, options(torch.optim.swa_utils))
    found = trained(jtorch, options(jtorch.optim.swa_utils))
    assert_same_state(expected, found)
    assert int(found.n_averaged) == 3
    inputs = [batches(lib)[0] for lib in (torch, jtorch)]
    np.testing.assert_allclose(
        found(inputs[1]).detach().numpy(), expected(inputs[0]).detach().numpy(), rtol=1e-4
    )


def test_update_bn() -> None:
    models = [model_of(lib) for lib in (torch, jtorch)]
    for lib, model in zip((torch, jtorch), models, strict=True):
        model.eval()
        lib.optim.swa_utils.update_bn([(batch, 0) for batch in batches(lib)], model)
        assert not model.training
        assert model[1].momentum == 0.1
    assert_same_state(*models)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 3])
def test_swalr(strategy: str, epochs: int) -> None:
    def rates(lib: Any) -> tuple[list[Any], dict[str, Any]]:
        groups = [{"params": [lib.zeros(1).requires_grad_()], "lr": rate} for rate in (0.1, 0.02)]
        optimizer = lib.optim.SGD(groups)
        schedule = lib.optim.swa_utils.SWALR(optimizer, [0.05, 0.04], epochs, strategy)
        seen = []
        for _ in range(6):
            optimizer.step()
            schedule.step()
            seen.append([group["lr"] for group in optimizer.param_groups])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            seen.append([str(w.message) for w in caught if schedule.get_lr()])
        return seen, schedule.state_dict()

    assert rates(jtorch) == rates(torch)


@pytest.mark.parametrize(
    "call",
    [
        lambda lib, swa: swa.get_ema_avg_fn(1.1),
        lambda lib, swa: swa.get_ema_multi_avg_fn(-0.1),
        lambda lib, swa: swa.AveragedModel(
            lib.nn.Linear(1, 1),
            avg_fn=swa.get_swa_avg_fn(),
            multi_avg_fn=swa.get_swa_multi_avg_fn(),
        ),
        lambda lib, swa: swa.SWALR(sgd(lib), 0.1, anneal_strategy="none"),
        lambda lib, swa: swa.SWALR(sgd(lib), 0.1, anneal_epochs=-1),
        lambda lib, swa: swa.SWALR(sgd(lib), [0.1, 0.2]),
        lambda lib, swa: swa.SWALR(3, 0.1),
    ],
)
def test_errors(call: Any) -> None:
    seen = []
    for lib in (torch, jtorch):
        with pytest.raises((ValueError, AssertionError, TypeError, AttributeError)) as error:
            call(lib, lib.optim.swa_utils)
        seen.append((error.type, str(error.value)))
    assert seen[0] == seen[1]


def sgd(lib: Any) -> Any:
    return lib.optim.SGD([lib.zeros(1).requires_grad_()], lr=0.1)
