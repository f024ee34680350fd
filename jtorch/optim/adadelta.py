"""Adadelta."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from . import transforms
from ._checks import check_lr, check_non_negative
from .optimizer import Optimizer, ParamsT


class Adadelta(Optimizer):
    """Adadelta, Zeiler 2012: steps as large as the last ones, relative to the gradients.

    ValueError for a negative lr, eps or weight_decay, and a rho outside [0, 1]. See
    torch.optim.Adadelta.
    """

    hyper_names = ("lr", "rho", "eps", "weight_decay")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_non_negative(eps=eps, weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        inner = transforms.adadelta(hyper["lr"], hyper["rho"], hyper["eps"])
        return transforms.with_decay(inner, hyper, options)
