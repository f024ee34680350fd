"""The pass that keeps images channels last: the same values, and few transpositions."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch._core import layout


def conv(x: jax.Array, weight: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(x, weight, (1, 1), "SAME")


def transposed(function: Callable, *arrays: jax.Array) -> tuple[int, int]:
    """How many transpositions a function has without the pass and with it, once its values were
    found to be the same."""
    closed = jax.make_jaxpr(function)(*arrays)

    def laid_out(*arrays: jax.Array) -> list:
        return layout.evaluate(closed.jaxpr, closed.consts, *arrays)

    for a, b in zip(jax.tree.leaves(function(*arrays)), laid_out(*arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    return count(closed.jaxpr), count(jax.make_jaxpr(laid_out)(*arrays).jaxpr)


def count(jaxpr: jax.core.Jaxpr) -> int:
    return sum(eqn.primitive.name == "transpose" for eqn in jaxpr.eqns)


X = jnp.sin(jnp.arange(2 * 3 * 4 * 5.0)).reshape(2, 3, 4, 5)
WEIGHT = jnp.cos(jnp.arange(3 * 3 * 3 * 3.0)).reshape(3, 3, 3, 3)


def test_images_are_transposed_when_they_come_in_and_go_out() -> None:
    def forward(x: jax.Array, weight: jax.Array) -> jax.Array:
        for _ in range(3):
            x = jnp.maximum(conv(x, weight) * 2, 0)
        return x

    assert transposed(forward, X, WEIGHT) == (0, 2)


def test_an_update_is_computed_where_the_parameters_lie() -> None:
    """Of weight, momentum and gradient only the gradient is transposed."""

    def loss(weight: jax.Array) -> jax.Array:
        return (conv(X, weight) ** 2).sum()

    def step(weight: jax.Array, momentum: jax.Array) -> tuple:
        gradient = jax.grad(loss)(weight)
        momentum = 0.9 * momentum + gradient
        return weight - 0.1 * momentum, momentum, gradient

    def gradient(weight: jax.Array) -> jax.Array:
        return jax.grad(loss)(weight)

    alone = transposed(gradient, WEIGHT)
    assert transposed(step, WEIGHT, WEIGHT) == alone


def test_a_reshape_may_transpose_before() -> None:
    """As in JAX's rules of grouped convolutions: their second derivatives were wrong."""

    def forward(x: jax.Array, weight: jax.Array) -> jax.Array:
        return lax.reshape(conv(x, weight), (6, 4, 5), dimensions=(1, 0, 2, 3))

    assert transposed(forward, X, WEIGHT) == (0, 2)
