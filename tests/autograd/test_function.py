"""torch.autograd.Function against PyTorch: the popular kinds, its rules and its errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import jtorch

from ..comparison import compare, compiled, difference, forget, observed


def leaf(t: Any, *values: float) -> Any:
    return t.tensor(values or (0.5, -1.5, 2.0), requires_grad=True)


# ----------------------------------------------------------------------------- the popular kinds


def straight_through(t: Any) -> list:
    class Round(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, g):
            return g

    x = leaf(t)
    y = Round.apply(x * 3)
    (y * y).sum().backward()
    return [y, x.grad]


def gradient_reversal(t: Any) -> list:
    class Reverse(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.weight = weight
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return -ctx.weight * g, None

    x = leaf(t)
    y = Reverse.apply(x, 0.5)
    y.exp().sum().backward()
    return [y, x.grad, y.grad_fn.name()]


def exponential_twice(t: Any) -> list:
    class Exp(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            result = x.exp()
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, g):
            (result,) = ctx.saved_tensors
            return g * result

    x = leaf(t)
    (first,) = t.autograd.grad(Exp.apply(x).sum(), x, create_graph=True)
    (second,) = t.autograd.grad((first * first).sum(), x)
    return [first, second]


def linear(t: Any) -> list:
    class Linear(t.autograd.Function):
        @staticmethod
        def forward(x, weight, bias):
            return x @ weight.t() + bias

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0], inputs[1])

        @staticmethod
        def backward(ctx, g):
            x, weight = ctx.saved_tensors
            grads = [None, None, None]
            if ctx.needs_input_grad[0]:
                grads[0] = g @ weight
            if ctx.needs_input_grad[1]:
                grads[1] = g.t() @ x
            if ctx.needs_input_grad[2]:
                grads[2] = g.sum(0)
            return tuple(grads)

    layer = t.nn.Linear(3, 2)
    x = t.randn(4, 3)
    y = Linear.apply(x, layer.weight, layer.bias)
    seen = y.sum().item()  # a program runs between forward and backward
    (y**2).sum().backward()
    return [y, seen, layer.weight.grad, layer.bias.grad]


def clamp(t: Any) -> list:
    class Clamp(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, low, high):
            ctx.save_for_backward((x >= low) & (x <= high))
            return x.clamp(low, high)

        @staticmethod
        def backward(ctx, g):
            (inside,) = ctx.saved_tensors
            return t.where(inside, g, 0.01 * g), None, None

    x = leaf(t)
    Clamp.apply(x, -1.0, 1.0).mul(3).sum().backward()
    return [x.grad]


def relu_in_place(t: Any) -> list:
    class Relu(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            x.clamp_(min=0)
            ctx.save_for_backward(x)
            return x

        @staticmethod
        def backward(ctx, g):
            (result,) = ctx.saved_tensors
            return g * (result > 0)

    x = leaf(t)
    y = x * 2
    z = Relu.apply(y)
    same = z is y
    (y * y).sum().backward()
    return [same, y, x.grad, y._version]


def several_results(t: Any) -> list:
    class Parts(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            places = x > 0
            ctx.mark_non_differentiable(places)
            ctx.save_for_backward(x, None, y)
            return places, x * y, "a string", y

        @staticmethod
        def backward(ctx, g_places, g, g_string, g_y):
            x, nothing, y = ctx.saved_tensors
            assert nothing is None and g_string is None
            return g * y, g * x + g_y + g_places

    x, y = leaf(t), leaf(t, 1.0, 2.0, 3.0)
    places, product, text, same = Parts.apply(x, y)
    product.sum().backward()
    return [places, product, text, same, same is y, x.grad, y.grad]


def gradients_that_are_missing(t: Any) -> list:
    seen = []

    class Two(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            seen.append((g is None, h is None))
            return g * 2 if h is None else None

    x = leaf(t)
    Two.apply(x)[0].sum().backward()
    first = x.grad
    x.grad = None
    Two.apply(x)[1].sum().backward()
    return [seen, first, x.grad]


def gradients_of_other_shapes(t: Any) -> list:
    class Spread(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g.expand(2, 3).double(), None, None

    x = leaf(t)
    Spread.apply(x).sum().backward()
    return [x.grad]


def what_needs_gradients(t: Any) -> list:
    seen = []

    class Note(t.autograd.Function):
        @staticmethod
        def forward(ctx, *args):
            seen.append((ctx.needs_input_grad, t.is_grad_enabled(), args[0].requires_grad))
            return args[0] * 1

        @staticmethod
        def backward(ctx, g):
            return (g, *[None] * (len(ctx.needs_input_grad) - 1))

    x = leaf(t)
    with t.no_grad():
        seen.append(Note.apply(x, 3).requires_grad)
    seen.append(Note.apply(x.detach(), 3).requires_grad)
    y = Note.apply(x, 3, x * 2)
    y.sum().backward()
    return [seen, y, x.grad]


def an_input_as_it_is(t: Any) -> list:
    class Same(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = leaf(t)
    y = x * 1
    z = Same.apply(y)
    z.sum().backward()
    with t.no_grad():
        y.add_(1)
    return [z is y, x.grad, z.detach()]


def retained_and_across_a_read(t: Any) -> list:
    class Cube(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, x * x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            x, square = ctx.saved_tensors
            return 3 * g * square + 0 * x

    x = leaf(t)
    y = (Cube.apply(x.sin()) * 2).sum()
    value = y.item()
    y.backward(retain_graph=True)
    first = x.grad.clone()
    y.backward()
    return [value, first, x.grad]


def twice_without_asking_for_what_was_saved(t: Any) -> list:
    class Double(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(t)
    y = Double.apply(x).sum()
    y.backward()
    y.backward()
    return [x.grad]


def attributes_of_the_node(t: Any) -> list:
    class Scale(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor=2.0):
            ctx.factor = factor
            ctx.save_for_backward(x)
            return x * factor

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None

    x = leaf(t)
    y = Scale.apply(x, factor=4.0)
    node = y.grad_fn
    return [node.factor, node.saved_tensors[0], type(node).__name__, len(node.next_functions)]


def through_hooks(t: Any) -> list:
    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = leaf(t)
    with t.autograd.graph.saved_tensors_hooks(lambda v: v * 2, lambda v: v * 2):
        y = Square.apply(x)
    (first,) = t.autograd.grad(y.sum(), x, create_graph=True)
    return [first.detach(), *t.autograd.grad(first.sum(), x)]


KINDS = [straight_through, gradient_reversal, exponential_twice, linear, clamp, relu_in_place]
KINDS += [several_results, gradients_that_are_missing, gradients_of_other_shapes]
KINDS += [what_needs_gradients, an_input_as_it_is, retained_and_across_a_read]
KINDS += [attributes_of_the_node, through_hooks, twice_without_asking_for_what_was_saved]


@pytest.mark.parametrize("program", KINDS, ids=lambda p: p.__name__)
def test_equals_pytorch(program: Callable) -> None:
    compare(program)


# ------------------------------------------------------------------------------ programs and JAX


def step_of(t: Any) -> Callable[[], Any]:
    """A training step with two custom Functions."""

    class Gate(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * (x > 0)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * (x > 0) + 0.1 * g * (x <= 0)

    t.manual_seed(0)
    layers = t.nn.ModuleList([t.nn.Linear(4, 4), t.nn.Linear(4, 1)])
    optimizer = t.optim.SGD(layers.parameters(), lr=0.1)
    x, y = t.randn(8, 4), t.randn(8, 1)

    def step() -> Any:
        loss = ((layers[1](Gate.apply(layers[0](Gate.apply(x)))) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def test_a_training_step_is_one_program() -> None:
    forget()
    step = step_of(jtorch)
    losses: list = []
    assert compiled(lambda: losses.append(step())) == 1
    runs = jtorch.debug.statistics()["programs_run"]
    assert compiled(lambda: losses.extend(step() for _ in range(10))) <= 1
    assert jtorch.debug.statistics()["programs_run"] - runs == 10
    reference = step_of(torch)
    expected = observed(lambda t: [reference() for _ in range(11)], torch)
    assert not difference(expected, observed(lambda t: losses, jtorch), tolerance=1e-5)


def test_inside_jax() -> None:
    class Odd(jtorch.autograd.Function):
        @staticmethod
        def forward(ctx, x, k):
            ctx.save_for_backward(x)
            ctx.twice, ctx.k = x * 2, k
            return x**2, x.long()

        @staticmethod
        def backward(ctx, g, g_long):
            (x,) = ctx.saved_tensors
            return g * x * ctx.k + ctx.twice, None

    def function(array: jax.Array) -> jax.Array:
        return Odd.apply(jtorch.from_jax(array), 7.0)[0].sum().jax()

    x = jnp.arange(3.0)
    for gradient in (jax.grad(function), jax.jit(jax.grad(function))):
        np.testing.assert_allclose(gradient(x), 9 * x)
    np.testing.assert_allclose(jax.vmap(jax.grad(function))(x[:, None]), 9 * x[:, None])
    np.testing.assert_allclose(function(x), (x**2).sum())
