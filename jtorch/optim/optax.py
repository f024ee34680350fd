"""Any optax transformation as an optimizer."""

from __future__ import annotations

from typing import Any, NamedTuple

import optax

from .optimizer import Optimizer, ParamsT


class Always(NamedTuple):
    """The rule that says the same transformation whatever the hyper-parameters."""

    transformation: optax.GradientTransformation

    def __call__(self, hyper: dict, options: dict) -> optax.GradientTransformation:
        return self.transformation


class Optax(Optimizer):
    """An optimizer whose rule is an optax transformation: `Optax(model.parameters(),
    optax.lion(1e-4))`.

    The transformation is applied to each parameter by itself; its state appears in `state[p]` under
    the names of its fields. Its learning rate is what optax was given: `param_groups` has no "lr".
    """

    hyper_names: tuple[str, ...] = ()

    def __init__(self, params: ParamsT, transformation: optax.GradientTransformation) -> None:
        self.rule = Always(transformation)
        super().__init__(params, {})

    def hyper(self, group: dict[str, Any]) -> tuple:
        return ()
