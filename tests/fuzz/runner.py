"""Runs a program of statements under a library, and compares what two runs have seen.

Compared after each statement: the class of its exception, and what it read. Compared at the end:
every variable's value, shape, dtype, strides, requires_grad, is_leaf, gradient and version.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

LOOPS = 3


def execute(statement: str, env: dict[str, Any]) -> str:
    """Run a statement; the name of the exception's class, or ''."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(statement, env)
        except Exception as error:
            return next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")
    return ""


def run(library: Any, before: list[str], body: list[str]) -> list[tuple[str, Any]]:
    """Everything that can be seen of a run, in order, each with the statement that shows it."""
    env: dict[str, Any] = {"torch": library, "step": 0, "log": []}
    seen: list[tuple[str, Any]] = []
    for statement in before:
        seen.append((statement, execute(statement, env)))
    for step in range(LOOPS):
        env["step"] = step
        for statement in body:
            seen.append((statement, execute(statement, env)))
            if statement.startswith("read = ") and "read" in env:
                seen.append((statement, env.pop("read")))
    names = sorted(n for n, v in env.items() if isinstance(v, library.Tensor))
    hidden = set()
    # How many in-place writes a step or a product makes inside is PyTorch's own business.
    if "optimizer" in env or any("@" in statement for statement in body):
        hidden.add("version")
    if any("autograd.grad" in statement for statement in body):  # so is where a gradient lies
        hidden.add("stride")
    for name in names:
        found = [(fact, value) for fact, value in facts(env[name]) if fact not in hidden]
        seen.extend((f"{name}.{fact}", value) for fact, value in found)
    return seen


def facts(tensor: Any) -> list[tuple[str, Any]]:
    """What can be seen of a Tensor."""
    found = [
        ("shape", tuple(tensor.shape)),
        ("dtype", str(tensor.dtype)),
        ("stride", tuple(tensor.stride())),
        ("requires_grad", tensor.requires_grad),
        ("is_leaf", tensor.is_leaf),
        ("version", tensor._version),
        ("value", tensor.detach().tolist()),
    ]
    grad = tensor.grad if tensor.is_leaf or tensor.retains_grad else None
    found.append(("grad", None if grad is None else grad.detach().tolist()))
    return found


def difference(expected: list[tuple[str, Any]], found: list[tuple[str, Any]]) -> str:
    """The first difference between two runs; '' if there is none."""
    for (what, a), (_, b) in zip(expected, found, strict=False):
        if not same(a, b):
            return f"{what}: {a!r} expected, {b!r} found"
    if len(expected) != len(found):
        return f"{len(expected)} facts expected, {len(found)} found"
    return ""


def same(a: Any, b: Any) -> bool:
    """Equality, with a relative tolerance of 1e-4 for floats and nan equal to nan."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        if math.isnan(a) or math.isnan(b):
            return math.isnan(a) and math.isnan(b)
        if math.isinf(a) or math.isinf(b):
            return a == b
        return abs(a - b) <= 1e-5 + 1e-4 * abs(a)
    return type(a) is type(b) and a == b
