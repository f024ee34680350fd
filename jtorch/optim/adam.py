"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from . import transforms
from .optimizer import Optimizer, ParamsT, check_betas, check_non_negative


class Adam(Optimizer):
    """Adam, Kingma and Ba 2015; amsgrad as Reddi et al. 2018; the weight decay is an L2 penalty.

    ValueError for a negative lr, eps or weight_decay, and betas outside [0, 1). See
    torch.optim.Adam.
    """

    hyper_names = ("lr", "beta1", "beta2", "eps", "weight_decay")

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        check_non_negative(lr=lr, eps=eps)
        check_betas(betas)
        check_non_negative(weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def hyper(self, group: dict[str, Any]) -> tuple:
        return (group["lr"], *group["betas"], group["eps"], group["weight_decay"])

    def options(self, group: dict[str, Any]) -> dict[str, Any]:
        return {
            "weight_decay": group["weight_decay"] != 0,
            "amsgrad": group["amsgrad"],
            "maximize": group["maximize"],
            "decoupled": group["decoupled_weight_decay"],
        }

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        parts = []
        if options["maximize"]:
            parts.append(transforms.ascend())
        if options["weight_decay"] and not options["decoupled"]:
            parts.append(transforms.decay_weights(hyper["weight_decay"]))
        inner = transforms.adam(
            hyper["lr"], hyper["beta1"], hyper["beta2"], hyper["eps"], options["amsgrad"]
        )
        if options["weight_decay"] and options["decoupled"]:
            inner = transforms.shrink_weights(inner, hyper["lr"], hyper["weight_decay"])
        return optax.chain(*parts, inner)


class AdamW(Adam):
    """Adam with decoupled weight decay, Loshchilov and Hutter 2019. See torch.optim.AdamW."""

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
