"""while_loop: a function again and again, as long as a Tensor says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.alias import cell_of
from .._core.control import join, repeated
from .._core.dtype import bool_
from .._core.tensor import Tensor, from_cell
from ..functions.creation import tensor
from ..utils._pytree import tree_flatten, tree_unflatten
from ._recording import check_same, new_part


def while_loop(cond_fn: Callable, body_fn: Callable, carried_inputs: Any) -> Any:
    """While cond_fn(*values) is true, values = body_fn(*values); they begin as `carried_inputs`.

    carried_inputs: a tuple of Tensors and ints, in any containers. The functions see an int as a
    zero-dim Tensor; in the end it is one again, which reads it. cond_fn returns one bool, body_fn
    Tensors of the shapes and dtypes of its arguments; RuntimeError otherwise. A gradient runs the
    loop again (see _core/loops.py); a second derivative in reverse mode is a NotImplementedError:
    `scan` has it. See torch._higher_order_ops.while_loop.
    """
    leaves, spec = _checked(cond_fn, body_fn, carried_inputs)
    numbers = [not isinstance(leaf, Tensor) for leaf in leaves]
    if not leaves:
        raise RuntimeError("while_loop: carried_inputs must hold one Tensor or int at least")
    values = [tensor(leaf) if isinstance(leaf, int) else leaf for leaf in leaves]
    cells = [cell_of(value) for value in values]
    avals = [cell.aval for cell in cells]
    goes_on = new_part("torch.while_loop", avals[0].device)
    step = new_part("torch.while_loop", avals[0].device)
    try:
        goes_on.run(lambda *args: _condition(cond_fn(*args)), spec, cells, avals)
        step.run(lambda *args: _tensors(body_fn(*args)), spec, cells, avals)
        check_same(step.leaves, values, "body_fn_output and carried_inputs")
        parts = [(goes_on.part, goes_on.positions), (step.part, step.positions)]
        found = join(("while_loop", len(cells)), parts, repeated(len(cells)), cells)
    finally:
        goes_on.part.release()
        step.part.release()
    results = [
        from_cell(cell).item() if number else from_cell(cell)
        for cell, number in zip(found, numbers, strict=True)
    ]
    return tree_unflatten(results, step.spec)


def _checked(cond_fn: Any, body_fn: Any, carried: Any) -> tuple[list, Any]:
    """The leaves and the structure of what is carried. RuntimeError, or AssertionError as
    PyTorch's, for arguments that don't fit."""
    if not callable(cond_fn) or not callable(body_fn):
        raise RuntimeError("Expect cond_fn and body_fn to be callable.")
    if not isinstance(carried, (tuple, list)):
        raise RuntimeError(f"carried_inputs must be a tuple or list but got {type(carried)}")
    leaves, spec = tree_flatten(carried)
    if not all(isinstance(leaf, (Tensor, int)) for leaf in leaves):
        raise AssertionError(
            f"{leaves} can only be of {(Tensor, int)} but got {tuple(map(type, leaves))}"
        )
    return leaves, spec


def _condition(value: Any) -> Tensor:
    """What cond_fn has returned, as a Tensor."""
    if isinstance(value, bool):
        return tensor(value)
    if isinstance(value, Tensor) and value.dtype is bool_ and value.dim() == 0:
        return value
    found = f"{value.dtype} of {value.shape}" if isinstance(value, Tensor) else type(value)
    raise RuntimeError(f"cond_fn must return a boolean scalar tensor or a boolean but got {found}")


def _tensors(output: Any) -> Any:
    """What body_fn has returned, with Tensors in place of ints."""
    leaves, spec = tree_flatten(output)
    for leaf in leaves:
        if not isinstance(leaf, (Tensor, int)):
            raise RuntimeError(f"body_fn must return Tensors or ints but got {type(leaf)}")
    return tree_unflatten([tensor(v) if isinstance(v, int) else v for v in leaves], spec)


__all__ = ["while_loop"]
