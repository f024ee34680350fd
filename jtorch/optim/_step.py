"""The step of an optimizer as one node: what `Optimizer.step()` does, kept apart because it is a
hot path.

An `Update` is the op of one param group: it runs the group's optax transformation on each
parameter. A `Step` is the plan for one set of parameters with gradients; it collects cells, records
the update, and gives the parameters and their state the new cells, all or none. Read optimizer.py
for the interface.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._core.alias import Moment, cell_of, overwrite, storage_of
from .._core.append import Elsewhere, enter
from .._core.device import default_device, device, jax_device
from .._core.donation import note_replaced
from .._core.dtype import float64
from .._core.errors import DeviceError
from .._core.extend import extend
from .._core.program import materialise
from .._core.tensor import Tensor, from_array
from .._core.trace import Aval, Cell, Trace, local, new_cell
from .._core.transfer import copy_to


class Update:
    """(parameters, gradients, states, hyper-parameters) -> (parameters, states), as an op.

    rule, options: rule(hyper, options) is the optax transformation.  treedef: the structure of one
    parameter's optax state. Interned, so that a second optimizer of the same kind compiles nothing;
    it holds no optimizer.
    """

    __slots__ = ("hyper_names", "options", "rule", "treedef")

    name = "optimizer_step"
    view = strides = backward = result = None
    inplace = differentiable = False
    numbers: frozenset[str] = frozenset()

    _made: dict[tuple, Update] = {}

    def __new__(
        cls, rule: Any, options: dict, hyper_names: tuple[str, ...], treedef: Any
    ) -> Update:
        key = (rule, tuple(options.items()), hyper_names, treedef)
        made = cls._made.get(key)
        if made is None:
            made = cls._made[key] = object.__new__(cls)
            made.rule, made.options = rule, options
            made.hyper_names, made.treedef = hyper_names, treedef
        return made

    def transformation(self, hyper: dict[str, Any]) -> optax.GradientTransformation:
        """The rule with hyper-parameters filled in."""
        return self.rule(hyper, self.options)

    def run(self, args: tuple, kwargs: dict) -> tuple:
        params, grads, states, values = args
        hyper = {name: values[k] for k, name in enumerate(self.hyper_names)}
        transformation = self.transformation(hyper)
        new_params, new_states = [], []
        for param, grad, state in zip(params, grads, states, strict=True):
            tree = jax.tree.unflatten(self.treedef, state)
            updates, tree = transformation.update(grad, tree, param)
            new_params.append(optax.apply_updates(param, updates))
            new_states.extend(jax.tree.leaves(tree))
        return (*new_params, *new_states)


class Step:
    """The plan for the parameters of one group that have gradients now."""

    __slots__ = ("hyper_cell", "hyper_values", "names", "params", "update")

    def __init__(self, optimizer: Any, group: dict, params: list[Tensor], options: dict) -> None:
        self.params = params
        names = optimizer.hyper_names
        example = optimizer.rule(dict.fromkeys(names, 0.0), options)
        fields = optimizer.state_names(options)
        struct = jax.ShapeDtypeStruct((), np.float32)
        paths, treedef = jax.tree_util.tree_flatten_with_path(jax.eval_shape(example.init, struct))
        self.names = tuple(_field(path, fields) for path, _ in paths)
        self.update = Update(optimizer.rule, options, names, treedef)
        self.hyper_values: tuple = ()
        self.hyper_cell: Cell | None = None
        self._initialise(optimizer, example)

    def _initialise(self, optimizer: Any, transformation: optax.GradientTransformation) -> None:
        """Give new parameters the state that the transformation begins with."""
        fresh = [
            p for p in self.params if any(optimizer.state[p].get(n) is None for n in self.names)
        ]
        if not fresh or not self.names:
            return
        structs = [cell_of(p).aval.struct for p in fresh]

        def states() -> list:
            zeros = [jnp.zeros(s.shape, s.dtype) for s in structs]
            return [jax.tree.leaves(transformation.init(z)) for z in zeros]

        with jax.enable_x64(True):
            made = jax.jit(states)()
        for param, leaves in zip(fresh, made, strict=True):
            for name, leaf in zip(self.names, leaves, strict=True):
                where = param.device if name != "step" else default_device()
                # Committed, as the results of programs are: XLA compiles once for either kind.
                state = from_array(jax.device_put(leaf, jax_device(where)), where)
                optimizer.state[param].setdefault(name, state)

    def hyper(self, values: tuple) -> Cell:
        """The hyper-parameters as one vector; the same cell as long as they don't change."""
        if values != self.hyper_values or self.hyper_cell is None:
            numbers = [v.item() if isinstance(v, Tensor) else v for v in values]
            where = cell_of(self.params[0]).aval.device
            array = np.array(numbers, np.float64)
            if self.hyper_cell is None:
                array = _resident(array, where)
            aval = Aval((len(numbers),), float64, where)
            self.hyper_cell = Cell(array, aval)
            self.hyper_values = values
        return self.hyper_cell


def _resident(array: np.ndarray, where: device) -> Any:
    """Numbers on their device, for as long as they stay the same. On the default device they are
    uncommitted, which is to XLA what the NumPy array of the next ones will be."""
    if where is not default_device():
        return from_array(array, where)._cell.array
    with jax.enable_x64(True):
        return jax.device_put(array)


def _field(path: tuple, names: dict[str, str]) -> str:
    """PyTorch's name of a leaf of an optax state: by the field that holds it."""
    fields = [k.name for k in path if isinstance(k, jax.tree_util.GetAttrKey)]
    name = fields[-1] if fields else jax.tree_util.keystr(path)
    return names.get(name, name)


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
            _record_group(context, optimizer, place, active)
    for trace in tuple(context.traces.values()):
        materialise(trace)


def _record_group(context: Any, optimizer: Any, place: int, params: list[Tensor]) -> None:
    group = optimizer.param_groups[place]
    options = optimizer.options(group)
    key = (place, tuple(options.values()), *map(id, params))
    plan = optimizer._steps.get(key)
    if plan is None:
        plan = optimizer._steps[key] = Step(optimizer, group, params, options)
    try:
        _record(context, optimizer, plan, group)
    except Scattered:
        for where in {p.device: None for p in params}:
            _record_group(context, optimizer, place, [p for p in params if p.device is where])


def _record(context: Any, optimizer: Any, plan: Step, group: dict) -> None:
    params, names = plan.params, plan.names
    tensors = params
    if names:
        states = [optimizer.state[p] for p in params]
        if any(n not in s for s in states for n in names):
            plan._initialise(
                optimizer, plan.update.transformation(dict.fromkeys(plan.update.hyper_names, 0.0))
            )
        tensors = params + [s[n] for s in states for n in names]
    old = [t._cell or cell_of(t) for t in tensors]
    gradients: list[Any] = [p._grad for p in params]
    grads = [g._cell or cell_of(g) for g in gradients]
    hyper = plan.hyper(optimizer.hyper(group))
    while True:
        trace = context.trace
        try:
            key = [plan.update, context.modes]
            for cell in (*old[: len(params)], *grads, *old[len(params) :], hyper):
                key.append(cell.index if cell.trace is trace else enter(trace, cell))
            state = trace.state.next.get(tuple(key))
            if state is None:
                args = _arguments(plan, old, grads, hyper)
                state = extend(trace, tuple(key), plan.update, args, {})
            if state is not None:
                break
        except Elsewhere:
            trace.trim()
            hyper, old = _all_on(context, plan, hyper, old, grads)
        except BaseException:
            trace.trim()
            raise
    _replace(trace, state, tensors, old)


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
    return (
        hyper if hyper.aval.device is where else copy_to(hyper, where),
        [c if c.aval.device is where else copy_to(c, where) for c in old],
    )


def _arguments(plan: Step, old: list[Cell], grads: list[Cell], hyper: Cell) -> tuple:
    count, width = len(plan.params), len(plan.names)
    states = tuple(tuple(old[count + k * width : count + (k + 1) * width]) for k in range(count))
    return (tuple(old[:count]), tuple(grads), states, hyper)


def _replace(trace: Trace, state: Any, tensors: list[Tensor], old: list[Cell]) -> None:
    """Give parameters and state their new cells: all of them, or none if it is interrupted."""
    positions: list[Any] = [c.index if c.trace is trace and c.array is not None else c for c in old]
    undo = Undo(tensors, positions)
    trace.writes.append(undo)
    try:
        trace.state = state
        first = state.first
        since = Moment(trace)
        cells = trace.cells
        for k, (tensor, before) in enumerate(zip(tensors, old, strict=True)):
            cell = new_cell(trace, first + k, before.aval)
            cell.node = before.node
            cells.append(cell)
            note_replaced(trace, before, cell)
            overwrite(before, since)
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
