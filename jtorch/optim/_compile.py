"""What `compile` has to know of optimizers and schedulers."""

from __future__ import annotations

from operator import is_

from .._compile.places import Places, is_library, visitors
from .._core.tensor import Tensor
from .lr_scheduler import LRScheduler
from .optimizer import Optimizer


def _visit_optimizer(places: Places, optimizer: Optimizer) -> None:
    own = not is_library(getattr(type(optimizer).step, "__module__", None))
    places.guards.append(_Groups(optimizer, whole=not own))
    if own or not places.names.isdisjoint(("param_groups", "get_last_lr", "last_epoch")):
        places.visit(optimizer.param_groups)  # the function reads the numbers
    with places.counted():  # a hook that comes or goes is counted
        places.visit(optimizer._hooks)
    for group in optimizer.param_groups:
        for param in group["params"]:
            places.visit(param)
    if own:
        places.attributes(optimizer)
        places.visit(type(optimizer))
    for state in optimizer.state.values():
        for value in state.values() if isinstance(state, dict) else ():
            if isinstance(value, Tensor):
                places.tensors[id(value)] = value


def _visit_scheduler(places: Places, scheduler: LRScheduler) -> None:
    """Its step is repeated, not captured: its numbers may change."""
    if not is_library(getattr(type(scheduler).step, "__module__", None)):
        places.reason = f"{type(scheduler).__name__} has a step() of its own"
    places.visit(scheduler.optimizer)
    if not places.names.isdisjoint(("get_last_lr", "last_epoch", "_last_lr", "get_lr")):
        places.attributes(scheduler)


visitors[Optimizer] = _visit_optimizer
visitors[LRScheduler] = _visit_scheduler


class _Groups:
    """The param groups of an optimizer: which there are, the form of their rule, and the Tensors of
    their state.

    The numbers in the groups are inputs of the program, and may change. whole: whether the state
    counts; a step of the user's may change it.
    """

    def __init__(self, optimizer: Optimizer, whole: bool) -> None:
        self.optimizer = optimizer
        groups = optimizer.param_groups
        self.params = [(g["params"], len(g["params"])) for g in groups]
        self.values = [tuple(g.values()) for g in groups]
        self.options = [self._options(g) for g in groups]
        state = optimizer.state if whole else {}
        self.owners = [k for k, s in state.items() if isinstance(s, dict)]
        self.states = [state[k] for k in self.owners]
        self.held = self._held()

    def _options(self, group: dict) -> tuple:
        parts = self.optimizer.parts(group, group["params"])
        return tuple([tuple(self.optimizer.options(group, p).values()) for p in parts])

    def _held(self) -> list:
        return [value for state in self.states for value in state.values()]

    def hold(self) -> bool:
        """Whether the rule is as it was."""
        groups = self.optimizer.param_groups
        if len(groups) != len(self.values):
            return False
        for k, group in enumerate(groups):
            params, count = self.params[k]
            if group["params"] is not params or len(params) != count:
                return False
            values = tuple(group.values())
            if len(values) == len(self.values[k]) and all(map(is_, values, self.values[k])):
                continue
            if self._options(group) != self.options[k]:
                return False
            self.values[k] = values
        if not all(map(is_, map(self.optimizer.state.get, self.owners), self.states)):
            return False
        held = self._held()
        return len(held) == len(self.held) and all(map(is_, held, self.held))
