"""SGD."""

from __future__ import annotations

from typing import Any

import optax

from . import transforms
from .optimizer import Optimizer, ParamsT, check_non_negative


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum, dampening, Nesterov's variant and an L2 penalty.

    b = momentum * b + (1 - dampening) * (g + weight_decay * p);  p = p - lr * b.
    ValueError for a negative lr, momentum or weight_decay. See torch.optim.SGD.
    """

    hyper_names = ("lr", "momentum", "dampening", "weight_decay")

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
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
        check_non_negative(lr=lr)
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        check_non_negative(weight_decay=weight_decay)
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

    def options(self, group: dict[str, Any]) -> dict[str, Any]:
        first = bool(group["momentum"] and group["dampening"]) and not all(
            "momentum_buffer" in self.state[p] for p in group["params"] if p._grad is not None
        )
        return {
            "momentum": group["momentum"] != 0,
            "dampening": group["dampening"] != 0,
            "first": first,
            "weight_decay": group["weight_decay"] != 0,
            "nesterov": group["nesterov"],
            "maximize": group["maximize"],
        }

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        parts = []
        if options["maximize"]:
            parts.append(transforms.ascend())
        if options["weight_decay"]:
            parts.append(transforms.decay_weights(hyper["weight_decay"]))
        if options["momentum"]:
            dampening = hyper["dampening"] if options["dampening"] else None
            parts.append(
                transforms.momentum(
                    hyper["momentum"], dampening, options["nesterov"], options["first"]
                )
            )
        return optax.chain(*parts, transforms.descend(hyper["lr"]))
