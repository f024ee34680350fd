"""Nodes, edges, hooks and anomaly detection against PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

import jtorch

from ..comparison import compare
from .test_function import leaf


def numbers(value: Any) -> Any:
    """What a hook sees, as lists."""
    if isinstance(value, (tuple, list)):
        return [numbers(v) for v in value]
    return value if value is None else value.tolist()


def names(t: Any) -> list:
    x = leaf(t)
    y = (x * x).sin().sum()
    node, found = y.grad_fn, []
    while node is not None:
        found.append((node.name(), type(node).__name__, isinstance(node, t.autograd.graph.Node)))
        node = node.next_functions[0][0] if node.next_functions else None
    product = y.grad_fn.next_functions[0][0].next_functions[0][0]
    leaves = [edge[0].variable is x for edge in product.next_functions]
    y.grad_fn.metadata["key"] = 3
    return [found, leaves, y.grad_fn.metadata, x.grad_fn is None, y.grad_fn is y.grad_fn]


def hooks_of_nodes(t: Any) -> list:
    seen: list = []
    x = leaf(t)
    y = x * 2
    z = y.sin()

    def post(inputs: tuple, outputs: tuple) -> tuple:
        seen.append(("post", numbers(inputs), numbers(outputs)))
        return (inputs[0] * 10,)

    def pre(outputs: tuple) -> tuple:
        seen.append(("pre", numbers(outputs)))
        return (outputs[0] * 3,)

    z.grad_fn.register_hook(post)
    z.grad_fn.register_prehook(pre)
    y.register_hook(lambda g: seen.append(("tensor", numbers(g))))
    place = y.grad_fn.next_functions[0][0]
    place.register_hook(lambda i, o: seen.append(("leaf post", numbers(i), numbers(o))))
    place.register_prehook(lambda o: (seen.append(("leaf pre", numbers(o))), (o[0] + 1,))[1])
    x.register_hook(lambda g: seen.append(("leaf", numbers(g))))
    x.register_post_accumulate_grad_hook(lambda p: seen.append(("added", numbers(p.grad))))
    z.sum().backward()
    return [seen, x.grad]


def grad_mode_of_hooks(t: Any) -> list:
    """It is that of the backward, and so a Tensor may be written in its own hook."""
    seen: list = []

    def note(name: str) -> Callable:
        return lambda *_: seen.append((name, t.is_grad_enabled()))

    def updated(p: Any) -> None:
        seen.append(("added", t.is_grad_enabled()))
        if not t.is_grad_enabled():
            p.add_(p.grad, alpha=-0.1)

    def backward(loss: Any, x: Any, way: int, create: bool) -> None:
        if way == 0:
            loss.backward(create_graph=create)
        elif way == 1:
            loss.backward(t.ones_like(loss), create_graph=create)
        elif way == 2:
            loss.backward(create_graph=create, inputs=[x])
        else:
            t.autograd.grad(loss, x, create_graph=create)

    found: list = []
    # PyTorch warns of the cycle that backward(create_graph=True) makes.
    for create, ways in ((False, range(4)), (True, (3,))):
        for way in ways:
            x = leaf(t)
            x.register_hook(note("leaf"))
            x.register_post_accumulate_grad_hook(updated)
            y = x * 2
            y.register_hook(note("middle"))
            y.grad_fn.next_functions[0][0].register_hook(note("node"))
            backward(y.sum(), x, way, create)
            found.append(x.detach())
            seen.append(t.is_grad_enabled())
    x = leaf(t)
    x.register_post_accumulate_grad_hook(updated)
    x.backward(t.ones_like(x))
    return [seen, found, x]


def hooks_that_are_removed(t: Any) -> list:
    x = leaf(t)
    y = x.exp()
    handle = y.grad_fn.register_hook(lambda i, o: (i[0] * 100,))
    handle.remove()
    with y.grad_fn.register_prehook(lambda o: (o[0] * 5,)):
        y.sum().backward(retain_graph=True)
    first = x.grad.clone()
    y.sum().backward()
    return [first, x.grad]


def hooks_of_a_backward_that_is_remembered(t: Any) -> list:
    x, found = leaf(t), []
    for hooked in (False, False, True, False, True):
        y = (x * 2).sum()
        if hooked:
            y.grad_fn.register_hook(lambda i, o: (i[0] * 3,))
            y.grad_fn.next_functions[0][0].register_prehook(lambda o: (o[0] + 1,))
        y.backward()
        found.append(x.grad.tolist())
    return found


def written_after_it_was_read(t: Any) -> list:
    """The write goes on from a value that is computed, and that its own gradient depends on."""
    found = []
    for write in ("sin_", "mul_", "exp_", "tanh_", "addcmul_"):
        x = leaf(t, 0.5, -1.5, 0.8)
        scale = x.exp()
        y = scale - 1
        found.append(y.sum().item())
        arguments = {"mul_": (scale,), "addcmul_": (scale, scale)}.get(write, ())
        getattr(y, write)(*arguments)
        z = y * 2
        found.append(z.sum().item())
        z.sum().backward()
        found.append(x.grad)
    return found


def written_without_grad(t: Any) -> list:
    """The history of a value that is written under no_grad stays what it was."""
    found: list = []
    seen: list = []
    for reads in (False, True):
        x = leaf(t)
        y = x * 2
        before = y.sum()
        y.register_hook(seen.append)
        if reads:
            found.append(y.tolist())
        with t.no_grad():
            y.add_(1)
            y.mul_(3)
        y.retain_grad()
        after = (y * y).sum()
        found.append(type(y.grad_fn).__name__)
        found.append(t.autograd.grad(before, y, retain_graph=True))
        (before + after).backward()
        found += [y.grad, x.grad, y]
    return found + seen


def edges(t: Any) -> list:
    x = leaf(t)
    y = x * 3
    z = (y * y).sum()
    inner, outer = t.autograd.graph.get_gradient_edge(y), t.autograd.graph.get_gradient_edge(x)
    found = t.autograd.grad(z, [inner, outer], retain_graph=True)
    again = t.autograd.grad(t.autograd.graph.get_gradient_edge(z), [inner], retain_graph=True)
    z.backward(inputs=[outer])
    return [*found, *again, inner.output_nr, inner.node.name(), x.grad]


def hooks_on_several(t: Any) -> list:
    seen: list = []
    a, b, c = leaf(t), leaf(t), leaf(t)
    every = t.autograd.graph.register_multi_grad_hook(
        (a, b, c), lambda gs: seen.append(numbers(gs))
    )
    (a * b).sum().backward()
    ((a * b).sum() + c.sum()).backward()
    every.remove()
    d = a * 2
    first = t.autograd.graph.register_multi_grad_hook(
        (a, d), lambda g: seen.append(("any", numbers(g))), mode="any"
    )
    (d * b).sum().backward()
    first.remove()
    (a * b).sum().backward()
    return seen


def saved_values(t: Any) -> list:
    """Which values are packed may differ, what the backward makes of them not."""
    seen: list = []

    def pack(value: Any) -> Any:
        seen.append(t.is_grad_enabled())
        return value.detach() * 2

    x, weight = leaf(t), leaf(t, 2.0, 3.0, 4.0)
    with t.autograd.graph.saved_tensors_hooks(pack, lambda value: value / 2 + 1):
        y = (x * 1) * weight
    y.sum().backward()
    with t.autograd.graph.saved_tensors_hooks(pack, lambda value: value / 2):
        z = (x * 1) ** 3
    (first,) = t.autograd.grad(z.sum(), x, create_graph=True)
    (second,) = t.autograd.grad(first.sum(), x)
    return [seen, x.grad, weight.grad, first.detach(), second]


def saved_values_as_arrays(t: Any) -> list:
    """The hooks read the values: programs run between the ops."""
    x = leaf(t)
    hooks = t.autograd.graph.saved_tensors_hooks(lambda v: v.detach().numpy(), t.from_numpy)
    with hooks:
        y = (x * x).sin() @ x
    y.backward()
    return [y, x.grad]


def innermost_hooks(t: Any) -> list:
    seen: list = []
    x = leaf(t)
    hooks = t.autograd.graph.saved_tensors_hooks
    with hooks(lambda v: (seen.append("outer"), v)[1], lambda v: v):
        with hooks(lambda v: (seen.append("inner"), v)[1], lambda v: v):
            y = x.exp()
        y = y.sin()
    y.sum().backward()
    return [seen, x.grad]


def saved_on_the_host(t: Any) -> list:
    x = leaf(t)
    with t.autograd.graph.save_on_cpu():
        y = (x * x).exp()
    y.sum().backward()
    return [x.grad]


def mutation_allowed(t: Any) -> list:
    x = leaf(t)
    with t.autograd.graph.allow_mutation_on_saved_tensors():
        y = x * 1
        z = y * y
        y.add_(1)
        z.sum().backward()
    return [x.grad, y.detach()]


def versions(t: Any) -> list:
    x = t.ones(2)
    t.autograd.graph.increment_version(x)
    t.autograd.graph.increment_version([x])
    return [x._version]


def batched_gradients(t: Any) -> list:
    x = leaf(t)
    y = x.sin() * x
    eye = t.eye(3)
    return list(t.autograd.grad(y, x, eye, is_grads_batched=True))


def without_anomaly(t: Any) -> list:
    x = leaf(t)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with t.autograd.detect_anomaly():
            (x * x).sqrt().sum().backward()
            inside = t.is_anomaly_enabled()
        with t.autograd.set_detect_anomaly(True, check_nan=False):
            (leaf(t).sqrt() * 0).sum().backward()
    return [x.grad, inside, t.is_anomaly_enabled()]


PROGRAMS = [
    names,
    hooks_of_nodes,
    grad_mode_of_hooks,
    hooks_that_are_removed,
    hooks_of_a_backward_that_is_remembered,
    written_after_it_was_read,
    written_without_grad,
    edges,
    hooks_on_several,
    saved_values,
]
PROGRAMS += [saved_values_as_arrays, innermost_hooks, saved_on_the_host, mutation_allowed, versions]
PROGRAMS += [batched_gradients, without_anomaly]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_equals_pytorch(program: Callable) -> None:
    compare(program)


# ------------------------------------------------------------------------------------------ errors


def a_post_accumulate_hook_that_returns_something(t: Any) -> None:
    x = leaf(t)
    x.register_post_accumulate_grad_hook(lambda p: p.grad)
    x.sum().backward()


def anomaly(t: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with t.autograd.detect_anomaly():
            (leaf(t).sqrt() * 0).sum().backward()


def an_unpack_hook_without_a_tensor(t: Any) -> None:
    with t.autograd.graph.saved_tensors_hooks(lambda v: v, lambda v: 3):
        y = leaf(t) * leaf(t)
    y.sum().backward()


def a_pack_hook_that_writes(t: Any) -> None:
    with t.autograd.graph.saved_tensors_hooks(lambda v: v.mul_(2), lambda v: v):
        y = leaf(t) * 1
        y * y  # noqa: B018 - the hook runs when the op is recorded


def disabled_hooks(t: Any) -> None:
    graph = t.autograd.graph
    with graph.disable_saved_tensors_hooks("not here"):
        with graph.saved_tensors_hooks(lambda v: v, lambda v: v):
            pass


def a_wrong_mode(t: Any) -> None:
    t.autograd.graph.register_multi_grad_hook((leaf(t),), print, mode="some")


def an_edge_of_a_constant(t: Any) -> None:
    t.autograd.graph.get_gradient_edge(t.ones(2))


ERRORS = [anomaly, an_unpack_hook_without_a_tensor, a_pack_hook_that_writes, disabled_hooks]
ERRORS += [a_wrong_mode, an_edge_of_a_constant, a_post_accumulate_hook_that_returns_something]


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("program", ERRORS, ids=lambda p: p.__name__)
def test_errors_are_pytorchs(program: Callable, eager: bool) -> None:
    with pytest.raises(Exception) as expected:
        program(torch)
    with pytest.raises(type(expected.value)) as found, jtorch.debug.eager(eager):
        program(jtorch)
    assert str(found.value) == str(expected.value)


def test_an_anomaly_names_the_line() -> None:
    with pytest.raises(RuntimeError) as found:
        anomaly(jtorch)
    (note,) = found.value.__notes__
    assert f"{__file__}:" in note


def test_a_version_that_was_incremented_is_noticed() -> None:
    for t in (torch, jtorch):
        y = leaf(t) * 1
        z = y * y
        t.autograd.graph.increment_version(y)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.sum().backward()
