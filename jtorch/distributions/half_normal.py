"""The half-normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ._functions import Tensor
from ._half import Half
from .normal import Normal


class HalfNormal(Half):
    """|x| for normals x of mean 0 and deviation `scale`. See torch.distributions.HalfNormal."""

    _whole = Normal

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> HalfNormal:
        return super().expand(batch_shape, self._get_checked_instance(HalfNormal, _instance))

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale.pow(2) * (1 - 2 / math.pi)


__all__ = ["HalfNormal"]
