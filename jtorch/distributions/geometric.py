"""The geometric distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._core.size import Size
from . import constraints
from ._functions import Tensor, binary_cross_entropy_with_logits, finfo, no_grad
from ._given import ProbsOrLogits, one_of
from .distribution import Distribution
from .utils import all_numbers, broadcast_all


class Geometric(ProbsOrLogits, Distribution):
    """The failures before the first success, of probability `probs`.

    See torch.distributions.Geometric.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        name, given = one_of(probs, logits)
        (self.__dict__[name],) = broadcast_all(given)
        batch_shape = Size() if all_numbers(given) else self._param.size()
        super().__init__(batch_shape, validate_args=validate_args)
        if self._validate_args and probs is not None:
            # 0 is in the constraint, but nothing ever succeeds.
            with no_grad():
                positive = (self.probs > 0).all()
            self._require(positive, self.probs, _never_succeeds)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Geometric:
        return self._expand(Geometric, batch_shape, _instance, "probs", "logits")

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return self.probs.detach() * 0

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            u = self.probs.new(shape).uniform_(finfo(self.probs.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        # Certain success at once: 0 times minus infinity is 0.
        probs = probs.masked_fill((probs == 1) & (value == 0), 0)
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        each = binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
        return each / self.probs


def _never_succeeds(distribution: Distribution, value: Tensor, kind: str) -> str:
    wrong = value[value <= 0]
    return (
        f"Expected parameter probs ({kind} of shape {tuple(value.shape)}) of distribution "
        f"{distribution!r} to be positive but found invalid values:\n{wrong}"
    )


__all__ = ["Geometric"]
