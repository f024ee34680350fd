"""Leaves of autograd: Tensors made anew over a cell, without history.

`requires_grad_`, `Parameter`, `tensor.data = ...` and `copy.deepcopy` come here. Like alias.py,
this file knows a Tensor's slots and not its methods. Read tensor.py next.
"""

from __future__ import annotations

from typing import Any

from jax.core import Tracer

from .alias import (
    CLONE,
    IDENTITIES,
    Step,
    as_constant,
    as_leaf,
    cell_of,
    mark_leaf,
    rebase,
    storage_of,
)
from .append import append
from .body import ALIAS
from .graph import LEAF
from .trace import Cell, local

new_object = object.__new__
INSIDE_A_TRANSFORM = (
    "You are attempting to call Tensor.requires_grad_() (or perhaps using "
    "torch.autograd.functional.* APIs) inside of a function being transformed by a functorch "
    "transform. This is unsupported, please attempt to use the functorch transforms (e.g. grad, "
    "vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside of a function being "
    "transformed instead."
)


def check_no_transform() -> None:
    """RuntimeError inside of a function that torch.func transforms."""
    if local.context.transforms:
        raise RuntimeError(INSIDE_A_TRANSFORM)


def rebase_leaf(tensor: Any, cell: Cell) -> None:
    """Make a Tensor without history a leaf that requires grad. A view that shows its base otherwise
    than as it is stays one, as long as somebody else sees the base."""
    if isinstance(cell.array, Tracer):
        cell = Cell(cell.array, cell.aval)
    leaf = as_leaf(tensor, cell)
    if is_shared(tensor) and not all(step.op in IDENTITIES for step in tensor._view or ()):
        tensor._view = (*tensor._view, Step(LEAF, (), {}, local.context.modes))
        tensor._cell = leaf
    else:
        rebase(tensor, leaf)


def rebase_constant(tensor: Any, cell: Cell) -> None:
    """Make a leaf one that requires no grad."""
    if tensor._view and tensor._view[-1].op is LEAF:
        tensor._view = tensor._view[:-1]
        tensor._cell = as_constant(cell)
    else:
        rebase(tensor, as_constant(cell))


def is_shared(tensor: Any) -> bool:
    """Whether another Tensor has the same storage."""
    storage = tensor._storage
    members = [m() for m in storage.members] if storage is not None else []
    return any(m is not None and m is not tensor for m in members)


def variable_of(cls: type, cell: Cell) -> Any:
    """A Tensor of class `cls` with the value of a cell, in which a derivative can be taken.

    It is a leaf, but where the cell has a history itself: then gradients flow on to that.
    """
    tensor = _blank(cls)
    if cell.aval.requires_grad:
        (tensor._cell,) = append(local.context, ALIAS, (cell,))
    elif isinstance(cell.array, Tracer):
        tensor._cell = as_leaf(tensor, cell)
    else:
        (tensor._cell,) = append(local.context, LEAF, (cell,))
        mark_leaf(tensor, tensor._cell)
    return tensor


def leaf_of(cls: type, data: Any, requires_grad: bool) -> Any:
    """A leaf of class `cls` that takes over the storage of `data`: what `Parameter(data)` makes.

    `data` goes on as an alias of it. The data of a view is not shared but taken as it is now.
    """
    tensor = _blank(cls)
    cell = as_constant(cell_of(data))
    storage = storage_of(data) if data._view is None else None
    rebase(tensor, as_leaf(tensor, cell) if requires_grad else cell, storage)
    return tensor


def copy_of(source: Any, cell: Cell) -> Any:
    """A new leaf with the same values, sharing nothing."""
    aval = cell.aval
    (copy,) = append(local.context, CLONE, (as_constant(cell),))
    result = _blank(type(source))
    result._cell = copy
    if aval.requires_grad:
        rebase_leaf(result, copy)
    return result


def set_data(tensor: Any, value: Any) -> None:
    """`tensor.data = value`: take over another Tensor's values and storage."""
    cell = cell_of(value)
    requires_grad = tensor.requires_grad
    if requires_grad and cell.aval.dtype.category < 2:
        raise RuntimeError("data set to a tensor that requires gradients must be floating point")
    tensor._storage = tensor._view = None
    constant = as_constant(cell)
    storage = storage_of(value) if value._view is None else None
    new = as_leaf(tensor, constant) if requires_grad else constant
    rebase(tensor, new, storage)


def _blank(cls: type) -> Any:
    """A Tensor without a value yet."""
    tensor = new_object(cls)
    tensor._cell = tensor._grad = tensor._storage = tensor._view = None
    return tensor
