"""`require`: values that are refused, at once or when the program runs. See _core/checks.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .._core.alias import DETACH, cell_of
from .._core.append import append
from .._core.checks import Check
from .._core.device import TRACING
from .._core.errors import user_line
from .._core.events import materialises
from .._core.program import host
from .._core.tensor import Tensor, from_cell
from .._core.trace import Cell, local


def can_wait(valid: Tensor) -> bool:
    """Whether a bool has to be computed by a program in which gradients are recorded."""
    trace = cell_of(valid).trace
    pending = cell_of(valid).array is None
    return pending and trace.state.graph and trace.context is local.context


@materialises("check", "arguments are checked: `torch.distributions`, `linalg`")
def require(valid: Tensor, values: Sequence[Tensor], explain: Callable[[], Exception]) -> None:
    """Raise explain() unless the bool `valid` holds.

    At once, which computes what it depends on; but where a graph is being recorded, when that is
    computed anyway. values: the Tensors without history that `explain` reads. Inside a function
    that JAX transforms there are no values, and nothing is checked.
    """
    cell = cell_of(valid)
    if cell.aval.device is TRACING:
        return
    if can_wait(valid):
        cell.trace.checks.append(Check(cell, [cell_of(v) for v in values], explain, user_line()))
    elif not host(cell):
        raise explain()


def frozen(tensor: Tensor) -> Tensor:
    """The value that a Tensor has now, without history; it shares nothing with it."""
    cell = cell_of(tensor)
    if cell.array is not None:
        return from_cell(Cell(cell.array, cell.aval.with_grad(False)))
    return from_cell(append(local.context, DETACH, (cell,))[0])
