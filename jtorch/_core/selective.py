"""Selective checkpointing: which values of a region are kept after all.

While a policy is active it is shown every new node, as saved-tensor hooks are (packing.py); where
it says so, the node KEEP follows, and region.py takes what that node has for input as a value that
enters. So what is kept is a part of the path, and decided once for each path. Read autograd.py
next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .append import append
from .op import ROWS
from .packing import live
from .region import KEEP
from .tensor import from_cell
from .trace import State, Trace, fill, local

# policy(name of the op, its results, its arguments, those with names) -> whether they are kept.
Policy = Callable[[str, tuple, tuple, dict], bool]


@contextmanager
def keeping(policy: Policy) -> Iterator[None]:
    """While active, in a region: keep the results that a policy chooses."""
    context = local.context
    modes, pack = context.modes, context.pack

    def decide(trace: Trace, new: State) -> None:
        if ROWS.get(new.node.call.op.name) is new.node.call.op:
            _decide(policy, trace, new)

    context.pack, context.modes = decide, modes.replace(packing=True)
    try:
        yield
    finally:
        context.pack = pack
        context.modes = context.modes.replace(packing=modes.packing)


def _decide(policy: Policy, trace: Trace, new: State) -> None:
    call, context = new.node.call, local.context
    cells = [live(trace, new.first + k, aval) for k, aval in enumerate(new.avals)]
    inputs = zip(new.node.inputs, new.node.avals, strict=True)
    given = [from_cell(live(trace, position, aval)) for position, aval in inputs]
    named = {name: fill(value, given) for name, value in call.kwargs.items()}
    before = context.modes
    context.modes = before.replace(packing=False)
    try:
        if policy(call.op.name, tuple(map(from_cell, cells)), fill(call.args, given), named):
            for cell in cells:
                append(context, KEEP, (cell,))
    finally:
        context.modes = before
