"""RMSprop."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from . import transforms
from ._checks import check_lr, check_non_negative
from .optimizer import Optimizer, ParamsT


class RMSprop(Optimizer):
    """RMSprop, Tieleman and Hinton 2012; centered as Graves 2013.

    ValueError for a negative lr, eps, momentum, weight_decay or alpha. See torch.optim.RMSprop.
    """

    hyper_names = ("lr", "alpha", "eps", "weight_decay", "momentum")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_non_negative(eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def options(self, group: dict[str, Any], params: list[Tensor]) -> dict[str, Any]:
        own = {"momentum": group["momentum"] > 0, "centered": group["centered"]}
        return {**super().options(group, params), **own}

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        momentum = hyper["momentum"] if options["momentum"] else None
        inner = transforms.rmsprop(
            hyper["lr"], hyper["alpha"], hyper["eps"], momentum, options["centered"]
        )
        return transforms.with_decay(inner, hyper, options)
