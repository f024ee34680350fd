"""The programs that share a template, and how long they make a dimension.

`share` is asked for the call of each program that may be shared. The first one of a family is
compiled as it is; from the second on there is a template. A dimension is as long as the next power
of two (above 512, as the next half step), and sizes that follow from others follow here, too: so a
few programs do for all sizes. Read building.py next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import ceil, prod
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr

from ..events import graph_break
from .padded import Sizes, Unpaddable, of_standard, standard_arrays
from .rules import run
from .template import Common, Differs, Shape, Size

Jit: TypeAlias = Callable[[ClosedJaxpr], Callable]


def bucket(size: int) -> int:
    """How long a dimension is made that holds as much."""
    length = 8
    while length < size:
        length *= 2
    half = length // 4 * 3
    return half if length > 512 and size <= half else length


class Line(NamedTuple):
    """A size that follows from others: factor * (the product of these) + offset."""

    factor: Fraction
    offset: Fraction
    bases: tuple[Size, ...]

    def at(self, lengths: Sequence[int]) -> int:
        """The size for such lengths of all sizes."""
        return ceil(self.factor * prod(lengths[b.index] for b in self.bases) + self.offset)


def lines_of(sizes: Sequence[Size]) -> dict[Size, Line]:
    """Which sizes follow from those before them."""
    bases: list[Size] = []
    found: dict[Size, Line] = {}
    for size in sizes:
        pairs = [(b, c) for k, b in enumerate(bases) for c in bases[k:]]
        lines = (_line(size, chosen) for chosen in (*[(b,) for b in bases], *pairs))
        known = [line for line in lines if line is not None]
        if known:  # a multiple is likelier than a sum
            found[size] = min(known, key=lambda line: line.offset != 0)
        else:
            bases.append(size)
    return found


def _line(size: Size, bases: tuple[Size, ...]) -> Line | None:
    """How a size follows from the product of some others, if it grows with it."""
    products = [prod(values) for values in zip(*[b.values for b in bases], strict=True)]
    (low, first), *_, (high, last) = sorted(zip(products, size.values, strict=True))
    if high == low or last <= first:
        return None
    factor = Fraction(last - first, high - low)
    offset = first - factor * low
    pairs = zip(products, size.values, strict=True)
    return Line(factor, offset, bases) if all(factor * p + offset == v for p, v in pairs) else None


class Family:
    """Programs that are equal but for sizes and constants.

    examples: the jaxprs that say where they differ.  common: what these have in common, None while
    there is one.  lines: by the index of a size.  programs: by the lengths of the dimensions.
    reason: why its dimensions can't be longer than what they hold.
    """

    def __init__(self, first: ClosedJaxpr) -> None:
        self.examples = [first]
        self.common: Common | None = None
        self.lines: dict[int, Line] = {}
        self.programs: dict[tuple[int, ...], Callable] = {}
        self.reason: str | None = None

    def call_of(self, closed: ClosedJaxpr, jit: Jit) -> tuple[Callable, bool]:
        """The call of one more program, and whether XLA has to compile for it. `Differs` if it is
        none of the family's."""
        common = Common([*self.examples, closed])
        if self.reason is None:
            try:
                return self._shared(common, closed, jit)
            except Unpaddable as error:
                self.reason = str(error)
                graph_break(f"a program is not shared between sizes: {error}")
        return jit(closed), True

    def _shared(self, common: Common, closed: ClosedJaxpr, jit: Jit) -> tuple[Shared, bool]:
        if self.common is None or common.key != self.common.key:
            self.examples.append(closed)
            self.common, self.programs = common, {}
            self.lines = {s.index: line for s, line in lines_of([*common.sizes.values()]).items()}
        sizes = [*common.sizes.values()]
        lengths = self._lengths(sizes)
        new = lengths not in self.programs
        if new:
            self.programs[lengths] = jit(padded(self.common, lengths))
        return Shared(self.programs[lengths], common, lengths), new

    def _lengths(self, sizes: list[Size]) -> tuple[int, ...]:
        """How long the dimensions are made for the latest example."""
        lengths: list[int] = []
        for size in sizes:
            true, line = size.values[-1], self.lines.get(size.index)
            length = line.at(lengths) if line is not None else 0
            lengths.append(length if length >= true else bucket(true))
        return tuple(lengths)


def padded(common: Common, lengths: Sequence[int]) -> ClosedJaxpr:
    """The program with dimensions of these lengths. Its further arguments: the true sizes, and the
    constants that are open."""
    template = common.template
    shapes = [*template.inputs, *[g.shape for g in common.givens.values()]]
    dtypes = [*common.dtypes, *[g.values[-1].dtype for g in common.givens.values()]]

    def program(*arrays: Any) -> list[Any]:
        count = len(template.inputs)
        sizes = Sizes(lengths, arrays[count])
        values = of_standard(sizes, (*arrays[:count], *arrays[count + 1 :]), shapes)
        outputs = run(sizes, template, values[count:], values[:count])
        return standard_arrays(sizes, outputs, template.shapes)

    sizes = Sizes(lengths, None)
    structs = [
        jax.ShapeDtypeStruct(sizes.lengths_of(shape), dtype)
        for shape, dtype in zip(shapes, dtypes, strict=True)
    ]
    structs.insert(len(template.inputs), jax.ShapeDtypeStruct((len(lengths),), np.int32))
    with jax.enable_x64(True):
        return jax.make_jaxpr(program)(*structs)


class Shared:
    """The call of a program at one size: a shared program runs it.

    run: that one.  entering, leaving: of the arguments and results whose sizes are open, which they
    are, and their shapes there and here.  more: the further arguments.
    """

    __slots__ = ("entering", "leaving", "more", "run")

    def __init__(self, run: Callable, common: Common, lengths: tuple[int, ...]) -> None:
        self.run = run
        template = common.template
        true = [s.values[-1] for s in common.sizes.values()]
        sizes = Sizes(lengths, true)
        self.entering = [
            (k, sizes.lengths_of(shape)) for k, shape in enumerate(template.inputs) if _open(shape)
        ]
        self.leaving = [
            (k, tuple(map(sizes.true, shape)))
            for k, shape in enumerate(template.shapes)
            if _open(shape)
        ]
        givens = [fitted(g.values[-1], sizes.lengths_of(g.shape)) for g in common.givens.values()]
        self.more = [np.array(true, np.int32), *givens]

    def __call__(self, *arrays: Any) -> list[Any]:
        entering = [*arrays, *self.more]
        for k, shape in self.entering:
            entering[k] = fitted(entering[k], shape)
        results = list(self.run(*entering))
        for k, shape in self.leaving:
            results[k] = fitted(results[k], shape)
        return results


def _open(shape: Shape) -> bool:
    return any(isinstance(dim, Size) for dim in shape)


def fitted(array: Any, shape: tuple[int, ...]) -> Any:
    """The array cut, or filled up with zeros. On the CPU NumPy does it: XLA would compile a program
    for each size."""
    if array.shape == shape:
        return array
    if isinstance(array, np.ndarray):
        return _fit(np, array, shape)
    if next(iter(array.devices())).platform == "cpu":
        return jax.device_put(_fit(np, np.asarray(array), shape), array.sharding)
    return _fit_there(array, shape)


def _fit(numpy: Any, array: Any, shape: tuple[int, ...]) -> Any:
    kept = array[tuple(slice(min(a, b)) for a, b in zip(array.shape, shape, strict=True))]
    missing = [(0, b - a) for a, b in zip(kept.shape, shape, strict=True)]
    return numpy.pad(kept, missing) if any(m for _, m in missing) else kept


@jax.jit(static_argnums=1)
def _fit_there(array: Any, shape: tuple[int, ...]) -> Any:
    return _fit(jax.numpy, array, shape)


_families: dict[Any, list[Family]] = {}


def forget_families() -> None:
    """Let go of what is shared: programs that come compile anew."""
    _families.clear()


def share(closed: ClosedJaxpr, kind: Any, jit: Jit) -> tuple[Callable, bool]:
    """The call of a program that may be shared between sizes, and whether XLA has to compile for
    it. kind: what else has to be the same.  jit: what compiles a jaxpr."""
    rows = tuple((v.aval.dtype, v.aval.ndim) for v in closed.jaxpr.invars)
    names = tuple(e.primitive.name for e in closed.jaxpr.eqns)
    families = _families.setdefault((kind, rows, names), [])
    for family in families:
        try:
            return family.call_of(closed, jit)
        except Differs:
            continue
    families.append(Family(closed))
    return jit(closed), True
