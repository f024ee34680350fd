"""Derivatives in forward mode: jvp, jacfwd, hessian, linearize.

The function is recorded as a body, and `jax.jvp` differentiates what was recorded.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from .._core.alias import cell_of
from .._core.body import Body
from .._core.dtype import FLOAT
from .._core.forward import check_no_level, check_tangent
from .._core.tensor import Tensor, from_cell
from .._core.trace import Cell, local
from ..functions.splitting import split_with_sizes
from ..utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten
from ._arguments import (
    Argnums,
    check_aux,
    check_inputs,
    check_outputs,
    check_real,
    replaced,
    selected,
    with_aux,
)
from ._pure import pushed
from ._reverse import basis_of, jacrev
from ._vmap import example, vmap

_JVP = "jvp(f, primals, tangents)"


class _Push:
    """A function recorded for forward mode, and what its tangents are."""

    def __init__(self, func: Callable, primals: tuple, api: str, has_aux: bool) -> None:
        leaves, self.spec = tree_flatten(primals)
        check_inputs(leaves)
        for leaf in leaves:
            if leaf.dtype.category < FLOAT:
                raise ValueError(
                    f"Expected primal to be floating point or complex, but got: {leaf.dtype}"
                )
        self.shapes = [tuple(leaf.shape) for leaf in leaves]
        context = local.context
        check_no_level(context)
        self.body = body = Body(context, cell_of(leaves[0]).aval.device)
        variables = [example(body.argument(cell_of(t), k)) for k, t in enumerate(leaves)]
        context.transforms += 1
        try:
            with body:
                output = func(*tree_unflatten(variables, self.spec))
                output, aux = with_aux(output, api, has_aux)
                self.outputs, self.output_spec = tree_flatten(output)
                check_outputs(self.outputs, api, "f(*primals)")
                self.aux, self.aux_spec = tree_flatten(aux)
                check_aux(self.aux)
                cells = [cell_of(t) for t in (*self.outputs, *self.aux)]
                self.positions = tuple([body.position(cell) for cell in cells])
        except BaseException:
            body.release()
            raise
        finally:
            context.transforms -= 1

    def push(self, tangents: list[Tensor]) -> tuple[Any, Any, Any]:
        """The outputs, their tangents, and aux."""
        used = [mark for mark in self.body.marks() if mark is not None]
        given = [_tangent(tangents[k], self.shapes[k]) for k in used]
        found = self.body.call(("jvp",), pushed, self.positions, given)
        count, values = len(self.outputs), [from_cell(cell) for cell in found]
        moved = values[len(self.positions) :][:count]
        return (
            tree_unflatten(values[:count], self.output_spec),
            tree_unflatten(moved, self.output_spec),
            tree_unflatten(values[count : len(self.positions)], self.aux_spec),
        )

    def values(self) -> Any:
        """The outputs alone."""
        found = self.body.call(("value",), lambda run, _: run, self.positions)
        return tree_unflatten(map(from_cell, found), self.output_spec)


def _pushed_once(
    func: Callable, primals: tuple, api: str, has_aux: bool, tangents: list[Tensor]
) -> tuple[Any, Any, Any]:
    """The outputs of a function, their tangents, and aux."""
    push = _Push(func, primals, api, has_aux)
    try:
        return push.push(tangents)
    finally:
        push.body.release()


def _tangent(tangent: Tensor, shape: tuple[int, ...]) -> Cell:
    check_tangent(shape, tangent.shape)
    return cell_of(tangent)


def jvp(
    func: Callable, primals: tuple, tangents: tuple, *, strict: bool = False, has_aux: bool = False
) -> tuple:
    """func(*primals), and its derivative in the direction of the tangents.

    With has_aux func returns (output, aux), and aux comes third. RuntimeError for tangents that
    don't have the structure and shapes of the primals. See torch.func.jvp.
    """
    api = _JVP
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{api}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    spec = tree_flatten(primals)[1]
    moved, moved_spec = tree_flatten(tangents)
    if spec != moved_spec:
        raise RuntimeError(
            f"{api}: Expected primals and tangents to have the same python structure. For "
            "example, if primals is a tuple of 3 tensors, tangents also must be. Got primals with "
            f"structure {spec} and tangents with structure {moved_spec}"
        )
    if not spec.num_leaves:
        raise RuntimeError(f"{api}: Expected primals to contain at least one Tensor.")
    check_inputs(moved)
    output, tangent, aux = _pushed_once(func, primals, api, has_aux, moved)
    return (output, tangent, aux) if has_aux else (output, tangent)


def linearize(func: Callable, *primals: Any) -> tuple[Any, Callable]:
    """func(*primals), and its derivative there as a function of tangents.

    See torch.func.linearize.
    """
    push = _Push(func, primals, "linearize(f, *primals)", False)

    def jvp_fn(*tangents: Any) -> Any:
        flat, spec = tree_flatten(tangents)
        if spec != push.spec:
            raise RuntimeError(
                "Expected the tangents to have the same structure as the primals: "
                f"got {spec} and {push.spec}"
            )
        return push.push(flat)[1]

    return push.values(), jvp_fn


def jacfwd(
    func: Callable,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable:
    """The function of the Jacobian of `func`, in forward mode: (*output shape, *input shape) for
    each output and each input.

    randomness: as vmap's. See torch.func.jacfwd.
    """

    @functools.wraps(func)
    def wrapper(*args: Any) -> Any:
        check_real("jacfwd", "inputs", tree_leaves(args))
        inputs, spec = tree_flatten(selected(args, argnums))
        check_inputs(inputs)

        def of_inputs(*given: Any) -> Any:
            return func(*replaced(args, argnums, tree_unflatten(given, spec)))

        def column(*tangents: Tensor) -> tuple:
            given = tuple(inputs), _JVP, has_aux, list(tangents)
            return _pushed_once(of_inputs, *given)[1:]

        found, aux = vmap(column, randomness=randomness)(*basis_of(inputs))
        check_real("jacfwd", "outputs", tree_leaves(found))
        sizes = [t.numel() for t in inputs]

        def by_input(block: Tensor) -> Any:
            parts = split_with_sizes(block.movedim(0, -1), sizes, -1)
            shapes = [(*block.shape[1:], *t.shape) for t in inputs]
            blocks = [p.reshape(s) for p, s in zip(parts, shapes, strict=True)]
            return tree_unflatten(blocks, spec)

        jacobian = tree_map(by_input, found)
        return (jacobian, tree_map(itemgetter(0), aux)) if has_aux else jacobian

    return wrapper


def hessian(func: Callable, argnums: Argnums = 0) -> Callable:
    """The function of the second derivatives: jacfwd of jacrev. See torch.func.hessian."""
    return jacfwd(jacrev(func, argnums), argnums)
