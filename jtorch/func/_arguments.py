"""The arguments of a transformed function: which of them are differentiated, their leaves, and what
must be a Tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .._core.tensor import Tensor
from .._core.trace import local

Argnums = int | tuple[int, ...]


@contextmanager
def transforming() -> Iterator[bool]:
    """While a transform runs its function: gradients are recorded. Gives whether they were."""
    context = local.context
    before = context.modes
    context.modes = before.replace(grad=True)
    context.transforms += 1
    try:
        yield before.grad
    finally:
        context.transforms -= 1
        context.modes = context.modes.replace(grad=before.grad)


def selected(args: tuple, argnums: Argnums) -> Any:
    """The arguments that are differentiated: one, or a tuple. RuntimeError for other numbers."""
    if isinstance(argnums, bool) or not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if isinstance(argnums, int):
        return args[_place(argnums, args)]
    if not argnums:
        raise RuntimeError("argnums must be non-empty")
    if not all(isinstance(k, int) for k in argnums):
        raise RuntimeError(f"argnums elements must be int, got {argnums}")
    places = tuple(_place(k, args) for k in argnums)
    if len(set(places)) != len(places):
        raise RuntimeError(f"argnums elements must be unique, got {places}")
    return tuple(args[k] for k in places)


def replaced(args: tuple, argnums: Argnums, new: Any) -> tuple:
    """The arguments with others in place of those that are differentiated."""
    found = list(args)
    if isinstance(argnums, int):
        found[argnums] = new
    else:
        for k, value in zip(argnums, new, strict=True):
            found[k] = value
    return tuple(found)


def _place(argnum: int, args: tuple) -> int:
    if not -len(args) <= argnum < len(args):
        raise RuntimeError(f"Got argnum={argnum}, but only {len(args)} positional inputs")
    return argnum % len(args)


def check_inputs(leaves: list) -> None:
    """ValueError unless all of them are Tensors."""
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(leaf)}")


def check_outputs(leaves: list, api: str, call: str) -> None:
    """RuntimeError unless all of them are Tensors, and there are some."""
    if not leaves:
        raise RuntimeError(f"{api}: expected {call} to be a non-empty pytree of tensors")
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(
                f"{api}: expected {call} to return only tensors, got unsupported type {type(leaf)}"
            )


def check_real(api: str, what: str, leaves: list) -> None:
    """RuntimeError for a complex Tensor."""
    for k, leaf in enumerate(leaves):
        if isinstance(leaf, Tensor) and leaf.is_complex():
            raise RuntimeError(
                f"{api}: Expected all {what} to be real but received complex tensor at flattened "
                f"input idx: {k}"
            )


def check_aux(leaves: list) -> None:
    """RuntimeError unless all of them are Tensors."""
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(leaf)}")


def with_aux(output: Any, api: str, has_aux: bool) -> tuple[Any, Any]:
    """What a function has returned, and what it has returned beside it."""
    if not has_aux:
        return output, ()
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(
            f"{api}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return output


def name_of(func: Callable) -> str:
    return getattr(func, "__name__", None) or repr(func)
