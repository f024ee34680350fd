"""A loop that runs as long as a value says so, with a gradient.

JAX has none for `lax.while_loop`: how much would have to be kept is not known when the program is
compiled. Here the way back runs the loop once more, for a fixed number of values between which the
steps lie in stretches of equal length, and goes through each stretch from the value before it.
So n steps cost their computation once more and, where n > KEPT, about n / (2 KEPT) times besides.
(Checkpoints at equal distances: A. Griewank and A. Walther, Evaluating Derivatives, 2008, 12.2.)
Where JAX goes forwards, the loop is JAX's own. control.py uses it. Read graph.py next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp

KEPT = 256


class _Running(threading.local):
    forwards = False


_running = _Running()


@contextmanager
def going(forwards: bool) -> Iterator[None]:
    """While JAX differentiates: in forward mode, or in reverse mode."""
    before, _running.forwards = _running.forwards, forwards
    try:
        yield
    finally:
        _running.forwards = before


def while_loop(goes_on: Callable, step: Callable, initial: list, outside: list) -> list:
    """values = step(values, outside) while goes_on(values, outside), from the initial values on."""

    def plain(initial: list, outside: list) -> list:
        return jax.lax.while_loop(
            lambda values: goes_on(values, outside), lambda values: step(values, outside), initial
        )

    if _running.forwards:
        return plain(initial, outside)
    loop = jax.custom_vjp(plain)

    def forward(initial: list, outside: list) -> tuple:
        count, last = jax.lax.while_loop(
            lambda state: goes_on(state[1], outside),
            lambda state: (state[0] + 1, step(state[1], outside)),
            (jnp.int32(0), initial),
        )
        return last, (count, initial, outside)

    def backward(residuals: tuple, cotangents: list) -> tuple:
        count, initial, outside = residuals
        return _way_back(step, count, initial, outside, cotangents)

    loop.defvjp(forward, backward)
    return loop(initial, outside)


def _way_back(
    step: Callable, count: Any, initial: list, outside: list, cotangents: list
) -> tuple[list, list]:
    """The gradients of the initial values and of what lies outside, None for integers."""
    stretch = jnp.maximum((count + KEPT - 1) // KEPT, 1)
    kept = _at_distances(lambda values: step(values, outside), count, stretch, initial)
    moving = [k for k, value in enumerate(initial) if _is_inexact(value)]
    using = [k for k, value in enumerate(outside) if _is_inexact(value)]

    def before(number: Any) -> list:
        """The values before a step."""
        nearest = [jax.lax.dynamic_index_in_dim(v, number // stretch, keepdims=False) for v in kept]
        return jax.lax.fori_loop(0, number % stretch, lambda _, v: step(v, outside), nearest)

    def back(state: tuple) -> tuple:
        number, moved, used = state
        values = before(number - 1)

        def of_floats(given: list, around: list) -> list:
            found = step(_with(values, moving, given), _with(outside, using, around))
            return [found[k] for k in moving]

        _, pull = jax.vjp(of_floats, [values[k] for k in moving], [outside[k] for k in using])
        moved, more = pull(moved)
        return number - 1, moved, [a + b for a, b in zip(used, more, strict=True)]

    state = (count, [cotangents[k] for k in moving], [jnp.zeros_like(outside[k]) for k in using])
    _, moved, used = jax.lax.while_loop(lambda state: state[0] > 0, back, state)
    return (
        _with([None] * len(initial), moving, moved),
        _with([None] * len(outside), using, used),
    )


def _at_distances(step: Callable, count: Any, stretch: Any, initial: list) -> list:
    """The values before every stretch-th of `count` steps: (KEPT, *shape) each."""
    blank = [jnp.zeros((KEPT, *value.shape), value.dtype) for value in initial]

    def keep(number: Any, state: tuple) -> tuple:
        values, kept = state
        put = [
            jax.lax.dynamic_update_index_in_dim(all, value, number // stretch, 0)
            for all, value in zip(kept, values, strict=True)
        ]
        begins = number % stretch == 0
        chosen = [jnp.where(begins, new, old) for new, old in zip(put, kept, strict=True)]
        return step(values), chosen

    return jax.lax.fori_loop(0, count, keep, (initial, blank))[1]


def _is_inexact(value: Any) -> bool:
    return jnp.issubdtype(value.dtype, jnp.inexact)


def _with(values: list, places: list[int], new: list) -> list:
    """The values with others at some places."""
    found = list(values)
    for place, value in zip(places, new, strict=True):
        found[place] = value
    return found
