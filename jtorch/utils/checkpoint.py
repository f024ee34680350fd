"""Checkpointing: compute values once more in the backward instead of keeping them.

What a checkpointed function records is marked as a region (_core/region.py): the backward records
it again, from the values that entered it. The function itself is called once: its prints, counters
and in-place writes (BatchNorm's statistics, say) happen once, where PyTorch's happen twice. Random
numbers are the same again in any case.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from .._core.grad_mode import no_grad
from .._core.region import checkpointed
from .._core.tensor import Tensor
from .._core.trace import local

EXPLICITLY = (
    "the use_reentrant parameter should be passed explicitly. {}use_reentrant=False is "
    "recommended, but if you need to preserve the current default behavior, you can pass "
    "use_reentrant=True. Refer to docs for more details on the differences between the two "
    "variants."
)
CHECKS = ["default", "none"]


def noop_context_fn() -> tuple[AbstractContextManager, AbstractContextManager]:
    """Two contexts that do nothing. See torch.utils.checkpoint.noop_context_fn."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), keeping only what enters it: the backward computes the rest again.

    Both variants are one here. `use_reentrant=True` differs as in PyTorch where no argument
    requires grad: nothing inside gets a gradient. Of `context_fn` only the first context is
    entered, since the function is not called again. `preserve_rng_state`, `determinism_check`,
    `debug` and `early_stop` have nothing to decide. In eager mode, which runs each op by itself,
    and inside another checkpoint no memory is saved. See torch.utils.checkpoint.checkpoint.
    """
    if use_reentrant is None:
        said = "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an "
        said = EXPLICITLY.format(f"{said}exception. ")
        warnings.warn(f"torch.utils.checkpoint: {said}", stacklevel=2)
        use_reentrant = True
    kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError(
                "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
            )
        if not _any_requires_grad(args):
            warnings.warn(
                "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
            )
            with no_grad():
                return function(*args)
    if determinism_check not in CHECKS:
        raise ValueError(
            f"determinism_check should be one of {CHECKS}, but got {determinism_check}"
        )
    forward_context, _ = context_fn()
    with checkpointed(local.context), forward_context:
        return function(*args, **kwargs)


def _any_requires_grad(values: tuple) -> bool:
    return any(isinstance(value, Tensor) and value.requires_grad for value in values)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Apply functions, a list or a Sequential, one after another, in segments that are
    checkpointed, but for the last. See torch.utils.checkpoint.checkpoint_sequential."""
    if use_reentrant is None:
        said = EXPLICITLY.format(
            "In version 2.9 we will raise an exception if use_reentrant is not passed. "
        )
        warnings.warn(f"torch.utils.checkpoint.checkpoint_sequential: {said}", stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if hasattr(functions, "children"):
        functions = list(functions.children())
    size = len(functions) // segments
    start = 0
    for start in range(size, size * segments, size):
        segment = _Segment(functions[start - size : start])
        input = checkpoint(segment, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return _Segment(functions[start:])(input)


class _Segment:
    """Functions applied one after another."""

    def __init__(self, functions: list[Callable]) -> None:
        self.functions = functions

    def __call__(self, value: Any) -> Any:
        for function in self.functions:
            value = function(value)
        return value


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Accepted: only what a backward needs is computed again in any case.

    See torch.utils.checkpoint.set_checkpoint_early_stop.
    """
    yield


__all__ = [
    "checkpoint",
    "checkpoint_sequential",
    "noop_context_fn",
    "set_checkpoint_early_stop",
]
