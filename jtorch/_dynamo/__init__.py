"""The names of PyTorch's compiler that programs use. See torch._dynamo.

What they say of shapes and caches is accepted where it has no meaning here.
"""

from __future__ import annotations

from typing import Any

from ..compiler import allow_in_graph, disable, is_compiling, list_backends, reset
from ..nn._compile import OptimizedModule
from . import config, exc


def mark_dynamic(t: Any, index: Any, **options: Any) -> None:
    """Accepted: a program of XLA has one shape. See torch._dynamo.mark_dynamic."""


def mark_static(t: Any, index: Any = None) -> None:
    """Accepted: shapes are static. See torch._dynamo.mark_static."""


def mark_static_address(t: Any, guard: bool = True) -> None:
    """Accepted: buffers are donated where they can be. See torch._dynamo.mark_static_address."""


__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "config",
    "disable",
    "exc",
    "is_compiling",
    "list_backends",
    "mark_dynamic",
    "mark_static",
    "mark_static_address",
    "reset",
]
