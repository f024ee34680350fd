"""Normal vectors whose covariance is of low rank plus a diagonal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._core.size import Size
from . import constraints
from ._functions import Tensor, broadcast_tensors, cholesky, eye, solve_triangular
from .distribution import Distribution
from .multivariate_normal import log_diagonal, matrix_times_vector, squared_distance
from .utils import _standard_normal, lazy_property


def plus_one(matrix: Tensor) -> Tensor:
    """The matrix plus the identity."""
    return matrix + eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


def weighted(factor: Tensor, diagonal: Tensor) -> Tensor:
    """W^T D^-1."""
    return factor.mT / diagonal.unsqueeze(-2)


def distance_by_parts(factor: Tensor, diagonal: Tensor, x: Tensor, capacitance: Tensor) -> Tensor:
    """x^T (W W^T + D)^-1 x, by Woodbury's identity."""
    along = matrix_times_vector(weighted(factor, diagonal), x)
    return (x.pow(2) / diagonal).sum(-1) - squared_distance(capacitance, along)


def log_determinant(diagonal: Tensor, capacitance: Tensor) -> Tensor:
    """log |W W^T + D|, by the matrix determinant lemma."""
    return 2 * log_diagonal(capacitance) + diagonal.log().sum(-1)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors of mean `loc` (..., n) and covariance W W^T + D, with W = `cov_factor`
    (..., n, rank) and the diagonal `cov_diag` (..., n) of D.

    See torch.distributions.LowRankMultivariateNormal.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        cov_factor: Tensor,
        cov_diag: Tensor,
        validate_args: bool | None = None,
    ) -> None:
        event_shape = _event_shape(loc, cov_factor, cov_diag)
        try:
            wide, self.cov_factor, diagonal = broadcast_tensors(
                loc.unsqueeze(-1), cov_factor, cov_diag.unsqueeze(-1)
            )
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, "
                f"cov_diag {cov_diag.shape}"
            ) from error
        self.loc = wide[..., 0]
        self.cov_diag = diagonal[..., 0]
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        # The factor of the capacitance matrix, I + W^T D^-1 W.
        self._capacitance_tril = cholesky(plus_one(weighted(cov_factor, cov_diag) @ cov_factor))
        super().__init__(self.loc.shape[:-1], event_shape, validate_args=validate_args)

    def expand(
        self, batch_shape: Sequence[int], _instance: Any = None
    ) -> LowRankMultivariateNormal:
        names = ("loc", "cov_diag", "cov_factor")
        new = self._expand(LowRankMultivariateNormal, batch_shape, _instance, *names)
        new._unbroadcasted_cov_factor = self._unbroadcasted_cov_factor
        new._unbroadcasted_cov_diag = self._unbroadcasted_cov_diag
        new._capacitance_tril = self._capacitance_tril
        return new

    def _expanded(self, matrix: Tensor) -> Tensor:
        return matrix.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:
        squares = self._unbroadcasted_cov_factor.pow(2).sum(-1)
        variance = squares + self._unbroadcasted_cov_diag
        return variance.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance, D^1/2 times that of I + V V^T with
        V = D^-1/2 W, whose eigenvalues are at least one (Rasmussen and Williams, 2006, 3.4.3)."""
        deviation = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        v = self._unbroadcasted_cov_factor / deviation
        return self._expanded(deviation * cholesky(plus_one(v @ v.mT)))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        factor = self._unbroadcasted_cov_factor
        return self._expanded(factor @ factor.mT + self._unbroadcasted_cov_diag.diag_embed())

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance, by Woodbury's identity."""
        diagonal = self._unbroadcasted_cov_diag
        along = weighted(self._unbroadcasted_cov_factor, diagonal)
        a = solve_triangular(self._capacitance_tril, along, upper=False)
        return self._expanded(diagonal.reciprocal().diag_embed() - a.mT @ a)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        options = {"dtype": self.loc.dtype, "device": self.loc.device}
        along = _standard_normal((*shape[:-1], self.cov_factor.shape[-1]), **options)
        each = _standard_normal(shape, **options)
        return (
            self.loc
            + matrix_times_vector(self._unbroadcasted_cov_factor, along)
            + self._unbroadcasted_cov_diag.sqrt() * each
        )

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        distance = distance_by_parts(
            self._unbroadcasted_cov_factor,
            self._unbroadcasted_cov_diag,
            value - self.loc,
            self._capacitance_tril,
        )
        log_det = log_determinant(self._unbroadcasted_cov_diag, self._capacitance_tril)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + log_det + distance)

    def entropy(self) -> Tensor:
        log_det = log_determinant(self._unbroadcasted_cov_diag, self._capacitance_tril)
        entropy = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + log_det)
        return entropy.expand(self._batch_shape) if self._batch_shape else entropy


def _event_shape(loc: Tensor, cov_factor: Tensor, cov_diag: Tensor) -> Size:
    """The shape of an event. ValueError for parameters whose shapes don't fit."""
    if loc.dim() < 1:
        raise ValueError("loc must be at least one-dimensional.")
    event_shape = loc.shape[-1:]
    if cov_factor.dim() < 2:
        raise ValueError(
            "cov_factor must be at least two-dimensional, with optional leading batch dimensions"
        )
    if cov_factor.shape[-2:-1] != event_shape:
        raise ValueError(f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m")
    if cov_diag.shape[-1:] != event_shape:
        raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
    return event_shape


__all__ = ["LowRankMultivariateNormal"]
