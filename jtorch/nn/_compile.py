"""What `compile` has to know of Modules, and what it makes of one."""

from __future__ import annotations

from typing import Any

from .._compile.function import Compiled
from .._compile.places import Places, visitors
from ._hooks import global_hooks
from .module import Module


def _visit(places: Places, module: Module) -> None:
    with places.counted():
        places.attributes(module)
        places.visit(vars(global_hooks))
    places.visit(type(module))


visitors[Module] = _visit


class OptimizedModule(Module):
    """A Module whose calls are compiled: what `compile(module)` returns. See torch.compile.

    Parameters, buffers and attributes are those of the Module itself, `_orig_mod`.
    """

    _orig_mod: Module

    def __init__(self, mod: Module, compiled: Compiled) -> None:
        super().__init__()
        self._orig_mod = mod
        self._compiled = compiled

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._compiled(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._compiled(*args, **kwargs)

    @property
    def training(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._orig_mod.training

    @training.setter
    def training(self, mode: bool) -> None:
        self._orig_mod.training = mode

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return super().__getattr__(name)
        return getattr(self._orig_mod, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_orig_mod", "_compiled", "training") or "_orig_mod" not in self.__dict__:
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._orig_mod, name)

    def __len__(self) -> int:
        return len(self._orig_mod)  # pyright: ignore[reportArgumentType]

    def __bool__(self) -> bool:
        return bool(self._orig_mod)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._orig_mod)})

    def __reduce__(self) -> tuple:
        return type(self)._rebuild, (self._orig_mod, self._compiled.fullgraph)

    @classmethod
    def _rebuild(cls, mod: Module, fullgraph: bool) -> OptimizedModule:
        return cls(mod, Compiled(mod, fullgraph))
