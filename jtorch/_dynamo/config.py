"""Limits of compiled functions. See torch._dynamo.config."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from .._compile.function import Limits


class _Config(ModuleType):
    """A module whose `recompile_limit` is the one in force; other names are kept, and mean
    nothing."""

    @property
    def recompile_limit(self) -> int:
        return Limits.recompile

    @recompile_limit.setter
    def recompile_limit(self, limit: int) -> None:
        Limits.recompile = limit

    cache_size_limit = recompile_limit

    @contextmanager
    def patch(self, changes: Any = None, value: Any = None, **more: Any) -> Iterator[None]:
        """While active, other values: of a name, of a dict, or of keywords."""
        given = {changes: value} if isinstance(changes, str) else {**(changes or {}), **more}
        before = {name: getattr(self, name, None) for name in given}
        for name, item in given.items():
            setattr(self, name, item)
        try:
            yield
        finally:
            for name, item in before.items():
                setattr(self, name, item)


sys.modules[__name__].__class__ = _Config
