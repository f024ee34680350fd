"""The guards of a shortcut: the Python values that must be as they were."""

from __future__ import annotations

from operator import is_
from typing import Any

from .._core.changes import Changes
from .._core.tensor import Tensor
from .places import MISSING, Place, Places, keys_of, of_dict, of_list, same


class Guards:
    """What the code of a captured run can reach, for the question whether it still holds.

    items: of dictionaries, which are quick to look up.  keys: of dictionaries, in order.  lists:
    with what they held.  others: all other places.  members: of Modules, looked at only when the
    count of `changes` has moved.  gradients, without: Tensors whose `.grad` was there, or None.
    slots: places whose Tensor the run itself replaces: whether there is one counts, not which.
    empty: places of empty containers.  bare: of Tensors without attributes and hooks.  further:
    guards of another kind.
    """

    def __init__(self, places: Places, effects: list[Place]) -> None:
        put = {(id(p.container), p.key) for p in effects}
        self.items: list[tuple[dict, Any, Any]] = []
        self.keys: list[tuple[dict, tuple]] = []
        self.others: list[Place] = []
        self.slots: list[Place] = []
        self.empty: list[tuple[Place, type]] = []
        self.gradients: list[Tensor] = []
        self.without: list[Tensor] = []
        lists: dict[int, tuple[Any, list]] = {}
        for key, place in places.found.items():
            if place.is_gradient:
                kind = self.without if place.value is None else self.gradients
                kind.append(place.container)
            elif key in put:
                self.slots.append(place)
            elif places.empty(place.value):  # one as empty may have taken its place
                self.empty.append((place, type(place.value)))
            elif places.empty(place.container):
                continue
            elif place.read is keys_of:
                self.keys.append((place.container, place.value))
            elif place.read is of_dict:
                self.items.append((place.container, place.key, place.value))
            elif type(place.container) is list and place.read is of_list:
                lists.setdefault(key[0], (place.container, []))[1].append(place.value)
            elif type(place.container) is not tuple:
                self.others.append(place)
        self.lists = list(lists.values())
        self.members = [p for key, p in places.members.items() if key not in put]
        self.slots += [p for key, p in places.members.items() if key in put]
        self.changes = Changes.count
        self.bare = places.bare
        self.further = places.guards

    def hold(self) -> bool:
        """Whether all is as it was."""
        for container, key, value in self.items:
            found = container.get(key, MISSING)
            if found is not value and not same(found, value):
                return False
        for container, values in self.lists:
            if not all(map(is_, container, values)) and not all(map(same, container, values)):
                return False
        for container, keys in self.keys:
            if len(container) != len(keys) or not all(map(is_, container, keys)):
                return False
        for read, container, key, value in self.others:
            if not same(read(container, key), value):
                return False
        if not all([t._grad is not None for t in self.gradients]):
            return False
        if any([t._grad is not None for t in self.without]) or any(self.bare):
            return False
        for place, kind in self.empty:
            value = place.now()
            if type(value) is not kind or len(value):
                return False
        for place in self.slots:
            if (place.now() is None) is not (place.value is None):
                return False
        if self.changes != Changes.count:
            if not all([same(p.now(), p.value) for p in self.members]):
                return False
            self.changes = Changes.count
        for guard in self.further:
            if not guard.hold():
                return False
        return True
