"""Any optax transformation as an optimizer.

The parameters of a group are one tree for the transformation, so that norms over all of them are
what optax says. `Parameters` is that tree; it also tells which part of a state belongs to which
parameter.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from .._core.alias import cell_of
from .._core.grad_mode import enable_grad
from .._core.tensor import Tensor
from ._step import Step, record_step
from ._update import Update
from .optimizer import Optimizer, ParamsT


class Always(NamedTuple):
    """The rule that says the same transformation whatever the hyper-parameters."""

    transformation: optax.GradientTransformationExtraArgs

    def __call__(self, hyper: dict, options: dict) -> optax.GradientTransformationExtraArgs:
        return self.transformation


class Parameter(NamedTuple):
    """The key of a parameter in a path of JAX's: its place, and its name or the place again."""

    place: int
    name: str

    def __str__(self) -> str:
        return self.name


class Parameters:
    """The parameters of a group, or what belongs to each of them, as a JAX tree."""

    def __init__(self, values: Sequence[Any], names: tuple[str, ...]) -> None:
        self.values = tuple(values)
        self.names = names

    def with_keys(self) -> tuple[list[tuple[Parameter, Any]], tuple[str, ...]]:
        """What JAX wants to know of a tree."""
        keys = [Parameter(k, name) for k, name in enumerate(self.names)]
        return list(zip(keys, self.values, strict=True)), self.names


jax.tree_util.register_pytree_with_keys(
    Parameters, Parameters.with_keys, lambda names, values: Parameters(tuple(values), names)
)


class Layout(NamedTuple):
    """Where the leaves of an optax state are kept.

    names: of the parameters.  treedef: the structure of the state.  places: leaf k is number
    places[k] of the states of the update.  keys: which leaves are keys of random numbers; they are
    kept as the numbers that they are made of.
    """

    names: tuple[str, ...]
    treedef: Any
    places: tuple[int, ...]
    keys: tuple[bool, ...]

    def states(self, tree: Any) -> list:
        """The states of an optax state."""
        found: list[Any] = [None] * len(self.places)
        for leaf, place, is_key in zip(jax.tree.leaves(tree), self.places, self.keys, strict=True):
            found[place] = jax.random.key_data(leaf) if is_key else leaf
        return found

    def tree(self, states: Sequence[Any]) -> Any:
        """The optax state of states."""
        leaves = [
            jax.random.wrap_key_data(states[place]) if is_key else states[place]
            for place, is_key in zip(self.places, self.keys, strict=True)
        ]
        return jax.tree.unflatten(self.treedef, leaves)


class GroupUpdate(Update):
    """The update of a whole group; its `treedefs` is one Layout."""

    __slots__ = ()
    divisible = False

    def initial(self, arrays: Sequence[Any], values: tuple) -> list:
        tree = self.transformation(values).init(Parameters(arrays, self.treedefs.names))
        return self.treedefs.states(tree)

    def arguments(self, params: list, grads: list, states: list, hyper: Any) -> tuple:
        count = len(params)
        return (tuple(params), tuple(grads[:count]), tuple(grads[count:]), tuple(states), hyper)

    @property
    def count(self) -> int:
        return len(self.treedefs.names)

    def places(self, inputs: tuple[int, ...]) -> list[int]:
        return list(range(self.count + len(self.treedefs.places)))

    def run(self, args: tuple, kwargs: dict) -> tuple:
        params, grads, loss, states, _ = args
        layout = self.treedefs
        given = dict(self.options["arguments"])
        if loss:
            given["value"] = loss[0]
        whole = Parameters(params, layout.names)
        updates, tree = self.transformation(()).update(
            Parameters(grads, layout.names), layout.tree(states), whole, **given
        )
        new = [v.astype(s.dtype) for v, s in zip(layout.states(tree), states, strict=True)]
        return (*optax.apply_updates(whole, updates).values, *new)


class Optax(Optimizer):
    """An optimizer whose rule is an optax transformation: `Optax(model.parameters(),
    optax.lion(1e-4))`.

    The parameters of a group are one tree to it: a norm is that of the whole group. Those without a
    gradient are left out. What of its state belongs to a parameter is in `state[p]` under the names
    of its fields, the rest in `state["group 0"]`: step counts, and what `optax.inject_hyperparams`
    makes changeable (`state["group 0"]["hyperparams.learning_rate"].fill_(0.1)`). Otherwise the
    learning rate is what optax was given: `param_groups` has no "lr".

    arguments: more that the transformation's `update` wants, by keyword; `value` is the loss of the
    closure, if `step` is given one.
    """

    takes_found_inf = True

    def __init__(
        self, params: ParamsT, transformation: optax.GradientTransformation, **arguments: Any
    ) -> None:
        self.rule = Always(optax.with_extra_args_support(transformation))
        self._arguments = tuple(arguments.items())
        self._wants_loss = _accepts_value(self.rule.transformation.update)
        self._loss: list[Any] = []
        super().__init__(params, {})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else enable_grad()(closure)()
        self._loss = [loss.detach()] if self._wants_loss and loss is not None else []
        record_step(self)
        return loss

    def optax_state(self, group: int = 0) -> tuple[Any, Parameters]:
        """The state of a param group as optax has it, and its parameters, with arrays: for
        functions such as `optax.contrib.schedule_free_eval_params`, whose result has `values`."""
        found = self.param_groups[group]
        params = found["params"]
        plan = Step(self, found, params, self.options(found, params))
        arrays = [t.jax() for t in plan.states(self, found)]
        layout = plan.update.treedefs
        return layout.tree(arrays), Parameters([p.jax() for p in params], layout.names)

    def options(self, group: dict[str, Any], params: list[Tensor]) -> dict[str, Any]:
        return {"arguments": self._arguments, "loss": len(self._loss)}

    def gradients(self, params: list[Tensor]) -> list[Any]:
        return [*super().gradients(params), *self._loss]

    def plan(
        self, group: dict[str, Any], params: list[Tensor], options: dict[str, Any]
    ) -> tuple[Any, list[Any], list[tuple[str, ...]]]:
        given = group.get("param_names", range(len(group["params"])))
        names = {id(p): str(n) for p, n in zip(group["params"], given, strict=True)}
        called = tuple(names[id(p)] for p in params)
        structs = Parameters([cell_of(p).aval.struct for p in params], called)
        with jax.enable_x64(True):
            state = jax.eval_shape(self.rule.transformation.init, structs)
        leaves, treedef = jax.tree_util.tree_flatten_with_path(state)
        place = next(k for k, g in enumerate(self.param_groups) if g is group)
        owners: list[Any] = [*params, f"group {place}"]
        fields = _fields([path for path, _ in leaves])
        held = [[f for f in fields if f[0] == k] for k in range(len(params))]
        held.append([f for f in fields if f[0] is None])
        order = {field: k for k, field in enumerate(f for part in held for f in part)}
        layout = Layout(
            called,
            treedef,
            tuple(order[field] for field in fields),
            tuple(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) for _, leaf in leaves),
        )
        update = GroupUpdate(self.rule, options, (), layout)
        stateful = [k for k, part in enumerate(held) if part]
        return (
            update,
            [owners[k] for k in stateful],
            [tuple(name for _, name in held[k]) for k in stateful],
        )

    def _kind(self, param: Tensor, value: Tensor) -> Any:
        return value.dtype


def _accepts_value(update: Callable) -> bool:
    found = inspect.signature(update).parameters.values()
    return any(p.name == "value" or p.kind is p.VAR_KEYWORD for p in found)


def _fields(paths: list[tuple]) -> list[tuple[int | None, str]]:
    """For each leaf of an optax state the place of the parameter that it belongs to, and its name:
    the field that holds it, with the way there where fields of several transformations have the
    same name."""
    found = []
    for path in paths:
        owner = next((key.place for key in path if isinstance(key, Parameter)), None)
        stem = tuple(key for key in path if not isinstance(key, Parameter))
        last = max((k for k, key in enumerate(stem) if hasattr(key, "name")), default=0)
        short, full = (
            jax.tree_util.keystr(part, simple=True, separator=".") for part in (stem[last:], stem)
        )
        found.append((owner, short, full))
    meanings: dict[tuple, set] = {}
    for owner, short, full in found:
        meanings.setdefault((owner is None, short), set()).add(full)
    return [
        (owner, short if len(meanings[owner is None, short]) == 1 else full)
        for owner, short, full in found
    ]
