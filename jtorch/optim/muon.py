"""Muon."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from . import transforms
from ._checks import check_lr, refuse_complex
from .optimizer import Optimizer, ParamsT


class Muon(Optimizer):
    """Muon, Jordan 2024: momentum made orthogonal by Newton-Schulz iterations in bfloat16, for the
    matrices of hidden layers.

    adjust_lr_fn: "original" (the default) or "match_rms_adamw", how the learning rate follows from
    the size of a matrix. ValueError for parameters that are not 2-d, a negative lr, momentum or
    weight_decay, another adjust_lr_fn, 100 or more ns_steps, or not 3 ns_coefficients. See
    torch.optim.Muon.
    """

    hyper_names = ("lr", "weight_decay", "momentum", "ns_coefficients", "eps")

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(
            params,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_coefficients": ns_coefficients,
                "eps": eps,
                "ns_steps": ns_steps,
                "adjust_lr_fn": adjust_lr_fn,
            },
        )
        for param in self._params():
            if param.ndim != 2:
                raise ValueError(
                    "Muon only supports 2D parameters whereas we found a parameter with size: "
                    f"{param.size()}"
                )

    def options(self, group: dict[str, Any], params: list[Tensor]) -> dict[str, Any]:
        if group["ns_steps"] >= 100:
            raise ValueError("Number of steps must be less than 100 for computational efficiency")
        if len(group["ns_coefficients"]) != 3:
            raise ValueError("Coefficients must be a tuple of exactly 3 values")
        own = {name: group[name] for name in ("nesterov", "ns_steps", "adjust_lr_fn")}
        return {**super().options(group, params), **own}

    def gradients(self, params: list[Tensor]) -> list[Any]:
        refuse_complex(self, params)
        return super().gradients(params)

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        inner = optax.chain(
            transforms.blend(hyper["momentum"], options["nesterov"]),
            transforms.orthogonalise(hyper["ns_coefficients"], options["ns_steps"], hyper["eps"]),
            transforms.descend_by_shape(hyper["lr"], options["adjust_lr_fn"]),
        )
        return transforms.with_decay(inner, hyper, {**options, "decoupled": True})
