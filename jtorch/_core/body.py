"""Bodies of functions, recorded apart: each becomes one op of the trace around it.

`vmap` and `jvp` run a function once, on Tensors that stand for one example, or for a value whose
derivative is wanted. What it records goes into a trace of its own, a *body*. In the end the body is
a pure function of its leaves, known by its state in the trie, and `call` appends it, mapped or
differentiated by JAX, to the trace around. A function that records the same again costs lookups
only: nothing is traced by JAX, and XLA compiles it with the program around it.

A leaf of a body is an argument, or a cell of the world outside that the function uses: both know
the cell they stand for, their *source*. func/ is made of this; control.py has the bodies of
branches and loops. Read tensor.py next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax

from .append import Elsewhere, append
from .device import TRACING, device
from .evaluation import evaluator, path
from .graph import edge_of_cell
from .op import Op
from .program import body_of, settle
from .strides import unchanged
from .trace import Aval, Call, Cell, Context, State, Trace

ALIAS = Op(lambda input: input, "alias", strides=unchanged)

_REFUSALS = {
    "item": (
        "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over "
        "calling .item() on a Tensor, please try to rewrite what you're doing with other "
        "operations. If error is occurring somewhere inside PyTorch internals, please file a bug "
        "report."
    ),
    "bool": (
        "vmap: It looks like you're attempting to use a Tensor in some data-dependent control "
        "flow. We don't support that yet, please file an issue at "
        "https://github.com/pytorch/pytorch/issues ."
    ),
    "nonzero": (
        "vmap: We do not support batching operators that can output dynamic shape. Attempted to "
        "vmap over aten::nonzero. Please file an issue at "
        "https://github.com/pytorch/pytorch/issues if you need this feature."
    ),
    "mask": (
        "vmap: We do not support batching operators that can support dynamic shape. Attempting to "
        "batch over indexing with a boolean mask."
    ),
    "memory": "Cannot access data pointer of Tensor that doesn't have storage",
}
_CAPTURED = (
    "During a grad (vjp, jvp, grad, etc) transform, the function provided attempted to call "
    "in-place operation that would mutate a captured Tensor. This is not supported; please rewrite "
    "the function being transformed to explicitly accept the mutated Tensor(s) as inputs."
)
_CAPTURED_BY_VMAP = (
    "vmap: an in-place operation on a Tensor from outside the function is not possible: it may "
    "have to hold a value for each example. Please try to use out-of-place operators instead, or "
    "pass the Tensor to the function."
)
_RELEASED = (
    "this Tensor has no value: it lived inside of a function that vmap or jvp has run. Return it "
    "from there."
)
_RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
    "'different' randomness flags on vmap or perform the randomness operation out of vmap"
)


class Body(Trace):
    """One run of a function, recorded apart: a trace that never runs by itself.

    trace, traces: those around it, which the context has again afterwards.
    size: how many examples it stands for; None where it stands for one value, which can be read.
    randomness: what random functions do in it, as vmap's.  tied: whether a leaf stands for a
    position of the trace around, which must then not be cut.  level: how many bodies are open,
    this one included.
    """

    __slots__ = (
        "_leaves",
        "_origins",
        "level",
        "randomness",
        "size",
        "tied",
        "trace",
        "traces",
    )

    def __init__(
        self, context: Context, where: device, size: int | None = None, randomness: str = "same"
    ) -> None:
        super().__init__(context, where)
        self.size = size
        self.randomness = randomness
        self.tied = False
        self.level = 0
        self.trace: Any = None
        self.traces: Any = None
        # What a leaf is known by outside -> the leaf; the leaf's id -> (leaf, source, mark).
        self._leaves: dict[Any, Cell] = {}
        self._origins: dict[int, tuple[Cell, Cell, Any]] = {}

    @property
    def body(self) -> Body:
        return self

    @property
    def forward(self) -> bool:
        """Whether it is recorded for derivatives in forward mode."""
        return self.size is None

    @property
    def maps(self) -> bool:
        """Whether it stands for many examples, as vmap's do."""
        return self.size is not None

    @property
    def captured(self) -> str:
        """What to say of an in-place write to what lies outside."""
        return _CAPTURED if self.size is None else _CAPTURED_BY_VMAP

    @property
    def random(self) -> str:
        """What to say of random numbers where there are none."""
        return _RANDOM

    def __enter__(self) -> Body:
        context = self.context
        self.trace, self.traces = context.trace, context.traces
        context.bodies.append(self)
        self.level = len(context.bodies)
        context.trace = self
        context.traces = {self.device: self}
        return self

    def __exit__(self, *_: Any) -> None:
        self.context.bodies.remove(self)
        self.context.trace, self.context.traces = self.trace, self.traces
        self.trace = self.traces = None
        self.state.complete()

    def release(self) -> None:
        """Let go of all cells: nothing more is asked of the body.

        They know it and it knows them: left to the garbage collector, what they stand for would be
        alive, and computed, at random.
        """
        self.cells, self.leaves = [], []
        self.nodes, self.targets, self.watched, self.producers = {}, {}, {}, {}
        self.functions = {}
        self._leaves, self._origins = {}, {}

    @contextmanager
    def outside(self) -> Iterator[None]:
        """For a moment, record around this body."""
        context = self.context
        if self not in context.bodies:
            yield
            return
        depth = context.bodies.index(self)
        inner, now = context.bodies[depth:], (context.trace, context.traces)
        del context.bodies[depth:]
        context.trace, context.traces = self.trace, self.traces
        try:
            yield
        finally:
            self.trace, self.traces = context.trace, context.traces
            context.bodies.extend(inner)
            context.trace, context.traces = now

    # ------------------------------------------------------------------------------------- leaves

    def argument(self, source: Cell, mark: Any) -> Cell:
        """A leaf for an argument. mark: the dimension that is mapped, where `size` is given; or
        whatever else `call` has to know."""
        aval = source.aval
        if self.size is not None and mark is not None:
            aval = _without(aval, mark)
        return self.stand_in(source, mark, aval)

    def stand_in(self, source: Cell, mark: Any, aval: Aval) -> Cell:
        """A leaf for an argument of which one run of the body sees a value of this aval."""
        leaf = Cell(None, aval)
        self._origins[id(leaf)] = (leaf, source, mark)
        return leaf

    def own(self, cell: Cell) -> Cell:
        """Count a value that was made inside, on the host, among the body's: it may be written
        to."""
        if cell.array is not None and cell.aval.device is self.device:
            self._origins[id(cell)] = (cell, cell, None)
        return cell

    def owns(self, cell: Cell) -> bool:
        """Whether a cell was made inside, or is an argument."""
        return cell.trace is self or id(cell) in self._origins

    def check_own(self, cell: Cell) -> None:
        """RuntimeError for an in-place write to what lies outside."""
        if not self.owns(cell):
            raise RuntimeError(self.captured)

    def enter(self, cell: Cell) -> Any:
        """The part of a node's key for a cell that the body doesn't hold: `append.enter`."""
        if cell.aval.device is not self.device and cell.aval.device is not TRACING:
            raise Elsewhere
        leaf = cell if id(cell) in self._origins else self._captured(cell)
        if leaf.trace is self:
            return leaf.index
        self.leaves.append(leaf)
        leaf.trace = self
        leaf.index = -len(self.leaves)
        return leaf.aval

    def _captured(self, cell: Cell) -> Cell:
        pending = cell.array is None and cell.trace is not None
        key = (cell.trace, cell.index) if pending else id(cell)
        leaf = self._leaves.get(key)
        if leaf is None:
            leaf = self._leaves[key] = self._leaf_for(cell)
            self._origins[id(leaf)] = (leaf, cell, None)
            self.tied = self.tied or (pending and self.context.walking)
        return leaf

    def _leaf_for(self, cell: Cell) -> Cell:
        """A leaf for a cell from outside. A tracer's is on the body's device: `call` will find that
        JAX transforms it."""
        aval = cell.aval
        if aval.device is self.device:
            return Cell(cell.array, aval, cell.node)
        return Cell(None, Aval(aval.shape, aval.dtype, self.device, aval.strides))

    def edge_of(self, leaf: Cell) -> Any:
        """Where the gradient of a leaf goes."""
        _, source, _ = self._origin(leaf)
        return leaf.node if leaf.node is not None or source is leaf else edge_of_cell(source)

    def _origin(self, leaf: Cell) -> tuple[Cell, Cell, Any]:
        return self._origins.get(id(leaf)) or (leaf, leaf, None)  # a number that varies

    # ------------------------------------------------------------------------------------- the end

    def position(self, cell: Cell) -> int:
        """The position of a result in the body."""
        if cell.trace is not self or cell.index < 0:
            (cell,) = append(self.context, ALIAS, (cell,))
        return cell.index

    def marks(self, state: State | None = None) -> tuple:
        """The marks of the leaves that the body uses, None for one that is no argument."""
        leaves = self.leaves[: (state or self.state).leaves]
        return tuple([self._origin(leaf)[2] for leaf in leaves])

    def call(
        self,
        kind: tuple,
        wrap: Callable[[Callable, tuple], Callable],
        positions: tuple[int, ...],
        more: Sequence[Cell] = (),
        state: State | None = None,
    ) -> list[Cell]:
        """Append the body, as an op of arrays, to the trace around; the cells of its results.

        kind: a name, and all that decides what `wrap` makes of (the body as a function of its
        leaves to the values at the positions, the marks of the leaves). more: further arguments,
        behind the leaves. state: where the body ends, if not at its end.
        """
        state = state or self.state
        marks = self.marks(state)
        forward = self.is_forward()
        key = (kind, state, positions, marks, forward)
        op = _ops.get(key)
        if op is None:
            run = wrap(self.function(positions, state), marks)
            op = _ops[key] = Op(run, kind[0], constants=self._constants(positions))
        return self.append(op, (*self.sources(state), *more))

    def is_forward(self) -> bool:
        """Whether JAX takes derivatives of the body forwards."""
        return self.forward or any(body.forward for body in self.context.bodies)

    def function(self, positions: tuple[int, ...], state: State | None = None) -> Callable:
        """The body as a JAX function of its leaves to the values at some positions."""
        cut = _is_cut_off if self.is_forward() else _is_cut_off_backward
        return evaluator(path(state or self.state), positions, {}, cut=cut)

    def sources(self, state: State | None = None) -> list[Cell]:
        """What the leaves that the body uses stand for."""
        return [self._origin(leaf)[1] for leaf in self.leaves[: (state or self.state).leaves]]

    def append(self, op: Op, args: tuple) -> list[Cell]:
        """Append what the body became to the trace around."""
        context = self.context
        before, context.walking = context.walking, context.walking or self.tied
        try:
            return append(context, op, args)
        finally:
            context.walking = before

    def _constants(self, positions: tuple[int, ...]) -> tuple[int, ...]:
        """Which results have no history, and so no gradient."""
        avals = [self.producer(p).avals[p - self.producer(p).first] for p in positions]
        return tuple(k for k, aval in enumerate(avals) if not aval.requires_grad)

    # ------------------------------------------------------------------------------------- reading

    def whole(self, cell: Cell) -> tuple[Cell, int] | None:
        """A value for all examples, as a cell of the trace around, and the dimension along which
        the examples lie; None for a value that doesn't differ between examples."""
        if not self._differs(cell):
            return None
        if self._is_leaf(cell):
            _, source, dim = self._origin(cell)
            return source, dim
        state = self.producer(cell.index)
        with self.outside():
            return self.call(("whole",), _over_all, (cell.index,), (), state)[0], 0

    def _is_leaf(self, cell: Cell) -> bool:
        return cell.trace is not self or cell.index < 0

    def _differs(self, cell: Cell) -> bool:
        if self.size is None:
            return False
        if self._is_leaf(cell):
            return self._origin(cell)[2] is not None
        return self.is_mapped(cell.index)

    def is_mapped(self, position: int) -> bool:
        """Whether a value differs from example to example."""
        stack, seen = [position], set()
        while stack:
            position = stack.pop()
            if position < 0:
                if self._origin(self.leaves[-1 - position])[2] is not None:
                    return True
            else:
                first = self.producer(position)
                if first.first not in seen:
                    seen.add(first.first)
                    stack.extend(first.node.inputs)
        return False

    def read(self, cell: Cell, use: str) -> Any:
        """The array of a cell of the body. RuntimeError where it has a value for each example."""
        if cell.trace is self and not self.leaves:
            raise RuntimeError(_RELEASED)
        if self._differs(cell):
            raise RuntimeError(self.refusal(use))
        source, _ = self.lifted(cell)
        with self.outside():
            return settle(source, use)

    def lifted(self, cell: Cell) -> tuple[Cell, int | None]:
        """A value as a cell of the trace around, and the dimension along which its examples lie,
        where they differ."""
        if body_of(cell) is not self:
            return cell, None
        found = self.whole(cell)
        if found is not None:
            return found
        if self._is_leaf(cell):
            return self._origin(cell)[1], None
        state = self.producer(cell.index)
        with self.outside():
            return self.call(("value",), lambda run, _: run, (cell.index,), (), state)[0], None

    def refusal(self, use: str) -> str:
        """What to say of a value that is read and differs. use: what it is read for."""
        return _REFUSALS[use]


_ops: dict[tuple, Op] = {}


def _without(aval: Aval, dim: int) -> Aval:
    """What one example sees of a value whose examples lie along a dimension."""
    shape, strides = list(aval.shape), list(aval.strides)
    del shape[dim], strides[dim]
    return Aval(tuple(shape), aval.dtype, aval.device, tuple(strides), aval.requires_grad)


def _over_all(run: Callable, dims: tuple) -> Callable:
    return jax.vmap(run, in_axes=dims)


def _is_cut_off(call: Call) -> bool:
    """Whether no derivative goes through a call: forwards, where no_grad makes no difference."""
    return not call.op.differentiable


def _is_cut_off_backward(call: Call) -> bool:
    return not (call.op.differentiable and call.modes.grad)
