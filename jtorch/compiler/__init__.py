"""Compiled functions and modules: `torch.compile` and what surrounds it. See torch.compiler.

A loop needs no `compile` to be fast: an optimizer's step, with all that leads to it, is one program
in any case. What `compile` spares is Python: the function runs once for each structure of its
arguments, and is then repeated without being run. How that is done stands in _compile/.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._compile.function import Limits, everything
from .._compile.options import BACKENDS, compile_function
from .._core.capture import stop
from .._core.padding.family import forget_families
from .._core.trace import local
from ..nn._compile import OptimizedModule
from ..nn.module import Module

STANCES = ("default", "force_eager", "eager_on_recompile", "fail_on_recompile")


def compile(
    model: Callable | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    name: str | None = None,
    disable: bool = False,
    recompile_limit: int | None = None,
) -> Any:
    """A function or Module that runs once for each structure of its arguments, then is repeated.

    Whole training steps can be compiled, with backward, clipping, optimizer and scheduler. What is
    repeated holds for the Python values that the function can reach: arguments that are no Tensors,
    shapes and dtypes, globals, attributes, train or eval, the modules and optimizers themselves.
    Where one of them changes it runs again. A run that can't be repeated (it reads a value, prints,
    changes a Python number) is no error: the function then runs as it would without `compile`; with
    `fullgraph` it is one, `Unsupported`. With `dynamic`, XLA compiles for a few sizes only: its
    programs have dimensions as long as the next power of two, and are told the true sizes. The
    other options are accepted: XLA compiles in any case.

    AssertionError for what can't be called. See torch.compile.
    """
    given: dict[str, Any] = {
        **{"fullgraph": fullgraph, "dynamic": dynamic, "backend": backend, "mode": mode},
        **{"options": options, "name": name, "disable": disable},
        "recompile_limit": recompile_limit,
    }
    if model is None:
        return functools.partial(compile, **given)
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    made = compile_function(model, **given)
    if isinstance(model, Module) and made is not model:
        return OptimizedModule(model, made)
    return made


def disable(fn: Callable | None = None, recursive: bool = True, *, reason: Any = None) -> Any:
    """A function that a compiled one runs anew each time, and is itself not captured then.

    See torch.compiler.disable.
    """
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)
    function = getattr(fn, "_torchdynamo_orig_callable", fn)

    @functools.wraps(function)
    def disabled(*args: Any, **kwargs: Any) -> Any:
        stop(f"{function.__qualname__}() is called, which is not to be compiled")
        return function(*args, **kwargs)

    return disabled


def is_compiling() -> bool:
    """Whether a compiled function is being captured now. See torch.compiler.is_compiling."""
    return local.context.capture is not None


def is_dynamo_compiling() -> bool:
    """The same as `is_compiling`."""
    return is_compiling()


def is_exporting() -> bool:
    """False: nothing is exported. See torch.compiler.is_exporting."""
    return False


def reset() -> None:
    """Have all compiled functions forget what they captured. See torch.compiler.reset."""
    forget_families()
    for function in tuple(everything):
        function.reset()


def allow_in_graph(fn: Any) -> Any:
    """The function (or list of functions) itself: nothing has to be allowed here. See
    torch.compiler.allow_in_graph."""
    return fn


def assume_constant_result(fn: Callable) -> Callable:
    """The function itself, which is not run again in any case. See
    torch.compiler.assume_constant_result."""
    return fn


def nested_compile_region(fn: Callable | None = None) -> Callable:
    """The function itself: equal parts of a program cost no Python when it is repeated. See
    torch.compiler.nested_compile_region."""
    return nested_compile_region if fn is None else fn


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The names that `compile(backend=...)` takes; all mean XLA. See
    torch.compiler.list_backends."""
    return sorted(BACKENDS)


def cudagraph_mark_step_begin() -> None:
    """Accepted: a program needs no mark for its step. See
    torch.compiler.cudagraph_mark_step_begin."""


class set_stance:
    """Say what compiled functions do from now on, or inside of a `with` block.

    "default"; "force_eager": run as they are; "eager_on_recompile": where nothing captured fits,
    run as they are; "fail_on_recompile": that is a RuntimeError. See torch.compiler.set_stance.
    """

    def __init__(self, stance: str = "default", **options: Any) -> None:
        if stance not in STANCES:
            raise RuntimeError(
                f"invalid torch.compile stance 'DynamoStance(stance={stance!r}, "
                "skip_guard_eval_unsafe=False, backend=None)'"
            )
        self._before = Limits.stance
        self.stance = Limits.stance = stance

    def __enter__(self) -> None:
        Limits.stance = self.stance

    def __exit__(self, *_: Any) -> None:
        Limits.stance = self._before

    def __call__(self, fn: Callable) -> Callable:
        Limits.stance = self._before

        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with set_stance(self.stance):
                return fn(*args, **kwargs)

        return wrapped


__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "nested_compile_region",
    "reset",
    "set_stance",
]
