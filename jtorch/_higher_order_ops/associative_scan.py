"""associative_scan: all partial results of an associative function, in a logarithm of the steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.alias import cell_of
from .._core.control import combined, join
from .._core.tensor import Tensor, from_cell
from ..ops._shapes import wrap_dim
from ..utils._pytree import PyTree, tree_flatten, tree_unflatten
from ._recording import check_same, new_part
from .scan import NOTHING_TO_SCAN, in_order, out_of_order, slice_of


def associative_scan(
    combine_fn: Callable[[PyTree, PyTree], PyTree],
    xs: PyTree,
    dim: int,
    reverse: bool = False,
    combine_mode: str = "pointwise",
) -> Any:
    """For each slice of `xs` along `dim` the combination of all slices up to it, or from it on if
    `reverse`: combine_fn is associative, and takes and returns one slice of the structure of xs.

    combine_mode: "generic" for any function; "pointwise", which is not for the CPU, is the same
    here. ValueError for arguments that don't fit, RuntimeError for another output. See
    torch._higher_order_ops.associative_scan.
    """
    rows, spec = tree_flatten(xs)
    dim = wrap_dim(dim, rows[0].ndim)
    _check(combine_fn, rows, dim, reverse, combine_mode)
    rows = in_order(rows, dim, reverse)
    cells = [cell_of(row) for row in rows]
    avals = [slice_of(cell) for cell in cells]
    count = len(cells)
    recorded = new_part("torch.associative_scan", avals[0].device)
    slices = [row[0] for row in rows]

    def combine(*values: Tensor) -> list:
        pair = [tree_unflatten(values[:count], spec), tree_unflatten(values[count:], spec)]
        found, found_spec = tree_flatten(combine_fn(*pair))
        if found_spec != spec or not all(isinstance(leaf, Tensor) for leaf in found):
            raise RuntimeError(
                "associative_scan: combine_fn has to return what it takes, Tensors of the "
                f"structure {spec}, but got {found_spec}"
            )
        check_same(slices, found, "xs and the output of combine_fn")
        return found

    try:
        recorded.run(combine, tree_flatten((*cells, *cells))[1], (*cells, *cells), (*avals, *avals))
        kind = ("associative_scan", count)
        found = join(kind, [(recorded.part, recorded.positions)], combined(count), cells)
    finally:
        recorded.part.release()
    results = [out_of_order(from_cell(cell), dim, reverse) for cell in found]
    return tree_unflatten(results, spec)


def _check(combine_fn: Any, rows: list, dim: int, reverse: Any, mode: str) -> None:
    """ValueError for arguments that don't fit; RuntimeError for a `reverse` that is no bool."""
    if not callable(combine_fn):
        raise ValueError(f"Combine_fn must be a callable, but got {combine_fn}")
    if not isinstance(reverse, bool):
        raise RuntimeError(f"Reverse must be a bool, but got {type(reverse)}")
    if mode not in ("pointwise", "generic"):
        raise ValueError(f"Combine_mode must either 'pointwise' or 'generic', but got {mode}")
    if mode == "pointwise" and any(row.device.type == "cpu" for row in rows):
        raise ValueError(
            "For combine_mode='pointwise', all input tensors need to be on CUDA or XPU"
        )
    if any(not isinstance(row, Tensor) for row in rows):
        raise ValueError("xs leaves must be a Tensor")
    if any(row.ndim <= dim or row.shape[dim] == 0 for row in rows):
        raise ValueError(NOTHING_TO_SCAN)


__all__ = ["associative_scan"]
