"""vmap: a function of one example as a function of many.

The function runs once, on Tensors that stand for one example each, and is recorded as a body.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

from .._core.alias import cell_of, check_writable, write
from .._core.body import Body
from .._core.tensor import Tensor, from_cell
from .._core.trace import Cell, local
from ..utils._pytree import (
    TreeSpec,
    broadcast_to_and_flatten,
    tree_flatten,
    tree_structure,
    tree_unflatten,
)
from ._arguments import name_of
from ._pure import mapped

_RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Callable,
    in_dims: int | tuple = 0,
    out_dims: int | tuple | None = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """The function that applies `func` to each slice of its arguments along `in_dims`, and lays the
    results side by side along `out_dims`.

    in_dims: a number for all arguments, or nested tuples that match them; None for an argument that
    is the same for all. randomness: whether random functions are refused, or give every example
    "different" numbers or the "same". chunk_size: how many examples at once.
    ValueError for dimensions that don't fit the arguments; RuntimeError for what needs a value in
    Python (`item`, `if`), or whose shape depends on values. See torch.vmap.
    """
    if randomness not in _RANDOMNESS:
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. "
            f"Got {randomness}"
        )
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        flat, dims, spec = _parse(func, in_dims, args)
        size = _size_of(flat, dims)
        first = next(t for t, dim in zip(flat, dims, strict=True) if dim is not None)
        body = Body(local.context, cell_of(first).aval.device, size, randomness)
        try:
            return _Run(func, body, flat, dims)(spec, out_dims, chunk_size, kwargs)
        finally:
            body.release()

    return wrapper


class _Run:
    """One call of a mapped function.

    examples: for each argument, what the function gets: a Tensor for one example where it is
    mapped.
    """

    def __init__(self, func: Callable, body: Body, flat: list, dims: list) -> None:
        self.func = func
        self.body = body
        self.flat = flat
        self.dims = dims
        self.examples = []
        self.leaves: list[Cell | None] = []
        for value, dim in zip(flat, dims, strict=True):
            leaf = body.argument(cell_of(value), dim) if dim is not None else None
            self.leaves.append(leaf)
            self.examples.append(value if leaf is None else example(leaf))

    def __call__(self, spec: TreeSpec, out_dims: Any, chunk: int | None, kwargs: dict) -> Any:
        body, context = self.body, self.body.context
        context.transforms += 1
        try:
            with body:
                output = self.func(*tree_unflatten(self.examples, spec), **kwargs)
                results, output_spec = tree_flatten(output)
                dims = _parse_out(self.func, out_dims, output, results, output_spec)
                written = self._written()
                cells = [cell_of(t) for t in results if isinstance(t, Tensor)]
                cells += [cell_of(self.examples[k]) for k in written]
                positions = tuple([body.position(cell) for cell in cells])
                dims = self._places(results, dims, cells, positions)
        finally:
            context.transforms -= 1
        dims += [self.dims[k] for k in written]
        kind = ("vmap", body.size, tuple(dims), chunk)
        found = iter(body.call(kind, mapped(body.size or 0, tuple(dims), chunk), positions))
        values = [from_cell(next(found)) if isinstance(t, Tensor) else t for t in results]
        for k, cell in zip(written, found, strict=True):
            check_writable(self.flat[k])
            write(self.flat[k], cell)
        return tree_unflatten(values, output_spec)

    def _written(self) -> list[int]:
        """The arguments to which the function has written in place."""
        return [
            k
            for k, leaf in enumerate(self.leaves)
            if leaf is not None and self.examples[k]._cell is not leaf
        ]

    def _places(self, results: list, dims: list, cells: list, positions: tuple) -> list:
        """Where the examples lie in each result that is a Tensor, counted from the front."""
        places = []
        wanted = [d for t, d in zip(results, dims, strict=True) if isinstance(t, Tensor)]
        for cell, position, dim in zip(cells, positions, wanted, strict=False):
            if dim is None and self.body.is_mapped(position):
                name = name_of(self.func)
                raise ValueError(
                    f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is "
                    "None"
                )
            count = len(cell.aval.shape) + 1
            if dim is not None and not -count <= dim < count:
                raise IndexError(
                    f"Dimension out of range (expected to be in range of [{-count}, {count - 1}], "
                    f"but got {dim})"
                )
            places.append(None if dim is None else dim % count)
        return places


def example(leaf: Cell) -> Tensor:
    """The Tensor that a function gets for a leaf of a body."""
    tensor = from_cell(leaf)
    if leaf.aval.requires_grad:
        leaf.node = weakref.ref(tensor)
    return tensor


# ------------------------------------------------------------------------------ in_dims, out_dims


def _parse(func: Callable, in_dims: Any, args: tuple) -> tuple[list, list, TreeSpec]:
    """The leaves of the arguments, the dimension that is mapped of each, counted from the front,
    and their structure."""
    call = f"vmap({name_of(func)}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{call}: expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name_of(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or "
            "you are trying to vmap over a function with no inputs. The latter is unsupported."
        )
    flat, spec = tree_flatten(args)
    dims = broadcast_to_and_flatten(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"{call}: in_dims is not compatible with the structure of `inputs`. in_dims has "
            f"structure {tree_structure(in_dims)} but inputs has structure {spec}."
        )
    return flat, [_dim_of(call, v, d) for v, d in zip(flat, dims, strict=True)], spec


def _dim_of(call: str, value: Any, dim: Any) -> int | None:
    if not isinstance(dim, int) and dim is not None:
        raise ValueError(
            f"{call}: Got in_dim={dim} for an input but in_dim must be either an integer "
            "dimension or None."
        )
    if dim is None:
        return None
    if not isinstance(value, Tensor):
        raise ValueError(
            f"{call}: Got in_dim={dim} for an input but the input is of type {type(value)}. We "
            "cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    count = value.dim()
    if not -count <= dim < count:
        raise ValueError(
            f"{call}: Got in_dim={dim} for some input, but that input is a Tensor of "
            f"dimensionality {count} so expected in_dim to satisfy -{count} <= in_dim < {count}."
        )
    return dim % count


def _size_of(flat: list, dims: list) -> int:
    sizes = [t.shape[d] for t, d in zip(flat, dims, strict=True) if d is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0]


def _parse_out(
    func: Callable, out_dims: Any, output: Any, results: list, spec: TreeSpec
) -> list[int | None]:
    """The dimension of each leaf of the output."""
    name = name_of(func)
    call = f"vmap({name}, ..., out_dims={out_dims})"
    if isinstance(output, Tensor) and isinstance(out_dims, tuple) and len(out_dims) == 1:
        dims: Any = list(out_dims)
    else:
        dims = broadcast_to_and_flatten(out_dims, spec)
    if dims is None:
        raise ValueError(
            f"{call}(<inputs>): out_dims is not compatible with the structure of `outputs`. "
            f"out_dims has structure {tree_structure(out_dims)} but outputs has structure {spec}."
        )
    if not all(isinstance(d, int) or d is None for d in dims):
        raise ValueError(
            f"{call}: `out_dims` must be an int, None or a python collection of ints representing "
            "where in the outputs the vmapped dimension should appear."
        )
    for value, dim in zip(results, dims, strict=True):
        if not isinstance(value, Tensor) and dim is not None:
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(value)}. "
                "Did you mean to set out_dims= to None for output?"
            )
    return dims
