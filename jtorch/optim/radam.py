"""RAdam."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from . import transforms
from ._checks import check_betas, check_lr, check_non_negative
from .optimizer import Optimizer, ParamsT


class RAdam(Optimizer):
    """Rectified Adam, Liu et al. 2020: momentum alone while the second moment is too uncertain.

    ValueError for a negative lr, eps or weight_decay, and betas outside [0, 1). See
    torch.optim.RAdam.
    """

    hyper_names = ("lr", "betas", "eps", "weight_decay")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        inner = transforms.radam(hyper["lr"], hyper["betas"], hyper["eps"])
        return transforms.with_decay(inner, hyper, options)
