"""Which module's forward is running: read off the call stack, on the slow path of recording.

The engine knows no Module: nn marks the functions that run one by `runs_module`, which leaves them
as they are. A node keeps the path that it was first recorded under, for explanations, and for the
names that XLA's profiles show.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
_runners: set[CodeType] = set()


def runs_module(function: Function) -> Function:
    """Say of a function that it runs the forward of the module that is its first argument."""
    _runners.add(function.__code__)
    return function


def module_path() -> str:
    """The modules whose forward is running, as "Net.layer1.0"; "" outside of any.

    The first is named by its class, the others by the attribute that holds them.
    """
    running = _running()
    if not running:
        return ""
    names = [type(running[0]).__name__]
    for parent, child in zip(running, running[1:], strict=False):
        names.append(_name_in(parent, child))
    return ".".join(names)


def _running() -> list[Any]:
    """These modules, outermost first."""
    found: list[Any] = []
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code in _runners:
            module = frame.f_locals[code.co_varnames[0]]
            if not found or found[-1] is not module:
                found.append(module)
        frame = frame.f_back
    found.reverse()
    return found


def _name_in(parent: Any, child: Any) -> str:
    """What a module calls another one: most often its own child, or that of a list it has."""
    for name, module in parent.named_children():
        if module is child:
            return name
    for name, module in parent.named_modules():
        if module is child:
            return name
    return type(child).__name__
