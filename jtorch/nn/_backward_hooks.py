"""GradientGate: catches the gradients that pass a Module, for its backward hooks.

A gate is made for one call of a module with backward hooks. It stands at both ends: every input and
every output goes through two views. Backward goes from later to earlier nodes, so at each end all
gradients have passed the later views, which note them, before one reaches the earlier views, which
hand them on as the hooks changed them. Nothing here knows the engine: views and tensor hooks are
public API.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .._core.tensor import Tensor

_DOCS = (
    "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
    "#torch.nn.Module.register_full_backward_hook"
)


class GradientGate:
    """Both ends of one call: `inputs(args)` before forward, `outputs(result)` after it."""

    def __init__(self, module: Any, hooks: list[Callable], pre_hooks: list[Callable]) -> None:
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.input_end: _End | None = None
        self.input_count = 0
        self.grad_output: tuple = ()

    def inputs(self, args: tuple) -> tuple:
        """The arguments, those that require grad replaced by views which watch their gradients."""
        self.input_count = len(args)
        if not any(_is_watched(value) for value in args):
            return args
        self.input_end = _End(args, self._input_gradients)
        return self.input_end.replaced

    def outputs(self, result: Any) -> Any:
        """The result, its tensors that require grad replaced by views which watch theirs."""
        values = result if isinstance(result, tuple) else (result,)
        if not isinstance(result, (tuple, Tensor)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}",
                stacklevel=4,
            )
            return result
        if not any(_is_watched(value) for value in values):
            return result
        replaced = _End(values, self._output_gradients).replaced
        if not isinstance(result, tuple):
            return replaced[0]
        return type(result)(*replaced) if hasattr(result, "_fields") else type(result)(replaced)

    def _output_gradients(self, gradients: tuple) -> tuple:
        for hook in self.pre_hooks:
            changed = hook(self.module, gradients)
            gradients = _checked(changed, gradients, "pre hook", "grad_output")
        self.grad_output = gradients
        if self.input_end is None and self.hooks:
            self._call_without_inputs()
        return gradients

    def _call_without_inputs(self) -> None:
        """No input requires grad: the hooks are called once the output's gradient is known."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            f"outputs since no inputs require gradients. See {_DOCS} for more details.",
            stacklevel=6,
        )
        for hook in self.hooks:
            changed = hook(self.module, (None,) * self.input_count, self.grad_output)
            if changed is not None and any(gradient is not None for gradient in changed):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )

    def _input_gradients(self, gradients: tuple) -> tuple:
        for hook in self.hooks:
            changed = hook(self.module, gradients, self.grad_output)
            gradients = _checked(changed, gradients, "hook", "grad_input")
        return gradients


class _End:
    """One end of a gate. `replaced`: the values, those that require grad as views.

    `act` maps the tuple of all gradients, None where there is none, to the tuple to go on with.
    """

    def __init__(self, values: tuple, act: Callable[[tuple], tuple]) -> None:
        self.act = act
        self.noted: list[Tensor | None] = [None] * len(values)
        self.changed: tuple | None = None
        watched = [k for k, value in enumerate(values) if _is_watched(value)]
        replaced = list(values)
        for k in watched:
            replaced[k] = replaced[k].view_as(replaced[k])
            replaced[k].register_hook(self._hand_on(k))
        for k in watched:
            replaced[k] = replaced[k].view_as(replaced[k])
            replaced[k].register_hook(self._note(k))
        self.replaced = tuple(replaced)

    def _note(self, k: int) -> Callable[[Tensor], None]:
        def hook(gradient: Tensor) -> None:
            self.noted[k] = gradient
            self.changed = None

        return hook

    def _hand_on(self, k: int) -> Callable[[Tensor], Tensor | None]:
        def hook(gradient: Tensor) -> Tensor | None:
            if self.changed is None:
                self.changed = self.act(tuple(self.noted))
                self.noted = [None] * len(self.noted)
            return self.changed[k]

        return hook


def _is_watched(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _checked(changed: Any, gradients: tuple, kind: str, what: str) -> tuple:
    """What a hook returned, as a tuple of the right length."""
    if changed is None:
        return gradients
    if not isinstance(changed, tuple):
        changed = (changed,)
    if len(changed) != len(gradients):
        raise RuntimeError(
            f"Backward {kind} returned an invalid number of {what}, got {len(changed)}, but "
            f"expected {len(gradients)}"
        )
    return changed
