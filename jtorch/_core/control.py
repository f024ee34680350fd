"""Control flow that depends on values: bodies as branches of a condition and as steps of a loop.

A function that `cond`, `while_loop` or `scan` takes is recorded once, as a *part*: a body whose
arguments have other values each time it runs. The parts become one op of the trace around, made of
`jax.lax.cond`, `while_loop`, `scan` or `associative_scan`; what they use from outside are its
inputs, so gradients flow there. _higher_order_ops/ has PyTorch's names. Read grad_mode.py next.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .append import append
from .body import Body
from .device import device
from .dtype import FLOAT
from .loops import while_loop
from .op import Op
from .trace import Aval, Cell, Context

ARGUMENTS = Op(
    lambda *values: values,
    "arguments",
    strides=lambda avals, shape, call, k: avals[k].strides,
)


class Part(Body):
    """A function that control flow runs.

    title: who runs it, for errors.  loops: whether its arguments are those of one step among many:
    they have no value that could be read.  size: of a scan, the number of steps; each draws random
    numbers of its own. Elsewhere it is not known which numbers are drawn, and none can be.  count:
    how many arguments it has.  receivers: where their gradients go.
    """

    __slots__ = ("count", "loops", "receivers", "title")

    def __init__(
        self,
        context: Context,
        where: device,
        title: str,
        loops: bool = False,
        steps: int | None = None,
    ) -> None:
        super().__init__(context, where, steps, "error" if steps is None else "different")
        self.title = title
        self.loops = loops
        self.count = 0
        self.receivers: list[_Receiver] = []

    @property
    def forward(self) -> bool:
        return False

    @property
    def maps(self) -> bool:
        return False

    @property
    def captured(self) -> str:
        return (
            f"{self.title}: its functions can't write in place to a Tensor that they are given or "
            "that lies outside of them. clone() it first, and return what is to be kept."
        )

    @property
    def random(self) -> str:
        return (
            f"{self.title}: its functions can't draw random numbers, for it is not known which of "
            "them run, and how often. Draw them before, and pass them in."
        )

    def refusal(self, use: str) -> str:
        return (
            f"{self.title}: a value that differs from step to step can't be read (by item, bool, "
            "numpy and so on), and no shape can depend on it."
        )

    def whole(self, cell: Cell) -> tuple[Cell, int] | None:
        if self._differs(cell):
            raise RuntimeError(self.refusal("item"))
        return None

    def _differs(self, cell: Cell) -> bool:
        if not self.loops:
            return False
        if self._is_leaf(cell):
            return self._origin(cell)[2] is not None
        return self.is_mapped(cell.index)

    def enter_arguments(self, sources: Sequence[Cell], avals: Sequence[Aval]) -> list[Cell]:
        """The cells that the function gets: the first leaves, whether it uses them or not.

        avals: what one run sees of each. Floats require grad wherever gradients are recorded: which
        of the values that come round again do, is only known afterwards.
        """
        wants = self.context.modes.grad
        leaves = []
        for k, (source, aval) in enumerate(zip(sources, avals, strict=True)):
            aval = aval.with_grad(wants and aval.dtype.category >= FLOAT)
            leaf = self.stand_in(source, k, aval)
            if aval.requires_grad:
                self.receivers.append(_Receiver())
                leaf.node = weakref.ref(self.receivers[-1])
            leaves.append(leaf)
        self.count = len(leaves)
        return append(self.context, ARGUMENTS, tuple(leaves))

    def result_kinds(self, positions: tuple[int, ...]) -> list[Any]:
        """The NumPy dtypes of the values at some positions."""
        states = [(self.producer(p), p) for p in positions]
        return [state.avals[p - state.first].dtype.numpy for state, p in states]


class _Receiver:
    """Where the gradient of an argument goes inside of the function."""


def join(
    kind: tuple, parts: Sequence[tuple[Part, tuple[int, ...]]], wrap: Callable, more: Sequence[Cell]
) -> list[Cell]:
    """Append an op made of one part or two to the trace around them; the cells of its results.

    kind: a name, and all that decides what `wrap` makes of the parts, as functions of their leaves
    to the values at their positions, and of the marks of what each uses from outside: a function of
    `more`, and of that behind it. The arguments of the parts are among `more`.
    """
    marks = [part.marks()[part.count :] for part, _ in parts]
    key = (kind, parts[0][0].is_forward(), *[(part.state, at) for part, at in parts], *marks)
    op = _ops.get(key)
    if op is None:
        op = _ops[key] = Op(wrap([part.function(at) for part, at in parts], marks), kind[0])
    outside = [source for part, _ in parts for source in part.sources()[part.count :]]
    tied = next((part for part, _ in parts if part.tied), parts[0][0])
    return tied.append(op, (*more, *outside))


_ops: dict[tuple, Op] = {}


def _cast(values: Sequence[Any], kinds: Sequence[Any]) -> list:
    """Values of exactly these dtypes, numbers included."""
    return [jnp.asarray(v, kind) for v, kind in zip(values, kinds, strict=True)]


def _kinds(arrays: Sequence[Any]) -> list:
    return [array.dtype for array in arrays]


def chosen(kinds: list) -> Callable:
    """The `wrap` of cond: more is the predicate. kinds: the dtypes of the results."""

    def wrap(runs: list[Callable], marks: list[tuple]) -> Callable:
        count = len(marks[0])

        def call(predicate: Any, *outside: Any) -> list:
            return jax.lax.cond(
                jnp.reshape(predicate, ()) != 0,
                lambda first, _: _cast(runs[0](*first), kinds),
                lambda _, second: _cast(runs[1](*second), kinds),
                outside[:count],
                outside[count:],
            )

        return call

    return wrap


def repeated(count: int) -> Callable:
    """The `wrap` of while_loop over `count` values. The parts are the condition and the step."""

    def wrap(runs: list[Callable], marks: list[tuple]) -> Callable:
        begin = len(marks[0])

        def goes_on(values: list, outside: list) -> Any:
            return jnp.reshape(runs[0](*values, *outside[:begin])[0], ())

        def step(values: list, outside: list) -> list:
            return _cast(runs[1](*values, *outside[begin:]), _kinds(values))

        def call(*arrays: Any) -> list:
            return while_loop(goes_on, step, list(arrays[:count]), list(arrays[count:]))

        return call

    return wrap


def scanned(carried: int, count: int) -> Callable:
    """The `wrap` of scan: more are the values that are carried, and those of which, as of what is
    marked outside, each step sees its part: `count` in all."""

    def wrap(runs: list[Callable], marks: list[tuple]) -> Callable:
        drawn = [count + k for k, mark in enumerate(marks[0]) if mark is not None]

        def call(*arrays: Any) -> list:
            apart = [*range(carried, count), *drawn]

            def step(carry: list, rows: list) -> tuple[list, list]:
                values = [*carry, *arrays[carried:]]
                for k, row in zip(apart, rows, strict=True):
                    values[k] = row
                results = runs[0](*values)
                return _cast(results[:carried], _kinds(carry)), list(results[carried:])

            last, stacked = jax.lax.scan(step, list(arrays[:carried]), [arrays[k] for k in apart])
            return [*last, *stacked]

        return call

    return wrap


def combined(count: int) -> Callable:
    """The `wrap` of associative_scan along the first dimension of `count` values."""

    def wrap(runs: list[Callable], marks: list[tuple]) -> Callable:
        def call(*arrays: Any) -> list:
            def combine(first: list, second: list) -> list:
                return _cast(runs[0](*first, *second, *arrays[count:]), _kinds(first))

            return jax.lax.associative_scan(jax.vmap(combine), list(arrays[:count]))

        return call

    return wrap
