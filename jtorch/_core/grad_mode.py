"""no_grad, enable_grad, inference_mode: the modes of autograd, as context managers and
decorators."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .trace import local


class _GradMode:
    """A context manager that sets modes of this thread, and a decorator for functions and
    generators."""

    def __init__(self, **modes: bool) -> None:
        self._modes = modes
        self._before: list[Any] = []

    def __enter__(self) -> None:
        context = local.context
        self._before.append(context.modes)
        context.modes = context.modes.replace(**self._modes)

    def __exit__(self, *_: Any) -> None:
        context = local.context
        before = self._before.pop()
        context.modes = context.modes.replace(grad=before.grad, inference=before.inference)

    def __call__(self, function: Callable) -> Callable:
        modes = self._modes

        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                with _GradMode(**modes):
                    steps = function(*args, **kwargs)
                resume, sent = steps.send, None
                while True:
                    with _GradMode(**modes):
                        try:
                            value = resume(sent)
                        except StopIteration as end:
                            return end.value
                    try:
                        sent = yield value
                        resume = steps.send
                    except GeneratorExit:
                        with _GradMode(**modes):
                            steps.close()
                        raise
                    except BaseException as error:
                        resume, sent = steps.throw, error

            return generator

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with _GradMode(**modes):
                return function(*args, **kwargs)

        return wrapped


class no_grad(_GradMode):
    """Record no gradients. See `torch.no_grad`."""

    def __new__(cls, function: Callable | None = None) -> Any:
        made = object.__new__(cls)
        if function is None:
            return made
        _GradMode.__init__(made, grad=False)
        return made(function)

    def __init__(self) -> None:
        super().__init__(grad=False)


class enable_grad(_GradMode):
    """Record gradients again, inside no_grad. See `torch.enable_grad`."""

    def __new__(cls, function: Callable | None = None) -> Any:
        made = object.__new__(cls)
        if function is None:
            return made
        _GradMode.__init__(made, grad=True)
        return made(function)

    def __init__(self) -> None:
        super().__init__(grad=True)


class set_grad_enabled(_GradMode):
    """Record gradients or not, from the call on and as a context manager.

    See `torch.set_grad_enabled`.
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(grad=bool(mode))
        context = local.context
        self._outer = context.modes
        context.modes = context.modes.replace(grad=bool(mode))

    def __enter__(self) -> None:
        self._before.append(self._outer)

    def __call__(self, function: Callable) -> Callable:
        local.context.modes = self._outer
        return super().__call__(function)


class inference_mode(_GradMode):
    """Record no gradients; what is made inside can be used like any Tensor.

    See `torch.inference_mode`.
    """

    def __new__(cls, mode: Any = True) -> Any:
        made = object.__new__(cls)
        if callable(mode):
            _GradMode.__init__(made, grad=False, inference=True)
            return made(mode)
        return made

    def __init__(self, mode: bool = True) -> None:
        super().__init__(**({"grad": False, "inference": True} if mode else {}))


def is_grad_enabled() -> bool:
    """Whether gradients are recorded now."""
    return local.context.modes.grad


def is_inference_mode_enabled() -> bool:
    """Whether inference mode is on."""
    return local.context.modes.inference
