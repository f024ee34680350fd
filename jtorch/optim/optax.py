"""Any optax transformation as an optimizer."""

from __future__ import annotations

from typing import Any

import optax

from .optimizer import Optimizer, ParamsT


class Optax(Optimizer):
    """An optimizer whose rule is an optax transformation: `Optax(model.parameters(), optax.lion(1e-4))`.

    The transformation is applied to each parameter by itself; its state appears in `state[p]` under the names of
    its fields. Its learning rate is what optax was given: `param_groups` has no "lr".
    """

    hyper_names: tuple[str, ...] = ()

    def __init__(self, params: ParamsT, transformation: optax.GradientTransformation) -> None:
        self.transformation = transformation
        super().__init__(params, {})

    def hyper(self, group: dict[str, Any]) -> tuple:
        return ()

    def rule(self, hyper: dict[str, Any], options: dict[str, Any]) -> optax.GradientTransformation:
        return self.transformation
