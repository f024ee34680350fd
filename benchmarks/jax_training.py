"""Training by hand in plain JAX and optax: what the workloads' `setup_jax` share.

Parameters are trees of arrays, layers are functions, and `trainer` makes one jitted step that
donates parameters and state. The formulas and the initial laws are PyTorch's, so that all libraries
compute the same; images are NHWC, as JAX users have them (ResNet-18 is a tenth faster so than in
NCHW).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

OPTIMIZERS = {
    "adam": lambda: optax.adam(1e-3),
    "adamw": lambda: optax.adamw(1e-3, weight_decay=0.01),
    "momentum": lambda: optax.sgd(0.01, momentum=0.9),
    "sgd": lambda: optax.sgd(0.01),
    "tiny_sgd": lambda: optax.sgd(1e-6),
}


class Initial:
    """Initial parameters by PyTorch's laws, from one seed."""

    def __init__(self) -> None:
        self.random = np.random.RandomState(0)

    def linear(self, inputs: int, outputs: int) -> dict[str, Any]:
        return self._uniform((inputs, outputs), inputs, bias=True)

    def conv(self, inputs: int, outputs: int, kernel: int, bias: bool = True) -> dict[str, Any]:
        return self._uniform((kernel, kernel, inputs, outputs), inputs * kernel**2, bias)

    def norm(self, width: int) -> dict[str, Any]:
        return {"weight": jnp.ones(width), "bias": jnp.zeros(width)}

    def normal(self, *shape: int) -> Any:
        return jnp.asarray(self.random.standard_normal(shape), jnp.float32)

    def statistics_of(self, parameters: Any) -> Any:
        """Running statistics for every batch normalisation among the parameters."""
        if isinstance(parameters, list):
            return [self.statistics_of(part) for part in parameters]
        statistics = {}
        for name, part in parameters.items():
            if "norm" in name:
                width = part["weight"].shape
                statistics[name] = {"mean": jnp.zeros(width), "variance": jnp.ones(width)}
            elif isinstance(part, list):
                statistics[name] = self.statistics_of(part)
        return statistics

    def _uniform(self, shape: tuple[int, ...], fan_in: int, bias: bool) -> dict[str, Any]:
        bound = fan_in**-0.5
        layer = {"weight": self.random.uniform(-bound, bound, shape)}
        if bias:
            layer["bias"] = self.random.uniform(-bound, bound, shape[-1])
        return {name: jnp.asarray(array, jnp.float32) for name, array in layer.items()}


def linear(layer: Any, x: Any) -> Any:
    return x @ layer["weight"] + layer["bias"]


def conv(layer: Any, x: Any, stride: int = 1, padding: int = 0) -> Any:
    y = jax.lax.conv_general_dilated(
        x,
        layer["weight"],
        (stride, stride),
        ((padding, padding), (padding, padding)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return y + layer["bias"] if "bias" in layer else y


def layer_norm(layer: Any, x: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    variance = x.var(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * layer["weight"] + layer["bias"]


def batch_norm(layer: Any, statistics: Any, x: Any) -> tuple[Any, Any]:
    """The normalised batch and the new running statistics."""
    mean = x.mean((0, 1, 2))
    variance = x.var((0, 1, 2))
    scale = layer["weight"] * jax.lax.rsqrt(variance + 1e-5)
    y = (x - mean) * scale + layer["bias"]
    count = x.size // x.shape[-1]
    new = {
        "mean": 0.9 * statistics["mean"] + 0.1 * mean,
        "variance": 0.9 * statistics["variance"] + 0.1 * variance * (count / (count - 1)),
    }
    return y, jax.lax.stop_gradient(new)


def dropout(key: Any, x: Any, p: float) -> Any:
    return jnp.where(jax.random.bernoulli(key, 1 - p, x.shape), x / (1 - p), 0)


def cross_entropy(scores: Any, labels: Any) -> Any:
    return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()


def trainer(
    loss_of: Callable[..., Any],
    parameters: Any,
    optimizer: str,
    batch: Any,
    statistics: Any = None,
    random: bool = False,
) -> Callable[[], Any]:
    """A step that trains on `batch` and returns the loss.

    loss_of(parameters, [statistics,] *batch[, key]) gives the loss, and the new statistics if there
    are any. `step.train` is the jitted function and `step.arguments()` its arguments, for those who
    ask the compiler.
    """
    chain = OPTIMIZERS[optimizer]()

    @partial(jax.jit, donate_argnums=0)
    def train(state: Any, batch: Any) -> tuple[Any, Any]:
        parameters, chain_state, statistics, key = state
        extra: tuple[Any, ...] = () if statistics is None else (statistics,)
        arguments = (*extra, *batch)
        if key is not None:
            key, now = jax.random.split(key)
            arguments += (now,)
        differentiate = jax.value_and_grad(loss_of, has_aux=statistics is not None)
        result, gradients = differentiate(parameters, *arguments)
        loss, statistics = result if statistics is not None else (result, None)
        updates, chain_state = chain.update(gradients, chain_state, parameters)
        return (optax.apply_updates(parameters, updates), chain_state, statistics, key), loss

    key = jax.random.key(0) if random else None
    state = (parameters, chain.init(parameters), statistics, key)

    def step() -> Any:
        nonlocal state
        state, loss = train(state, batch)
        return loss

    step.train = train  # type: ignore[attr-defined]
    step.arguments = lambda: (state, batch)  # type: ignore[attr-defined]
    return step
