"""`torch.overrides`: what a class with `__torch_function__` and the libraries around it use.

The rules are in _core/overrides.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ._core.errors import absent
from ._core.overrides import dispatch, overriding
from ._core.tensor import Tensor


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether the class of an argument overrides functions.

    See torch.overrides.has_torch_function.
    """
    return bool(overriding(relevant_args))


def has_torch_function_unary(tensor: Any) -> bool:
    """has_torch_function for a single argument. See torch.overrides.has_torch_function."""
    return bool(overriding((tensor,)))


def has_torch_function_variadic(*args: Any) -> bool:
    """has_torch_function for arguments one by one. See torch.overrides.has_torch_function."""
    return bool(overriding(args))


def handle_torch_function(
    public_api: Callable, relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Ask the classes of the arguments to do what `public_api` does. TypeError if none of them
    does. See torch.overrides.handle_torch_function."""
    return dispatch(public_api, overriding(relevant_args), args, kwargs)


def wrap_torch_function(dispatcher: Callable) -> Callable[[Callable], Callable]:
    """A decorator that makes a function of yours overridable; `dispatcher` takes its arguments and
    returns those whose classes are asked. See torch.overrides.wrap_torch_function."""

    def decorate(function: Callable) -> Callable:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        wrapped.__name__, wrapped.__doc__ = function.__name__, function.__doc__
        return wrapped

    return decorate


def is_tensor_like(inp: Any) -> bool:
    """Whether this is a Tensor, or its class defines `__torch_function__`.

    See torch.overrides.is_tensor_like.
    """
    return isinstance(inp, Tensor) or hasattr(type(inp), "__torch_function__")


__all__ = [
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "wrap_torch_function",
]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
