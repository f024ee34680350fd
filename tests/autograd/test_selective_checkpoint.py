"""Selective checkpointing against PyTorch, and that what a policy keeps is not computed again."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.utils.checkpoint

import jtorch
from jtorch._core.evaluation import path
from jtorch._core.trace import local

from ..comparison import compare, compiled, forget
from .test_checkpoint import block, gradients


def products(t: Any) -> list:
    aten = t.ops.aten
    return [aten.mm.default, aten.bmm.default, aten.addmm.default]


def checkpoint(t: Any, function: Callable, *args: Any, policy: Any = None) -> Any:
    """Checkpointed, but for what a policy keeps: matrix products, if none is given."""
    tools = t.utils.checkpoint
    contexts = functools.partial(tools.create_selective_checkpoint_contexts, policy or products(t))
    return tools.checkpoint(function, *args, use_reentrant=False, context_fn=contexts)


def products_are_kept(t: Any) -> list:
    model = t.nn.ModuleList([block(t), block(t)])
    x = t.randn(3, 4, requires_grad=True)
    y = x
    for layer in model:
        y = checkpoint(t, layer, y)
    (y * y).sum().backward()
    return [y, x.grad, *gradients(model)]


def read_before_the_backward(t: Any) -> list:
    model = block(t)
    y = checkpoint(t, model, t.randn(3, 4)).square().sum()
    value = y.item()
    y.backward()
    return [value, *gradients(model)]


def twice_differentiated(t: Any) -> list:
    layer = t.nn.Linear(4, 4)
    x = t.randn(3, 4, requires_grad=True)
    y = t.utils.checkpoint.checkpoint(lambda x: layer(x.sin()).tanh(), x, use_reentrant=False)
    z = y if t is torch else checkpoint(t, lambda x: layer(x.sin()).tanh(), x)
    (g,) = t.autograd.grad(z.sum(), x, create_graph=True)  # PyTorch caches for one backward only
    (g * g).sum().backward()
    return [g.detach(), x.grad, layer.weight.grad]


def everything_and_nothing(t: Any) -> list:
    policies = t.utils.checkpoint.CheckpointPolicy
    found = []
    for kept in (policies.MUST_SAVE, policies.PREFER_RECOMPUTE):
        x = t.linspace(0, 1, 4).requires_grad_()
        y = checkpoint(t, lambda x: x.sin().exp().cos(), x, policy=lambda *_, k=kept, **__: k)
        y.sum().backward()
        found.append(x.grad)
    return found


def what_a_policy_is_told(t: Any) -> list:
    told = []

    def policy(ctx: Any, op: Any, *args: Any, **kwargs: Any) -> Any:
        if op in (t.ops.aten.sin.default, t.ops.aten.mm.default):
            told.append((ctx.is_recompute, [a.shape for a in args], ctx.op_output.shape))
        return False

    x = t.ones(2, 3, requires_grad=True)
    checkpoint(t, lambda x: (x.sin() @ t.ones(3, 4)).exp(), x, policy=policy)
    return [told]


PROGRAMS = [products_are_kept, read_before_the_backward, twice_differentiated]
PROGRAMS += [everything_and_nothing, what_a_policy_is_told]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_equals_pytorch(program: Callable) -> None:
    compare(program, tolerance=5e-6)


def recorded(policy: Any) -> Counter:
    """How often each op is recorded in a step with a checkpointed block."""
    model = block(jtorch)
    for parameter in model.parameters():
        parameter.sum().item()  # they are computed: only the step is in the trace
    x = jtorch.ones(3, 4)
    checkpoint(jtorch, model, x, policy=policy).sum().backward()
    return Counter(step.node.call.op.name for step in path(local.context.trace.state))


def test_what_is_kept_is_not_computed_again() -> None:
    nothing = recorded(lambda *args, **kwargs: False)
    assert (nothing["linear"], nothing["gelu"]) == (3, 2)  # no VJP needs the last output
    kept = recorded(products(jtorch))
    assert (kept["linear"], kept["gelu"]) == (2, 2)


def test_a_step_is_one_program() -> None:
    forget()
    model = block(jtorch)
    optimizer = jtorch.optim.SGD(model.parameters(), lr=0.1)
    x = jtorch.randn(3, 4)

    def step() -> None:
        optimizer.zero_grad()
        checkpoint(jtorch, model, x).square().mean().backward()
        optimizer.step()

    assert compiled(step) == 1
    assert compiled(lambda: [step() for _ in range(5)]) <= 1


ERRORS = {
    "no policy": lambda t: t.utils.checkpoint.create_selective_checkpoint_contexts("mm"),
    "a packet": lambda t: t.utils.checkpoint.create_selective_checkpoint_contexts([t.ops.aten.mm]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_pytorchs(name: str) -> None:
    said = []
    for t in (torch, jtorch):
        with pytest.raises((TypeError, ValueError)) as found:
            ERRORS[name](t)
        said.append((type(found.value), str(found.value).split(" of type")[0].replace("<op ", "")))
    assert said[1][0] is said[0][0]
    assert said[1][1].rstrip(">") == said[0][1]
