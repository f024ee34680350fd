"""Watching a run of a function: which code runs, and what it calls that can't be repeated."""

from __future__ import annotations

import sys
from inspect import CO_OPTIMIZED
from types import CodeType, FrameType
from typing import Any

from .._core.capture import Capture
from .places import is_library

# Functions that do or see something outside of the program, by the module that has them.
_OUTSIDE = frozenset(
    "_datetime _io _random _socket datetime io nt posix random secrets select time".split()
)
_BUILTINS = frozenset({"input", "open", "print"})


class Watch:
    """While active: notes the user's code that runs, and stops the capture for what it calls.

    codes: code -> its globals; what runs is added, but for what each run of the function does anew.
    """

    def __init__(self, codes: dict[CodeType, dict], capture: Capture) -> None:
        self.codes = codes
        self.capture = capture
        self._before: Any = None
        self._outside: FrameType | None = None

    def _imports(self, frame: FrameType | None) -> bool:
        """Whether a frame belongs to an import that happens during the run: none of its code."""
        while frame is not None and frame is not self._outside:
            if frame.f_globals.get("__name__", "").startswith("importlib"):
                return True
            frame = frame.f_back
        return False

    def __enter__(self) -> Watch:
        self._outside = sys._getframe(1)
        self._before = sys.getprofile()
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: Any) -> None:
        before, self._outside = self._before, None
        if before is None or callable(before):
            sys.setprofile(before)
        else:  # cProfile's, which is written in C: only it can put itself back
            sys.setprofile(None)
            before.enable()

    def _see(self, frame: FrameType, event: str, argument: Any) -> None:
        if self.capture.muted:
            return
        if event == "call":
            code = frame.f_code
            is_function = code.co_flags & CO_OPTIMIZED  # no body of a module or class
            names = frame.f_globals
            if is_function and code not in self.codes and not is_library(names.get("__name__")):
                if not self._imports(frame):
                    self.codes[code] = names
        elif event == "c_call":
            name = frame.f_globals.get("__name__", "").partition(".")[0]
            if name not in _INSIDE and _reaches_outside(argument):
                self.capture.stop(f"{argument.__name__}() is called")


# Code that is trusted to be the same in each run.
_INSIDE = frozenset({"jtorch", "jax", "jaxlib", "numpy", "optax", "importlib", "linecache"})


def _reaches_outside(function: Any) -> bool:
    owner = getattr(function, "__self__", None)
    module = getattr(function, "__module__", None)
    if module is None and owner is not None:
        module = owner.__module__ if isinstance(owner, type) else type(owner).__module__
    if module == "builtins":
        return function.__name__ in _BUILTINS
    return module in _OUTSIDE or (module or "").startswith("numpy.random")


def names_of(codes: dict[CodeType, dict]) -> frozenset[str]:
    """The names and strings in pieces of code: attributes that it may read. And what that code is
    called: special methods run without being named."""
    found: set[str] = set()
    for code in codes:
        found.add(code.co_name)
        found.update(code.co_names)
        found.update(c for c in code.co_consts if isinstance(c, str))
    return frozenset(found)
