"""torch.utils.checkpoint against PyTorch; and that it saves memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jax
import pytest
import torch
import torch.utils.checkpoint

import jtorch
from jtorch._core.evaluation import path
from jtorch._core.program import materialise
from jtorch._core.trace import local

from ..comparison import compare, compiled, forget


def checkpoint(t: Any, function: Callable, *args: Any, **kwargs: Any) -> Any:
    return t.utils.checkpoint.checkpoint(function, *args, use_reentrant=False, **kwargs)


def block(t: Any) -> Any:
    """Parameters are closed over; dropout draws random numbers."""
    return t.nn.Sequential(
        t.nn.Linear(4, 8), t.nn.GELU(), t.nn.Dropout(0.5), t.nn.LayerNorm(8), t.nn.Linear(8, 4)
    )


def gradients(model: Any) -> list:
    return [p.grad for p in model.parameters()]


def a_model(t: Any) -> list:
    model = t.nn.ModuleList([block(t), block(t)])
    x = t.randn(3, 4, requires_grad=True)
    y = x
    for layer in model:
        y = checkpoint(t, layer, y)
    (y * y).sum().backward()
    return [y, x.grad, *gradients(model)]


def reentrant(t: Any) -> list:
    model = block(t)
    x = t.randn(3, 4, requires_grad=True)
    y = t.utils.checkpoint.checkpoint(model, x, use_reentrant=True)
    (y * y).sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        constant = t.utils.checkpoint.checkpoint(model, x.detach(), use_reentrant=True)
    return [y, x.grad, constant.requires_grad, *gradients(model)]


def a_sequence(t: Any) -> list:
    layers = [t.nn.Linear(4, 4) for _ in range(5)]
    x = t.randn(3, 4, requires_grad=True)
    y = t.utils.checkpoint.checkpoint_sequential(layers, 2, x, use_reentrant=False)
    y.sin().sum().backward()
    return [y, x.grad, *[layer.weight.grad for layer in layers]]


def read_before_the_backward(t: Any) -> list:
    model = block(t)
    x = t.randn(3, 4)
    y = checkpoint(t, model, x).square().sum()
    value = y.item()
    y.backward(retain_graph=True)
    first = [g.clone() for g in gradients(model)]
    y.backward()
    return [value, *first, *gradients(model)]


def read_inside(t: Any) -> list:
    layer = t.nn.Linear(4, 4)

    def function(x: Any) -> Any:
        y = layer(x).tanh()
        scale = 2.0 if y.sum().item() > 0 else 3.0
        return (y * scale).exp()

    x = t.randn(3, 4, requires_grad=True)
    checkpoint(t, function, x).sum().backward()
    return [x.grad, layer.weight.grad]


def twice_differentiated(t: Any) -> list:
    layer = t.nn.Linear(4, 4)
    x = t.randn(3, 4, requires_grad=True)
    y = checkpoint(t, lambda x: layer(x).tanh().exp(), x)
    (g,) = t.autograd.grad(y.sum(), x, create_graph=True)
    (g * g).sum().backward()
    return [g.detach(), x.grad, layer.weight.grad]


def nested_and_named(t: Any) -> list:
    a, b = t.nn.Linear(4, 4), t.nn.Linear(4, 4)

    def inner(x: Any, scale: float = 1.0) -> Any:
        return b(x).sin() * scale

    def outer(x: Any) -> tuple:
        y = a(x).tanh()
        return checkpoint(t, inner, y, scale=2.0), y

    x = t.randn(3, 4)
    y, z = checkpoint(t, outer, x)
    (y * z).sum().backward()
    return [a.weight.grad, b.weight.grad]


def with_a_custom_function(t: Any) -> list:
    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            result = x * x
            ctx.save_for_backward(x, result)
            return result

        @staticmethod
        def backward(ctx, g):
            x, result = ctx.saved_tensors
            return 2 * g * x + 0 * result

    layer = t.nn.Linear(4, 4)
    x = t.randn(3, 4)
    y = checkpoint(t, lambda x: Square.apply(layer(x).exp()).sin(), x)
    y.sum().backward()
    return [layer.weight.grad]


def in_place(t: Any) -> list:
    layer = t.nn.Linear(4, 4)

    def function(x: Any) -> Any:
        y = layer(x).clone()
        y[:, 0] = 0
        y.mul_(2)
        return y.sin()

    x = t.randn(3, 4)
    checkpoint(t, function, x).sum().backward()
    return [layer.weight.grad]


def without_gradients(t: Any) -> list:
    layer = t.nn.Linear(4, 4)
    with t.no_grad():
        y = checkpoint(t, layer, t.ones(3, 4))
    return [y]


PROGRAMS = [a_model, reentrant, a_sequence, read_before_the_backward, read_inside]
PROGRAMS += [twice_differentiated, nested_and_named, with_a_custom_function, in_place]
PROGRAMS += [without_gradients]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_equals_pytorch(program: Callable) -> None:
    compare(program, tolerance=5e-6)


ERRORS = {
    "kwargs": lambda c: c(lambda x, k: x, 1, k=2, use_reentrant=True),
    "debug": lambda c: c(lambda x: x, 1, debug=True, use_reentrant=True),
    "check": lambda c: c(lambda x: x, 1, determinism_check="x", use_reentrant=False),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_pytorchs(name: str) -> None:
    with pytest.raises(ValueError) as expected:
        ERRORS[name](torch.utils.checkpoint.checkpoint)
    with pytest.raises(ValueError) as found:
        ERRORS[name](jtorch.utils.checkpoint.checkpoint)
    assert str(found.value) == str(expected.value)


# ------------------------------------------------------------------------------------------ memory


def test_a_training_step_is_one_program() -> None:
    forget()
    jtorch.manual_seed(0)
    model = jtorch.nn.ModuleList([block(jtorch), block(jtorch), block(jtorch)])
    optimizer = jtorch.optim.SGD(model.parameters(), lr=0.1)
    x = jtorch.randn(3, 4)

    def step() -> None:
        y = x
        for layer in model:
            y = checkpoint(jtorch, layer, y)
        optimizer.zero_grad()
        (y * y).mean().backward()
        optimizer.step()

    assert compiled(step) == 1
    runs = jtorch.debug.statistics()["programs_run"]
    assert compiled(lambda: [step() for _ in range(5)]) <= 1
    assert jtorch.debug.statistics()["programs_run"] - runs == 5


def temporary_bytes(saving: bool) -> int:
    """What XLA takes for the values between forward and backward of a Transformer."""
    jtorch.manual_seed(0)
    layers = [
        jtorch.nn.TransformerEncoderLayer(32, 4, 128, dropout=0.0, batch_first=True)
        for _ in range(6)
    ]
    x = jtorch.randn(4, 64, 32)
    for parameter in jtorch.nn.ModuleList(layers).parameters():
        parameter.sum().item()  # they are computed: only the step is in the trace
    for layer in layers:
        x = checkpoint(jtorch, layer, x) if saving else layer(x)
    (x * x).mean().backward()
    trace = local.context.trace
    state, structs = trace.state, [cell.aval.struct for cell in trace.leaves]
    materialise(trace)
    (program,) = state.programs.values()
    assert any(step.node.call.modes.region for step in path(state)) is saving
    with jax.enable_x64(True):
        memory = program.call.lower(*structs).compile().memory_analysis()
    return memory.temp_size_in_bytes


def test_it_saves_memory() -> None:
    assert temporary_bytes(True) < 0.6 * temporary_bytes(False)
