"""GradScaler: the loss is multiplied by a number, so that small float16 gradients don't vanish.

Nothing here reads a value. The scale, and whether a gradient was infinite, are Tensors; the step is
skipped inside its program (see optim/_update.py), except by optimizers whose `step` is Python of
their own. The arithmetic is in ops/scaling.py.
"""

from __future__ import annotations

import inspect
import warnings
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum
from typing import Any

from .._core.device import device, device_count
from .._core.dtype import float16, float32, int32
from .._core.grad_mode import no_grad
from .._core.record import write_out
from .._core.tensor import Tensor
from .._expose import row
from ..functions.creation import full

_unscaled, _next_scale = row("_unscaled"), row("_next_scale")


class _Stage(Enum):
    """How far an optimizer is in this iteration."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class _Progress:
    """An optimizer's stage, and for each device whether it has an infinite gradient there."""

    def __init__(self) -> None:
        self.stage = _Stage.READY
        self.found_inf: dict[device, Tensor] = {}

    def total(self, where: device) -> Tensor:
        """How many devices have one."""
        first, *rest = [found.to(where) for found in self.found_inf.values()]
        return sum(rest, first)


class GradScaler:
    """Scales the loss, unscales gradients, and skips steps with infinite ones.

        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    The scale begins with `init_scale`, is multiplied by `backoff_factor` after a step with infs or
    NaNs among the gradients, and by `growth_factor` after `growth_interval` steps without. None of
    the three calls waits for a value. A step that is skipped leaves the optimizer's state as it
    was, or if it was the first one, zero. See torch.amp.GradScaler.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if device == "cuda" and enabled and not device_count("cuda"):
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                stacklevel=2,
            )
            enabled = False
        self._device = device
        self._enabled = enabled
        if not enabled:
            return
        _require(growth_factor > 1.0, "The growth factor must be > 1.0.")
        _require(backoff_factor < 1.0, "The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._init_growth_tracker = 0
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._scale: Tensor | None = None
        self._growth_tracker: Tensor | None = None
        self._progress: defaultdict[int, _Progress] = defaultdict(_Progress)

    # -------------------------------------------------------------------------------- an iteration

    def scale(self, outputs: Any) -> Any:
        """The outputs times the scale: a Tensor, or (nested) iterables of them.

        ValueError for anything else. See torch.amp.GradScaler.scale.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._begin(outputs.device)
            return outputs * self._scale.to(outputs.device)  # pyright: ignore
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer by the scale, before `step` does: to clip them.

        RuntimeError if it was done already, or stepped, since the last `update`; ValueError for
        float16 gradients. See torch.amp.GradScaler.unscale_.
        """
        if not self._enabled:
            return
        scale, _ = self._begun("unscale_")
        progress = self._progress[id(optimizer)]
        if progress.stage is _Stage.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if progress.stage is _Stage.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        progress.found_inf = _unscale(_gradients(optimizer), scale)
        progress.stage = _Stage.UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step(*args, **kwargs)` with unscaled gradients, unless one has an inf or NaN.

        RuntimeError for a closure, and for a second step before `update`. See
        torch.amp.GradScaler.step.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        scale, _ = self._begun("step")
        progress = self._progress[id(optimizer)]
        if progress.stage is _Stage.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            result = self._step_scaled(optimizer, progress, args, kwargs)
            progress.stage = _Stage.STEPPED
            return result
        if progress.stage is _Stage.READY:
            self.unscale_(optimizer)
        _require(progress.found_inf, "No inf checks were recorded for this optimizer.")
        result = None
        if not args and not kwargs and getattr(optimizer, "can_skip", bool)():
            result = _step_with(optimizer, {"found_inf": progress.total(scale.device)}, (), {})
        elif not sum(found.item() for found in progress.found_inf.values()):
            result = optimizer.step(*args, **kwargs)
        progress.stage = _Stage.STEPPED
        return result

    def _step_scaled(self, optimizer: Any, progress: _Progress, args: tuple, kwargs: dict) -> Any:
        """The step of an optimizer that unscales its gradients by itself, as PyTorch's fused ones.
        It finds Tensors `grad_scale` and `found_inf` among its attributes."""
        if "grad_scaler" in inspect.signature(optimizer.step).parameters:
            return optimizer.step(*args, **kwargs, grad_scaler=self)
        scale, _ = self._begun("step")
        given = getattr(optimizer, "grad_scale", None)
        if progress.stage is _Stage.READY:
            gradients = [grad.clone() for grad in _gradients(optimizer, halves=True)]
            progress.found_inf = _unscale(gradients, scale)
            given = scale if given is None else scale * given
        attributes = {"grad_scale": given, "found_inf": progress.total(scale.device)}
        return _step_with(optimizer, attributes, args, kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """The scale of the next iteration: what the rule says, or `new_scale`.

        AssertionError if no gradients were looked at. See torch.amp.GradScaler.update.
        """
        if not self._enabled:
            return
        scale, tracker = self._begun("update")
        with no_grad():
            if new_scale is None:
                found = [f for p in self._progress.values() for f in p.found_inf.values()]
                _require(found, "No inf checks were recorded prior to update.")
                first, *rest = [f.to(scale.device) for f in found]
                numbers = (self._growth_factor, self._backoff_factor, self._growth_interval)
                new, steps = _next_scale(scale, tracker, sum(rest, first), *numbers)
                write_out(scale, new)
                write_out(tracker, steps)
            elif not isinstance(new_scale, Tensor):
                scale.fill_(new_scale)
            else:
                fits = new_scale.device.type == self._device and new_scale.numel() == 1
                _require(
                    fits and not new_scale.requires_grad,
                    "new_scale should be a float or a 1-element torch.cuda.FloatTensor or "
                    "torch.FloatTensor with requires_grad=False.",
                )
                scale.copy_(new_scale)
        self._progress = defaultdict(_Progress)

    def _begin(self, where: device) -> None:
        self._scale = full((), self._init_scale, dtype=float32, device=where)
        self._growth_tracker = full((), self._init_growth_tracker, dtype=int32, device=where)

    def _begun(self, name: str) -> tuple[Tensor, Tensor]:
        scale, tracker = self._scale, self._growth_tracker
        if scale is None or tracker is None:
            raise AssertionError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )
        return scale, tracker

    # --------------------------------------------------------------------------------- the numbers

    def get_scale(self) -> float:
        """The scale, which is read; 1.0 if not enabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        if self._growth_tracker is None:
            return self._init_growth_tracker
        return int(self._growth_tracker.item())

    def get_growth_factor(self) -> float:
        """By what the scale is multiplied when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set by what the scale is multiplied when it grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """By what the scale is multiplied after an inf."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set by what the scale is multiplied after an inf."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps without an inf the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps without an inf the scale grows."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    # ----------------------------------------------------------------------------------- the state

    def state_dict(self) -> dict[str, Any]:
        """The scale, factors, interval and steps since the scale changed, as numbers; empty if not
        enabled. See torch.amp.GradScaler.state_dict."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave. RuntimeError if that is empty. See
        torch.amp.GradScaler.load_state_dict."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved "
                "from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        if self._scale is not None and self._growth_tracker is not None:
            self._scale.fill_(self._init_scale)
            self._growth_tracker.fill_(self._init_growth_tracker)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self._enabled:
            _require(
                not self._progress,
                "A GradScaler instance may only be pickled at the beginning "
                "of an iteration, or at the end after scaler.update().",
            )
            state["_init_scale"] = self.get_scale()
            state["_init_growth_tracker"] = self._get_growth_tracker()
            state["_scale"] = state["_growth_tracker"] = None
        return state


def _require(condition: Any, message: str) -> None:
    """PyTorch raises AssertionError for these."""
    if not condition:
        raise AssertionError(message)


def _gradients(optimizer: Any, halves: bool = False) -> list[Tensor]:
    """The gradients of an optimizer, of sparse ones the values; ValueError for float16."""
    found = []
    for group in optimizer.param_groups:
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            if grad.dtype is float16 and not halves:
                raise ValueError("Attempting to unscale FP16 gradients.")
            found.append(grad._values() if grad.is_sparse else grad)
    return found


def _unscale(gradients: list[Tensor], scale: Tensor) -> dict[device, Tensor]:
    """Divide gradients by the scale, in place; for each device whether one of them is infinite."""
    groups: dict[device, list[Tensor]] = {}
    for gradient in gradients:
        groups.setdefault(gradient.device, []).append(gradient)
    found_inf = {}
    with no_grad():
        for where, group in groups.items():
            *new, found_inf[where] = _unscaled(group, scale.to(where))
            for gradient, value in zip(group, new, strict=True):
                write_out(gradient, value)
    return found_inf


def _step_with(optimizer: Any, attributes: dict[str, Any], args: tuple, kwargs: dict) -> Any:
    """A step while the optimizer has some more attributes."""
    vars(optimizer).update(attributes)
    try:
        return optimizer.step(*args, **kwargs)
    finally:
        for name in attributes:
            del vars(optimizer)[name]
