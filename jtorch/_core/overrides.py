"""`__torch_function__`: classes that take over what functions do with their instances.

Before a function runs, the classes of its arguments that define `__torch_function__` are asked: a
subclass before its base, else from left to right. A Tensor subclass that says nothing runs the
function and gets its results as instances of itself. None of this costs a call that has plain
Tensors: `record` meets an unknown class only on its slow path. Read record.py next.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .device import device
from .dtype import dtype
from .size import Size
from .tensor import Tensor

# Classes whose instances `record` takes without a closer look; Parameter and Buffer join them.
plain_tensors: set[type] = {Tensor}
# Tensor subclasses that stand for more than their cell: asked even where others stand back.
always_asked: set[type] = set()
_NEVER = frozenset({int, float, bool, str, complex, slice, type(None), dtype, device, Size})


class _State(threading.local):
    """disabled: how often Tensor subclasses, and everything, were asked to stand back."""

    subclasses = 0
    everything = 0


_state = _State()


def disabled(function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
    """A `__torch_function__` for classes that override nothing, as Parameter does."""
    return function(*args, **(kwargs or {}))


def overrides(kind: type) -> bool:
    """Whether a class wants to be asked."""
    if kind in _NEVER or kind in plain_tensors:
        return False
    if kind in always_asked:
        return True
    if _state.everything:
        return False
    method = getattr(kind, "__torch_function__", None)
    if method is None or method is disabled:
        return False
    return not (_state.subclasses and issubclass(kind, Tensor))


def overriding(values: Iterable[Any]) -> list[Any]:
    """The arguments whose classes are asked, in the order in which they are; each class once."""
    found: list[Any] = []
    for value in values:
        kind = type(value)
        if kind is tuple or kind is list:
            candidates = [v for v in value if overrides(type(v))]
        else:
            candidates = [value] if overrides(kind) else []
        for candidate in candidates:
            _insert(found, candidate)
    return found


def _insert(found: list[Any], value: Any) -> None:
    kind = type(value)
    if any(type(other) is kind for other in found):
        return
    for place, other in enumerate(found):
        if issubclass(kind, type(other)):
            found.insert(place, value)
            return
    found.append(value)


def dispatch(function: Callable, asked: list[Any], args: tuple, kwargs: dict) -> Any:
    """What the first class says that does not decline. TypeError if all do."""
    types = tuple(type(value) for value in asked)
    for value in asked:
        result = value.__torch_function__(function, types, args, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(
        f"no implementation found for '{function.__name__}' on types that implement "
        f"__torch_function__: {list(types)}"
    )


_made: dict[Callable, Callable] = {}


def overridable(function: Callable) -> Callable:
    """A function of several ops, made to ask its arguments' classes first."""
    known = _made.get(function)
    if known is not None:
        return known

    @functools.wraps(function)
    def made(*args: Any, **kwargs: Any) -> Any:
        asked = overriding((*args, *kwargs.values()) if kwargs else args)
        if asked:
            return dispatch(made, asked, args, kwargs)
        return function(*args, **kwargs)

    _made[function] = _made[made] = made
    return made


@contextmanager
def standing_back(everything: bool = False) -> Iterator[None]:
    """Inside, Tensor subclasses (or all classes) override nothing."""
    _state.subclasses += 1
    _state.everything += everything
    try:
        yield
    finally:
        _state.subclasses -= 1
        _state.everything -= everything


def _torch_function(
    cls: type, func: Callable, types: Iterable[type], args: tuple = (), kwargs: dict | None = None
) -> Any:
    """What a Tensor subclass does by itself: run the function, and return instances of the class.
    See torch.Tensor.__torch_function__."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    with standing_back():
        return _converted(func(*args, **(kwargs or {})), cls)


def _converted(result: Any, cls: type) -> Any:
    if isinstance(result, Tensor):
        return result if isinstance(result, cls) else result.as_subclass(cls)
    if isinstance(result, (list, tuple)) and not isinstance(result, Size):
        parts = [_converted(part, cls) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result


Tensor.__torch_function__ = classmethod(_torch_function)
