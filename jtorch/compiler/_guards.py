"""The guards of a shortcut: the Python values that must be as they were."""

from __future__ import annotations

from typing import Any

from .._core.changes import Changes
from .._core.tensor import Tensor
from ._places import MISSING, Place, Places, _of_dict, same


class Guards:
    """What the code of a captured run can reach, for the question whether it still holds.

    items: of dictionaries, which are quick to look up.  others: all other places.  members: of
    Modules, looked at only when the count of `changes` has moved.  with_gradient, without: Tensors
    whose `.grad` was there or None.  groups: for each optimizer the values in its param groups, and
    the options that follow from them.
    """

    def __init__(self, places: Places, effects: list[Place]) -> None:
        put = {(id(p.container), p.key) for p in effects}
        self.items: list[tuple[dict, Any, Any]] = []
        self.others: list[Place] = []
        self.slots: list[Place] = []  # whose Tensor the run itself replaces: there is one, or none
        self.with_gradient: list[Tensor] = []
        self.without: list[Tensor] = []
        for key, place in places.found.items():
            if place.is_gradient:
                (self.without if place.value is None else self.with_gradient).append(
                    place.container
                )
            elif key in put:
                self.slots.append(place)
            elif place.read is _of_dict:
                self.items.append((place.container, place.key, place.value))
            else:
                self.others.append(place)
        self.members = [p for key, p in places.members.items() if key not in put]
        self.slots += [p for key, p in places.members.items() if key in put]
        self.changes = Changes.count
        self.groups = [_Groups(optimizer) for optimizer in places.optimizers]

    def hold(self) -> bool:
        """Whether all is as it was."""
        for container, key, value in self.items:
            found = container.get(key, MISSING)
            if found is not value and not same(found, value):
                return False
        for place in self.others:
            if not same(place.now(), place.value):
                return False
        if self.with_gradient and None in [t._grad for t in self.with_gradient]:
            return False
        if any([t._grad is not None for t in self.without]):
            return False
        for place in self.slots:
            if (place.now() is None) is not (place.value is None):
                return False
        if self.changes != Changes.count:
            if not all(same(p.now(), p.value) for p in self.members):
                return False
            self.changes = Changes.count
        return all([g.hold() for g in self.groups])


class _Groups:
    """The param groups of an optimizer: which there are, and the form of their rule.

    The numbers in them are inputs of the program, and may change.
    """

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer
        groups = optimizer.param_groups
        self.params = [(g["params"], list(g["params"])) for g in groups]
        self.values = [tuple(g.values()) for g in groups]
        self.options = [self._options(g) for g in groups]

    def _options(self, group: dict) -> tuple:
        params = group["params"]
        parts = self.optimizer.parts(group, params)
        return tuple(tuple(self.optimizer.options(group, p).values()) for p in parts)

    def hold(self) -> bool:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.values):
            return False
        for k, group in enumerate(groups):
            params, known = self.params[k]
            if group["params"] is not params or len(params) != len(known):
                return False
            values = tuple(group.values())
            if all(map(_is, values, self.values[k])):
                continue
            if self._options(group) != self.options[k]:
                return False
            self.values[k] = values
        return True


def _is(a: Any, b: Any) -> bool:
    return a is b
