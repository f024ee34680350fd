"""scan: a function along a dimension, which hands something on from step to step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._core.alias import cell_of
from .._core.control import join, scanned
from .._core.tensor import Tensor, from_cell
from .._core.trace import Aval, Cell
from ..ops._shapes import wrap_dim
from ..utils._pytree import PyTree, tree_flatten, tree_unflatten
from ._recording import check_same, new_part

NOTHING_TO_SCAN = (
    "All xs leaves must at least have 'dim' number of dimensions and scan dimension > 0"
)


def scan(
    combine_fn: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]],
    init: PyTree,
    xs: PyTree,
    *,
    dim: int = 0,
    reverse: bool = False,
) -> tuple[PyTree, PyTree]:
    """carry, y = combine_fn(carry, x) for each slice x of `xs` along `dim`, the last first if
    `reverse`; the last carry, which begins as `init`, and all y, stacked along `dim`.

    init, xs: Tensors, in any containers. The carry keeps its structure, shapes and dtypes;
    RuntimeError otherwise. Random numbers are drawn for all steps at once. Gradients flow to init,
    xs, and what combine_fn uses from outside. See torch._higher_order_ops.scan.
    """
    initial, spec = tree_flatten(init)
    rows, spec_xs = tree_flatten(xs)
    if not rows:
        return init, []
    dim = wrap_dim(dim, rows[0].ndim)
    _check(combine_fn, initial, rows, dim, reverse)
    rows = in_order(rows, dim, reverse)
    steps = rows[0].shape[0]
    rows = [_first(row, steps) for row in rows]
    cells = [cell_of(t) for t in (*initial, *rows)]
    avals = [cell.aval for cell in cells[: len(initial)]]
    avals += [slice_of(cell) for cell in cells[len(initial) :]]
    recorded = new_part("torch.scan", avals[0].device, steps=steps)
    shown: list[Any] = []

    def step(*values: Tensor) -> list:
        carry = tree_unflatten(values[: len(initial)], spec)
        given = tree_unflatten(values[len(initial) :], spec_xs)
        shown[:], flat = _split(combine_fn(carry, given), initial, spec)
        return flat

    try:
        recorded.run(step, tree_flatten(tuple(cells))[1], cells, avals)
        wrap = scanned(len(initial), len(cells))
        kind = ("scan", len(initial), len(cells))
        found = join(kind, [(recorded.part, recorded.positions)], wrap, cells)
    finally:
        recorded.part.release()
    results = list(map(from_cell, found))
    last, stacked = results[: len(initial)], results[len(initial) :]
    stacked = [out_of_order(y, dim, reverse) for y in stacked]
    return tree_unflatten(last, shown[0]), tree_unflatten(stacked, shown[1])


def _split(output: Any, initial: list[Tensor], spec: Any) -> tuple[list, list]:
    """The structures of the carry and of y, and the leaves of both."""
    if not (isinstance(output, (tuple, list)) and len(output) == 2):
        raise RuntimeError(
            f"scan: combine_fn has to return the carry and y, two things, but got {type(output)}"
        )
    carry, spec_carry = tree_flatten(output[0])
    y, spec_y = tree_flatten(output[1])
    for leaf in (*carry, *y):
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"scan: combine_fn has to return Tensors, but got {type(leaf)}")
    if spec_carry != spec:
        raise RuntimeError(
            "Expected init and carry to have the same tree structure, but got "
            f"{spec} and {spec_carry}"
        )
    check_same(initial, carry, "init and carry")
    return [spec_carry, spec_y], [*carry, *y]


def _first(row: Tensor, steps: int) -> Tensor:
    """As many slices as the first of xs has. IndexError where there are fewer."""
    size = row.shape[0]
    if size < steps:
        raise IndexError(
            f"select(): index {size} out of range for tensor of size {list(row.shape)} at "
            "dimension 0"
        )
    return row if size == steps else row[:steps]


def _check(combine_fn: Any, initial: list, rows: list, dim: int, reverse: Any) -> None:
    """RuntimeError for arguments that don't fit."""
    if not callable(combine_fn):
        raise RuntimeError(f"Combine_fn must be a callable, but got {combine_fn}")
    if not isinstance(reverse, bool):
        raise RuntimeError(f"Reverse must be a bool, but got {type(reverse)}")
    if not initial:
        raise RuntimeError("scan() operator requires init leaves.")
    for name, leaves in (("init", initial), ("xs", rows)):
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise RuntimeError(f"All {name} leaves must be a Tensor but got {leaf}")
    if any(row.ndim <= dim or row.shape[dim] == 0 for row in rows):
        raise RuntimeError(NOTHING_TO_SCAN)


# ----------------------------------------------------------- shared with associative_scan


def in_order(rows: Sequence[Tensor], dim: int, reverse: bool) -> list[Tensor]:
    """Tensors whose first dimension is gone through, from the front."""
    moved = [row.movedim(dim, 0) if dim else row for row in rows]
    return [row.flip(0) for row in moved] if reverse else moved


def out_of_order(value: Tensor, dim: int, reverse: bool) -> Tensor:
    """What `in_order` has made, the other way round."""
    value = value.flip(0) if reverse else value
    return value.movedim(0, dim) if 0 < dim < value.ndim else value


def slice_of(cell: Cell) -> Aval:
    """What one step sees of a value."""
    aval = cell.aval
    return Aval(aval.shape[1:], aval.dtype, aval.device, aval.strides[1:])


__all__ = ["scan"]
