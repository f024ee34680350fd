"""Flax's modules as pure functions of arrays by dotted name: one class for Linen, one for NNX.

Both have `params` and `buffers` by name, `train(params, buffers, key, *inputs)`, which returns the
outputs and the new buffers, and `evaluate(params, buffers, *inputs)`. They don't change: copies of
a layer share its model. Equal models have the same programs.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, Self

import jax
from flax import linen, nnx
from flax.core import meta
from flax.errors import InvalidRngError

from ._wrapped import is_hashable

Arrays = dict[str, Any]
# How modules are told by an argument that they train, and the opposite.
_TRAINS = ("train", "training", "is_training")
_RESTS = ("deterministic", "use_running_average")


class _Flags:
    """The arguments of a module's call that follow from the mode, but for those that the module was
    made with."""

    def __init__(self, module: Any) -> None:
        self.places = {
            name: place
            for place, name in enumerate(inspect.signature(module.__call__).parameters)
            if name in (*_TRAINS, *_RESTS) and getattr(module, name, None) is None
        }

    def of(self, training: bool, args: tuple, kwargs: Mapping[str, Any]) -> dict[str, bool]:
        """Those that a call doesn't give itself."""
        wanted = {n for n, k in self.places.items() if k >= len(args) and n not in kwargs}
        return {name: training == (name in _TRAINS) for name in wanted}


class Run(NamedTuple):
    """A model in one of its modes, as a function. Those of equal models are equal."""

    model: Any
    training: bool

    @property
    def __name__(self) -> str:
        return self.model.title

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        run = self.model.train if self.training else self.model.evaluate
        return run(*args, **kwargs)


class LinenModel:
    """A Linen module.

    places: name -> its collection and path. mutable: the collections other than the parameters.
    draws: whether it wants a key in train mode.
    """

    def __init__(self, module: linen.Module, variables: Mapping[str, Any], draws: bool) -> None:
        self.module = module
        self.draws = draws
        self.title = type(module).__name__
        self._flags = _Flags(module)
        self.places: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.params: Arrays = {}
        self.buffers: Arrays = {}
        variables = meta.unbox(variables)
        for collection in sorted(variables, key=lambda name: name != "params"):
            found = self.params if collection == "params" else self.buffers
            for path, array in _flat(variables[collection]):
                name = ".".join(path)
                if name in self.places:
                    name = ".".join((*path[:-1], f"{collection}_{path[-1]}"))
                self.places[name] = collection, path
                found[name] = array
        self.mutable = sorted({self.places[name][0] for name in self.buffers})
        self._identity: Any = module, draws, tuple(self.places.items())
        if not is_hashable(module):
            self._identity = id(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LinenModel) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @staticmethod
    def initialised(module: linen.Module, rngs: Any, args: tuple, kwargs: dict) -> Any:
        """The variables of a module, by one program."""
        if not isinstance(rngs, Mapping):
            params, dropout = jax.random.split(rngs)
            rngs = {"params": params, "dropout": dropout}
        flags = _Flags(module).of(False, args, kwargs)
        if not is_hashable(module) or kwargs:
            return jax.jit(partial(module.init, **flags, **kwargs))(dict(rngs), *args)
        return _initialised(module, tuple(flags.items()), dict(rngs), args)

    @staticmethod
    def finds_draws(module: linen.Module, variables: Any, args: tuple, kwargs: dict) -> bool:
        """Whether a module asks for a key in train mode, found by running it without one."""
        named = {**kwargs, **_Flags(module).of(True, args, kwargs)}
        try:
            jax.eval_shape(partial(module.apply, mutable=True, **named), variables, *args)
        except InvalidRngError:
            return True
        return False

    def train(self, params: Arrays, buffers: Arrays, key: Any, /, *args: Any, **kwargs: Any) -> Any:
        flags = self._flags.of(True, args, kwargs)
        rngs = {"dropout": jax.random.wrap_key_data(key)} if self.draws else None
        outputs, updates = self.module.apply(
            self.with_arrays(params, buffers),
            *args,
            rngs=rngs,
            mutable=self.mutable,
            **flags,
            **kwargs,
        )
        found = {(c, path): v for c in updates for path, v in _flat(updates[c])}
        return outputs, {name: found.get(self.places[name], buffers[name]) for name in buffers}

    def evaluate(self, params: Arrays, buffers: Arrays, /, *args: Any, **kwargs: Any) -> Any:
        flags = self._flags.of(False, args, kwargs)
        return self.module.apply(self.with_arrays(params, buffers), *args, **flags, **kwargs)

    def with_arrays(self, params: Arrays, buffers: Arrays) -> dict[str, Any]:
        """The variables, as Flax has them."""
        variables: dict[str, Any] = {"params": {}}
        for name, array in {**params, **buffers}.items():
            collection, path = self.places[name]
            tree = variables.setdefault(collection, {})
            for part in path[:-1]:
                tree = tree.setdefault(part, {})
            tree[path[-1]] = array
        return variables

    def __deepcopy__(self, memo: dict) -> Self:
        return self


@partial(jax.jit, static_argnums=(0, 1))
def _initialised(module: linen.Module, flags: tuple, rngs: dict, args: tuple) -> Any:
    return module.init(rngs, *args, **dict(flags))


def _flat(tree: Any) -> list[tuple[tuple[str, ...], Any]]:
    """(path, array) of a tree of dicts."""
    found = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [(tuple(map(_part, path)), leaf) for path, leaf in found]


def _part(key: Any) -> str:
    return str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key))))


class NNXModel:
    """An NNX module.

    graphs: its structure in eval and in train mode. trees: of its parameters, states of random
    numbers, and other variables. streams: the leaves of the second.
    """

    def __init__(self, module: nnx.Module) -> None:
        self.title = type(module).__name__
        self._flags = _Flags(module)
        module = nnx.merge(*nnx.split(module))  # modes are set on a copy, which shares the arrays
        self.graphs = []
        for training in (False, True):
            module.train() if training else module.eval()
            graph, *states = nnx.split(module, nnx.Param, nnx.RngState, ...)
            self.graphs.append(graph)
        leaves = [jax.tree_util.tree_flatten_with_path(state) for state in states]
        self.trees = [tree for _, tree in leaves]
        self.params, self.buffers = _named(leaves[0][0]), _named(leaves[2][0])
        self.streams = [leaf for _, leaf in leaves[1][0]]
        self.draws = bool(self.streams)

    def train(self, params: Arrays, buffers: Arrays, key: Any, /, *args: Any, **kwargs: Any) -> Any:
        streams = self.streams
        if self.draws:
            base = jax.random.wrap_key_data(key)
            streams = [_stream(base, k, old) for k, old in enumerate(streams)]
        module = self._merged(True, params, buffers, streams)
        flags = self._flags.of(True, args, kwargs)
        outputs = module(*args, **flags, **kwargs)
        state = nnx.split(module, nnx.Param, nnx.RngState, ...)[3]
        found = _named(jax.tree_util.tree_flatten_with_path(state)[0])
        return outputs, {name: found[name] for name in buffers}

    def evaluate(self, params: Arrays, buffers: Arrays, /, *args: Any, **kwargs: Any) -> Any:
        flags = self._flags.of(False, args, kwargs)
        module = self._merged(False, params, buffers, self.streams)
        return module(*args, **flags, **kwargs)

    def with_arrays(self, params: Arrays, buffers: Arrays) -> Any:
        """The module, in train mode, as Flax has it."""
        return self._merged(True, params, buffers, self.streams)

    def _merged(self, training: bool, params: Arrays, buffers: Arrays, streams: list) -> Any:
        leaves = (params.values(), streams, buffers.values())
        states = map(jax.tree.unflatten, self.trees, leaves)
        return nnx.merge(self.graphs[training], *states)

    def __deepcopy__(self, memo: dict) -> Self:
        return self


def _named(leaves: list) -> Arrays:
    """The variables of a state by dotted name. The last part of a path is the variable's value."""
    return {".".join(map(_part, path[:-1])): leaf for path, leaf in leaves}


def _stream(base: Any, number: int, old: Any) -> Any:
    """A key, or keys, for a stream of random numbers, from that of the call; counts stay."""
    if not jax.numpy.issubdtype(old.dtype, jax.dtypes.prng_key):
        return old
    key = jax.random.fold_in(base, number)
    return jax.random.split(key, old.shape) if old.shape else key
