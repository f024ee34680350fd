"""Adamax."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from . import transforms
from ._checks import check_betas, check_lr, check_non_negative
from .optimizer import Optimizer, ParamsT


class Adamax(Optimizer):
    """Adamax, Kingma and Ba 2015: Adam with the largest magnitude in place of the second moment.

    ValueError for a negative lr, eps or weight_decay, and betas outside [0, 1). See
    torch.optim.Adamax.
    """

    hyper_names = ("lr", "betas", "eps", "weight_decay")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_non_negative(eps=eps)
        check_betas(betas)
        check_non_negative(weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        inner = transforms.adamax(hyper["lr"], hyper["betas"], hyper["eps"])
        return transforms.with_decay(inner, hyper, options)
