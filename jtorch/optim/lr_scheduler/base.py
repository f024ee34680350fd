"""LRScheduler: what all schedulers share.

A subclass says in `get_lr` what the learning rates become when `last_epoch` has moved on by one.
The rates are computed from the last ones in the same order of operations as PyTorch's, so that they
agree bit for bit.
"""

from __future__ import annotations

import functools
import types
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from ..._core.capture import muted
from ..._core.tensor import Tensor
from ..._core.trace import local
from ..optimizer import Optimizer

_ORDER = (
    "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)
EPOCH_DEPRECATED = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. During the deprecation, if "
    "epoch is different from None, the closed form is used instead of the new chainable form, "
    "where available. Please open an issue if you are unable to replicate your use case: "
    "https://github.com/pytorch/pytorch/issues/new/choose."
)


def repeated(step: Callable) -> Callable:
    """A method `step` of a scheduler, which each run of a compiled function calls anew: it changes
    numbers on the host alone. What it is given may come from a Tensor, and would not be new."""

    @functools.wraps(step)
    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        context = local.context
        if context.capture is None or any(isinstance(a, Tensor) for a in (*args, *kwargs.values())):
            return step(self, *args, **kwargs)
        if not context.capture.muted:
            context.capture.act(functools.partial(step, self, *args, **kwargs))
        with muted(context):
            return step(self, *args, **kwargs)

    return noted


class LRScheduler:
    """The base of all schedulers. See torch.optim.lr_scheduler.LRScheduler.

    optimizer: whose learning rates change.  last_epoch: -1 to start, otherwise the epoch to resume
    from; then the param groups hold the `initial_lr` which the first scheduler wrote there.
    """

    _is_initial: bool = False  # inside the step that the constructor makes
    _get_lr_called_within_step: bool = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(optimizer)
        for position, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copy_of(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{position}] when "
                    "resuming scheduler with last_epoch >= 0.\nThis typically happens when:\n"
                    "1. You're trying to resume training from a checkpoint but haven't properly "
                    "loaded the optimizer state\n"
                    "2. You're using last_epoch >= 0 for a fresh training run (not recommended)"
                )
        self.base_lrs = [copy_of(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        note_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the rates of the first epoch."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer. See torch.optim.lr_scheduler.LRScheduler.state_dict."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The learning rates set last, one for each param group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The learning rates of epoch `last_epoch`, computed from the present ones."""
        raise NotImplementedError

    @repeated
    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch, or (deprecated) to the given one, and set its rates."""
        if self._step_count == 1:
            _check_order(self.optimizer)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATED, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                closed_form = getattr(self, "_get_closed_form_lr", None)
                rates = self.get_lr() if closed_form is None else closed_form()
        finally:
            self._get_lr_called_within_step = False
        set_rates(self.optimizer, rates)
        self._last_lr = rates_of(self.optimizer)


class _LRScheduler(LRScheduler):
    """The old name of LRScheduler."""


def checked_optimizer(optimizer: Any) -> Optimizer:
    """The argument, or TypeError."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def copy_of(value: Any) -> Any:
    """A number as it is, a Tensor's values in a Tensor of their own."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def rates_of(optimizer: Optimizer) -> list[Any]:
    """The learning rates in the param groups."""
    return [copy_of(group["lr"]) for group in optimizer.param_groups]


def set_value(group: dict[str, Any], name: str, value: Any) -> None:
    """Set an entry of a param group; a Tensor there stays the same Tensor."""
    if not isinstance(group[name], Tensor):
        group[name] = value
    elif isinstance(value, Tensor):
        group[name].copy_(value)
    else:
        group[name].fill_(value)


def set_rates(optimizer: Optimizer, rates: Sequence[Any]) -> None:
    """Set the learning rate of each param group."""
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        set_value(group, "lr", rate)


def for_each_group(optimizer: Optimizer, name: str, value: Any) -> list[Any]:
    """One value for each param group: the list given, or the number repeated."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(value)} values, param_groups has {count}."
        )
    return list(value)


def warn_outside_step(scheduler: LRScheduler) -> None:
    """`get_lr` is for `step`; whoever wants to know the rate asks `get_last_lr`."""
    if not scheduler._get_lr_called_within_step:
        warnings.warn(
            "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
            UserWarning,
            stacklevel=3,
        )


def note_steps(optimizer: Optimizer) -> None:
    """Let `optimizer.step` leave a note that it was called, for the check of the order."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched") or not isinstance(step, types.MethodType):
        return
    function: Callable = step.__func__
    reference = weakref.ref(optimizer)

    @functools.wraps(function)
    def noted_step(*args: Any, **kwargs: Any) -> Any:
        owner: Any = reference()
        owner._opt_called = True
        return function(owner, *args, **kwargs)

    noted_step.__dict__["_wrapped_by_lr_sched"] = True
    optimizer.step = noted_step


def _check_order(optimizer: Optimizer) -> None:
    """Warn where the scheduler's step comes before the optimizer's."""
    if not hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        warnings.warn(
            "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
            "initialization. Please, make sure to call `optimizer.step()` before "
            f"`lr_scheduler.step()`. {_ORDER}",
            UserWarning,
            stacklevel=3,
        )
    elif not getattr(optimizer, "_opt_called", False):
        warnings.warn(
            "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 "
            "and later, you should call them in the opposite order: `optimizer.step()` before "
            "`lr_scheduler.step()`.  Failure to do this will result in PyTorch skipping the "
            f"first value of the learning rate schedule. {_ORDER}",
            UserWarning,
            stacklevel=3,
        )
