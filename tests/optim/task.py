"""A small training task that runs under PyTorch and jtorch, for the tests of optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import jtorch


class Task:
    """Two weights and a loss that needs both; the same numbers for every library."""

    def __init__(
        self, lib: Any, name: str, options: dict[str, Any], kind: Any = np.float32
    ) -> None:
        random = np.random.RandomState(0)
        self.lib = lib
        shapes = ((3, 4), (1, 4) if name == "Muon" else (4,))
        arrays = [random.standard_normal(s).astype(kind) for s in shapes]
        if np.iscomplexobj(arrays[0]):
            arrays = [a + 1j * random.standard_normal(a.shape).astype(kind) for a in arrays]
        self.weights = [lib.tensor(a).requires_grad_() for a in arrays]
        self.input = lib.tensor(random.standard_normal((5, 3)).astype(kind))
        self.optimizer = getattr(lib.optim, name)(self.weights, **options)

    def loss(self) -> Any:
        matrix, vector = self.weights
        return ((self.input @ matrix + vector).tanh().abs() ** 2).mean()

    def closure(self) -> Any:
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        return loss

    def step(self) -> float:
        if type(self.optimizer).__name__ == "LBFGS":
            return self.optimizer.step(self.closure).item()
        loss = self.closure()
        self.optimizer.step()
        return loss.item()

    def values(self) -> list[np.ndarray]:
        return [w.detach().numpy() for w in self.weights]

    def take_over(self, other: Task) -> None:
        """The weights and the optimizer's state of a task of the other library."""
        for weight, array in zip(self.weights, other.values(), strict=True):
            weight.data = self.lib.tensor(array)
        self.optimizer.load_state_dict(translated(other.optimizer.state_dict(), self.lib))


def translated(value: Any, lib: Any) -> Any:
    """A state dict with the Tensors of another library."""
    if isinstance(value, (torch.Tensor, jtorch.Tensor)):
        return lib.tensor(value.detach().numpy().copy())
    if isinstance(value, dict):
        return {k: translated(v, lib) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(translated(v, lib) for v in value)
    return value


def both(name: str, options: dict[str, Any], kind: Any = np.float32) -> tuple[Task, Task]:
    return Task(torch, name, options, kind), Task(jtorch, name, options, kind)


def assert_same(a: Task, b: Task, rtol: float = 2e-6, atol: float = 1e-7) -> None:
    for expected, found in zip(a.values(), b.values(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def assert_same_state(
    expected: Any, found: Any, where: str = "state", rtol: float = 2e-6, atol: float = 1e-7
) -> None:
    """Two parts of state dicts: the same keys in the same order, kinds, dtypes and values."""
    if isinstance(expected, torch.Tensor):
        assert isinstance(found, jtorch.Tensor), where
        assert tuple(found.shape) == tuple(expected.shape), where
        assert str(found.dtype) == str(expected.dtype), where
        np.testing.assert_allclose(
            found.numpy(), expected.numpy(), rtol=rtol, atol=atol, err_msg=where
        )
        return
    assert type(found) is type(expected), where
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        expected, found = list(expected.values()), list(found.values())
    if isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), where
        for k, (e, f) in enumerate(zip(expected, found, strict=True)):
            assert_same_state(e, f, f"{where}[{k}]", rtol, atol)
    elif isinstance(expected, float):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol, err_msg=where)
    else:
        assert found == expected, where
