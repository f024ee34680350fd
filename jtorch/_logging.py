"""Logs of what the engine does: `JTORCH_LOGS=recompiles,graph_breaks python train.py`.

They go through Python's `logging`, to loggers named `jtorch.recompiles` and so on. See
torch._logging.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from typing import Any

from ._core.events import Compilation, ignore, listen

VARIABLE = "JTORCH_LOGS"
# The name of a log, the kind of event that it shows, and what it is good for.
LOGS = {
    "recompiles": ("compilation", "each program that is compiled once more, and why"),
    "graph_breaks": ("graph_break", "each place where a function under torch.compile is left"),
    "materialise": ("materialisation", "each program that runs, and because of what"),
}
_listeners: dict[str, Callable[[Any], None]] = {}


def set_logs(
    *, recompiles: bool = False, graph_breaks: bool = False, materialise: bool = False
) -> None:
    """Show these logs and no others. Where the environment variable JTORCH_LOGS is set, that counts
    and this does nothing. ValueError for what is no bool. See torch._logging.set_logs."""
    asked = {"recompiles": recompiles, "graph_breaks": graph_breaks, "materialise": materialise}
    for name, value in asked.items():
        if not isinstance(value, bool):
            raise ValueError(f"Expected bool to enable artifact {name}, received {value}")
    if os.environ.get(VARIABLE):
        logging.getLogger("jtorch").warning("%s is set: set_logs does nothing", VARIABLE)
        return
    _show([name for name, value in asked.items() if value])


def _show(names: list[str]) -> None:
    for name, (kind, _) in LOGS.items():
        known = _listeners.pop(name, None)
        if known is not None:
            ignore(kind, known)
        if name in names:
            _listeners[name] = _listener(name)
            listen(kind, _listeners[name])


def _listener(name: str) -> Callable[[Any], None]:
    """What writes events to a log. Where nobody has set up `logging`, they go to stderr."""
    logger = logging.getLogger(f"jtorch.{name}")
    logger.setLevel(logging.DEBUG)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("[%(name)s] %(message)s"))
        logging.getLogger("jtorch").addHandler(handler)

    def write(event: Any) -> None:
        if isinstance(event, Compilation) and not event.again:
            return
        logger.debug("%s", event)

    return write


def _from_environment() -> None:
    """Show the logs that JTORCH_LOGS names. Warns of a name that is no log's."""
    asked = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    unknown = [name for name in asked if name not in LOGS]
    if unknown:
        known = ", ".join(f"{name} ({what})" for name, (_, what) in LOGS.items())
        warnings.warn(
            f"{VARIABLE} has no log named {', '.join(map(repr, unknown))}. It knows: {known}.",
            stacklevel=2,
        )
    _show(asked)


_from_environment()
