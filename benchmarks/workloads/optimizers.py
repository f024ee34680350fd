"""One step of an optimizer over 200 tensors: 100 matrices of 128 x 128 and 100 vectors of 128,
whose gradients are there already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TITLE = "optimizer steps over 200 tensors"
MATRIX, VECTOR, COUNT = (128, 128), (128,), 100
ROWS = 16  # that a sparse gradient has entries for

# name -> the optimizer and its options
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {"lr": 1e-3}),
    "SGD momentum": ("SGD", {"lr": 1e-3, "momentum": 0.9, "weight_decay": 1e-4}),
    "Adam": ("Adam", {}),
    "Adam amsgrad": ("Adam", {"amsgrad": True}),
    "AdamW": ("AdamW", {}),
    "Adadelta": ("Adadelta", {}),
    "Adafactor": ("Adafactor", {}),
    "Adagrad": ("Adagrad", {}),
    "Adamax": ("Adamax", {}),
    "ASGD": ("ASGD", {}),
    "LBFGS": ("LBFGS", {"lr": 1e-3, "max_iter": 1, "history_size": 10}),
    "Muon": ("Muon", {}),
    "NAdam": ("NAdam", {}),
    "RAdam": ("RAdam", {}),
    "RMSprop": ("RMSprop", {}),
    "RMSprop centered": ("RMSprop", {"centered": True, "momentum": 0.9}),
    "Rprop": ("Rprop", {}),
    "SparseAdam": ("SparseAdam", {}),
}


def setup(torch: Any, case: str) -> Callable[[], Any]:
    """The step of one optimizer; it returns when everything is computed."""
    name, options = CASES[case]
    random = np.random.default_rng(0)
    shapes = [MATRIX] * (2 * COUNT) if name in ("Muon", "SparseAdam") else [MATRIX, VECTOR] * COUNT
    params, gradients = [], []
    for shape in shapes:
        values, gradient = random.standard_normal((2, *shape)).astype(np.float32)
        params.append(torch.tensor(values).requires_grad_())
        gradients.append(torch.tensor(gradient))
        params[-1].grad = _sparse(torch, gradient) if name == "SparseAdam" else gradients[-1]
    optimizer = getattr(torch.optim, name)(params, **options)
    loss = torch.tensor(1.0)

    def closure() -> Any:  # of a quadratic function
        for param, scale in zip(params, gradients, strict=True):
            param.grad = param.detach() * scale
        return loss

    given = (closure,) if name == "LBFGS" else ()

    def step() -> None:
        optimizer.step(*given)
        params[0][(0,) * params[0].dim()].item()  # waits

    return step


def _sparse(torch: Any, gradient: np.ndarray) -> Any:
    rows = torch.arange(0, gradient.shape[0], gradient.shape[0] // ROWS)
    values = torch.tensor(gradient[:: gradient.shape[0] // ROWS])
    return torch.sparse_coo_tensor(rows.reshape(1, -1), values, gradient.shape)
