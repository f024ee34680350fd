"""The names of PyTorch's compiler that programs use. See torch._dynamo.

What they say of caches is accepted, for it has no meaning here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._compile.function import DYNAMIC
from .._core.tensor import Tensor
from ..compiler import allow_in_graph, disable, is_compiling, list_backends, reset
from ..nn._compile import OptimizedModule
from . import config, exc


def mark_dynamic(t: Tensor, index: int | Sequence[int], **options: Any) -> None:
    """Compiled functions that take this Tensor share programs between sizes, as with `dynamic`.

    index: which dimensions vary; all that do are shared. See torch._dynamo.mark_dynamic.
    """
    indices = {index} if isinstance(index, int) else set(index)
    setattr(t, DYNAMIC, getattr(t, DYNAMIC, set()) | indices)


maybe_mark_dynamic = mark_dynamic


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
    "maybe_mark_dynamic",
    "reset",
]
