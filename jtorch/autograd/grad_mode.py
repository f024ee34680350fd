"""The modes of autograd. See torch.autograd.grad_mode."""

from __future__ import annotations

import threading
from typing import Any

from .._core.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled


class _State(threading.local):
    multithreading = True


_state = _State()


class set_multithreading_enabled:
    """Whether a backward may use several threads, as PyTorch's does, from the call on and as a
    context manager. It is noted, and changes nothing: a backward is part of a program, and XLA
    decides about its threads. See torch.autograd.set_multithreading_enabled."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self._before = _state.multithreading
        _state.multithreading = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        _state.multithreading = self._before


def is_multithreading_enabled() -> bool:
    """What `set_multithreading_enabled` was told."""
    return _state.multithreading


__all__ = [
    "enable_grad",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]
