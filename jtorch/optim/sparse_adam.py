"""SparseAdam."""

from __future__ import annotations

from typing import Any

import optax

from .._core.tensor import Tensor
from . import transforms
from ._checks import check_betas
from ._sparse import in_parts
from .optimizer import Optimizer, ParamsT


class SparseAdam(Optimizer):
    """Adam for sparse gradients: what has no entry in a gradient stays, and so do its moments.

    `state_dict()` has the step count as an int, as PyTorch's. ValueError for an lr or eps that is
    not positive, betas outside [0, 1), and parameters that are sparse or complex. See
    torch.optim.SparseAdam.
    """

    hyper_names = ("lr", "betas", "eps")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        places = [(k, n) for k, g in enumerate(self.param_groups) for n in range(len(g["params"]))]
        found = [[k, n] for k, n in places if self.param_groups[k]["params"][n].is_sparse]
        if found:
            raise ValueError(
                f"Sparse params at indices {found}: SparseAdam requires dense parameter tensors"
            )
        found = [[k, n] for k, n in places if self.param_groups[k]["params"][n].is_complex()]
        if found:
            raise ValueError(
                f"Complex params at indices {found}: SparseAdam does not support complex parameters"
            )

    def gradients(self, params: list[Tensor]) -> list[Any]:
        gradients: list[Any] = [p._grad for p in params]
        if not all([g.is_sparse for g in gradients]):
            raise RuntimeError(
                "SparseAdam does not support dense gradients, please consider Adam instead"
            )
        return [part for g in gradients for part in in_parts(g)]

    def state_dict(self) -> dict[str, Any]:
        found = super().state_dict()
        for key, state in found["state"].items():
            if isinstance(state, dict) and "step" in state:
                found["state"][key] = {**state, "step": int(state["step"])}
        return found

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        sign = -1 if options["maximize"] else 1
        return transforms.sparse_adam(hyper["lr"], hyper["betas"], hyper["eps"], sign)
