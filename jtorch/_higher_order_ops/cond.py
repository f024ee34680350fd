"""cond: one of two functions, as a Tensor decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.alias import cell_of
from .._core.control import chosen, join
from .._core.tensor import Tensor, from_cell
from ..utils._pytree import tree_leaves, tree_unflatten
from ._recording import Recorded, check_same, new_part


def cond(pred: Any, true_fn: Callable, false_fn: Callable, operands: tuple | list = ()) -> Any:
    """true_fn(*operands) where `pred` is true, else false_fn(*operands): one op of the program,
    that runs one of them.

    pred: a Tensor of one element; for a Python number the function that it chooses is just called.
    operands: Tensors, in any containers. Both functions return the same structure of Tensors of the
    same shapes and dtypes, or of ints; RuntimeError otherwise. What they use from outside gets its
    gradient. They can't write to it in place, and can't draw random numbers. See torch.cond.
    """
    if isinstance(pred, (bool, int, float)):
        return true_fn(*operands) if pred else false_fn(*operands)
    _check(pred, true_fn, false_fn, operands)
    where = cell_of(next(iter(tree_leaves(operands)), pred)).aval.device
    branches: list[Recorded] = []
    try:
        for function in (true_fn, false_fn):
            branch = new_part("torch.cond", where, loops=False)
            branches.append(branch.run(lambda f=function: f(*operands)))
        _check_outputs(*branches)
        first, second = branches
        kinds = first.part.result_kinds(first.positions)
        parts = [(branch.part, branch.positions) for branch in branches]
        found = iter(join(("cond",), parts, chosen(kinds), (cell_of(pred),)))
    finally:
        for branch in branches:
            branch.part.release()
    results = [
        from_cell(next(found)) if isinstance(a, Tensor) else _number(pred, a, b)
        for a, b in zip(first.leaves, second.leaves, strict=True)
    ]
    return tree_unflatten(results, first.spec)


def _number(pred: Tensor, first: int, second: int) -> int:
    """An int that the branches return: read, where they don't agree."""
    return first if first == second or pred.item() else second


def _check(pred: Any, true_fn: Any, false_fn: Any, operands: Any) -> None:
    """RuntimeError for arguments that don't fit."""
    if not isinstance(pred, Tensor):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    if pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    is_sequence = isinstance(operands, (tuple, list))
    if not is_sequence or not all(isinstance(leaf, Tensor) for leaf in tree_leaves(operands)):
        raise RuntimeError(
            "Expect operands to be a tuple of possibly nested dict/list/tuple that only consists "
            f"of tensor leaves, but got {operands}."
        )


def _check_outputs(true: Recorded, false: Recorded) -> None:
    """RuntimeError unless the branches return the same."""
    if true.spec != false.spec:
        raise RuntimeError(
            f"Unmatched output spec from torch.cond branches: true branch tree_spec {true.spec} vs "
            f"false branch tree_spec {false.spec}."
        )
    for a, b in zip(true.leaves, false.leaves, strict=True):
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            if a.dtype is not b.dtype:
                raise RuntimeError(
                    "When merging two branches' output in torch.cond,  expected same dtype but "
                    f"got {a.dtype} and {b.dtype}."
                )
            check_same([a], [b], "the outputs of true_fn and false_fn in torch.cond")
        elif not (isinstance(a, int) and isinstance(b, int)):
            raise RuntimeError(
                "torch.cond: both branches have to return Tensors or ints at the same place, but "
                f"true_fn returns {type(a)} and false_fn {type(b)}"
            )


__all__ = ["cond"]
