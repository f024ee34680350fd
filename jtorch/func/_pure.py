"""A recorded function as a JAX function of its leaves: mapped, or with its derivatives.

These are the `wrap`s that `Body.call` asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .._core.loops import going


def mapped(size: int, dims_out: tuple[int | None, ...], chunk: int | None) -> Callable:
    """The `wrap` of vmap: for each of `size` examples; dims_out: where they lie in the results,
    None for a result that is the same for all. chunk: how many at once."""

    def wrap(run: Callable, dims: tuple) -> Callable:
        at_once = _mapped_over(run, dims, size, dims_out)
        if chunk is None or chunk >= size or all(dim is None for dim in dims):
            return at_once

        def in_chunks(*arrays: Any) -> list:
            apart = [k for k, dim in enumerate(dims) if dim is not None]
            rows = [jnp.moveaxis(arrays[k], dims[k], 0) for k in apart]

            def one(values: list) -> list:
                filled = list(arrays)
                for k, value in zip(apart, values, strict=True):
                    filled[k] = value
                return run(*filled)

            found = jax.lax.map(one, rows, batch_size=chunk)
            return [
                value[0] if dim is None else jnp.moveaxis(value, 0, dim)
                for value, dim in zip(found, dims_out, strict=True)
            ]

        return in_chunks

    return wrap


def _mapped_over(run: Callable, dims: tuple, size: int, dims_out: tuple) -> Callable:
    if any(dim is not None for dim in dims):
        return jax.vmap(run, in_axes=dims, out_axes=list(dims_out), axis_size=size)

    def repeated(*arrays: Any) -> list:
        found = []
        for value, dim in zip(run(*arrays), dims_out, strict=True):
            if dim is not None:
                value = jnp.expand_dims(value, dim)
                value = jnp.repeat(value, size, axis=dim)
            found.append(value)
        return found

    return repeated


def pushed(run: Callable, marks: tuple) -> Callable:
    """The `wrap` of jvp: the results, and then their tangents, given the leaves and behind them the
    tangents of those that are marked."""
    places = [k for k, mark in enumerate(marks) if mark is not None]

    def call(*arrays: Any) -> list:
        leaves, given = list(arrays[: len(marks)]), arrays[len(marks) :]

        def of(*moving: Any) -> list:
            filled = list(leaves)
            for k, value in zip(places, moving, strict=True):
                filled[k] = value
            return run(*filled)

        primals = [leaves[k] for k in places]
        tangents = [t.astype(p.dtype) for t, p in zip(given, primals, strict=True)]
        with going(forwards=True):
            found, moved = jax.jvp(of, primals, tangents)
        return [*found, *(_instantiated(v, t) for v, t in zip(found, moved, strict=True))]

    return call


def _instantiated(value: Any, tangent: Any) -> Any:
    """The tangent of a result; of integers it is zero."""
    floats = jnp.issubdtype(value.dtype, jnp.inexact)
    return tangent if floats else jnp.zeros_like(value)
