"""`as_function`: a Module as a pure function of JAX arrays.

The module runs with the arrays that the function is given in place of its own parameters and
buffers. What it writes to its buffers is returned; the module stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from .._core.alias import cell_of
from .._core.device_random import random_key
from .._core.foreign import from_jax
from .._core.program import settle
from .._core.tensor import Tensor, from_array
from ..nn.module import Module
from ..nn.utils.stateless import _reparametrize_module

State = dict[str, Any]


def as_function(module: Module) -> tuple[Callable, State, State]:
    """(function, params, buffers): a Module as a pure function, and its state as arrays by name.

        function, params, buffers = as_function(model)
        outputs, buffers = function(params, buffers, *inputs, rng=jax.random.key(0))

    The function takes and returns `jax.Array`s, in trees of any kind, and works under `jax.jit`,
    `grad`, `vmap`, `lax.scan` and with optax. It returns the outputs, and the buffers as they are
    then (the running statistics of a BatchNorm); nothing is written to the module. rng: the key for
    dropout, which without one raises RuntimeError. More arguments by name are those of `forward`.

    The module runs in the mode, train or eval, that it and its parts are in now. params and buffers
    are the module's own arrays, not copies; a parameter that has several names is there once.
    """
    if not isinstance(module, Module):
        raise TypeError(f"as_function wants a Module, not {type(module).__name__}")
    modes = [(part, part.training) for part in module.modules()]
    names = frozenset(name for name, _ in module.named_parameters())

    def function(
        params: State, buffers: State, /, *inputs: Any, rng: Any = None, **kwargs: Any
    ) -> tuple[Any, State]:
        _check_names(params, names)
        state = {**tensors_of(params), **tensors_of(buffers)}
        given, named = tensors_of(inputs), tensors_of(kwargs)
        with random_key(rng), _modes(modes), _reparametrize_module(module, state, tie_weights=True):
            outputs = arrays_of(module(*given, **named))
        return outputs, {name: arrays_of(state[name]) for name in buffers}

    params = {name: settle(cell_of(p)) for name, p in module.named_parameters()}
    buffers = {name: settle(cell_of(b)) for name, b in module.named_buffers()}
    return function, params, buffers


def tensors_of(tree: Any) -> Any:
    """A tree with Tensors in place of its arrays."""

    def tensor_of(leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            return leaf
        if isinstance(leaf, jax.Array):
            return from_jax(leaf)
        return from_array(leaf) if isinstance(leaf, np.ndarray) else leaf

    return jax.tree.map(tensor_of, tree, is_leaf=is_tensor)


def arrays_of(tree: Any) -> Any:
    """A tree with arrays in place of its Tensors."""
    return jax.tree.map(
        lambda leaf: leaf.jax() if is_tensor(leaf) else leaf, tree, is_leaf=is_tensor
    )


def is_tensor(leaf: Any) -> bool:
    """Where a tree of Tensors ends."""
    return isinstance(leaf, Tensor)


@contextmanager
def _modes(modes: list[tuple[Module, bool]]) -> Iterator[None]:
    """Put parts of a module into train or eval mode."""
    before = [part.training for part, _ in modes]
    try:
        for part, training in modes:
            part.training = training
        yield
    finally:
        for (part, _), training in zip(modes, before, strict=True):
            part.training = training


def _check_names(params: State, names: frozenset[str]) -> None:
    """RuntimeError where parameters are lacking: the module's own would be used in their place, and
    get no gradient."""
    if names != params.keys():
        lacking, unknown = sorted(names - params.keys()), sorted(params.keys() - names)
        raise RuntimeError(f"params: lacking are {lacking}, unknown are {unknown}")
