"""SGD."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from . import transforms
from ._checks import check_fused, check_lr, check_non_negative
from ._sparse import densified
from .optimizer import Optimizer, ParamsT


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum, dampening, Nesterov's variant and an L2 penalty.

    b = momentum * b + (1 - dampening) * (g + weight_decay * p);  p = p - lr * b.
    ValueError for a negative lr, momentum or weight_decay. See torch.optim.SGD.
    """

    hyper_names = ("lr", "momentum", "dampening", "weight_decay")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_non_negative(momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        check_fused(fused, foreach, differentiable)

    def options(self, group: dict[str, Any], params: list[Tensor]) -> dict[str, Any]:
        return {
            **super().options(group, params),
            "momentum": group["momentum"] != 0,
            "dampening": group["dampening"] != 0,
            "first": _is_dampened(group) and not self._has_buffer(params[0]),
            "nesterov": group["nesterov"],
        }

    def parts(self, group: dict[str, Any], params: list[Tensor]) -> list[list[Tensor]]:
        if not _is_dampened(group):
            return [params]
        fresh = [p for p in params if not self._has_buffer(p)]
        others = [p for p in params if self._has_buffer(p)]
        return [part for part in (fresh, others) if part]

    def can_skip(self) -> bool:
        """Not while a first gradient isn't dampened: the step after must know if this one was."""
        waits = any(
            _is_dampened(group) and not all(map(self._has_buffer, group["params"]))
            for group in self.param_groups
        )
        return super().can_skip() and not waits

    def _has_buffer(self, param: Tensor) -> bool:
        return "momentum_buffer" in self.state.get(param, ())

    def gradients(self, params: list[Tensor]) -> list[Any]:
        return densified(params)

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        step = transforms.descend(hyper["lr"])
        if options["momentum"]:
            dampening = hyper["dampening"] if options["dampening"] else None
            buffer = transforms.momentum(
                hyper["momentum"], dampening, options["nesterov"], options["first"]
            )
            step = optax.chain(buffer, step)
        return transforms.with_decay(step, hyper, options)


def _is_dampened(group: dict[str, Any]) -> bool:
    """Whether the first gradient of a parameter, which isn't dampened, differs from others."""
    return bool(group["momentum"] and group["dampening"])
