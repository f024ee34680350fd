"""What relaxed distributions have in common: the parameters are the base distribution's."""

from __future__ import annotations

from typing import Any

from ._functions import Tensor
from .transformed_distribution import TransformedDistribution


class Relaxed(TransformedDistribution):
    """A transform of noise about logits, divided by a temperature."""

    has_rsample: Any = True

    @property
    def temperature(self) -> Tensor:
        """The temperature."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The log odds, or the log probabilities."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.base_dist.probs
