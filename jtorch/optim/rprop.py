"""Rprop."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from . import transforms
from ._checks import check_lr
from .optimizer import Optimizer, ParamsT


class Rprop(Optimizer):
    """Resilient backpropagation, Riedmiller and Braun 1993, for gradients of the whole data.

    lr: the first step sizes.  etas: the factors by which they shrink and grow.  step_sizes: their
    bounds. ValueError for a negative lr, and unless 0 < etas[0] < 1 < etas[1]. See
    torch.optim.Rprop.
    """

    hyper_names = ("lr", "etas", "step_sizes")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        inner = transforms.rprop(hyper["lr"], hyper["etas"], hyper["step_sizes"])
        return transforms.with_decay(inner, hyper, options)
