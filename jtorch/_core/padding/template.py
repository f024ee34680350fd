"""What several jaxprs have in common: equal but for sizes and constants.

The jaxprs are walked side by side. A size that isn't the same in all of them becomes a `Size`, a
constant a `Given`; two places whose values are alike in all of them share one. Read padded.py next.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from .. import layout

# Primitives that call a jaxpr. Rules of differentiation are no concern: nothing is differentiated
# any more.
CALLS = frozenset((*layout.CALLS, "closed_call", "core_call", "remat2"))


class Size:
    """A size that differs between the examples. index: its place among all. values: in each."""

    __slots__ = ("index", "values")

    def __init__(self, index: int, values: tuple[int, ...]) -> None:
        self.index = index
        self.values = values

    def __repr__(self) -> str:
        return f"Size{list(self.values)}"


Dim: TypeAlias = int | Size
Shape: TypeAlias = tuple[Dim, ...]


class Given:
    """A constant that differs between the examples. index: its place among all. values: in each."""

    __slots__ = ("index", "shape", "values")

    def __init__(self, index: int, values: tuple, shape: Shape) -> None:
        self.index = index
        self.values = values
        self.shape = shape


class Constant(NamedTuple):
    """A constant that doesn't differ."""

    value: Any


Atom: TypeAlias = int | Given | Constant


class Equation(NamedTuple):
    """One equation of a jaxpr.

    source: the last example's.  within: the jaxpr that this stands in.  inputs: of variables,
    the number; the outputs follow those that there are.  in_shapes, shapes: of the inputs and
    outputs.  params: with sizes and templates in place.  varies: whether anything in it differs.
    """

    source: Any
    within: Any
    inputs: tuple[Atom, ...]
    in_shapes: tuple[Shape, ...]
    shapes: tuple[Shape, ...]
    params: dict[str, Any]
    varies: bool


class Template(NamedTuple):
    """A jaxpr with its sizes and constants open. Variables are numbers: inputs first."""

    inputs: tuple[Shape, ...]
    constants: tuple[Atom, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[Atom, ...]
    shapes: tuple[Shape, ...]


class Differs(Exception):
    """The jaxprs differ in more than sizes and constants."""


class Common:
    """What closed jaxprs have in common. `Differs` if it isn't enough.

    template: it.  dtypes: of its inputs.  sizes, givens: all that are open.  key: where which of
    them stand: where it is the same for two lists of examples, programs are.
    """

    def __init__(self, examples: Sequence[ClosedJaxpr]) -> None:
        self.sizes: dict[tuple[int, ...], Size] = {}
        self.givens: dict[tuple, Given] = {}
        self._met: list[Any] = []
        self._known: dict[tuple, tuple[Template, list]] = {}
        self.template = self._closed(tuple(examples))
        self.dtypes = [v.aval.dtype for v in examples[0].jaxpr.invars]
        self.key = tuple(self._met)

    # --------------------------------------------------------------------------------- what is open

    def _size(self, values: tuple[int, ...]) -> Dim:
        if len(set(values)) == 1:
            return values[0]
        size = self.sizes.get(values)
        if size is None:
            size = self.sizes[values] = Size(len(self.sizes), values)
        self._met.append(size.index)
        return size

    def _shape(self, shapes: tuple[tuple[int, ...], ...]) -> Shape:
        if len(set(map(len, shapes))) > 1:
            raise Differs("ranks")
        return tuple(map(self._size, zip(*shapes, strict=True)))

    def _constant(self, values: tuple, dtype: Any = None) -> Atom:
        first = values[0]
        if all(v is first for v in values[1:]):
            return Constant(first)
        arrays = tuple([np.asarray(v, dtype) for v in values])
        if len({a.dtype for a in arrays}) > 1:
            raise Differs("dtypes of constants")
        if all(_same(a, arrays[0]) for a in arrays[1:]):
            return Constant(values[-1])
        key = tuple([(a.shape, a.tobytes()) for a in arrays])
        given = self.givens.get(key)
        if given is None:
            shape = self._shape(tuple([a.shape for a in arrays]))
            given = self.givens[key] = Given(len(self.givens), arrays, shape)
        self._met.append(("given", given.index))
        return given

    @contextmanager
    def _meeting(self) -> Iterator[list[bool]]:
        """Whether anything open is met meanwhile."""
        before, found = len(self._met), [False]
        yield found
        found[0] = len(self._met) > before

    # -------------------------------------------------------------------------------------- walking

    def _closed(self, examples: tuple[ClosedJaxpr, ...]) -> Template:
        constants = _columns([e.consts for e in examples])
        return self._walk(tuple([e.jaxpr for e in examples]), constants)

    def _walk(self, jaxprs: tuple[Jaxpr, ...], constants: list[tuple]) -> Template:
        numbers: list[dict[Any, int]] = [{} for _ in jaxprs]
        count = itertools.count()

        def enter(variables: tuple) -> None:
            number = next(count)
            for known, variable in zip(numbers, variables, strict=True):
                known[variable] = number

        def atom(atoms: tuple) -> Atom:
            literal = [isinstance(a, Literal) for a in atoms]
            if all(literal):
                return self._constant(tuple([a.val for a in atoms]), atoms[0].aval.dtype)
            if any(literal):
                raise Differs("constants")
            places = {known[a] for known, a in zip(numbers, atoms, strict=True)}
            if len(places) > 1:
                raise Differs("variables")
            return places.pop()

        entering = [self._aval(v) for v in _columns([j.invars for j in jaxprs])]
        for columns in ([j.invars for j in jaxprs], [j.constvars for j in jaxprs]):
            for variables in _columns(columns):
                enter(variables)
        known = tuple(map(self._constant, constants))
        if len(known) != len(jaxprs[0].constvars):
            raise Differs("constants")
        equations = []
        for each in _columns([j.eqns for j in jaxprs]):
            if len({e.primitive for e in each}) > 1:
                raise Differs("primitives")
            with self._meeting() as met:
                read = _columns([e.invars for e in each])
                in_shapes = tuple(map(self._aval, read))
                inputs = tuple(map(atom, read))
                outvars = _columns([e.outvars for e in each])
                shapes = tuple(map(self._aval, outvars))
                for variables in outvars:
                    enter(variables)
                params = self._params(each[0].primitive.name, tuple([e.params for e in each]))
            rest = inputs, in_shapes, shapes, params, met[0]
            equations.append(Equation(each[-1], jaxprs[-1], *rest))
        leaving = _columns([j.outvars for j in jaxprs])
        shapes = tuple(map(self._aval, leaving))
        return Template(tuple(entering), known, tuple(equations), tuple(map(atom, leaving)), shapes)

    def _aval(self, variables: tuple) -> Shape:
        avals = [v.aval for v in variables]
        if len({getattr(a, "dtype", None) for a in avals}) > 1:
            raise Differs("dtypes")
        return self._shape(tuple([getattr(a, "shape", ()) for a in avals]))

    def _params(self, primitive: str, params: tuple[dict, ...]) -> dict[str, Any]:
        names = set(params[0])
        if any(set(p) != names for p in params):
            raise Differs("parameters")
        if primitive in CALLS:
            names &= {"jaxpr", "call_jaxpr", "fun_jaxpr"}
        return {name: self._param(tuple([p[name] for p in params])) for name in sorted(names)}

    def _param(self, values: tuple) -> Any:
        first = values[0]
        if all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in values):
            return self._size(tuple(map(int, values)))
        kind = type(first)
        if any(type(v) is not kind for v in values):
            raise Differs("parameters")
        if isinstance(first, (tuple, list)):
            found = [self._param(v) for v in _columns(values)]
            return kind(*found) if hasattr(kind, "_fields") else kind(found)
        if isinstance(first, (ClosedJaxpr, Jaxpr)):
            return self._nested(values)
        if any(v is not first and v != first for v in values[1:]):
            raise Differs(f"parameters {values}")
        return first

    def _nested(self, values: tuple) -> Template:
        """The template of inner jaxprs; layers that are alike share them."""
        key = tuple(map(id, values))
        if key not in self._known:
            before = len(self._met)
            if isinstance(values[0], ClosedJaxpr):
                template = self._closed(values)
            else:
                template = self._walk(values, [])
            self._known[key] = template, self._met[before:]
            return template
        template, met = self._known[key]
        self._met += met
        return template


def _columns(rows: Sequence[Sequence]) -> list[tuple]:
    """Rows of one length, as columns. `Differs` for other lengths."""
    if len(set(map(len, rows))) > 1:
        raise Differs("lengths")
    return list(zip(*rows, strict=True))


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()
