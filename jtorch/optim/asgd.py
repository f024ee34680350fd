"""ASGD."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from . import transforms
from ._checks import check_lr, check_non_negative
from .optimizer import Optimizer, ParamsT


class ASGD(Optimizer):
    """Averaged stochastic gradient descent, Polyak and Juditsky 1992. The average of the parameters
    is `state[p]["ax"]`.

    lambd: the decay of the parameters.  alpha: how fast the learning rate falls.  t0: the step at
    which averaging starts. ValueError for a negative lr or weight_decay. See torch.optim.ASGD.
    """

    hyper_names = ("lr", "lambd", "alpha", "t0", "weight_decay")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_non_negative(weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        inner = transforms.asgd(hyper["lr"], hyper["lambd"], hyper["alpha"], hyper["t0"])
        return transforms.with_decay(inner, hyper, options)
