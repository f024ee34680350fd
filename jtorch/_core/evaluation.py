"""A trace as a function of its leaves: what JAX compiles. Read building.py next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import jax

from .trace import Call, Cell, State
from .vjp import Vjp


def path(state: State) -> list[State]:
    """The states from the root to this one that have a node."""
    steps = []
    while state.parent is not None:
        if state.node is not None:
            steps.append(state)
        state = state.parent
    steps.reverse()
    return steps


def numbers_among(leaves: Sequence[Cell]) -> dict[Any, list[int]]:
    """The leaves that are varying numbers: dtype -> places."""
    found: dict[Any, list[int]] = {}
    for k, cell in enumerate(leaves):
        if cell.aval.number:
            found.setdefault(cell.aval.dtype.numpy, []).append(k)
    return found


def without(leaves: list, numbers: dict[Any, list[int]]) -> list:
    """The leaves that are no varying numbers."""
    left_out = {k for ks in numbers.values() for k in ks}
    return [leaf for k, leaf in enumerate(leaves) if k not in left_out]


def evaluator(
    steps: list[State],
    wanted: tuple[int, ...],
    numbers: dict[Any, list[int]],
    guard: Callable[[dict[int, Any]], None] | None = None,
    cut: Callable[[Call], bool] = lambda call: False,
) -> Callable:
    """The trace as a function of its leaves. guard: what is done to the values in the end. cut:
    through which calls no derivative goes, where JAX differentiates the function."""
    pairs = _pairs(steps)
    names = _names(steps, pairs)

    def run(*arrays: Any) -> list:
        count = len(arrays) - len(numbers)
        leaves = list(arrays[:count])
        vectors = zip(numbers.values(), arrays[count:], strict=True)
        for k, number in sorted(
            ((k, v[place]) for ks, v in vectors for place, k in enumerate(ks)), key=itemgetter(0)
        ):
            leaves.insert(k, number)
        values: dict[int, Any] = {-1 - k: array for k, array in enumerate(leaves)}
        pullbacks: dict[int, Callable] = {}
        for state in steps:
            node = state.node
            inputs = [values[p] for p in node.inputs]
            if cut(node.call):
                inputs = list(map(jax.lax.stop_gradient, inputs))
            with jax.named_scope(names[id(state)]):
                if id(state) in pairs:
                    forward = pairs[id(state)]
                    # A node whose VJP follows: run once, keep the residuals
                    if isinstance(forward, Vjp):
                        results, pullbacks[id(state)] = forward.pull(tuple(inputs))
                    else:
                        results = pullbacks[forward](tuple(inputs[-len(node.call.op.outputs) :]))
                else:
                    results = node.call.run(inputs)
            for k, result in enumerate(results):
                values[state.first + k] = result
        if guard is not None:
            guard(values)
        return [values[p] for p in wanted]

    return run


# What nodes are called in XLA's profiles: "Net.layer1.0/linear" -> ("Net.layer1.0", "linear").
scopes: dict[str, tuple[str, str]] = {}


def _names(steps: list[State], pairs: dict[int, Any]) -> dict[int, str]:
    """What the nodes of these states are called; a backward has the module of its forward."""
    modules: dict[Any, str] = {id(state): state.node.module for state in steps}
    names = {}
    for state in steps:
        module, op = modules.get(pairs.get(id(state), id(state)), ""), state.node.call.op.name
        module = module or state.node.module
        names[id(state)] = f"{module}/{op}" if module else op
        scopes[names[id(state)]] = module, op
    return names


def _pairs(steps: list[State]) -> dict[int, Any]:
    """Which nodes have their VJP in the same trace: forward -> Vjp, backward -> id of the forward's
    state."""
    forwards: dict[tuple, State] = {}
    pairs: dict[int, Any] = {}
    for state in steps:
        node = state.node
        op = node.call.op
        if isinstance(op, Vjp) and op.call.op.backward is None and not op.absent:
            inputs = node.inputs[: len(node.inputs) - len(op.outputs)]
            forward = forwards.get((op.call, inputs))
            if forward is not None and pairs.setdefault(id(forward), op) is op:
                pairs[id(state)] = id(forward)
        forwards[(node.call, node.inputs)] = state
    return pairs
