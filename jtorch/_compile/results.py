"""What a compiled function returns: Tensors that a repetition makes, or finds.

Read shortcut.py next.
"""

from __future__ import annotations

from typing import Any

from .._core.alias import cell_of, leave, storage_of
from .._core.leaf import is_shared
from .._core.tensor import Tensor, from_cell
from .._core.trace import Cell
from ..utils._pytree import tree_flatten, tree_unflatten


class Results:
    """The Tensors that a jump makes.

    A kind is ("same", source), ("new", position, (which, its version)), ("constant", cell) or
    ("value", anything).
    """

    def __init__(self, shortcut: Any, cells: dict[int, Cell], arguments: list[Tensor]) -> None:
        self.shortcut = shortcut
        self.cells = cells
        self.arguments = arguments
        self.made: dict[tuple, Tensor] = {}

    def value(self, kind: tuple) -> Any:
        """The value of a kind; the same Tensor for the same one."""
        name, what, more = kind
        if name == "value":
            return what
        if name == "same":
            return self.shortcut.tensor(what, self.arguments)
        if kind not in self.made:
            cell = what if name == "constant" else self.cells[what]
            made = from_cell(Cell(cell.array, cell.aval) if name == "constant" else cell)
            if name == "new" and more[1]:
                storage_of(made).version = more[1]
            self.made[kind] = made
        return self.made[kind]

    def returned(self) -> Any:
        """What the function returns."""
        leaves = [self.value(kind) for kind in self.shortcut.result]
        return tree_unflatten(leaves, self.shortcut.spec)


def part_from_bases(result: Any) -> None:
    """Part views that are returned from bases that nobody else has, which then need no value."""
    for value in tree_flatten(result)[0]:
        if type(value) is Tensor and value._view and not cell_of(value).aval.requires_grad:
            if not is_shared(value):
                version = value._version
                leave(value)
                storage_of(value).version = version
