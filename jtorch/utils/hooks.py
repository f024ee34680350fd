"""RemovableHandle: what every `register_..._hook` returns. See torch.utils.hooks.

It knows the dictionary that holds a hook and the hook's key in it, nothing of what the hook does.
The hooks themselves live with their owners: nn/_hooks.py, optim/optimizer.py and the tensors.
"""

from __future__ import annotations

import itertools
import weakref
from typing import Any

from .._core.changes import Changes

_next_id = itertools.count()


class RemovableHandle:
    """Removes one hook: call `remove()`, or use it in a `with` statement.

    hooks_dict: the dictionary the hook is in.  extra_dict: further dictionaries with an entry of
    the same key (one, or a list). See torch.utils.hooks.RemovableHandle.
    """

    id: int

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = _reference(hooks_dict)
        self.id = next(_next_id)
        Changes.count += 1
        if extra_dict is None:
            extra_dict = ()
        elif isinstance(extra_dict, dict):
            extra_dict = (extra_dict,)
        self.extra_dict_ref = tuple(_reference(d) for d in extra_dict)

    def remove(self) -> None:
        """Take the hook out. A second call does nothing."""
        Changes.count += 1
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self) -> tuple:
        return self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref)

    def __setstate__(self, state: tuple) -> None:
        hooks, self.id, extra = state
        self.hooks_dict_ref = _reference({} if hooks is None else hooks)
        self.extra_dict_ref = tuple(_reference({} if d is None else d) for d in extra)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()


def _reference(hooks: Any) -> Any:
    """A weak reference to the dictionary where it can be had (an OrderedDict), else a strong
    one."""
    try:
        return weakref.ref(hooks)
    except TypeError:
        return lambda: hooks
