"""`from_flax`: a Linen or NNX module as a layer.

`FlaxLayer` holds what is a Tensor: parameters, buffers. What is Flax's, it leaves to one of two
adapters (_flax_models.py), which know how to run the module as a pure function of arrays by name;
`wrap` makes one operation of that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from flax import linen, nnx

from .._core.device import device
from .._core.device_random import given_key
from .._core.dtype import FLOAT
from .._core.foreign import from_jax
from .._core.generator import default_generator
from .._core.grad_mode import no_grad
from .._core.tensor import Tensor
from ..functions._drawing import drawn
from ..nn.module import Module
from ..nn.parameter import Parameter
from ._flax_models import LinenModel, NNXModel, Run
from ._module_function import arrays_of
from ._wrapped import wrap


def from_flax(
    module: Any, *inputs: Any, variables: Any = None, rngs: Any = None, **kwargs: Any
) -> FlaxLayer:
    """A Linen or NNX module as a layer.

    module: of Linen, with examples of its inputs, by which it is initialised, or with its
    `variables`, or both; or an `nnx.Module`, which has them. rngs: for the initialisation, as
    `init` takes it; by default a key drawn from torch's generator. kwargs: more arguments of the
    module, for the initialisation only.

    Parameters have the names of Flax's tree, such as "Dense_0.kernel". Other collections are
    buffers, and in train mode take on what the module writes to them. Its arguments `train`,
    `training`, `is_training`, `deterministic` and `use_running_average` follow `train()` and
    `eval()` unless they are given; an NNX module gets its own train and eval modes. In train mode
    keys for dropout are drawn from torch's generator, two words a call, if the module asks for them
    (or was given no inputs to find that out).
    """
    if isinstance(module, nnx.Module):
        if inputs or kwargs or variables is not None:
            raise TypeError("from_flax(an nnx.Module) takes nothing else: it has its variables")
        return FlaxLayer(NNXModel(module))
    if not isinstance(module, linen.Module):
        raise TypeError(
            f"from_flax wants a Linen or NNX module, not {type(module).__name__}"
            + (" (a class: make an instance first)" if isinstance(module, type) else "")
        )
    if variables is None and not inputs:
        raise TypeError("from_flax wants examples of the inputs, or variables")
    given, named = narrow(arrays_of(inputs)), narrow(arrays_of(kwargs))
    if variables is None:
        keys = rngs if rngs is not None else _key()
        variables = LinenModel.initialised(module, keys, given, named)
    variables = arrays_of(variables)
    draws = not inputs or LinenModel.finds_draws(module, variables, given, named)
    return FlaxLayer(LinenModel(module, variables, draws))


class FlaxPart(Module):
    """Parameters, buffers and parts with the names that they have in Flax."""


class FlaxLayer(FlaxPart):
    """A module of Flax as a layer. See `from_flax`.

    It is called with Tensors as the module is with arrays, and returns the same trees of Tensors.
    It can be pickled where the module can, which Linen's own with default initializers can't: save
    its state_dict.
    """

    def __init__(self, model: LinenModel | NNXModel) -> None:
        super().__init__()
        self._model = model
        for name, array in model.params.items():
            tensor = from_jax(array)
            owner, last = _owner(self, name)
            wanted = tensor.dtype.category >= FLOAT
            owner.register_parameter(last, Parameter(tensor, requires_grad=wanted))
        for name, array in model.buffers.items():
            owner, last = _owner(self, name)
            owner.register_buffer(last, from_jax(array))
        model.params, model.buffers = dict.fromkeys(model.params), dict.fromkeys(model.buffers)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        params, buffers = self._state()
        model = self._model
        if not self.training:
            return wrap(Run(model, False))(params, buffers, *args, **kwargs)
        key = _drawn_key(_device_of(params.values())) if model.draws else None
        outputs, new = wrap(Run(model, True))(params, buffers, key, *args, **kwargs)
        with no_grad():
            for name, value in new.items():
                buffers[name].copy_(value.detach())
        return outputs

    def to_flax(self) -> Any:
        """What Flax goes on with: the variables of a Linen module, or an `nnx.Module`, with the
        present values, which are not copied."""
        params, buffers = self._state()
        return self._model.with_arrays(arrays_of(params), arrays_of(buffers))

    def _state(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The parameters and buffers that the model knows, by name."""
        params = dict(self.named_parameters(remove_duplicate=False))
        buffers = dict(self.named_buffers(remove_duplicate=False))
        model = self._model
        return {k: params[k] for k in model.params}, {k: buffers[k] for k in model.buffers}

    def extra_repr(self) -> str:
        return self._model.title


def _owner(layer: Module, name: str) -> tuple[Module, str]:
    """The part that holds a parameter or buffer, made where there is none yet; and its name
    there."""
    *path, last = name.split(".")
    for part in path:
        if part not in layer._modules:
            layer.add_module(part, FlaxPart())
        layer = layer._modules[part]
    return layer, last


def narrow(tree: Any) -> Any:
    """A tree whose arrays have the widths that JAX is set to, as its own functions take them."""

    def narrowed(leaf: Any) -> Any:
        if not isinstance(leaf, jax.Array):
            return leaf
        return leaf.astype(jax.dtypes.canonicalize_dtype(leaf.dtype))

    return jax.tree.map(narrowed, tree)


def _key() -> jax.Array:
    """A key of torch's generator."""
    return jax.random.wrap_key_data(jax.numpy.asarray(default_generator.words(2)))


def _drawn_key(where: device) -> Tensor:
    """The numbers of a key: (2,) uint32. Inside of `random_key` it follows from that."""
    found = given_key()
    if found is not None:
        return found

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        return default_generator.words(int(np.prod(shape))).reshape(shape)

    return drawn(draw, (2,), where)


def _device_of(tensors: Iterable[Tensor]) -> Any:
    return next((t.device for t in tensors if t.device.type != "tracing"), None)
