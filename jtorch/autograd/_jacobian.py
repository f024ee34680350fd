"""Jacobians for gradcheck: by finite differences, and from the graph.

A Jacobian is a NumPy array, (elements of the input, elements of the output). Outputs are real here:
gradcheck.py takes complex ones apart. The gradient in a complex input z = x + iy is
ds/dx + i ds/dy, as PyTorch has it. All calls of a function have the same shapes, so that they run
one program: only numbers differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from .._core.backward import grad
from .._core.generator import Generator
from .._core.tensor import Tensor
from ..functions.creation import tensor
from ..functions.random import rand


def values_of(value: Tensor) -> np.ndarray:
    """The values of a Tensor, flat."""
    return value.detach().numpy().reshape(-1)


def random_direction(count: int, generator: Generator) -> np.ndarray:
    """A random direction with positive components."""
    vector = values_of(rand(count, generator=generator)).astype(np.float64)
    return vector / (np.linalg.norm(vector) or 1)


@contextmanager
def shifted(input: Tensor, values: np.ndarray, shift: np.ndarray) -> Iterator[None]:
    """While active, an input has other values: in place, for functions that close over it."""
    _put(input, values + shift)
    try:
        yield
    finally:
        _put(input, values)


def _put(input: Tensor, values: np.ndarray) -> None:
    array = values.reshape(tuple(input.shape))
    input.data.copy_(tensor(array, dtype=input.dtype, device=input.device))


def difference(
    function: Callable[[], tuple[Tensor, ...]], input: Tensor, direction: np.ndarray, eps: float
) -> list[np.ndarray]:
    """For each output the derivative in a direction of the input: by central differences."""
    values = values_of(input).copy()
    found = []
    for sign in (1, -1):
        with shifted(input, values, sign * eps * direction):
            found.append([values_of(output) for output in function()])
    return [(up - down) / (2 * eps) for up, down in zip(*found, strict=True)]


def numerical(
    function: Callable[[], tuple[Tensor, ...]], input: Tensor, eps: float
) -> list[np.ndarray]:
    """The Jacobian of each output in an input, by finite differences."""
    count = input.numel()
    parts = (1, 1j) if input.dtype.is_complex else (1,)
    columns: list[list[np.ndarray]] = []
    for k in range(count):
        direction = np.zeros(count)
        direction[k] = 1
        by_part = [difference(function, input, part * direction, eps) for part in parts]
        columns.append([_sum(parts, found) for found in zip(*by_part, strict=True)])
    if not columns:
        return [np.zeros((0, output.numel())) for output in function()]
    return [np.stack(rows) for rows in zip(*columns, strict=True)]


def _sum(parts: tuple, derivatives: tuple[np.ndarray, ...]) -> np.ndarray:
    return np.stack([p * d for p, d in zip(parts, derivatives, strict=True)]).sum(0)


def analytical(output: Tensor, inputs: list[Tensor]) -> list[np.ndarray]:
    """The Jacobian of an output in each input, one backward for each of its elements."""
    count = output.numel()
    rows = []
    for k in range(count):
        cotangent = np.zeros(count)
        cotangent[k] = 1
        rows.append(pulled(output, inputs, cotangent))
    if not rows:
        return [np.zeros((t.numel(), 0)) for t in inputs]
    return [np.stack(column, axis=1) for column in zip(*rows, strict=True)]


def pulled(output: Tensor, inputs: list[Tensor], cotangent: np.ndarray) -> list[np.ndarray]:
    """The gradient of each input, flat, for a cotangent of an output."""
    given = tensor(cotangent.reshape(tuple(output.shape)), dtype=output.dtype, device=output.device)
    found = grad([output], inputs, [given], retain_graph=True, allow_unused=True)
    return [
        np.zeros(t.numel(), t.dtype.numpy) if g is None else values_of(g)
        for t, g in zip(inputs, found, strict=True)
    ]
