"""Ranges of the host: what `record_function` marks, and what a profile notes by itself."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, ContextDecorator
from time import perf_counter
from typing import Any, Self

from .._core.events import Compilation, ignore, listen
from .._core.profiling import annotation
from ._averages import FunctionEvent


class Ranges:
    """The ranges of a profile while it runs."""

    def __init__(self) -> None:
        self.began = perf_counter()
        self.events: list[FunctionEvent] = []

    def start(self) -> None:
        """Note ranges from now on."""
        _running.append(self)
        listen("compilation", self._compiled)

    def stop(self) -> None:
        """Note no more."""
        ignore("compilation", self._compiled)
        _running.remove(self)

    def add(self, name: str, start: float, end: float, inside: float, user: bool = True) -> None:
        """A range from start to end, in seconds, of which others took `inside`."""
        total = (end - start) * 1e6
        event = FunctionEvent(name, (start - self.began) * 1e6, total, total - inside * 1e6)
        event.is_user_annotation = user
        self.events.append(event)

    def _compiled(self, compilation: Compilation) -> None:
        end = perf_counter()
        for outer in _open.ranges[-1:]:
            outer.inside += compilation.seconds
        self.add(f"compile ({compilation.cause})", end - compilation.seconds, end, 0.0, user=False)


_running: list[Ranges] = []


class _Open(threading.local):
    """The ranges of a thread that are open, outermost first."""

    def __init__(self) -> None:
        self.ranges: list[Any] = []


_open = _Open()


class record_function(ContextDecorator):  # noqa: N801 (PyTorch's name)
    """A named range of the host, as a context or a decorator; JAX's profiles show it, too.

    It measures what happens while it is open. Ops that are recorded in it run later, unless
    something in it makes them run. See torch.profiler.record_function.
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args
        self.inside = 0.0

    def __enter__(self) -> Self:
        self._annotation: AbstractContextManager = annotation(self.name)
        self._annotation.__enter__()
        self.inside = 0.0
        self._start = perf_counter()
        _open.ranges.append(self)
        return self

    def __exit__(self, *error: Any) -> None:
        end = perf_counter()
        _open.ranges.remove(self)
        self._annotation.__exit__(*error)
        for outer in _open.ranges[-1:]:
            outer.inside += end - self._start
        for ranges in _running:
            ranges.add(self.name, self._start, end, self.inside)

    def _recreate_cm(self) -> Self:
        return type(self)(self.name, self.args)
