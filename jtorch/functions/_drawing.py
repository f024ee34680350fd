"""Where drawn numbers become Tensors.

They are drawn on the host, and enter the trace as a leaf. Inside of `torch.vmap`, where each
example has numbers of its own, those of all examples are drawn at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import samplers
from .._core.alias import cell_of
from .._core.device_random import check_no_key
from .._core.draws import dealt, drawn_sizes, whole_values
from .._core.events import materialises
from .._core.generator import default_generator
from .._core.program import host
from .._core.tensor import Tensor, from_array, from_cell
from .._core.trace import Aval, Cell, local

Drawing = Callable[[tuple[int, ...]], np.ndarray]


def drawn(draw: Drawing, shape: tuple[int, ...], device: Any) -> Tensor:
    """A Tensor of `draw(shape)`."""
    check_no_key()
    sizes = drawn_sizes(local.context)
    made = _noted(lambda: from_array(draw((*sizes, *shape)), device)._cell)
    return from_cell(dealt(local.context, made) if sizes else made)


def _noted(draw: Callable[[], Cell]) -> Cell:
    """What `draw` gives. A compiled function draws anew in each run."""
    capture = local.context.capture
    if capture is None:
        return draw()
    before = default_generator.moves
    cell = draw()
    capture.moves += default_generator.moves - before
    capture.act(draw, cell)
    return cell


@materialises("random numbers", "numbers are drawn by values: `multinomial`, `normal(mean)`")
def values_of(tensor: Tensor, ndim: int = 0) -> np.ndarray:
    """The values of a Tensor by which numbers are drawn. Inside of vmap, where examples draw
    numbers of their own, the values of all: examples lead, and one has `ndim` dimensions at least.
    """
    context = local.context
    if not context.bodies:
        return host(cell_of(tensor))
    sizes = drawn_sizes(context)
    cell, dims = whole_values(context, cell_of(tensor))
    values = host(cell)
    for k, dim in enumerate(dims):
        values = np.moveaxis(values, k + dim, k)
    if len(dims) < len(sizes):
        values = np.broadcast_to(values, (*sizes, *tensor.shape))
    return values.reshape((*sizes, *(1,) * (ndim - tensor.dim()), *tensor.shape))


def drawn_like(draw: Drawing, aval: Aval, device: Any) -> Tensor:
    """A Tensor of the shape of an aval, with the numbers in the order of its memory."""
    extent = sum((n - 1) * s for n, s in zip(aval.shape, aval.strides, strict=True)) + 1

    def in_order(shape: tuple[int, ...]) -> np.ndarray:
        lead = shape[: len(shape) - len(aval.shape)]
        strides = [extent * int(np.prod(lead[k + 1 :])) for k in range(len(lead))]
        return samplers.in_memory_order(draw, shape, (*strides, *aval.strides))

    return drawn(in_order, aval.shape, device)
