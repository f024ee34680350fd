"""Every module that PyTorch and jtorch have is held against PyTorch's somewhere."""

from __future__ import annotations

from typing import Any

import torch

import jtorch

from .test_layers import ROWS
from .test_lazy import LAZY

# Modules that are no layers, and where they are tested instead.
ELSEWHERE = {
    "Container": "test_container.py",
    "Module": "test_module.py",
    "ModuleDict": "test_container.py",
    "ModuleList": "test_container.py",
    "ParameterDict": "test_container.py",
    "ParameterList": "test_container.py",
}


def test_every_layer_has_a_row() -> None:
    rows = "".join(entry.text for entry in ROWS + LAZY)
    names = [name for name in dir(torch.nn) if _is_module(torch.nn, name)]
    both = [name for name in names if _is_module(jtorch.nn, name)]
    assert [name for name in both if f"nn.{name}(" not in rows and name not in ELSEWHERE] == []


def _is_module(room: Any, name: str) -> bool:
    kind = getattr(room, name, None)
    return isinstance(kind, type) and issubclass(kind, room.Module)
