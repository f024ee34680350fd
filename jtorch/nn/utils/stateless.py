"""A call of a module with other parameters and buffers than its own. See torch.func.

`_functional_call` is what torch.func.functional_call is made of.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..._core.tensor import Tensor
from ..module import Module
from ..parallel import DataParallel

_ABSENT = object()


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The deprecated place of torch.func.functional_call."""
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 "
        "and will be removed in a future version of PyTorch. "
        "Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )


def _functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """module(*args, **kwargs) with the given tensors in place of its own, by dotted name.

    Where `tie_weights`, a tensor that the module has under several names is replaced under all.
    RuntimeError, if `strict`, where the names are not exactly the module's.
    """
    if isinstance(module, DataParallel):
        raise RuntimeError("The stateless API can't be used with nn.DataParallel module")
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(
        module, parameters_and_buffers, tie_weights=tie_weights, strict=strict
    ):
        return module(*args, **(kwargs or {}))


@contextmanager
def _reparametrize_module(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    *,
    tie_weights: bool = False,
    strict: bool = False,
) -> Iterator[None]:
    """Inside, the module has the given tensors. What its forward makes of them (the running
    statistics of a batch norm) stands in `parameters_and_buffers` afterwards."""
    tensors = dict(parameters_and_buffers)
    if tie_weights:
        tensors.update(_tied(module, parameters_and_buffers))
    if strict:
        _check_names(module, tensors)
    before: dict[str, Any] = {}
    try:
        for name, tensor in tensors.items():
            before[name] = _swap(module, name, tensor)
        yield
    finally:
        for name, tensor in reversed(before.items()):
            now = _swap(module, name, tensor)
            if name in parameters_and_buffers and now is not _ABSENT:
                parameters_and_buffers[name] = now


def _swap(module: Module, path: str, tensor: Any) -> Any:
    """Put a tensor at a dotted name; returns what was there."""
    if not (isinstance(tensor, Tensor) or tensor is None or tensor is _ABSENT):
        raise TypeError(f"{tensor} is not an instance of torch.Tensor")
    parent, _, name = path.rpartition(".")
    owner = module.get_submodule(parent)
    for members in (owner._parameters, owner._buffers):
        if name in members:
            old = members[name]
            members[name] = tensor
            return old
    old = getattr(owner, name, _ABSENT)
    if not (isinstance(old, Tensor) or old is _ABSENT):
        raise TypeError(f"{path}: {old} is not an instance of torch.Tensor")
    if tensor is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, tensor)
    return old


def _named_tensors(module: Module) -> dict[str, Tensor]:
    found: dict[str, Tensor] = dict(module.named_parameters(remove_duplicate=False))
    found.update(module.named_buffers(remove_duplicate=False))
    return found


def _tied(module: Module, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The given tensors under the other names that the module has for the same tensor.

    ValueError where two names of one tensor are given different ones.
    """
    names_of: dict[int, list[str]] = {}
    for name, tensor in _named_tensors(module).items():
        names_of.setdefault(id(tensor), []).append(name)
    tied = {}
    for names in names_of.values():
        present = [name for name in names if name in given]
        if len(present) > 1 and len({id(given[name]) for name in present}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, "
                "which are tied. Consider using tie_weights=False"
            )
        if present:
            tied.update(dict.fromkeys(names, given[present[0]]))
    return tied


def _check_names(module: Module, given: dict[str, Tensor]) -> None:
    own = _named_tensors(module)
    wrong = {
        "Unexpected": sorted(given.keys() - own.keys()),
        "Missing": sorted(own.keys() - given.keys()),
    }
    errors = [f"{k} key(s): {', '.join(map(repr, names))}." for k, names in wrong.items() if names]
    if errors:
        listed = "\n\t".join(errors)
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t{listed}")


__all__ = ["functional_call"]
