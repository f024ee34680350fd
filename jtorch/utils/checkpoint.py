"""Checkpointing: compute values once more in the backward instead of keeping them.

What a checkpointed function records is marked as a region (_core/region.py): the backward records
it again, from the values that entered it. The function itself is called once: its prints, counters
and in-place writes (BatchNorm's statistics, say) happen once, where PyTorch's happen twice. Random
numbers are the same again in any case.
"""

from __future__ import annotations

import enum
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from .. import ops
from .._aten import Packet
from .._core.grad_mode import no_grad
from .._core.region import checkpointed
from .._core.selective import keeping
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
    entered, since the function is not called again. So the second computation can't differ from the
    first: `preserve_rng_state`, `determinism_check`, `debug` and `early_stop` have nothing to
    decide, and no CheckpointError is raised. In eager mode, which runs each op by itself, and
    inside another checkpoint no memory is saved. See torch.utils.checkpoint.checkpoint.
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


class CheckpointError(RuntimeError):
    """For programs that catch it: PyTorch's, where a function recorded something else the second
    time. See torch.utils.checkpoint.CheckpointError."""


class CheckpointPolicy(enum.Enum):
    """What becomes of a value in a checkpointed function. MUST and PREFER are one here, and what
    PyTorch would move to the CPU is kept where it is. See torch.utils.checkpoint.CheckpointPolicy.
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


RECOMPUTED = (CheckpointPolicy.MUST_RECOMPUTE, CheckpointPolicy.PREFER_RECOMPUTE)
# Ops here that PyTorch makes of others, under whose names its policies know them.
MADE_OF = {
    "linear": ("addmm", "mm"),
    "matmul": ("mm", "bmm", "mv", "dot"),
    "einsum": ("bmm",),
    "conv1d": ("convolution",),
    "conv2d": ("convolution",),
    "conv3d": ("convolution",),
}


class SelectiveCheckpointContext:
    """What a policy is told of besides the call: the results. `is_recompute` is False always. See
    torch.utils.checkpoint.SelectiveCheckpointContext."""

    def __init__(self, *, is_recompute: bool, op_output: Any = None) -> None:
        self.is_recompute = is_recompute
        self.op_output = op_output


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Callable | list, allow_cache_entry_mutation: bool = False
) -> tuple[AbstractContextManager, AbstractContextManager]:
    """Contexts for `context_fn`, in which a policy says what is kept.

    A list of `torch.ops.aten` functions, whose results are kept; or a function that is called with
    a SelectiveCheckpointContext, such a function and its arguments, for each op of a new path, and
    returns a CheckpointPolicy. Ops are jtorch's, so that there are fewer than in PyTorch; for
    `linear`, `matmul`, `einsum` and convolutions it is asked under each name that they may have
    there. Values are immutable: to write to one that is kept is allowed in any case. TypeError and
    ValueError for what is no policy. See
    torch.utils.checkpoint.create_selective_checkpoint_contexts.
    """
    if isinstance(policy_fn_or_list, list):
        kept = list(map(_operator, policy_fn_or_list))

        def policy(_: Any, op: Callable, *args: Any, **kwargs: Any) -> bool:
            return op in kept

    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")

    def is_kept(name: str, results: tuple, args: tuple, kwargs: dict) -> bool:
        output = results[0] if len(results) == 1 else results
        about = SelectiveCheckpointContext(is_recompute=False, op_output=output)
        known = [n for n in MADE_OF.get(name, (name,)) if hasattr(ops.aten, n)]
        answers = [policy(about, getattr(ops.aten, n).default, *args, **kwargs) for n in known]
        return any(bool(a) and a not in RECOMPUTED for a in answers)

    return keeping(is_kept), nullcontext()


def _operator(value: Any) -> Callable:
    """A function of `torch.ops.aten`; ValueError for anything else."""
    if isinstance(value, Packet) or not callable(value):
        hint = ""
        if isinstance(value, Packet):
            name = f"torch.ops.aten.{value.__name__}"
            hint = (
                "Please update the OpOverloadPacket to a specific OpOverload."
                f"For example, if you have `{name}`, change it to `{name}.default`."
            )
        raise ValueError(
            f"Expected op in `op_list` to be an OpOverload but got: {value} of type {type(value)}. "
            f"{hint}"
        )
    return value


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Accepted: there is no second call to compare with the first.

    See torch.utils.checkpoint.set_checkpoint_debug_enabled.
    """
    yield


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Accepted: only what a backward needs is computed again in any case.

    See torch.utils.checkpoint.set_checkpoint_early_stop.
    """
    yield


__all__ = [
    "CheckpointError",
    "CheckpointPolicy",
    "SelectiveCheckpointContext",
    "checkpoint",
    "checkpoint_sequential",
    "create_selective_checkpoint_contexts",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]
