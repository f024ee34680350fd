"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from . import transforms
from ._checks import check_betas, check_fused, check_lr, check_non_negative
from .optimizer import Optimizer, ParamsT


class Adam(Optimizer):
    """Adam, Kingma and Ba 2015; amsgrad as Reddi et al. 2018; the weight decay is an L2 penalty.

    ValueError for a negative lr, eps or weight_decay, and betas outside [0, 1). See
    torch.optim.Adam.
    """

    hyper_names = ("lr", "betas", "eps", "weight_decay")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
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
        check_lr(lr)
        check_non_negative(eps=eps)
        check_betas(betas)
        check_non_negative(weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": _numbers(betas, capturable, foreach),
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
        check_fused(fused, foreach, differentiable)

    def options(self, group: dict[str, Any], params: list[Tensor]) -> dict[str, Any]:
        return {**super().options(group, params), "amsgrad": group["amsgrad"]}

    def gradients(self, params: list[Tensor]) -> list[Any]:
        gradients: list[Any] = [p._grad for p in params]
        if any([g.is_sparse for g in gradients]):
            raise RuntimeError(
                "Adam does not support sparse gradients, please consider SparseAdam instead"
            )
        return gradients

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        inner = transforms.adam(hyper["lr"], hyper["betas"], hyper["eps"], options["amsgrad"])
        return transforms.with_decay(inner, hyper, options)


class AdamW(Adam):
    """Adam with decoupled weight decay, Loshchilov and Hutter 2019. See torch.optim.AdamW."""

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
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


def _numbers(betas: tuple[Any, Any], capturable: bool, foreach: bool | None) -> tuple:
    """Betas as numbers. ValueError for one Tensor beside a number, or of several elements."""
    tensors = [isinstance(beta, Tensor) for beta in betas]
    if not all(tensors) and not all(isinstance(beta, float) for beta in betas):
        raise ValueError("betas must be either both floats or both Tensors")
    for k, beta in enumerate(betas):
        if isinstance(beta, Tensor):
            if foreach and not capturable:
                raise ValueError(
                    f"betas[{k}] as a Tensor is not supported for capturable=False and foreach=True"
                )
            if beta.numel() != 1:
                raise ValueError(f"Tensor betas[{k}] must be 1-element")
    return tuple(beta.item() if isinstance(beta, Tensor) else beta for beta in betas)
