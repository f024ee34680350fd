"""Autograd against PyTorch: accumulation, hooks, higher derivatives, versions. Its errors are in
test_backward_errors.py, its modes in test_grad_mode.py."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

import jtorch

from ..comparison import compare, difference, observed


def leaf(t: Any, *values: float) -> Any:
    """A leaf of some numbers."""
    return t.tensor(values or (0.5, -1.5, 2.0), requires_grad=True)


# ---------------------------------------------------------------------- values: a table of programs


def accumulation(t: Any) -> list:
    x = leaf(t)
    (x * x).sum().backward()
    kept = x.grad
    (x * 3).sum().backward()
    return [x.grad, kept is x.grad, kept]


def a_gradient_for_backward(t: Any) -> list:
    x = leaf(t)
    (x.exp() * 2).backward(t.tensor([1.0, 0.0, -1.0]))
    return [x.grad]


def only_some_inputs(t: Any) -> list:
    x, y = leaf(t), leaf(t, 1.0, 2.0, 3.0)
    (x * y).sum().backward(inputs=[x])
    return [x.grad, y.grad is None]


def inputs_by_name(t: Any) -> list:
    x, y, unused = leaf(t), leaf(t, 1.0, 2.0, 3.0), leaf(t)
    named = {"x": x, "y": y}
    found = t.autograd.grad((x * y).sum(), named)
    zeros = t.autograd.grad((x * y).sum(), {**named, "z": unused}, materialize_grads=True)
    (x * y).sum().backward(inputs={"y": y})
    return [found, zeros, x.grad is None, y.grad]


def deprecated_arguments(t: Any) -> list:
    x = leaf(t)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = t.autograd.grad((x * x).sum(), x, only_inputs=False)
        t.autograd.backward([x * x], grad_variables=[t.ones(3)])
    places = [w.filename == __file__ for w in said]
    return [found, x.grad, [str(w.message) for w in said], [w.category for w in said], places]


def inputs_that_are_no_leaves(t: Any) -> list:
    x = leaf(t)
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward(inputs=[y])
    return [y.grad, x.grad is None]


def inputs_with_hooks(t: Any) -> list:
    x = leaf(t)
    x.register_hook(lambda g: g * 2)
    y = x * 3
    y.register_hook(lambda g: g + 1)
    (y * y).sum().backward(inputs=[x, y])
    return [x.grad, y.grad.detach()]


def grad_of_several(t: Any) -> list:
    x, y = leaf(t), leaf(t, 1.0, 2.0, 3.0)
    z = x * y
    return [*t.autograd.grad([z.sum(), (x * x).sum()], [x, y, z]), x.grad is None]


def grad_unused(t: Any) -> list:
    x, y = leaf(t), leaf(t)
    found = t.autograd.grad(x.sum(), [x, y], allow_unused=True)
    zeros = t.autograd.grad(x.sum(), [x, y], materialize_grads=True)
    return [found[1] is None, *zeros]


def grad_with_cotangents(t: Any) -> list:
    x = leaf(t)
    return list(t.autograd.grad(x.sin(), x, t.tensor([1.0, 2.0, 3.0])))


def double_backward(t: Any) -> list:
    x = leaf(t)
    (g,) = t.autograd.grad((x**3).sum(), x, create_graph=True)
    (h,) = t.autograd.grad((g * g).sum(), x, create_graph=True)
    (third,) = t.autograd.grad(h.sum(), x)
    return [g, g.requires_grad, h, third]


def backward_with_create_graph(t: Any) -> list:
    x = leaf(t)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (x.exp() * x).sum().backward(create_graph=True)
    first = x.grad
    x.grad = None
    (first * first).sum().backward()
    return [first.detach(), x.grad.detach()]


def gradient_penalty(t: Any) -> list:
    layer = t.nn.Linear(3, 1)
    x = t.randn(4, 3, requires_grad=True)
    (g,) = t.autograd.grad(t.tanh(layer(x)).sum(), x, create_graph=True)
    ((g.norm(2, dim=1) - 1) ** 2).mean().backward()
    return [layer.weight.grad, layer.bias.grad is None or layer.bias.grad.abs().sum() > 0]


def hessian_vector_product(t: Any) -> list:
    x, v = leaf(t), t.tensor([1.0, -1.0, 0.5])
    (g,) = t.autograd.grad((x.sin() * x.exp()).sum(), x, create_graph=True)
    return list(t.autograd.grad((g * v).sum(), x))


def second_order_across_a_read(t: Any) -> list:
    x = leaf(t)
    y = (x**3).sum()
    value = y.item()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    read = g.tolist()
    (h,) = t.autograd.grad(g.sum(), x)
    return [value, read, h]


def retain_graph(t: Any) -> list:
    x = leaf(t)
    y = (x.exp() * x).sum()
    y.backward(retain_graph=True)
    y.item()
    y.backward(retain_graph=True)
    y.backward()
    return [x.grad]


def a_graph_that_saves_nothing_twice(t: Any) -> list:
    x = leaf(t)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    return [x.grad]


def branches_and_detach(t: Any) -> list:
    x = leaf(t)
    y = x.exp()
    (y * y.detach() + x.detach() * x).sum().backward()
    return [x.grad]


def several_outputs(t: Any) -> list:
    x = t.arange(6.0).view(2, 3).requires_grad_()
    values, indices = x.max(dim=1)
    a, b = x.chunk(2, 0)
    (values.sum() * 2 + (a * b).sum()).backward()
    return [indices, x.grad, values.requires_grad, indices.requires_grad]


def hooks_on_a_leaf(t: Any) -> list:
    x, seen = leaf(t), []
    first = x.register_hook(lambda g: seen.append(g.clone()))
    x.register_hook(lambda g: g * 2)
    (x * x).sum().backward()
    first.remove()
    (x * 3).sum().backward()
    return [x.grad, seen]


def hooks_on_a_node(t: Any) -> list:
    x, seen = leaf(t), []
    for step in range(3):
        y = x * 2
        handle = y.register_hook(lambda g, step=step: g * (step + 1))
        y.register_hook(lambda g: seen.append(g.clone()))
        if step == 1:
            handle.remove()
        if step == 2:
            y.sum().item()
        (y * y).sum().backward()
    return [x.grad, seen]


def post_accumulate_hooks(t: Any) -> list:
    x, seen = leaf(t), []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))
    for _ in range(2):
        (x * x).sum().backward()
    handle.remove()
    x.sum().backward()
    return [seen, x.grad]


def retained_gradients(t: Any) -> list:
    x = leaf(t)
    y = x * 2
    y.retain_grad()
    z = y.exp()
    z.retain_grad()
    z.sum().backward()
    return [x.grad, y.grad, z.grad, y.retains_grad, x.retains_grad, y.is_leaf]


def retained_before_a_hook(t: Any) -> list:
    """What is kept is the gradient after all hooks, whenever they were registered."""
    x = leaf(t, 1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda gradient: gradient * 10)
    (y * 3).sum().backward()
    return [y.grad, x.grad]


def versions(t: Any) -> list:
    x = t.zeros(4)
    found = [x._version]
    y = x.view(2, 2)
    x.add_(1)
    y[0] = 3
    x.data.add_(1)
    x.detach().mul_(2)
    return [*found, x._version, y._version, x]


def in_place_after_use(t: Any) -> list:
    x = leaf(t)
    y = x * 2
    y.add_(1).mul_(x)
    z = y.clone()
    z[0] = 7
    z[1:] *= 2
    (z * z).sum().backward()
    return [x.grad, z]


def a_write_into_a_leaf_without_grad(t: Any) -> list:
    buffer, x = t.zeros(3, 2), leaf(t, 1.0, 2.0)
    buffer[1] = x * x
    buffer.sum().backward()
    return [x.grad, buffer.requires_grad, buffer.is_leaf, buffer.detach()]


def frozen_then_thawed(t: Any) -> list:
    x, y = leaf(t), leaf(t, 1.0, 2.0, 3.0)
    x.requires_grad_(False)
    (x * y).sum().backward()
    x.requires_grad_(True)
    (x * y).sum().backward()
    return [x.grad, y.grad]


def integers_have_no_gradient(t: Any) -> list:
    x = leaf(t)
    return [(x > 0).requires_grad, x.long().requires_grad, x.argmax().requires_grad]


PROGRAMS = [
    accumulation,
    a_gradient_for_backward,
    only_some_inputs,
    inputs_by_name,
    deprecated_arguments,
    inputs_that_are_no_leaves,
    inputs_with_hooks,
    grad_of_several,
    grad_unused,
    grad_with_cotangents,
    double_backward,
    backward_with_create_graph,
    gradient_penalty,
    hessian_vector_product,
    second_order_across_a_read,
    retain_graph,
    a_graph_that_saves_nothing_twice,
    branches_and_detach,
    several_outputs,
    hooks_on_a_leaf,
    hooks_on_a_node,
    post_accumulate_hooks,
    retained_gradients,
    retained_before_a_hook,
    versions,
    in_place_after_use,
    a_write_into_a_leaf_without_grad,
    frozen_then_thawed,
    integers_have_no_gradient,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_program(program: Callable[[Any], Any]) -> None:
    """Three times: when it is new, when it is known, and eagerly."""
    compare(program)
    assert not (what := difference(observed(program, torch), observed(program, jtorch))), what


def test_a_value_without_derivative_can_be_read() -> None:
    """zeta has none in its first argument: only backward may say so, not the value."""
    s = jtorch.tensor([2.0, 3.0], requires_grad=True)
    value = jtorch.special.zeta(s, jtorch.tensor([1.0, 2.0]))
    assert value.requires_grad
    assert value.tolist() == pytest.approx([1.6449341, 0.2020569])
    with pytest.raises(NotImplementedError, match="derivative for 'zeta'"):
        value.sum().backward()
