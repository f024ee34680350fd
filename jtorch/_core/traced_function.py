"""Custom functions inside JAX's transformations: a `jax.custom_vjp` with the user's backward.

There gradients are JAX's business: `jax.grad` over code that applies a `torch.autograd.Function`
takes the user's backward as it is. Outside, function.py records a node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .alias import cell_of
from .function import Application
from .program import settle
from .tensor import Tensor, from_array


def apply_traced(make: Callable[[tuple], Application], forward: Callable, args: tuple) -> Any:
    """What `forward` returns for arguments among which are Tensors with tracers.

    make: an Application for the arguments.  forward: takes it and the arguments.
    """
    places = [k for k, value in enumerate(args) if isinstance(value, Tensor)]
    shown: list[Any] = []  # the application, whether there are several results, and these

    def run(*arrays: Any) -> list:
        values = list(args)
        for k, array in zip(places, arrays, strict=True):
            values[k] = from_array(array)
        application = make(tuple(values))
        returned = forward(application, tuple(values))
        results = list(returned) if isinstance(returned, tuple) else [returned]
        return [application, isinstance(returned, tuple), *results]

    def primal(*arrays: Any) -> list:
        shown[:] = run(*arrays)
        return [_array(value) for value in shown[2:] if isinstance(value, Tensor)]

    def forwards(*arrays: Any) -> tuple[list, list]:
        results = primal(*arrays)
        application = shown[0]
        kept = [t for t in application.to_save if t is not None]
        named = [t for t in vars(application.ctx).values() if isinstance(t, Tensor)]
        return results, [_array(tensor) for tensor in (*kept, *named)]

    def backwards(residuals: list, cotangents: list) -> tuple:
        return _pull(shown[0], shown[1:], residuals, cotangents)

    function = jax.custom_vjp(primal)
    function.defvjp(forwards, backwards)
    with jax.enable_x64(True):
        results = iter(function(*[_array(args[k]) for k in places]))
    _, several, *values = shown
    found = [from_array(next(results)) if isinstance(v, Tensor) else v for v in values]
    return tuple(found) if several else found[0]


def _pull(application: Application, shown: list, residuals: list, cotangents: list) -> tuple:
    """The user's backward on arrays."""
    rest = iter(residuals)
    ctx = application.ctx
    application.to_save = tuple(
        None if t is None else from_array(next(rest)) for t in application.to_save
    )
    for name, value in vars(ctx).items():
        if isinstance(value, Tensor):
            vars(ctx)[name] = from_array(next(rest))
    given = iter(cotangents)
    grads = [_cotangent(v, next(given)) if isinstance(v, Tensor) else None for v in shown[1:]]
    found = application.function.backward(ctx, *grads)
    found = found if isinstance(found, tuple) else (found,)
    return tuple(
        None if found[k] is None else jnp.conj(_array(found[k])) for k in application.input_places
    )


def _cotangent(result: Tensor, cotangent: Any) -> Tensor:
    """PyTorch's gradient of a complex value is the conjugate of JAX's; JAX has none of integers."""
    if cotangent.dtype == jax.dtypes.float0:
        return from_array(np.zeros(result.shape, result.dtype.numpy))
    return from_array(jnp.conj(cotangent))


def _array(tensor: Tensor) -> Any:
    return settle(cell_of(tensor))
