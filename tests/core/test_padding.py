"""Programs shared between sizes, primitive by primitive, beside JAX at each size.

What lies behind the end of a dimension is NaN or far out of bounds here: nothing may depend on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend.core import jaxpr_as_fun

from jtorch._core.padding.family import Family, bucket, lines_of
from jtorch._core.padding.template import Common, Differs, Size

SIZES = (5, 7, 6, 12)


def vector(n: int, rng: Any) -> tuple:
    return (rng.standard_normal(n),)


def matrix(n: int, rng: Any) -> tuple:
    return (rng.standard_normal((3, n)),)


def columns(n: int, rng: Any) -> tuple:
    return (rng.standard_normal((n, 4)),)


def sequence(n: int, rng: Any) -> tuple:
    return (rng.standard_normal((3, n, 4)),)


def product(n: int, rng: Any) -> tuple:
    return rng.standard_normal((3, n)), rng.standard_normal((n, 4))


def tokens(n: int, rng: Any) -> tuple:
    return rng.standard_normal((9, 4)), rng.integers(0, 9, (3, n))


def classes(n: int, rng: Any) -> tuple:
    return rng.standard_normal((3, n, 4)), rng.integers(0, 4, (3, n))


def places(n: int, rng: Any) -> tuple:
    return rng.standard_normal((3, n)), rng.integers(-n, n, (3, n))


def filters(n: int, rng: Any) -> tuple:
    return rng.standard_normal((2, 3, n)), rng.standard_normal((4, 3, 3))


def image_filters(n: int, rng: Any) -> tuple:
    return rng.standard_normal((n, 3, 8)), rng.standard_normal((4, 3, 3))


def gradient(function: Callable) -> Callable:
    """The gradients of a scalar of the results."""

    def total(*arrays: Any) -> Any:
        return sum(jnp.sum(jnp.sin(r)) for r in jax.tree.leaves(function(*arrays)))

    def run(*arrays: Any) -> Any:
        real = tuple(k for k, a in enumerate(arrays) if jnp.issubdtype(a.dtype, jnp.floating))
        return jax.grad(total, real)(*arrays)

    return run


def attention(x: Any) -> Any:
    causal = jnp.tril(jnp.ones((x.shape[1],) * 2, bool))
    scores = jnp.where(causal, jnp.einsum("bid,bjd->bij", x, x), -jnp.inf)
    return jax.nn.softmax(scores, -1) @ x


def cross_entropy(logits: Any, target: Any) -> Any:
    log_probs = jax.nn.log_softmax(logits.reshape(-1, 4))
    return -jnp.take_along_axis(log_probs, target.reshape(-1, 1), 1).mean()


def recurrence(x: Any, reverse: bool = False) -> Any:
    return lax.scan(lambda c, a: (jnp.tanh(c + a), c * a), jnp.zeros(3), x.T, reverse=reverse)


def pool(x: Any, initial: float, function: Any) -> Any:
    return lax.reduce_window(x, initial, function, (1, 3), (1, 2), ((0, 0), (1, 1)))


def convolution(x: Any, w: Any) -> Any:
    return lax.conv_general_dilated(x, w, (2,), [(1, 1)])


def regression(x: Any) -> Any:
    factor = jnp.linalg.cholesky(x @ x.T + jnp.eye(x.shape[0]))
    return jax.scipy.linalg.cho_solve((factor, True), x)


def kernel(x: Any) -> Any:
    return x @ x.T + jnp.eye(x.shape[0])


class Row(NamedTuple):
    name: str
    function: Callable
    inputs: Callable[[int, Any], tuple]


ROWS = (
    Row("sum, mean, var", lambda x: (jnp.sum(x * x), x.mean(1), x.var(1)), matrix),
    Row("max, min, prod", lambda x: (x.max(1), x.min(1), x.prod(1)), matrix),
    Row("argmax, any, all", lambda x: (x.argmax(1), (x > 1).any(1), (x > -3).all(1)), matrix),
    Row("softmax", gradient(lambda x: jax.nn.softmax(x, 1)), matrix),
    Row("logsumexp", gradient(lambda x: jax.nn.logsumexp(x, 1)), matrix),
    Row("normalised", lambda x: (x - x.mean()) / x.std(), matrix),
    Row("NaN among it", lambda x: jnp.nanmean(jnp.where(x > 0, x, jnp.nan)), matrix),
    Row("flat", lambda x: (x.reshape(-1).sum(), jnp.cumsum(x.reshape(-1))), sequence),
    Row("merged", lambda x: (x.reshape(-1, 4) @ jnp.ones((4, 2))).reshape(3, -1, 2), sequence),
    Row(
        "merged, beside what isn't",
        lambda x: jnp.where(jnp.arange(3 * x.shape[1])[:, None] % 2 == 0, x.reshape(-1, 4), 0.0),
        sequence,
    ),
    Row("heads", lambda x: x.reshape(3, x.shape[1], 2, 2).transpose(0, 2, 1, 3), sequence),
    Row("flipped", lambda x: x[:, ::-1], matrix),
    Row("sliced", gradient(lambda x: x[:, 1:] * x[:, :-1]), matrix),
    Row("last ones", gradient(lambda x: (x[:, -1], x[:, -3:], x[:, 0])), matrix),
    Row("stepped", gradient(lambda x: (x[:, ::2], x[:, 1::3])), matrix),
    Row("half", lambda x: x[:, x.shape[1] // 2 :], matrix),
    Row("split", lambda x: jnp.split(x, [2, 4], 1), matrix),
    Row("products", gradient(lambda a, b: a @ b), product),
    Row("outer", lambda x: jnp.trace(x[:, :, None] * x[:, None, :], axis1=1, axis2=2), matrix),
    Row("joined", gradient(lambda x: jnp.concatenate([x, x * 2, jnp.ones((3, 2))], 1)), matrix),
    Row("joined and summed", lambda x: jnp.concatenate([x, x * 2], 1).sum(1), matrix),
    Row("stacked", lambda x: (jnp.stack([x, x], 1), jnp.tile(x, (1, 2))), matrix),
    Row("repeated", lambda x: (jnp.repeat(x, 2, 1), jnp.roll(x, 2, 1)), matrix),
    Row("padded", lambda x: jnp.pad(x, ((0, 0), (2, 3)), mode="reflect"), matrix),
    Row("cropped", lambda x: lax.pad(x, 0.5, ((0, 0, 0), (-1, -2, 1))), matrix),
    Row("cumulative", gradient(lambda x: jnp.cumsum(x, 1)), matrix),
    Row("cumulative, from the end", lambda x: lax.cummax(x, 1, reverse=True), matrix),
    Row("sorted", lambda x: (jnp.sort(jnp.where(x > 0.5, jnp.nan, x), 1), x.argsort(1)), matrix),
    Row("top", lambda x: (lax.top_k(x, 3), jnp.median(x, 1)), matrix),
    Row("searched", lambda x: jnp.searchsorted(jnp.sort(x[0]), x), matrix),
    Row("embedding", gradient(lambda w, i: w[i]), tokens),
    Row("taken", gradient(lambda x, i: jnp.take_along_axis(x, i, 1)), places),
    Row("taken or NaN", lambda x, i: x.at[:, i[0] + 2].get(mode="fill"), places),
    Row("taken, clamped", lambda x, i: x.at[:, i[0] + 2].get(mode="clip"), places),
    Row("put", lambda x, i: x.at[:, i[0]].set(1.0), places),
    Row("put, clamped", lambda x, i: x.at[:, i[0] + 2].set(7.0, mode="clip"), places),
    Row("added", lambda x, i: jnp.zeros(7).at[i[0] % 7].add(x[0]), places),
    Row("updated", lambda x: lax.dynamic_update_slice(x, jnp.ones((3, 2)), (0, 99)), matrix),
    Row("update", lambda x: lax.dynamic_update_slice(jnp.ones((3, 30)), x, (0, 3)), matrix),
    Row("dynamic", lambda x: lax.dynamic_slice(x, (0, 99), (3, 2)), matrix),
    Row("attention", attention, sequence),
    Row("attention backward", gradient(attention), sequence),
    Row("cross-entropy", jax.grad(cross_entropy), classes),
    Row("constants", lambda x: x * np.sin(np.arange(x.shape[1])) / x.shape[1], matrix),
    Row("convolution", convolution, filters),
    Row("convolution backward", gradient(convolution), filters),
    Row("convolution of a batch", gradient(convolution), image_filters),
    Row("max pooling", gradient(lambda x: pool(x, -jnp.inf, lax.max)), matrix),
    Row("sum pooling", gradient(lambda x: pool(x, 0.0, lax.add)), matrix),
    Row("resized", lambda x: jax.image.resize(x, (3, 2 * x.shape[1]), "linear"), matrix),
    Row("scan", recurrence, matrix),
    Row("scan backward", gradient(recurrence), matrix),
    Row("scan from the end", lambda x: recurrence(x, reverse=True), matrix),
    Row("while", lambda x: lax.while_loop(lambda c: c.sum() > -50, lambda c: c - 1.0, x), matrix),
    Row("branches", lambda x: lax.cond(x.sum() > 0, jnp.sum, jnp.mean, x), matrix),
    Row("checkpoint", gradient(jax.checkpoint(lambda x: jnp.sin(jnp.sin(x) @ x.T))), matrix),
    Row("batch of systems", lambda x: jnp.linalg.inv(x.T @ x + jnp.eye(4)), columns),
    Row("Gaussian process", gradient(regression), columns),
    Row("log-determinant", lambda x: jnp.linalg.slogdet(kernel(x)), columns),
    Row("inverse", lambda x: jnp.linalg.inv(kernel(x)), columns),
    Row("batch of transforms", lambda x: jnp.abs(jnp.fft.rfft(x, axis=1)), columns),
)


def poisoned(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The array, and what must not matter behind it."""
    poison = np.nan if array.dtype.kind == "f" else 10**6
    whole = np.full(shape, poison, array.dtype)
    whole[tuple(slice(n) for n in array.shape)] = array
    return whole


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_primitives(row: Row) -> None:
    rng = np.random.default_rng(0)
    compiled = []

    def jit(closed: Any) -> Callable:
        compiled.append(closed)
        return jax.jit(jaxpr_as_fun(closed))

    with jax.enable_x64(True):
        inputs = [row.inputs(n, rng) for n in SIZES]
        programs = [jax.make_jaxpr(row.function)(*arrays) for arrays in inputs]
        family = Family(programs[0])
        for program, arrays in zip(programs[1:], inputs[1:], strict=True):
            call, _ = family.call_of(program, jit)
            assert family.reason is None
            entering = [*arrays, *call.more]
            for k, shape in call.entering:
                entering[k] = poisoned(np.asarray(entering[k]), shape)
            results = call.run(*entering)
            expected = jax.jit(jaxpr_as_fun(program))(*arrays)
            cut = dict(call.leaving)
            for k, (result, wanted) in enumerate(zip(results, expected, strict=True)):
                shape = cut.get(k, result.shape)
                found = np.asarray(result)[tuple(map(slice, shape))]
                assert found.shape == wanted.shape
                assert found.dtype == wanted.dtype
                np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    assert len(compiled) <= 3  # 7 and 6 share one; a further constant may have differed


def test_what_has_no_rule_is_compiled_at_each_size() -> None:
    family = Family(jax.make_jaxpr(jnp.fft.fft)(np.ones(5)))
    call, new = family.call_of(jax.make_jaxpr(jnp.fft.fft)(np.ones(6)), lambda closed: closed)
    assert new
    assert family.reason == "fft of matrices of an open size"
    assert call.out_avals[0].shape == (6,)


def test_other_programs_are_of_no_family() -> None:
    with pytest.raises(Differs):
        Common([jax.make_jaxpr(jnp.sin)(np.ones(5)), jax.make_jaxpr(jnp.cos)(np.ones(6))])
    with pytest.raises(Differs):
        Common([jax.make_jaxpr(jnp.sin)(np.ones(5)), jax.make_jaxpr(jnp.sin)(np.ones((6, 1)))])


def test_lengths() -> None:
    assert list(map(bucket, (1, 8, 9, 500, 513, 768, 769, 1025))) == [
        *(8, 8, 16, 512, 768, 768, 1024, 1536)
    ]


def test_sizes_that_follow_from_others() -> None:
    n, batch = Size(0, (17, 23, 9)), Size(1, (4, 4, 3))
    less, all_of_it, other = Size(2, (16, 22, 8)), Size(3, (68, 92, 27)), Size(4, (3, 50, 7))
    lines = lines_of([n, batch, less, all_of_it, other])
    assert n not in lines
    assert batch not in lines
    assert lines[less].at([32, 4]) == 31
    assert lines[all_of_it].at([32, 4]) == 128
    assert other not in lines
