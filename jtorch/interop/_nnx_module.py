"""`to_nnx`: a Module as an `nnx.Module`, which trains under optax and is saved by orbax.

Its variables hold the Module's own arrays. What it computes is the Module's forward, run as a pure
function (_module_function.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from flax import nnx

from ..nn.batch_norm import _NormBase
from ..nn.module import Module
from ._flax_layer import narrow
from ._module_function import as_function


class Buffer(nnx.Variable):
    """A buffer that is no running statistic, or a parameter that is not trained."""


class NNXPart(nnx.Module):
    """Variables and parts with the names that they have in the Module."""


class NNXModule(NNXPart):
    """A Module as an `nnx.Module`. See `to_nnx`.

    deterministic: whether it runs in eval mode; `train()` and `eval()` set it.
    """

    def __init__(self, module: Module, rngs: nnx.Rngs | None = None) -> None:
        self.deterministic = not module.training
        self.rngs = rngs
        self._functions = _functions_of(module)
        taken = {"deterministic", "rngs", "_functions"} & {
            *module._modules,
            *module._parameters,
            *module._buffers,
        }
        if taken:
            raise ValueError(f"an nnx.Module has attributes of its own named {sorted(taken)}")
        params = {}
        for name, parameter in module.named_parameters():
            kind = nnx.Param if parameter.requires_grad else Buffer
            params[name] = kind(narrow(parameter.detach().jax()))
        statistics = {
            id(buffer)
            for part in module.modules()
            if isinstance(part, _NormBase)
            for buffer in part.buffers(recurse=False)
        }
        buffers = {}
        for name, buffer in module.named_buffers():
            kind = nnx.BatchStat if id(buffer) in statistics else Buffer
            buffers[name] = kind(narrow(buffer.jax()))
        for name, variable in {**params, **buffers}.items():
            owner, last = _owner(self, name)
            setattr(owner, last, variable)
        self._names = tuple(params), tuple(buffers)

    def __call__(self, *args: Any, rngs: Any = None, **kwargs: Any) -> Any:
        """The outputs, as arrays. In train mode buffers take on what the module writes to them.

        rngs: for dropout, an `nnx.Rngs` or a key, instead of those that `to_nnx` was given.
        """
        params, buffers = ({name: _variable(self, name) for name in names} for names in self._names)
        key = None if self.deterministic else _key_of(self.rngs if rngs is None else rngs)
        outputs, new = self._functions[self.deterministic](
            {name: variable.get_value() for name, variable in params.items()},
            {name: variable.get_value() for name, variable in buffers.items()},
            *args,
            rng=key,
            **kwargs,
        )
        if not self.deterministic:
            for name, value in new.items():
                buffers[name].set_value(value)
        return outputs


def to_nnx(module: Module, *, rngs: nnx.Rngs | None = None) -> NNXModule:
    """A Module as an `nnx.Module`, with `nnx.Param`s of the same names.

    It shares the arrays, and trains under `nnx.grad`, `nnx.jit`, `nnx.Optimizer`; the Module stays
    as it is. Running statistics are `nnx.BatchStat`s; other buffers, and parameters that don't
    require grad, are `jtorch.interop.flax.Buffer`s. rngs: where dropout draws its keys from (its
    stream "dropout"). Its `train()` puts the Module's parts into the modes that they are in now, if
    the Module is in train mode.

    Where JAX is set to 32 bits, int64 and float64 variables have 32. `nnx.state(it)` is what orbax
    saves.
    """
    if not isinstance(module, Module):
        raise TypeError(f"to_nnx wants a Module, not {type(module).__name__}")
    return NNXModule(module, rngs)


def _functions_of(module: Module) -> tuple[Callable, Callable]:
    """The pure functions of a module in train mode and in eval mode."""
    before = [(part, part.training) for part in module.modules()]
    try:
        train = as_function(module if module.training else module.train())[0]
        return train, as_function(module.eval())[0]
    finally:
        for part, training in before:
            part.training = training


def _owner(root: Any, name: str) -> tuple[Any, str]:
    """The part that holds a variable, made where there is none yet; and its name there."""
    *path, last = name.split(".")
    for part in path:
        if not hasattr(root, part):
            setattr(root, part, NNXPart())
        root = getattr(root, part)
    return root, last


def _variable(root: Any, name: str) -> Any:
    for part in name.split("."):
        root = getattr(root, part)
    return root


def _key_of(rngs: Any) -> jax.Array | None:
    return rngs.dropout() if isinstance(rngs, nnx.Rngs) else rngs
