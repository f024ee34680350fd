"""The three dictionaries of a Module: `_parameters`, `_buffers` and `_modules`.

A member is kept twice: in its dictionary, where PyTorch's users look for it, and in the instance's
`__dict__`, so that `self.weight` is an ordinary attribute lookup (30 ns) and not a `__getattr__`
(500 ns). Members is a dict which repeats each of its own writes there, so that code which writes
`module._parameters["weight"] = p` sees the attribute follow. Read module.py next.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from .._core.changes import Changes

SLOTS = ("_parameters", "_buffers", "_modules")

_ABSENT = object()


class Members(dict):
    """A dict whose entries are also attributes of the modules that hold it.

    Usually one module holds it; two do after `copy.copy(module)`, which shares it as PyTorch does.
    The holders are weak references, so that a module is freed when its last user drops it.
    A name that the class itself defines is not repeated: the class attribute wins, as in PyTorch.
    """

    __slots__ = ("_holders", "_slot")

    def __init__(self, holder: Any, slot: str, items: Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__(items)
        self._slot = slot
        self._holders: list[weakref.ref] = []
        self.hold(holder)

    def hold(self, holder: Any) -> None:
        """Let `holder` be one of the modules whose attributes follow this dict."""
        if any(known() is holder for known in self._holders):
            return
        self._holders.append(weakref.ref(holder))
        for name, value in self.items():
            _write(holder, name, value)

    def release(self, holder: Any) -> None:
        """Forget `holder`, and take the entries out of its attributes."""
        self._holders = [known for known in self._holders if known() is not holder]
        for name, value in self.items():
            _erase(holder, name, value)

    def _modules_holding(self) -> list[Any]:
        alive = [known() for known in self._holders]
        return [m for m in alive if m is not None and m.__dict__.get(self._slot) is self]

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        for module in self._modules_holding():
            _write(module, name, value)

    def __delitem__(self, name: str) -> None:
        value = self[name]
        super().__delitem__(name)
        for module in self._modules_holding():
            _erase(module, name, value)

    def pop(self, name: str, *default: Any) -> Any:
        if name not in self:
            return super().pop(name, *default)
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        for name in reversed(self):
            return name, self.pop(name)
        return super().popitem()

    def clear(self) -> None:
        for name in list(self):
            del self[name]

    def update(self, *others: Any, **entries: Any) -> None:
        for name, value in dict(*others, **entries).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def __ior__(self, other: Any) -> Members:
        self.update(other)
        return self

    def __reduce_ex__(self, protocol: int) -> tuple:
        """Copies and pickles are plain dicts; the module that receives one makes Members of it."""
        return dict, (), None, None, iter(self.items())


def adopt(module: Any, slot: str) -> Members:
    """The Members in `slot` of `module`, after making it Members of this module if it was not."""
    members = module.__dict__[slot]
    if type(members) is not Members:
        members = Members(module, slot, members.items())
        module.__dict__[slot] = members
    else:
        members.hold(module)
    return members


def without_repeats(module: Any) -> dict[str, Any]:
    """A copy of the module's `__dict__` in which each member stands only in its dictionary."""
    state = dict(module.__dict__)
    state.pop("_compiled_call_impl", None)  # a copy compiles for itself
    for slot in SLOTS:
        for name, value in state.get(slot, {}).items():
            if state.get(name, _ABSENT) is value:
                del state[name]
    return state


def _write(module: Any, name: str, value: Any) -> None:
    Changes.count += 1
    if not hasattr(type(module), name):
        module.__dict__[name] = value


def _erase(module: Any, name: str, value: Any) -> None:
    Changes.count += 1
    if module.__dict__.get(name, _ABSENT) is value:
        del module.__dict__[name]
