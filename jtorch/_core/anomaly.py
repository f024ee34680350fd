"""Anomaly detection: is there a NaN in what a backward computes?

While it is on, the walk notes for every gradient whether it holds a NaN. When all are recorded the
answers are read together, so that forward and backward are still one program, and the first node
that returned one is named, with the line that recorded it. Read autograd.py next.
"""

from __future__ import annotations

import threading
import warnings
from typing import Any

import jax.numpy as jnp

from .append import append
from .dtype import FLOAT
from .events import materialises
from .op import Op
from .program import host
from .trace import Cell, Context

HAS_NAN = Op(lambda input: jnp.isnan(input).any(), "has_nan", differentiable=False)
STACK = Op(lambda *inputs: jnp.stack(inputs), "stack")


class _State(threading.local):
    enabled = False
    check_nan = True


state = _State()


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Turn anomaly detection on or off. See torch.autograd.set_detect_anomaly."""
    state.enabled, state.check_nan = mode, check_nan


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on. See torch.is_anomaly_enabled."""
    return state.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether a NaN is an error for it. See torch.is_anomaly_check_nan_enabled."""
    return state.check_nan


class Watch:
    """The answers for one backward."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.found: list[tuple[Any, int, Cell]] = []

    def note(self, node: Any, gradients: list[tuple[int, Cell]]) -> None:
        """Ask whether a node's gradients, (slot, cell), hold a NaN."""
        if not state.check_nan:
            return
        for slot, cell in gradients:
            if cell.aval.dtype.category >= FLOAT:
                (flag,) = append(self.context, HAS_NAN, (cell,))
                self.found.append((node, slot, flag))

    @materialises("detect_anomaly", "a backward ends while anomalies are looked for")
    def raise_first(self) -> None:
        """RuntimeError if there was one."""
        if not self.found:
            return
        (flags,) = append(self.context, STACK, tuple(flag for _, _, flag in self.found))
        for (node, slot, _), holds in zip(self.found, host(flags), strict=True):
            if holds:
                line = getattr(node, "line", "a copy between devices")
                warnings.warn(
                    f"Error detected in {node.name()}. The forward call that caused the error was "
                    f"recorded at {line}",
                    stacklevel=2,
                )
                error = RuntimeError(
                    f"Function '{node.name()}' returned nan values in its {slot}th output."
                )
                error.add_note(f"Its forward was recorded at {line}")
                raise error
