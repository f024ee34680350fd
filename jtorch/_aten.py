"""`torch.ops.aten`: the rows and functions under the names of PyTorch's dispatcher.

An overload (`aten.add.Tensor`, `aten.add.default`) is the function itself: here the arguments
decide. The namespace is put on the room `ops`, which stands below the functions and can't import
them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import ops
from ._core.op import ROWS
from ._expose import row
from .functions.internal import ATEN


class Packet:
    """All overloads of an operator: `torch.ops.aten.add`."""

    def __init__(self, name: str, function: Callable) -> None:
        self.__name__ = name
        self.__doc__ = function.__doc__
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __getattr__(self, overload: str) -> Callable:
        if overload.startswith("_"):
            raise AttributeError(
                f"The underlying op of 'aten.{self.__name__}' has no overload name {overload!r}"
            )
        return self._function

    def __repr__(self) -> str:
        return f"<op aten.{self.__name__}>"


class Namespace:
    """`torch.ops.aten`: `Packet`s by name."""

    def __getattr__(self, name: str) -> Packet:
        public = name in ROWS and ROWS[name].public
        if not public and name not in ATEN:
            raise AttributeError(f"'_OpNamespace' 'aten' object has no attribute {name!r}")
        made = Packet(name, ATEN[name] if name in ATEN else row(name))
        setattr(self, name, made)
        return made


ops.aten = Namespace()
