"""Averages of a model's weights along training: torch.optim.swa_utils.

Stochastic weight averaging (SWA) is Izmailov et al. 2018, arXiv:1803.05407; the exponential moving
average (EMA) weighs the past less and less.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

from .._core.dtype import int64
from .._core.grad_mode import no_grad
from .._core.tensor import Tensor
from ..functions.creation import tensor
from ..nn.batch_norm import _BatchNorm
from ..nn.module import Module
from .lr_scheduler.base import LRScheduler, for_each_group, warn_outside_step
from .optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def _is_inexact(value: Tensor) -> bool:
    return value.is_floating_point() or value.is_complex()


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """f(averages, values, count): average <- decay * average + (1 - decay) * value, for lists.

    ValueError for a decay outside [0, 1]. See torch.optim.swa_utils.get_ema_multi_avg_fn.
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(averages: Sequence[Tensor], values: Sequence[Tensor], _: Any) -> None:
        for average, value in zip(averages, values, strict=True):
            if _is_inexact(average):
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(average * decay + value * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """f(averages, values, count): average <- average + (value - average) / (count + 1), for lists.

    See torch.optim.swa_utils.get_swa_multi_avg_fn.
    """

    @no_grad()
    def swa_update(averages: Sequence[Tensor], values: Sequence[Tensor], count: Any) -> None:
        for average, value in zip(averages, values, strict=True):
            if _is_inexact(average):
                average.lerp_(value, 1 / (count + 1))
            else:
                average.addcdiv_(value - average, count + 1)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """f(average, value, count): decay * average + (1 - decay) * value.

    ValueError for a decay outside [0, 1]. See torch.optim.swa_utils.get_ema_avg_fn.
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(average: Tensor, value: Tensor, _: Any) -> Tensor:
        return decay * average + (1 - decay) * value

    return ema_update


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """f(average, value, count): average + (value - average) / (count + 1).

    See torch.optim.swa_utils.get_swa_avg_fn.
    """

    @no_grad()
    def swa_update(average: Tensor, value: Tensor, count: Any) -> Tensor:
        return average + (value - average) / (count + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model, `module`, whose parameters are averages of those that
    `update_parameters` is given.

    avg_fn(average, value, count) gives one average, multi_avg_fn(averages, values, count) writes
    all of a dtype; without them every model counts the same. use_buffers: buffers are averaged too;
    otherwise they are the last ones. AssertionError for both functions. See
    torch.optim.swa_utils.AveragedModel.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[..., None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model says."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take a model into the averages; the first one is copied."""
        ours = _values(self.module if self.use_buffers else self, self.use_buffers)
        theirs = _values(model, self.use_buffers)
        averages, values = [], []
        for average, value in zip(ours, theirs, strict=False):
            averages.append(average.detach())
            values.append(value.detach().to(average.device))
        if int(self.n_averaged) == 0:
            for average, value in zip(averages, values, strict=True):
                average.copy_(value)
        else:
            self._average(averages, values)
        if not self.use_buffers:
            for buffer, value in zip(self.module.buffers(), model.buffers(), strict=True):
                buffer.detach().copy_(value.detach().to(buffer.device))
        self.n_averaged += 1

    def _average(self, averages: list[Tensor], values: list[Tensor]) -> None:
        if self.multi_avg_fn is not None:
            groups: dict[tuple, tuple[list, list]] = {}
            for average, value in zip(averages, values, strict=True):
                group = groups.setdefault((average.device, average.dtype), ([], []))
                group[0].append(average)
                group[1].append(value)
            for (device, _), group in groups.items():
                self.multi_avg_fn(*group, self.n_averaged.to(device))
            return
        one = get_swa_avg_fn() if self.avg_fn is None else self.avg_fn
        for average, value in zip(averages, values, strict=True):
            average.copy_(one(average, value, self.n_averaged.to(average.device)))


def _values(module: Module, with_buffers: bool) -> Iterable[Tensor]:
    buffers = module.buffers() if with_buffers else ()
    return itertools.chain(module.parameters(), buffers)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch norms anew, in one pass over batches.

    loader: batches, or lists and tuples whose first element is one. See
    torch.optim.swa_utils.update_bn.
    """
    momenta = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    for module in momenta:
        module.reset_running_stats()
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.momentum = None
    for batch in loader:
        if isinstance(batch, (list, tuple)):
            batch = batch[0]
        model(batch if device is None else batch.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Anneals the learning rates to `swa_lr` in `anneal_epochs` steps, and stays there.

    swa_lr: one for all param groups, or a list.  anneal_strategy: "cos" or "linear". ValueError for
    another strategy, or anneal_epochs that are no natural number. See
    torch.optim.swa_utils.SWALR.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = for_each_group(optimizer, "swa_lr", swa_lr)
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """How far the annealing is after a fraction t of its epochs."""
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Any]:
        """The learning rates of the next step, from those of the last."""
        warn_outside_step(self)
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = (
            self.anneal_func(max(0, min(1, k / max(1, self.anneal_epochs))))
            for k in (step - 1, step)
        )
        rates = []
        for group in self.optimizer.param_groups:
            goal, rate = group["swa_lr"], group["lr"]
            first = goal if before == 1 else (rate - before * goal) / (1 - before)
            rates.append(goal * now + first * (1 - now))
        return rates
