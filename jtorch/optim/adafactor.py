"""Adafactor."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from ..functions.facts import finfo
from . import transforms
from ._checks import check_lr, refuse_complex
from .optimizer import Optimizer, ParamsT


class Adafactor(Optimizer):
    """Adafactor, Shazeer and Stern 2018: of a matrix only the squares along rows and columns are
    kept, and steps are relative to the size of a parameter.

    eps: for squares (None: the machine epsilon), and the smallest size of a parameter that counts.
    d: the root mean square at which an update is clipped. ValueError for a negative lr, eps or
    weight_decay, a positive beta2_decay and d below 1. See torch.optim.Adafactor.
    """

    hyper_names = ("lr", "beta2_decay", "eps", "d", "weight_decay")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        super().__init__(
            params,
            {
                "lr": lr,
                "beta2_decay": beta2_decay,
                "eps": eps,
                "d": d,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
            },
        )

    def hyper(self, group: dict[str, Any]) -> tuple:
        eps1, eps2 = group["eps"]
        if eps1 is None:  # of the first parameter, as in PyTorch
            facts: Any = finfo(group["params"][0].dtype)
            eps1 = facts.eps
        return (group["lr"], group["beta2_decay"], eps1, eps2, group["d"], group["weight_decay"])

    def gradients(self, params: list[Tensor]) -> list[Any]:
        refuse_complex(self, params)
        return super().gradients(params)

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        inner = transforms.adafactor(hyper["lr"], hyper["beta2_decay"], hyper["eps"], hyper["d"])
        return transforms.with_decay(inner, hyper, {**options, "decoupled": True})
