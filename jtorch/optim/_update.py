"""The update of a param group as an op: what `_step.py` records.

An `Update` runs the group's optax transformation on each parameter. optax.py has the one that runs
it on the group as a whole. Read _step.py next.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from .._core.alias import cell_of
from .._core.tensor import Tensor
from .._core.trace import Cell


class Update:
    """(parameters, gradients, states, hyper-parameters) -> (parameters, states), as an op.

    rule, options: rule(hyper, options) is the optax transformation, which is applied to each
    parameter by itself.  treedefs: the structure of each parameter's optax state; `states` has the
    leaves of one after those of the other. Interned, so that a second optimizer of the same kind
    compiles nothing; it holds no optimizer.
    """

    __slots__ = ("hyper_names", "options", "rule", "treedefs")

    name = "optimizer_step"
    view = strides = backward = result = None
    inplace = differentiable = False
    numbers: frozenset[str] = frozenset()
    # Whether the parameters of a group may be updated in several programs.
    divisible = True

    _made: dict[tuple, Update] = {}

    def __new__(cls, rule: Any, options: dict, hyper_names: tuple[str, ...], treedefs: Any) -> Any:
        key = (cls, rule, tuple(options.items()), hyper_names, treedefs)
        made = cls._made.get(key)
        if made is None:
            made = cls._made[key] = object.__new__(cls)
            made.rule, made.options = rule, options
            made.hyper_names, made.treedefs = hyper_names, treedefs
        return made

    @property
    def count(self) -> int:
        """How many parameters it updates."""
        return len(self.treedefs)

    def transformation(self, values: Any) -> optax.GradientTransformation:
        """The rule with hyper-parameters filled in; those of the same name are one list. A learning
        rate that is a Tensor has its dtype, others are float64."""
        hyper: dict[str, Any] = {}
        for name, value in zip(self.hyper_names, values, strict=True):
            hyper.setdefault(name, []).append(value)
        single = {name: given[0] for name, given in hyper.items() if len(given) == 1}
        if self.options.get("lr") is not None:
            single["lr"] = jnp.asarray(single["lr"], self.options["lr"])
        return self.rule({**hyper, **single}, self.options)

    def initial(self, arrays: Sequence[Any], values: tuple) -> list:
        """The leaves of the states with which parameters begin."""
        transformation = self.transformation(values)
        return [leaf for a in arrays for leaf in jax.tree.leaves(transformation.init(a))]

    def arguments(
        self, params: list[Cell], grads: list[Cell], states: list[Cell], hyper: Cell
    ) -> tuple:
        """The arguments of `run`, in the order of the parameters here. A gradient may come in
        several parts."""
        count = len(grads) // len(params)
        given: Any = tuple(grads)
        if count > 1:
            given = tuple(zip(*[iter(grads)] * count, strict=True))
        return (tuple(params), given, tuple(states), hyper)

    def run(self, args: tuple, kwargs: dict) -> tuple:
        params, grads, states, values = args
        transformation = self.transformation([values[k] for k in range(len(self.hyper_names))])
        leaves = iter(states)
        new_params, new_states = [], []
        counted: dict[tuple, list] = {}
        for param, grad, treedef in zip(params, grads, self.treedefs, strict=True):
            old = [next(leaves) for _ in range(treedef.num_leaves)]
            wide = widened(param)
            tree = jax.tree.unflatten(treedef, map(widened, old))
            updates, tree = transformation.update(jax.tree.map(widened, grad), tree, wide)
            new_params.append(narrowed(optax.apply_updates(wide, updates), param))
            new = list(map(narrowed, jax.tree.leaves(tree), old))
            counters = counters_of(treedef)
            key = tuple([(name, id(old[k])) for name, k in counters.items()])
            same = counted.setdefault(key, [new[k] for k in counters.values()])
            for k, number in zip(counters.values(), same, strict=True):
                new[k] = number
            new_states.extend(new)
        return (*new_params, *new_states)

    def places(self, inputs: tuple[int, ...]) -> list[int]:
        """For each parameter and state the output that stands for it, where `inputs` are the
        positions of the arguments: parameters whose counters were shared go on sharing them."""
        place = len(inputs) - 1 - sum(t.num_leaves for t in self.treedefs)
        places = list(range(self.count))
        first: dict[tuple, list[int]] = {}
        for treedef in self.treedefs:
            old = inputs[place : place + treedef.num_leaves]
            new = [len(places) + k for k in range(treedef.num_leaves)]
            counters = counters_of(treedef)
            key = tuple([(name, old[k]) for name, k in counters.items()])
            same = first.setdefault(key, [new[k] for k in counters.values()])
            for k, output in zip(counters.values(), same, strict=True):
                new[k] = output
            place += treedef.num_leaves
            places.extend(new)
        return places


class Skippable:
    """An update that leaves everything as it was where one more input, `found_inf`, isn't zero: how
    a GradScaler skips a step without reading a value."""

    __slots__ = ("update",)

    name = Update.name
    view = strides = backward = result = None
    inplace = differentiable = False
    numbers: frozenset[str] = frozenset()

    _made: dict[Update, Skippable] = {}

    def __new__(cls, update: Update) -> Skippable:
        made = cls._made.get(update)
        if made is None:
            made = cls._made[update] = object.__new__(cls)
            made.update = update
        return made

    def run(self, args: tuple, kwargs: dict) -> tuple:
        *given, found_inf = args
        old = (*given[0], *given[-2])
        new = self.update.run(tuple(given), kwargs)
        skips = found_inf > 0
        return tuple([jnp.where(skips, o, n) for o, n in zip(old, new, strict=True)])


def widened(value: Any) -> Any:
    """What a rule computes with: complex numbers are pairs of real ones, as in PyTorch, and half
    precision is float32 inside a step."""
    if jnp.iscomplexobj(value):
        return jnp.stack([value.real, value.imag], -1)
    if value.dtype in (jnp.float16, jnp.bfloat16):
        return value.astype(jnp.float32)
    return value


def narrowed(value: Any, like: Any) -> Any:
    """The opposite: a new value with the dtype of the old one."""
    if jnp.iscomplexobj(like):
        return jax.lax.complex(value[..., 0], value[..., 1])
    return value.astype(like.dtype)


# Fields of a state that count steps, or follow from the count alone: numbers which are the same for
# all parameters that have always been updated together. These share their cell, so that a program
# takes, computes and returns one number for all.
COUNTERS = ("step", "mu_product", "eta", "mu")


@functools.cache
def counters_of(treedef: Any) -> dict[str, int]:
    """The counters of a parameter's optax state: name -> which of its leaves."""
    paths, _ = jax.tree_util.tree_flatten_with_path(treedef.unflatten(range(treedef.num_leaves)))
    return {path[-1].name: k for k, (path, _) in enumerate(paths) if path[-1].name in COUNTERS}


def numbers_of(values: tuple) -> tuple:
    """Hyper-parameters as numbers."""
    return tuple([v.item() if isinstance(v, Tensor) else v for v in values])


def plan_each(optimizer: Any, group: dict, params: list[Tensor], options: dict) -> tuple:
    """The update of parameters by themselves, the owners of states, and their names: those of the
    fields in the optax state."""
    names = optimizer.names_in(group)
    update = Update(optimizer.rule, options, names, ())
    example = update.transformation(numbers_of(optimizer.hyper(group)))
    known: dict[Any, tuple] = {}
    found = []
    for param in params:
        struct = cell_of(param).aval.struct
        if struct not in known:
            with jax.enable_x64(True):
                state = jax.eval_shape(example.init, struct)
            paths, treedef = jax.tree_util.tree_flatten_with_path(state)
            known[struct] = (treedef, tuple(path[-1].name for path, _ in paths))
        found.append(known[struct])
    treedefs, fields = zip(*found, strict=True)
    update = Update(optimizer.rule, options, names, treedefs)
    stateful = [k for k, names in enumerate(fields) if names]
    return update, [params[k] for k in stateful], [fields[k] for k in stateful]
