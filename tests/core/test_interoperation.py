"""JAX inside and outside: tracers pass through, the user's configuration is left alone; threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jtorch
from jtorch._core.program import materialise_all

F = jtorch.nn.functional


def through(function: Callable[[Any], Any]) -> Callable[[jax.Array], jax.Array]:
    """A function of Tensors as a function of arrays."""
    return lambda *arrays: function(*map(jtorch.from_jax, arrays)).jax()


def polynomial(x: Any) -> Any:
    return (x * x * 3 + x.sin()).sum()


def with_views(x: Any) -> Any:
    y = x * 2
    y.view(-1)[1:3] = 0
    y += 1
    return (y[0] * x).sum()


def with_a_layer(x: Any) -> Any:
    return F.cross_entropy(F.layer_norm(x, (x.shape[-1],)), jtorch.tensor([1, 0]))


def with_numbers(x: Any) -> Any:
    total = x.sum() * 0
    for k in range(4):
        total = total + (x ** (k + 1)).mean() * (0.5 / (k + 1))
    return total


FUNCTIONS = [polynomial, with_views, with_a_layer, with_numbers]
DATA = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], np.float32)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_jit(function: Callable) -> None:
    expected = function(jtorch.tensor(DATA)).item()
    assert jax.jit(through(function))(DATA).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("jitted", [False, True])
def test_grad(function: Callable, jitted: bool) -> None:
    """jax.grad through jtorch's ops is jtorch's own backward."""
    x = jtorch.tensor(DATA, requires_grad=True)
    function(x).backward()
    gradient = jax.grad(through(function))
    found = (jax.jit(gradient) if jitted else gradient)(jnp.asarray(DATA))
    np.testing.assert_allclose(found, x.grad.numpy(), rtol=1e-5, atol=1e-6)
    assert found.dtype == jnp.float32


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_vmap(function: Callable) -> None:
    batch = np.stack([DATA, DATA + 1, DATA * 2])
    expected = [function(jtorch.tensor(one)).item() for one in batch]
    np.testing.assert_allclose(jax.vmap(through(function))(batch), expected, rtol=1e-5)


def test_backward_inside_jit() -> None:
    """jtorch's own backward of a tracer, inside jax.jit."""

    def gradient(array: jax.Array) -> jax.Array:
        x = jtorch.from_jax(array).requires_grad_()
        polynomial(x).backward()
        return x.grad.jax()

    x = jtorch.tensor(DATA, requires_grad=True)
    polynomial(x).backward()
    np.testing.assert_allclose(jax.jit(gradient)(DATA), x.grad.numpy(), rtol=1e-6)


def test_scan_and_second_derivative() -> None:
    def body(carry: jax.Array, x: jax.Array) -> tuple:
        new = (jtorch.from_jax(carry) * 0.5 + jtorch.from_jax(x)).tanh().jax()
        return new, new

    last, _ = jax.lax.scan(body, jnp.zeros(3), DATA)
    state = jtorch.zeros(3)
    for row in DATA:
        state = (state * 0.5 + jtorch.tensor(row)).tanh()
    np.testing.assert_allclose(last, state.numpy(), rtol=1e-6)
    second = jax.grad(jax.grad(through(lambda x: (x**3).sum())))(2.0)
    assert second == pytest.approx(12.0)


def test_what_was_pending_outside_enters_a_jit() -> None:
    """A pending Tensor that a jitted function closes over; nothing leaks out into the next
    trace."""
    weight = jtorch.ones(3) * 2
    found = jax.jit(lambda a: (jtorch.from_jax(a) * weight).jax())(jnp.ones(3))
    assert found.tolist() == [2, 2, 2]
    assert (weight + 1).tolist() == [3, 3, 3]


def test_nothing_stays_pending_when_a_jit_ends() -> None:
    """A value that nobody uses, computed a second time: its tracer must not wait in a trace."""

    def function(array: jax.Array) -> jax.Array:
        x = jtorch.from_jax(array)
        used = x.sin().jax()
        x.cos().sum()
        return used

    for _ in range(3):
        jax.jit(lambda array: function(array))(jnp.ones(3))
        materialise_all()


def test_reading_a_tracer_is_jaxs_error() -> None:
    with pytest.raises(jax.errors.TracerArrayConversionError):
        jax.jit(lambda a: jtorch.from_jax(a).sum().item())(jnp.ones(3))
    assert jtorch.ones(2).sum().item() == 2


# ------------------------------------------------------------------------- the user's configuration


def assert_untouched() -> None:
    """JAX's defaults are as the user left them."""
    assert not jax.config.jax_enable_x64
    assert jnp.arange(3).dtype == jnp.int32
    assert jnp.asarray(1.5).dtype == jnp.float32
    assert jax.jit(lambda x: x * 2.0)(np.float64(1)).dtype == jnp.float32


def test_x64_does_not_leak() -> None:
    assert_untouched()
    x = jtorch.arange(3)
    assert (x * 2).sum().dtype is jtorch.int64
    y = x.double().requires_grad_()
    assert_untouched()
    (y * 2).sum().backward()
    assert_untouched()
    with pytest.raises(RuntimeError):
        y + jtorch.ones(5)
    assert_untouched()
    assert x.jax().dtype == jnp.int64 and y.grad.jax().dtype == jnp.float64
    assert_untouched()


def test_x64_does_not_leak_into_a_jit() -> None:
    """Between two ops inside a jitted function JAX's own code sees its own defaults."""

    def function(array: jax.Array) -> jax.Array:
        before = jnp.arange(3)
        y = (jtorch.from_jax(array) * 2.5).jax()
        after = jnp.arange(3)
        assert before.dtype == after.dtype == jnp.int32 and y.dtype == jnp.float32
        return y + after

    assert jax.jit(function)(jnp.ones(3)).tolist() == [2.5, 3.5, 4.5]


def test_x64_does_not_leak_into_threads() -> None:
    found: list[Any] = []

    def work() -> None:
        try:
            for _ in range(20):
                assert_untouched()
                (jtorch.arange(4).double() * 2).sum().item()
            assert_untouched()
            found.append("ok")
        except BaseException as error:  # noqa: BLE001
            found.append(repr(error))

    run_in_threads(work, 3)
    assert found == ["ok"] * 3


# ------------------------------------------------------------------------------------------ threads


def run_in_threads(work: Callable[..., None], count: int, *arguments: Any) -> None:
    """Run a function in several threads at once."""
    threads = [threading.Thread(target=work, args=arguments) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_record_apart() -> None:
    """The same ops in four threads at once, each on its own Tensors."""
    failures: list[str] = []

    def work() -> None:
        try:
            for k in range(25):
                factor = jtorch.arange(5.0) * 2
                own = jtorch.full((5,), float(k)).requires_grad_()
                loss = (own * factor + k).sum()
                loss.backward()
                assert loss.item() == pytest.approx(20 * k + 5 * k)
                assert own.grad.tolist() == [0, 2, 4, 6, 8]
        except BaseException as error:  # noqa: BLE001
            failures.append(repr(error))

    run_in_threads(work, 4)
    assert failures == []


def test_modes_belong_to_the_thread() -> None:
    found: list[bool] = []
    with jtorch.no_grad(), jtorch.debug.eager():
        run_in_threads(
            lambda: found.append((jtorch.ones(1, requires_grad=True) * 2).requires_grad), 1
        )
        assert not jtorch.is_grad_enabled()
    assert found == [True]


def test_a_graph_of_another_thread_after_a_read() -> None:
    """Forward in a thread; here the loss is read first, then differentiated."""
    weight = jtorch.arange(3.0).requires_grad_()
    made: list[Any] = []
    run_in_threads(lambda: made.append((weight * weight).sum()), 1)
    assert made[0].item() == 5.0
    made[0].backward()
    assert weight.grad.tolist() == [0, 2, 4]


def test_a_thread_that_ended_leaves_its_values() -> None:
    made: list[Any] = []
    run_in_threads(lambda: made.append(jtorch.arange(3) * 2), 2)
    assert (made[0] + made[1]).tolist() == [0, 4, 8]
    made[0].add_(1)
    assert made[0].tolist() == [1, 3, 5] and made[1].tolist() == [0, 2, 4]
