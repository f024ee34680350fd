"""What gradcheck says of derivatives in forward mode, and of several derivatives at once.

Forward mode takes the columns of a Jacobian, so here outputs stay complex, and a complex input is
taken apart: its real and its imaginary part are moved. Each function gives the text of the first
mismatch, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .._core.backward import grad
from .._core.dtype import FLOAT
from .._core.generator import Generator
from .._core.tensor import Tensor
from .._expose import row
from ..func import vmap
from ..functions.creation import tensor, zeros_like
from ..functions.random import randn
from ._jacobian import difference, random_direction, values_of
from .forward_ad import dual_level, make_dual, unpack_dual

_stack = row("stack")
BATCHED = "While computing batched gradients, got: {}"


class Forward:
    """A function, checked in forward mode.

    places: of the inputs that are checked.  explain: what is said in fast mode besides.
    """

    def __init__(
        self, function: Callable, inputs: tuple, places: Sequence[int], explain: str, **options: Any
    ) -> None:
        self.function = function
        self.inputs = inputs
        self.places = places
        self.explain = explain
        self.eps, self.atol, self.rtol = options["eps"], options["atol"], options["rtol"]
        self.fast_mode = options["fast_mode"]

    def outputs(self, place: int | None = None, dual: Tensor | None = None) -> tuple[Tensor, ...]:
        """The outputs that can have a derivative, with a dual Tensor in place of an input."""
        given = [dual if k == place else value for k, value in enumerate(self.inputs)]
        found = self.function(*given)
        found = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        return tuple(value for value in found if value.dtype.category >= FLOAT)

    def moved(self, place: int, tangent: Tensor) -> tuple[Tensor, ...]:
        """The tangents of the outputs for one of an input, inside of a level."""
        found = self.outputs(place, make_dual(self.inputs[place], tangent))
        parts = [unpack_dual(value) for value in found]
        return tuple(zeros_like(p.detach()) if t is None else t for p, t in parts)

    @dual_level()
    def values_moved(self, place: int, tangent: np.ndarray) -> list[np.ndarray]:
        """The tangents of the outputs, flat."""
        like = self.inputs[place]
        shaped = tangent.reshape(tuple(like.shape))
        given = tensor(shaped, dtype=like.dtype, device=like.device)
        return [values_of(value) for value in self.moved(place, given)]

    def mismatch(self) -> str | None:
        """Between the tangents and finite differences."""
        is_complex = any(self.inputs[place].dtype.is_complex for place in self.places)
        for part, name in ((1j, "imaginary"), (1, "real")) if is_complex else ((1, ""),):
            lead = f"While considering the {name} part of complex inputs only, " if name else ""
            generator = Generator()
            for place in self.places:
                factor = part if self.inputs[place].dtype.is_complex else 1
                if self.fast_mode:
                    count = self.inputs[place].numel()
                    said = self._fast(place, factor, random_direction(count, generator))
                else:
                    said = self._slow(place, factor)
                if said is not None:
                    return lead + said
        return None

    def _jacobians(self, place: int, part: complex) -> tuple[list, list]:
        """By finite differences and by tangents: for each output (elements in, elements out)."""
        count = self.inputs[place].numel()
        measured, found = [], []
        for column in part * np.eye(count):
            measured.append(difference(self.outputs, self.inputs[place], column, self.eps))
            found.append(self.values_moved(place, column))
        both = [[np.stack(rows) for rows in zip(*m, strict=True)] for m in (measured, found)]
        return both[0], both[1]

    def _slow(self, place: int, part: complex) -> str | None:
        for j, (numbers, tangents) in enumerate(zip(*self._jacobians(place, part), strict=True)):
            if not np.allclose(tangents, numbers, self.rtol, self.atol, equal_nan=True):
                return self._text(place, j, numbers, tangents)
        return None

    def _fast(self, place: int, part: complex, vector: np.ndarray) -> str | None:
        numbers = difference(self.outputs, self.inputs[place], part * vector, self.eps)
        tangents = self.values_moved(place, part * vector)
        atol = self.atol * vector.sum()
        for j, (measured, found) in enumerate(zip(numbers, tangents, strict=True)):
            if not np.allclose(found, measured, self.rtol, atol, equal_nan=True):
                slow = [both[j] for both in self._jacobians(place, part)]
                most = float(np.abs(slow[0] - slow[1]).max())
                more = self.explain.format(tensor(slow[0]), tensor(slow[1]), most)
                return self._text(place, j, measured, found) + more
        return None

    def _text(self, place: int, output: int, measured: np.ndarray, found: np.ndarray) -> str:
        return (
            f"Jacobian computed with forward mode mismatch for output {output} with respect to "
            f"input {place},\nnumerical:{tensor(measured)}\nanalytical:{tensor(found)}\n"
        )

    def batched_mismatch(self) -> str | None:
        """Between two tangents at once, by vmap, and one after the other."""
        for place in self.places:
            like = self.inputs[place]
            pair = [randn(tuple(like.shape), dtype=like.dtype, device=like.device) for _ in "12"]
            with dual_level():
                one_by_one = [self.moved(place, tangent) for tangent in pair]
                at_once = vmap(partial(self.moved, place))(_stack(pair))
            if (said := _differ(at_once, one_by_one)) is not None:
                return said
        return None


def batched_backward_mismatch(output: Tensor, inputs: list[Tensor]) -> str | None:
    """Between the gradients for two cotangents at once, by vmap, and one after the other."""

    def pull(cotangent: Tensor) -> tuple[Tensor, ...]:
        found = grad([output], inputs, [cotangent], retain_graph=True, allow_unused=True)
        pairs = zip(found, inputs, strict=True)
        return tuple(zeros_like(t.detach()) if g is None else g for g, t in pairs)

    shape = tuple(output.shape)
    pair = [randn(shape, dtype=output.dtype, device=output.device) for _ in "12"]
    return _differ(vmap(pull)(_stack(pair)), [pull(cotangent) for cotangent in pair])


def _differ(at_once: tuple[Tensor, ...], one_by_one: list[tuple[Tensor, ...]]) -> str | None:
    for k, (together, apart) in enumerate(zip(at_once, zip(*one_by_one, strict=True), strict=True)):
        expected = _stack(list(apart))
        if not np.allclose(values_of(together), values_of(expected), equal_nan=True):
            return BATCHED.format(f"result {k} is {together} for both, {expected} one by one")
    return None
