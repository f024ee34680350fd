"""One step of an optimizer over 200 tensors: 100 matrices of 128 x 128 and 100 vectors of 128,
whose gradients are there already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

# The same in optax, where it has it: name -> its optimizer and the options.
OPTAX: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("sgd", {}),
    "SGD momentum": ("sgd", {"momentum": 0.9}),
    "Adam": ("adam", {}),
    "Adam amsgrad": ("amsgrad", {}),
    "AdamW": ("adamw", {}),
    "Adadelta": ("adadelta", {}),
    "Adagrad": ("adagrad", {}),
    "Adamax": ("adamax", {}),
    "RAdam": ("radam", {}),
    "RMSprop": ("rmsprop", {}),
    "RMSprop centered": ("rmsprop", {"centered": True, "momentum": 0.9}),
    "Rprop": ("rprop", {}),
}


def setup(torch: Any, case: str) -> Callable[[], Any]:
    """The step of one optimizer; it returns when everything is computed."""
    name, options = CASES[case]
    params, gradients = [], []
    for values, gradient in _arrays(name):
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
        params[0].detach().cpu().numpy()  # waits

    return step


def setup_jax(case: str) -> Callable[[], Any]:
    """The step of one optimizer of optax: one program that takes the buffers of old values."""
    import jax
    import optax

    name, options = OPTAX[case]
    params, gradients = jax.device_put(list(zip(*_arrays(name), strict=True)))
    optimizer = getattr(optax, name)(1e-3, **options)

    def update(params: Any, state: Any, gradients: Any) -> Any:
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    jitted = jax.jit(update, donate_argnums=(0, 1))
    held = [params, jax.jit(optimizer.init)(params)]

    def step() -> None:
        held[:] = jitted(*held, gradients)
        jax.block_until_ready(held[0][0])

    return step


def _arrays(name: str) -> Iterator[np.ndarray]:
    """The values and the gradient of each parameter."""
    random = np.random.default_rng(0)
    shapes = [MATRIX] * (2 * COUNT) if name in ("Muon", "SparseAdam") else [MATRIX, VECTOR] * COUNT
    for shape in shapes:
        yield random.standard_normal((2, *shape)).astype(np.float32)


def _sparse(torch: Any, gradient: np.ndarray) -> Any:
    rows = torch.arange(0, gradient.shape[0], gradient.shape[0] // ROWS)
    values = torch.tensor(gradient[:: gradient.shape[0] // ROWS])
    return torch.sparse_coo_tensor(rows.reshape(1, -1), values, gradient.shape)
