"""The step of an optimizer as one node: what `Optimizer.step()` does, kept apart because it is a
hot path.

An `Update` is the op of one param group: it runs the group's optax transformation on each
parameter. A `Step` is the plan for one set of parameters with gradients; it collects cells, records
the update, and gives the parameters and their state the new cells, all or none. Read optimizer.py
for the interface.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._core.alias import Moment, cell_of, overwrite, storage_of
from .._core.append import Elsewhere, enter_all
from .._core.device import default_device, device, jax_device
from .._core.donation import note_replaced
from .._core.dtype import float64
from .._core.errors import DeviceError
from .._core.extend import extend
from .._core.program import materialise, settle
from .._core.tensor import Tensor, from_array
from .._core.trace import Aval, Cell, State, Trace, local
from .._core.transfer import copy_to


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

    def transformation(self, values: Any) -> optax.GradientTransformation:
        """The rule with hyper-parameters filled in; those of the same name are one list."""
        hyper: dict[str, Any] = {}
        for name, value in zip(self.hyper_names, values, strict=True):
            hyper.setdefault(name, []).append(value)
        single = {name: given[0] for name, given in hyper.items() if len(given) == 1}
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
            same = counted.setdefault((treedef, *[id(old[k]) for k in counters]), new)
            for k in counters:
                new[k] = same[k]
            new_states.extend(new)
        return (*new_params, *new_states)

    def places(self, inputs: tuple[int, ...]) -> list[int]:
        """For each parameter and state the output that stands for it, where `inputs` are the
        positions of the arguments: parameters whose counters were shared go on sharing them."""
        count = len(self.treedefs)
        place = len(inputs) - 1 - sum(t.num_leaves for t in self.treedefs)
        places = list(range(count))
        first: dict[tuple, int] = {}
        for treedef in self.treedefs:
            old = inputs[place : place + treedef.num_leaves]
            place += treedef.num_leaves
            output = len(places)
            counters = counters_of(treedef)
            same = first.setdefault((treedef, *[old[k] for k in counters]), output)
            places.extend(
                (same if k in counters else output) + k for k in range(treedef.num_leaves)
            )
        return places


# Fields of a state that count steps, or follow from the count alone: numbers which are the same for
# all parameters that have always been updated together. These share their cell, so that a program
# takes, computes and returns one number for all.
COUNTERS = ("step", "mu_product", "eta", "mu")


@functools.cache
def counters_of(treedef: Any) -> tuple[int, ...]:
    """Which leaves of a parameter's optax state are counters."""
    paths, _ = jax.tree_util.tree_flatten_with_path(treedef.unflatten(range(treedef.num_leaves)))
    return tuple(k for k, (path, _) in enumerate(paths) if path[-1].name in COUNTERS)


def share_counters(states: Iterable[Any]) -> None:
    """Have states that come from elsewhere share the counters that are equal."""
    known: dict[tuple, Cell] = {}
    for state in states:
        for name in COUNTERS:
            counter = state.get(name) if isinstance(state, dict) else None
            if isinstance(counter, Tensor) and not counter.dim() and counter._storage is None:
                key = (name, counter.item(), counter.dtype, counter.device)
                counter._cell = known.setdefault(key, counter._cell)


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


class Step:
    """The plan for the parameters of one group that have gradients now.

    owners, names: the keys of `optimizer.state`, and the names in each, whose values are the states
    of the update, in order.  places: of each state of the trie, which outputs stand for them.
    """

    __slots__ = ("hyper_cell", "hyper_values", "names", "owners", "params", "places", "update")

    def __init__(self, optimizer: Any, group: dict, params: list[Tensor], options: dict) -> None:
        self.params = params
        self.hyper_values: tuple = ()
        self.hyper_cell: Cell | None = None
        self.places: dict[State, list[int]] = {}
        self.update, self.owners, self.names = optimizer.plan(group, params, options)

    def states(self, optimizer: Any, group: dict) -> list[Tensor]:
        """The state Tensors; new ones begin as the transformation says."""
        state = optimizer.state
        try:
            return [
                s[n]
                for s, names in zip([state[o] for o in self.owners], self.names, strict=True)
                for n in names
            ]
        except KeyError:
            self._initialise(optimizer, group)
        return self.states(optimizer, group)

    def _initialise(self, optimizer: Any, group: dict) -> None:
        places = [(o, n) for o, names in zip(self.owners, self.names, strict=True) for n in names]
        missing = [n not in optimizer.state[o] for o, n in places]
        values = numbers_of(optimizer.hyper(group))
        if self.update.divisible:
            structs = [cell_of(p).aval.struct for p in self.params]
            arrays = []
        else:  # the state may begin as a copy of the parameters
            structs, arrays = [], [settle(cell_of(p)) for p in self.params]

        def states(*arrays: Any) -> list:
            zeros = [jnp.zeros(s.shape, s.dtype) for s in structs]
            leaves = self.update.initial([*zeros, *arrays], values)
            return [jnp.copy(v) for v, wanted in zip(leaves, missing, strict=True) if wanted]

        with jax.enable_x64(True):
            made = iter(jax.jit(states)(*arrays))
        for (owner, name), wanted in zip(places, missing, strict=True):
            if wanted:
                here = isinstance(owner, Tensor) and name not in HOST
                where = owner.device if here else default_device()
                # Committed, as the results of programs are: XLA compiles once for either kind.
                leaf = from_array(jax.device_put(next(made), jax_device(where)), where)
                optimizer.state[owner][name] = leaf
        share_counters([optimizer.state[o] for o in self.owners])

    def hyper(self, values: tuple) -> Cell:
        """The hyper-parameters as one vector; the same cell as long as they don't change."""
        numbers = numbers_of(values)
        if numbers != self.hyper_values or self.hyper_cell is None:
            where = cell_of(self.params[0]).aval.device
            array = np.array(numbers, np.float64)
            if self.hyper_cell is None:
                array = _resident(array, where)
            aval = Aval((len(numbers),), float64, where)
            self.hyper_cell = Cell(array, aval)
            self.hyper_values = numbers
        return self.hyper_cell


# The states that PyTorch keeps on the CPU, wherever the parameters are.
HOST = ("step", "mu_product")


def numbers_of(values: tuple) -> tuple:
    """Hyper-parameters as numbers."""
    return tuple([v.item() if isinstance(v, Tensor) else v for v in values])


def _resident(array: np.ndarray, where: device) -> Any:
    """Numbers on their device, for as long as they stay the same. On the default device they are
    uncommitted, which is to XLA what the NumPy array of the next ones will be."""
    if where is not default_device():
        return from_array(array, where)._cell.array
    with jax.enable_x64(True):
        return jax.device_put(array)


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


class Undo:
    """How to take back a whole step."""

    __slots__ = ("cells", "tensors")

    def __init__(self, tensors: list[Tensor], cells: list[int | Cell]) -> None:
        self.tensors = tensors
        self.cells = cells

    def run(self, trace: Trace) -> None:
        for tensor, held in zip(self.tensors, self.cells, strict=True):
            cell = held if isinstance(held, Cell) else trace.leaves[-1 - held]
            cell.trace = None
            tensor._cell = cell
            if tensor._storage is not None:
                tensor._storage.cell = cell


class Scattered(Exception):
    """Raised inside recording: the parameters live on several devices."""


def record_step(optimizer: Any) -> None:
    """Record the update of every group, and run everything."""
    context = local.context
    for place, group in enumerate(optimizer.param_groups):
        active = [p for p in group["params"] if p._grad is not None]
        if active:
            for params in optimizer.parts(group, active):
                _record_group(context, optimizer, place, params)
    for trace in tuple(context.traces.values()):
        materialise(trace)


def _record_group(context: Any, optimizer: Any, place: int, params: list[Tensor]) -> None:
    group = optimizer.param_groups[place]
    options = optimizer.options(group, params)
    key = (place, tuple(options.values()), *map(id, params))
    plan = optimizer._steps.get(key)
    if plan is None:
        plan = optimizer._steps[key] = Step(optimizer, group, params, options)
    try:
        _record(context, optimizer, plan, group)
    except Scattered:
        if not plan.update.divisible:
            raise DeviceError(
                "the parameters of a group whose update depends on all of them have to be on the "
                "same device"
            ) from None
        for where in {p.device: None for p in params}:
            _record_group(context, optimizer, place, [p for p in params if p.device is where])


def _record(context: Any, optimizer: Any, plan: Step, group: dict) -> None:
    params, count = plan.params, len(plan.params)
    tensors = params + plan.states(optimizer, group)
    old = [t._cell or cell_of(t) for t in tensors]
    grads = [g._cell or cell_of(g) for g in optimizer.gradients(params)]
    hyper = plan.hyper(optimizer.hyper(group))
    while True:
        trace = context.trace
        try:
            key: Any = [plan.update, context.modes]
            enter_all(trace, (*old[:count], *grads, *old[count:], hyper), key)
            key = tuple(key)
            state = trace.state.next.get(key)
            if state is None:
                args = plan.update.arguments(old[:count], grads, old[count:], hyper)
                state = extend(trace, key, plan.update, args, {})
            if state is not None:
                break
        except Elsewhere:
            trace.trim()
            hyper, old = _all_on(context, plan, hyper, old, grads)
        except BaseException:
            trace.trim()
            raise
    places = plan.places.get(state)
    if places is None:
        places = plan.places[state] = plan.update.places(state.node.inputs)
    _replace(trace, state, tensors, old, places)


def _all_on(
    context: Any, plan: Step, hyper: Cell, old: list[Cell], grads: list[Cell]
) -> tuple[Cell, list[Cell]]:
    """Record where the parameters are. Step counts may live on the CPU, as PyTorch's do: they
    follow."""
    params = old[: len(plan.params)]
    where = params[0].aval.device
    if any(c.aval.device is not where for c in params):
        raise Scattered
    context.on(where)
    for cell in (*grads, *old):
        if cell.aval.device is not where and cell.aval.shape:
            raise DeviceError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{where} and {cell.aval.device}!"
            )
    moved = {id(c): copy_to(c, where) for c in (*old, hyper) if c.aval.device is not where}
    return moved.get(id(hyper), hyper), [moved.get(id(c), c) for c in old]


def _replace(
    trace: Trace, state: Any, tensors: list[Tensor], old: list[Cell], places: list[int]
) -> None:
    """Give parameters and state their new cells, those of the outputs in `places`: all of them, or
    none if it is interrupted."""
    positions: list[Any] = [c.index if c.trace is trace and c.array is not None else c for c in old]
    undo = Undo(tensors, positions)
    trace.writes.append(undo)
    try:
        trace.state = state
        first, cells = state.first, trace.cells
        since = Moment(trace)
        made: list[Cell] = []
        for tensor, before, place in zip(tensors, old, places, strict=True):
            if place < len(made):
                cell = made[place]
            else:
                cell = Cell(None, before.aval, before.node)
                cell.trace, cell.index = trace, first + place
                cells.append(cell)
                note_replaced(trace, before, cell)
                overwrite(before, since)
            made.append(cell)
            storage = tensor._storage
            if storage is None:
                storage = storage_of(tensor)
            elif len(storage.members) > 1:
                _make_stale(storage, tensor, since)
            storage.cell = cell
            storage.version += 1
            tensor._cell = cell
    except BaseException:
        undo.run(trace)
        raise


def _make_stale(storage: Any, writer: Tensor, since: Moment) -> None:
    for reference in storage.members:
        member = reference()
        if member is not None and member is not writer:
            if member._cell is not None:
                overwrite(member._cell, since)
            member._cell = None if member._view else storage.cell
