"""Adagrad."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from . import transforms
from ._checks import check_fused, check_lr, check_non_negative
from ._sparse import densified
from .optimizer import Optimizer, ParamsT


class Adagrad(Optimizer):
    """Adagrad, Duchi, Hazan and Singer 2011. Its state exists from the start; gradients may be
    sparse.

    ValueError for a negative lr, lr_decay, weight_decay, initial_accumulator_value or eps. See
    torch.optim.Adagrad.
    """

    hyper_names = ("lr", "lr_decay", "eps", "weight_decay", "initial_accumulator_value")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_non_negative(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        check_fused(fused, foreach, differentiable)
        for group in self.param_groups:
            self.start(group)

    def options(self, group: dict[str, Any], params: list[Tensor]) -> dict[str, Any]:
        options = super().options(group, params)
        gradients: list[Any] = [p._grad for p in params]
        if options["weight_decay"] and any([g is not None and g.is_sparse for g in gradients]):
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        return options

    def gradients(self, params: list[Tensor]) -> list[Any]:
        return densified(params)

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        inner = transforms.adagrad(
            hyper["lr"], hyper["lr_decay"], hyper["eps"], hyper["initial_accumulator_value"]
        )
        return transforms.with_decay(inner, hyper, options)
