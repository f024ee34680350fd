"""Distributions of the exponential family: entropy from the log normaliser."""

from __future__ import annotations

from typing import Any

from ..autograd import grad
from ._functions import Tensor
from .distribution import Distribution
from .utils import _sum_rightmost


class ExponentialFamily(Distribution):
    """p(x) = exp(<t(x), natural parameters> - log normaliser + k(x)).

    A subclass gives `_natural_params`, `_log_normalizer` and `_mean_carrier_measure`, the mean of
    k(x); the entropy follows. See torch.distributions.ExponentialFamily.
    """

    _mean_carrier_measure: Any

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """Log normaliser less the products of the natural parameters with its gradient in them
        (Nielsen and Nock, 2010, arXiv:1005.3199)."""
        parameters = [p.detach().requires_grad_() for p in self._natural_params]
        normaliser = self._log_normalizer(*parameters)
        slopes = grad(normaliser.sum(), parameters, create_graph=True)
        if not hasattr(self, "_mean_carrier_measure"):
            raise NotImplementedError
        result = -self._mean_carrier_measure + normaliser
        for parameter, slope in zip(parameters, slopes, strict=True):
            result = result - _sum_rightmost(parameter * slope, len(self._event_shape))
        return result


__all__ = ["ExponentialFamily"]
