"""Python numbers in a trace: static until they vary, inputs of the program from then on.

A number is part of its call's key, until the same place of a path sees another one. Then it becomes
a cell, its class stands in the key, and what follows is a new path. `extend` asks here which
numbers may vary, and which have. Read extend.py next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .dtype import bool_, dtype
from .errors import user_site
from .trace import Aval, Cell, Slot, State, Trace, number_cell

_NUMBERS = (int, float)
# Where numbers were seen to vary: on a new path they are inputs at once. Plain values, which a
# checkpoint keeps: a run that goes on has the programs of the one that was interrupted.
varied_sites: set[tuple] = set()


def _kind(args: tuple, kwargs: dict) -> dtype | None:
    """The dtype of a call: of its first array that is no mask, or the one it names."""
    found = None
    for value in (*args, *kwargs.values()):
        if isinstance(value, (Cell, dtype)):
            found = value.aval.dtype if isinstance(value, Cell) else value
            if found is not bool_:
                return found
    return found


def generic_key(op: Any, key: tuple, args: tuple, kwargs: dict) -> tuple[tuple | None, list[int]]:
    """The key with numbers that may vary replaced by their class, None if there are none; and
    their places among the arguments, those with names last."""
    kind = _kind(args, kwargs)
    generic: list = list(key)
    places: list[int] = []
    for k, value in enumerate(args):
        if type(value) in _NUMBERS and op.varies(op.parameter(k), value, kind):
            generic[2 + k] = Slot, type(value)
            places.append(k)
    for k, (name, value) in enumerate(kwargs.items()):
        if type(value) in _NUMBERS and op.varies(name, value, kind):
            generic[3 + len(args) + 2 * k] = Slot, type(value)
            places.append(len(args) + k)
    return (tuple(generic) if places else None), places


def vary(trace: Trace, args: tuple, kwargs: dict, places: list[int]) -> tuple[tuple, dict]:
    """The arguments with the numbers at these places made cells."""
    values = [*args, *kwargs.values()]
    for place in places:
        values[place] = number_cell(values[place], trace.device)
    return tuple(values[: len(args)]), dict(zip(kwargs, values[len(args) :], strict=True))


def site_of(op: Any, args: tuple, kwargs: dict) -> tuple:
    """The place in the user's code, with what makes a call of it acceptable to the op."""
    kinds = _kinds((*args, *kwargs.values()))
    return op.name, *user_site(), *[k.name if isinstance(k, dtype) else k.__name__ for k in kinds]


def _kinds(values: tuple, avals: tuple[Aval, ...] = ()) -> tuple:
    """What the arguments of a call are: dtypes, and the classes of all that is no array.

    avals: of what slots stand for.
    """
    kinds: list = []
    for value in values:
        aval = avals[value.index] if isinstance(value, Slot) else getattr(value, "aval", None)
        if aval is None:
            kinds.append(type(value))
        elif aval.number:
            kinds.append(float if aval.dtype.is_floating_point else int)
        else:
            kinds.append(aval.dtype)
    return tuple(kinds)


def counterpart(state: State, op: Any, args: tuple, kwargs: dict) -> State | None:
    """Where this call led on the path that the present one replaces.

    When a number turns out to vary, all that follows is recorded anew. What follows has numbers of
    its own: without the old path to compare with, each would be static until it varies once more,
    and a loop with ten numbers would compile eleven programs.
    """
    if state.replaces is None:
        return None
    found = None
    kinds = _kinds((*args, *kwargs.values()))
    for child in state.replaces.next.values():
        if child.node is None or child.node.call.op.name != op.name:
            continue
        call = child.node.call
        was = (*call.args, *call.kwargs.values())
        if list(call.kwargs) == list(kwargs) and _kinds(was, child.node.avals) == kinds:
            found = child
            if not differs(child, args, kwargs, range(len(kinds))):
                break
    return found


def differs(old: State | None, args: tuple, kwargs: dict, places: Iterable[int]) -> bool:
    """Whether a number at these places is another than in an old call, or varied there."""
    if old is None:
        return False
    was, now = (*old.node.call.args, *old.node.call.kwargs.values()), (*args, *kwargs.values())
    return any(
        type(now[k]) in _NUMBERS and (isinstance(was[k], Slot) or was[k] != now[k]) for k in places
    )


def enter_numbers(trace: Trace, args: tuple, kwargs: dict) -> None:
    """Make the numbers among the arguments leaves of the trace."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, Cell) and value.aval.number and value.trace is not trace:
            value.trace = trace
            value.index = -1 - len(trace.leaves)
            trace.leaves.append(value)
