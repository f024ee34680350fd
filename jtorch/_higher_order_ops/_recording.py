"""Running the function that control flow takes, once, to record it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._core.alias import cell_of
from .._core.control import Part
from .._core.device import device
from .._core.tensor import Tensor, from_cell
from .._core.trace import Aval, Cell, local
from ..utils._pytree import TreeSpec, tree_flatten, tree_unflatten


class Recorded:
    """A function, recorded, and what it returned.

    leaves, spec: its output, flat.  positions: of those leaves that are Tensors.
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self.leaves: list[Any] = []
        self.spec: Any = None
        self.positions: tuple[int, ...] = ()

    def run(
        self,
        function: Callable,
        spec: TreeSpec | None = None,
        sources: Sequence[Cell] = (),
        avals: Sequence[Aval] = (),
    ) -> Recorded:
        """Call function(*arguments), of the structure `spec`; they stand for the sources.

        RuntimeError where it writes to an argument in place.
        """
        part = self.part
        try:
            with part:
                given = part.enter_arguments(sources, avals) if sources else []
                arguments = list(map(from_cell, given))
                args = tree_unflatten(arguments, spec) if spec is not None else ()
                self.leaves, self.spec = tree_flatten(function(*args))
                for cell, argument in zip(given, arguments, strict=True):
                    if argument._cell is not cell:
                        raise RuntimeError(part.captured)
                cells = [cell_of(t) for t in self.leaves if isinstance(t, Tensor)]
                self.positions = tuple([part.position(cell) for cell in cells])
        except BaseException:
            part.release()
            raise
        return self


def new_part(title: str, where: device, loops: bool = True, steps: int | None = None) -> Recorded:
    """For a function that is to be recorded for a device."""
    return Recorded(Part(local.context, where, title, loops, steps))


def check_same(found: Sequence[Tensor], wanted: Sequence[Tensor], what: str) -> None:
    """RuntimeError unless Tensors agree in number, shape and dtype."""
    if len(found) != len(wanted):
        raise RuntimeError(
            f"Expected {what} to have same number of outputs but got lhs {len(found)} and rhs "
            f"{len(wanted)}"
        )
    differences = []
    for k, (a, b) in enumerate(zip(found, wanted, strict=True)):
        facts = [
            f"'{name}: {getattr(a, name)} vs {getattr(b, name)}'"
            for name in ("shape", "dtype")
            if getattr(a, name) != getattr(b, name)
        ]
        if facts:
            differences.append(f"pair[{k}] differ in {', '.join(facts)}")
    if differences:
        listing = "\n".join(differences)
        raise RuntimeError(f"Expected {what} to have same metadata but found:\n{listing}")
