"""Distributions that are given probabilities or logits: the other follows when it is asked for."""

from __future__ import annotations

from typing import Any

from .._core.size import Size
from ._functions import Tensor, arange
from .utils import lazy_property, logits_to_probs, probs_to_logits


def one_of(probs: Any, logits: Any) -> tuple[str, Any]:
    """The parameter that is given, and its name. ValueError unless it is exactly one."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return ("logits", logits) if probs is None else ("probs", probs)


class ProbsOrLogits:
    """The attributes `probs` and `logits`. _is_binary: of one event each, or of categories along
    the last dimension."""

    _is_binary = True
    _batch_shape: Size

    @lazy_property
    def logits(self) -> Tensor:
        """The log odds, or the log probabilities."""
        return probs_to_logits(self.probs, is_binary=self._is_binary)

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return logits_to_probs(self.logits, is_binary=self._is_binary)

    @property
    def _param(self) -> Tensor:
        """The parameter that was given."""
        return self.__dict__[self._given]

    @property
    def _given(self) -> str:
        # A value that was computed from the other comes after it.
        return next(name for name in self.__dict__ if name in ("probs", "logits"))

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._param.size()

    def _new(self, *args: Any, **kwargs: Any) -> Tensor:
        return self._param.new(*args, **kwargs)

    def _counting(self, count: int, expand: bool, **options: Any) -> Tensor:
        """0 ... count-1 along a new first dimension, for each place of the batch."""
        values = arange(count, device=self._param.device, **options)
        values = values.view((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values


__all__ = ["ProbsOrLogits", "one_of"]
