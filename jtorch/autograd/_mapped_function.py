"""Custom functions under vmap: by a rule of the user's, or as they stand."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.alias import cell_of
from .._core.body import Body
from .._core.tensor import Tensor, from_cell
from ..utils._pytree import (
    broadcast_to_and_flatten,
    tree_flatten,
    tree_structure,
    tree_unflatten,
)

_MORE = " For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"
MUST_SPLIT = (
    "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, "
    "...), it must override the setup_context staticmethod." + _MORE
)


class VmapInfo(NamedTuple):
    """What a vmap staticmethod is told. See torch.autograd.Function.vmap."""

    batch_size: int
    randomness: str


def is_mapped_by_user(function: Any) -> bool:
    """Whether a function has a vmap staticmethod. RuntimeError where it has no rule, or two."""
    overridden = function.vmap.__qualname__ != "Function.vmap"
    if overridden and function.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {function.__name__}, but it has both generate_vmap_rule=True "
            "and an overridden vmap staticmethod. Please set generate_vmap_rule=False or delete "
            "the overridden vmap staticmethod to avoid ambiguity." + _MORE
        )
    if not overridden and not function.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {function.__name__}, but it does not have vmap support. "
            "Please override and implement the vmap staticmethod or set generate_vmap_rule=True."
            + _MORE
        )
    return overridden


def through_vmap(function: Any, args: tuple, body: Body) -> Any:
    """The results for one example, by the user's vmap on the values for all.

    body: of the innermost vmap.
    """
    context = body.context
    given, dims = list(args), [None] * len(args)
    for k, value in enumerate(args):
        if isinstance(value, Tensor):
            cell = cell_of(value)
            for inner in reversed(context.bodies[context.bodies.index(body) :]):
                cell, dims[k] = inner.lifted(cell)
            given[k] = from_cell(cell)
    with body.outside():
        if all(dim is None for dim in dims):
            return function.apply(*given)
        info = VmapInfo(body.size or 0, body.randomness)
        leaves, places, spec = _checked(function.vmap(info, tuple(dims), *given))
        results = [
            value
            if dim is None or not isinstance(value, Tensor)
            else from_cell(body.argument(cell_of(value), dim % value.dim()))
            for value, dim in zip(leaves, places, strict=True)
        ]
    return tree_unflatten(results, spec)


def _checked(returned: Any) -> tuple[list, list, Any]:
    """The leaves of what a vmap staticmethod has returned, their dimensions, and the structure."""
    if not (isinstance(returned, tuple) and len(returned) == 2):
        raise RuntimeError(
            "Expected the vmap staticmethod to have two returns, an output and out_dims with "
            f"pytree structure compatible with the output. Got a {type(returned)} instead"
        )
    output, out_dims = returned
    leaves, spec = tree_flatten(output)
    places = broadcast_to_and_flatten(out_dims, spec)
    if places is None:
        raise RuntimeError(
            "The autograd.Function's vmap staticmethod returned an incompatible (output, out_dims) "
            f"tuple. Expected out_dims={out_dims} to be compatible with the structure of "
            f"`output`. out_dims has structure {tree_structure(out_dims)} but output has "
            f"structure {spec}." + _MORE
        )
    return leaves, places, spec
