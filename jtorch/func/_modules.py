"""Modules as functions of their parameters, and many modules as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._core.tensor import Tensor
from .._expose import row
from ..nn.module import Module
from ..nn.utils.stateless import _functional_call

_stack = row("stack")


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """module(*args, **kwargs) with the given Tensors, by dotted name, in place of its own.

    tie_weights: a Tensor that the module has under several names is replaced under all of them.
    strict: the names have to be exactly the module's; RuntimeError otherwise. ValueError for a name
    in two of the dicts. See torch.func.functional_call.
    """
    given = parameter_and_buffer_dicts
    if not isinstance(given, dict):
        given = _joined(given)
    return _functional_call(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)


def _joined(dicts: Any) -> dict[str, Tensor]:
    if not isinstance(dicts, Sequence):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, "
            f"but got {type(dicts)}"
        )
    if not all(isinstance(d, dict) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    joined: dict[str, Tensor] = {}
    repeated = set()
    for part in dicts:
        repeated |= joined.keys() & part.keys()
        joined.update(part)
    if repeated:
        raise ValueError(
            f"{sorted(repeated)} appeared in multiple dictionaries; behavior of functional call is "
            "ambiguous"
        )
    return joined


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several modules of one kind, each stacked along a new first
    dimension, by name. The stacked parameters are leaves. RuntimeError for modules of different
    classes or modes. See torch.func.stack_module_state."""
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = _stacked([dict(m.named_parameters()) for m in models])
    return parameters, _stacked([dict(m.named_buffers()) for m in models])


def _stacked(members: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: _stack_leaves(name, [m[name] for m in members]) for name in members[0]}


def _stack_leaves(name: str, tensors: list[Tensor]) -> Tensor:
    """The stack of leaves, itself a leaf that requires grad if they do."""
    wanted = {t.requires_grad for t in tensors}
    if len(wanted) > 1:
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    if not all(t.is_leaf for t in tensors):
        raise RuntimeError("Expected tensors from each model to be leaf Tensors")
    stacked = _stack([t.detach() for t in tensors])
    return stacked.requires_grad_() if wanted == {True} else stacked
