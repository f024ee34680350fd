"""The half-Cauchy distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ._functions import Tensor, full
from ._half import Half
from .cauchy import Cauchy


class HalfCauchy(Half):
    """|x| for Cauchy variables x of median 0 and half width `scale`.

    See torch.distributions.HalfCauchy.
    """

    _whole = Cauchy

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> HalfCauchy:
        return super().expand(batch_shape, self._get_checked_instance(HalfCauchy, _instance))

    @property
    def mean(self) -> Tensor:
        options = {"dtype": self.scale.dtype, "device": self.scale.device}
        return full(self._extended_shape(), math.inf, **options)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance


__all__ = ["HalfCauchy"]
