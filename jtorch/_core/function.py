"""Custom functions: nodes of the graph whose backward is the user's Python.

The forward of a `torch.autograd.Function` is recorded without gradients. Then one node is
appended, the identity on its results: its inputs are the results, the Tensors that came in, and
what was saved, so that the engine keeps, frees and guards these as for any other node. When the
walk comes to it, the user's backward runs and records what it computes into the same trace. The
classes that users see are in autograd/function.py; inside JAX's transformations traced_function.py
takes over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from .alias import DETACH, Moment, Step, as_constant, cell_of, is_leaf, link, write
from .append import advance, append, step
from .autograd import SECOND_TIME
from .dtype import FLOAT
from .forward import tangent_of, with_tangent
from .function_rules import Rule, at_places, fitted_gradient, gradients_of, pushed, rule_of
from .graph import GradNode, edge_of_cell, view_chain
from .op import Op
from .packing import Packed, live, with_edge
from .tensor import Tensor, from_cell
from .trace import Cell, Context, State, Trace, local

ZEROS_BESIDE = Op(
    lambda input, shape, kind: jnp.zeros(shape, kind.numpy), "zeros", differentiable=False
)

LEAF_WRITTEN = "a leaf Variable that requires grad has been used in an in-place operation."
DIRTY_LOST = (
    "Some elements marked as dirty during the forward method were not returned as output. The "
    "inputs that are modified inplace must all be outputs of the Function."
)


class Application:
    """One application of a custom Function: what the engine knows of it.

    ctx: the user's object for it.  function: its class.  needs, input_places: which arguments want
    a gradient, and which are Tensors at all.  result_count, result_places: how many results there
    are, and which are Tensors.  to_save, written, constant: the Tensors to be saved, the inputs
    that the forward wrote to, and the results without a gradient.  materializes: whether gradients
    that are missing are given as zeros.  saved: see FunctionNode.  node: while the backward runs.
    pushes: whether the jvp runs.
    """

    __slots__ = (
        "constant",
        "ctx",
        "function",
        "input_places",
        "materializes",
        "needs",
        "node",
        "pushes",
        "result_count",
        "result_places",
        "saved",
        "to_save",
        "written",
    )

    def __init__(self, function: Any, ctx: Any, args: tuple) -> None:
        self.ctx = ctx
        self.function = function
        self.input_places = tuple(k for k, value in enumerate(args) if isinstance(value, Tensor))
        self.needs = tuple(isinstance(v, Tensor) and v.requires_grad for v in args)
        self.result_count = 0
        self.result_places: tuple[int, ...] = ()
        self.to_save: tuple = ()
        self.written: tuple = ()
        self.constant: tuple = ()
        self.materializes = True
        self.saved: list[Any] = []
        self.node: FunctionNode | None = None
        self.pushes = False


class FunctionNode(GradNode):
    """The GradNode of one application of a custom Function.

    begin: the slot of the first input; the results stand before it.  end: the slot behind the last
    input; what was saved stands there.  `application.saved` has an entry for each Tensor saved:
    None, (True, its slot), (False, which result it is), or (what hooks made of it, its edge or
    which result it is).
    """

    __slots__ = ("application", "begin", "end")
    pulls = True

    def __init__(self, trace: Trace, state: State, edges: tuple) -> None:
        results, inputs, *_ = state.node.call.args
        self.begin = len(results)
        self.end = self.begin + len(inputs)
        inner = range(self.begin, self.end)
        super().__init__(
            trace, state, tuple(e if k in inner else None for k, e in enumerate(edges))
        )
        self.application: Application = trace.functions[state.first]

    def __getattr__(self, name: str) -> Any:
        if name in FunctionNode.__slots__:
            raise AttributeError(name)
        return getattr(self.application.ctx, name)

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{self.name()} object at {hex(id(self))}>"

    @property
    def next_functions(self) -> tuple:
        return super().next_functions[self.begin : self.end]

    def visible_slots(self) -> range:
        return range(self.begin, self.end)

    def saves(self) -> frozenset[int]:
        return frozenset(range(self.end, len(self.positions)))

    @property
    def saves_anything(self) -> bool:
        return False  # a second backward is an error when it asks for what was saved

    def _used_positions(self) -> list[int]:
        results = [self.first + k for k in self._saved_results()]
        return [*self.positions[self.end :], *results]

    def _saved_results(self) -> list[int]:
        return [entry[1] for entry in self.application.saved if entry and entry[0] is False]

    def _watched_positions(self) -> list[tuple[int, int]]:
        return [(-1, p) for used in self._used_positions() for p in view_chain(self.trace, used)]

    def keep(self, cells: dict[int, Cell]) -> None:
        """The trace is about to end: keep cells instead of positions."""
        results = [cells.get(self.first + k) for k in range(self.begin)]
        used = self._saved_results()
        super().keep(cells)
        if not self.freed:
            self.outputs = [cell if k in used else None for k, cell in enumerate(results)]

    def free(self) -> None:
        super().free()
        self.application.saved = [None] * len(self.application.saved)

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What the forward has saved. RuntimeError once it was freed."""
        if self.freed and self.application.saved:
            raise RuntimeError(SECOND_TIME)
        return tuple(map(self._saved_tensor, self.application.saved))

    def _saved_tensor(self, entry: Any) -> Tensor | None:
        if entry is None:
            return None
        kind, k = entry
        if isinstance(kind, Packed):
            return from_cell(kind.cell((self, k) if type(k) is int else k))
        position = self.positions[k] if kind else self.first + k
        if self.region is not None and self.region.holds(position):
            return from_cell(self._replayed(kind, k, position))
        if self.inputs is not None and self.outputs is not None:
            return from_cell(self.inputs[k] if kind else self.outputs[k])
        aval = self.avals[k] if kind else self.output_avals[k]
        return from_cell(live(self.trace, position, aval))

    def _replayed(self, is_input: bool, k: int, position: int) -> Cell:
        replay = local.context.walk.replay(self.region, [])
        cell = replay.cell(position)
        if local.context.modes.grad and not is_input:
            return with_edge(as_constant(cell), (self, k))
        return cell

    def pull(self, context: Context, cotangents: list[Any]) -> list[tuple[int, Cell]]:
        """Run the user's backward: (slot, gradient) pairs."""
        if self.region is not None:
            context.walk.replay(self.region, cotangents)
        application = self.application
        present = next(cell for cell in cotangents if cell is not None)
        if application.materializes:
            cotangents = [
                cell or append(context, ZEROS_BESIDE, (present, aval.shape, aval.dtype))[0]
                for cell, aval in zip(cotangents, self.output_avals, strict=True)
            ]
        grads = at_places(application.result_count, application.result_places, cotangents)
        application.node = self
        try:
            found = application.function.backward(application.ctx, *grads)
        finally:
            application.node = None
        return self._checked(context, found if isinstance(found, tuple) else (found,))

    def _checked(self, context: Context, found: tuple) -> list[tuple[int, Cell]]:
        """The gradients of the inputs that want one, of their shape and dtype."""
        pairs = []
        for place, gradient in gradients_of(self.application, found):
            k = self.application.input_places.index(place)
            slot = self.begin + k
            if self.edges[slot] is not None:
                aval = self.avals[slot]
                pairs.append((slot, fitted_gradient(context, gradient, aval, self.name(), k)))
        return pairs


class FunctionOp:
    """The op of a custom Function's node: (results, inputs, saved, used) -> results.

    name: of the node.  constants: the results without a gradient.  rule: its derivative, where JAX
    may ask for it, and used: what that uses besides; see function_rules.py.
    """

    __slots__ = ("constants", "name", "rule")
    node = FunctionNode
    view = backward = result = saves = None
    inplace = chooses = saves_more = False
    differentiable = True
    numbers: frozenset[str] = frozenset()
    _made: dict[tuple, FunctionOp] = {}

    def __new__(cls, name: str, constants: tuple[int, ...], rule: Rule | None) -> FunctionOp:
        key = (name, constants, rule)
        made = cls._made.get(key)
        if made is None:
            made = object.__new__(cls)
            made.name, made.constants, made.rule = key
            made = cls._made.setdefault(key, made)
        return made

    def run(self, args: tuple, kwargs: dict) -> Sequence[Any]:
        results, inputs, _, used = args
        return results if self.rule is None else self.rule.apply(results, inputs, used)

    def strides(self, avals: Sequence[Any], shape: tuple, call: Any, k: int) -> tuple[int, ...]:
        return avals[k].strides


# ------------------------------------------------------------------------------------ applying one


def apply(application: Application, forward: Callable, args: tuple) -> Any:
    """Run a forward on its arguments and give the results their history.

    forward: takes the arguments and returns what the user's forward does, having noted in the
    application which Tensors are to be saved, were written, or have no gradient.
    """
    context = local.context
    inputs = [args[k] for k in application.input_places]
    before = [cell_of(tensor) for tensor in inputs]
    modes, since = context.modes, Moment(context.trace)
    records = modes.grad and any(application.needs)
    context.modes = modes.replace(grad=False, dual=False)
    try:
        returned = forward(*args)
        values = list(returned) if isinstance(returned, tuple) else [returned]
        places = [k for k, value in enumerate(values) if isinstance(value, Tensor)]
        results = [values[k] for k in places]
        if records:
            _check_written(application.written, results)
        cells = [as_constant(cell_of(tensor)) for tensor in results]
        saved = _note_saved(application, results) if records else []
    finally:
        context.modes = modes
    written = application.written
    application.result_count, application.result_places = len(values), tuple(places)
    rule, used = rule_of(context, application, cells, before)
    if (records or rule is not None) and results:
        args = (tuple(cells), tuple(before), tuple(saved), tuple(used))
        cells = _append(application, results, args, rule)
    cells = _with_tangents(context, application, cells, before)
    application.to_save = application.written = application.constant = ()
    for place, tensor, cell in zip(places, results, cells, strict=True):
        if not any(tensor is value for value in written):
            values[place] = _finish(tensor, cell, inputs)
        elif records:
            write(tensor, cell, since)
    return tuple(values) if isinstance(returned, tuple) else values[0]


def _append(
    application: Application, results: list[Tensor], args: tuple, rule: Rule | None
) -> list[Cell]:
    """Append the node: the cells of the results."""
    fixed = {id(tensor) for tensor in application.constant}
    constants = tuple(k for k, tensor in enumerate(results) if id(tensor) in fixed)
    op = FunctionOp(type(application.ctx).__name__, constants, rule)
    trace, state = step(local.context, op, args, {})
    trace.functions[state.first] = application
    return advance(trace, state)


def _with_tangents(
    context: Context, application: Application, cells: list[Cell], inputs: list[Cell]
) -> list[Cell]:
    """The results as the user's jvp moves them, if an input has a tangent."""
    tangents = [tangent_of(context, cell) for cell in inputs]
    if not any(tangent is not None for tangent in tangents):
        return cells
    modes, context.modes = context.modes, context.modes.replace(dual=False)
    try:
        if application.materializes:
            tangents = [
                append(context, ZEROS_BESIDE, (cell, cell.aval.shape, cell.aval.dtype))[0]
                if tangent is None and cell.aval.dtype.category >= FLOAT
                else tangent
                for tangent, cell in zip(tangents, inputs, strict=True)
            ]
        moved = pushed(application, tangents, cells)
    finally:
        context.modes = modes
    return [
        with_tangent(context, cell, tangent) for cell, tangent in zip(cells, moved, strict=True)
    ]


def _check_written(written: tuple, results: list[Tensor]) -> None:
    """RuntimeError for a written input that is a leaf, or is not returned."""
    for tensor in written:
        cell = cell_of(tensor)
        if cell.aval.requires_grad and is_leaf(cell):
            raise RuntimeError(LEAF_WRITTEN)
        if not any(value is tensor for value in results):
            raise RuntimeError(DIRTY_LOST)


def _note_saved(application: Application, results: list[Tensor]) -> list[Cell]:
    """Fill `saved` of an application; the cells that become inputs of its node thereby."""
    cells: list[Cell] = []
    end = len(results) + len(application.input_places)
    packing = local.context.modes.packing
    for tensor in application.to_save:
        k = next((k for k, result in enumerate(results) if result is tensor), None)
        if tensor is None:
            entry = None
        elif packing:
            edge = edge_of_cell(cell_of(tensor)) if k is None else k
            entry = (Packed(tensor), edge)
        elif k is not None:
            entry = (False, k)
        else:
            entry = (True, end + len(cells))
            cells.append(cell_of(tensor))
        application.saved.append(entry)
    return cells


def _finish(tensor: Tensor, cell: Cell, inputs: list[Tensor]) -> Tensor:
    """A result for the user: the Tensor that the forward returned, with its history. An input that
    comes back as it is gives an alias of it, as in PyTorch."""
    shared = any(tensor is value for value in inputs) or tensor.requires_grad
    if shared or tensor._view:
        result = from_cell(cell)
        link(tensor, result, Step(DETACH, (), {}, local.context.modes))
        return result
    tensor._cell = cell
    if tensor._storage is not None:
        tensor._storage.cell = cell
    return tensor
