"""swap_in_optimizer_params_and_state: an optimizer that works on other Tensors for a while."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .._core.tensor import Tensor
from .optimizer import Optimizer

NAME = "swap_in_optimizer_params_and_state"


@contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer, swapin_parameters: dict[str, Tensor], swapin_optim_state: dict[str, Any]
) -> Iterator[None]:
    """Inside, the optimizer has other parameters, in its own order, and the state and options of a
    `state_dict()`; afterwards its own again.

    A step writes to the Tensors given. RuntimeError for an optimizer without state, and what
    doesn't fit its param groups. See torch.optim.swap_in_optimizer_params_and_state.
    """
    state, groups = _checked(optimizer, swapin_optim_state)
    parameters = iter(_counted(groups, swapin_parameters))
    swapped: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    before = [dict(group) for group in optimizer.param_groups]
    own_state = optimizer.state
    try:
        for group, given in zip(optimizer.param_groups, groups, strict=True):
            group.update(given)
            group["params"] = [next(parameters) for _ in given["params"]]
            for place, param in zip(given["params"], group["params"], strict=True):
                swapped[param] = dict(state.get(place, {}))
        optimizer.state = swapped
        yield
    finally:
        for group, saved in zip(optimizer.param_groups, before, strict=True):
            group.clear()
            group.update(saved)
        optimizer.state = own_state


def _checked(optimizer: Optimizer, given: Any) -> tuple[dict, list[dict]]:
    """The state and the param groups of a state dict, or RuntimeError."""
    if not optimizer.state:
        raise RuntimeError(f"{NAME} requires initialized optimizer state.")
    if not isinstance(given, dict):
        raise RuntimeError(f"{NAME} requires a DCP-style optimizer state_dict.")
    state, groups = given.get("state"), given.get("param_groups")
    if not isinstance(state, dict):
        raise RuntimeError(
            f"{NAME} requires swapin_optim_state['state'] to be a dict mapping packed parameter "
            f"ids to per-param state dicts, got {type(state).__name__}."
        )
    if any(isinstance(key, Tensor) for key in state):
        raise RuntimeError(
            f"{NAME} requires optimizer.state_dict()-style state keyed by packed parameter ids."
        )
    if any(isinstance(k, int) and not isinstance(v, dict) for k, v in state.items()):
        raise RuntimeError(
            f"{NAME} requires per-parameter optimizer state entries to be dictionaries."
        )
    if not isinstance(groups, list):
        raise RuntimeError(
            f"{NAME} requires swapin_optim_state['param_groups'] to be a list of param-group "
            f"dicts, got {type(groups).__name__}."
        )
    if len(groups) != len(optimizer.param_groups):
        raise RuntimeError(
            "swapin_optim_state has a different number of parameter groups than the live optimizer."
        )
    for place, (group, other) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        _check_group(place, group, other)
    known = {place for group in groups for place in group["params"]}
    extra = [key for key in state if key not in known]
    if extra:
        raise RuntimeError(
            f"{NAME} requires swapin_optim_state['state'] to be keyed only by packed parameter ids "
            f"from param_groups[*]['params']; got extra keys {extra!r}."
        )
    return state, groups


def _check_group(place: int, group: dict[str, Any], other: Any) -> None:
    if not isinstance(other, dict):
        raise RuntimeError(f"{NAME} requires each optimizer param group to be a dictionary.")
    params = other.get("params")
    if not isinstance(params, list) or not all(isinstance(p, int) for p in params):
        raise RuntimeError(
            f"{NAME} requires optimizer.state_dict()-style param_groups[*]['params'] entries keyed "
            "by packed parameter ids."
        )
    if len(params) != len(group["params"]):
        raise RuntimeError(
            f"swapin_optim_state param group {place} has a different number of params than the "
            "live optimizer param group."
        )
    added = [key for key in other if key not in group]
    missing = [key for key in group if key not in other]
    if added or missing:
        raise RuntimeError(
            f"{NAME} requires optimizer.state_dict()-style param group keys to exactly match the "
            f"live optimizer group keys for group {place}. Keys only in swap-in: {added}. Keys "
            f"only in live: {missing}."
        )


def _counted(groups: list[dict], parameters: dict[str, Tensor]) -> list[Tensor]:
    """The parameters given, if there are enough."""
    found = list(parameters.values())
    if sum(len(group["params"]) for group in groups) > len(found):
        raise RuntimeError(
            f"{NAME} requires the explicit parameter state to match optimizer.param_groups "
            "ordering."
        )
    return found
