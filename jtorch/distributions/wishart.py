"""The Wishart distribution."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from .._core.size import Size
from . import constraints
from ._functions import Tensor, arange, broadcast_shapes, finfo, randn, slogdet, tensor
from .chi2 import Chi2
from .exp_family import ExponentialFamily
from .multivariate_normal import ByFactor, factor_of, log_diagonal, the_one_given
from .utils import Number, vec_to_tril_matrix

LOG_2 = math.log(2)


class Wishart(ByFactor, ExponentialFamily):
    """Positive-definite matrices: covariances, not divided by their number, of `df` normal vectors
    of mean 0. The scale is given as MultivariateNormal's. See torch.distributions.Wishart."""

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        try:
            name, matrix = the_one_given(covariance_matrix, precision_matrix, scale_tril)
        except ValueError as error:
            raise AssertionError(str(error)) from None
        if matrix.dim() < 2:
            raise ValueError(
                "scale_tril must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        batch_shape = Size(matrix.shape[:-2])
        if isinstance(df, Number):
            self.df = tensor(df, dtype=matrix.dtype, device=matrix.device)
        else:
            batch_shape = broadcast_shapes(batch_shape, df.shape)
            self.df = df.expand(batch_shape)
        size = matrix.shape[-1]
        if self.df.le(size - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {size - 1}.")
        self.__dict__[name] = matrix.expand((*batch_shape, -1, -1))
        if self.df.lt(size).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for "
                "ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        super().__init__(batch_shape, matrix.shape[-2:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = factor_of(name, matrix)
        self._dist_chi2 = self._diagonal()

    def _diagonal(self) -> Chi2:
        """The squares of the diagonal of Bartlett's factor, of ever fewer degrees of freedom."""
        factor = self._unbroadcasted_scale_tril
        fewer = arange(self._event_shape[-1], dtype=factor.dtype, device=factor.device)
        return Chi2(self.df.unsqueeze(-1) - fewer.expand((*self._batch_shape, -1)))

    @property
    def arg_constraints(self) -> dict[str, Any]:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Wishart:
        names = ("covariance_matrix", "scale_tril", "precision_matrix")
        new = self._expand(Wishart, batch_shape, _instance, *names)
        new.df = self.df.expand(new._batch_shape)
        wide = (*new._batch_shape, *self._event_shape)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril.expand(wide)
        new._dist_chi2 = new._diagonal()
        return new

    def _each(self, numbers: Tensor) -> Tensor:
        """Numbers of the batch, to be multiplied with matrices."""
        return numbers.view((*self._batch_shape, 1, 1))

    @property
    def mean(self) -> Tensor:
        return self._each(self.df) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[-1] - 1
        return self._each(factor.masked_fill(factor <= 0, math.nan)) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        scale = self.covariance_matrix
        diagonal = scale.diagonal(dim1=-2, dim2=-1)
        products = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self._each(self.df) * (scale.pow(2) + products)

    def _bartlett_sampling(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """A A^T with A = L times a triangle: roots of chi-squared variables on the diagonal,
        normals below it (Bartlett, 1933)."""
        size = self._event_shape[-1]
        diagonal = self._dist_chi2.rsample(sample_shape).sqrt()
        options = {"dtype": diagonal.dtype, "device": diagonal.device}
        shape = (*sample_shape, *self._batch_shape, size * (size - 1) // 2)
        noise = diagonal.clamp(min=finfo(diagonal.dtype).eps).diag_embed()
        if size > 1:
            noise = noise + vec_to_tril_matrix(randn(shape, **options), -1)
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def rsample(
        self, sample_shape: Sequence[int] = Size(), max_try_correction: int | None = None
    ) -> Tensor:
        """Samples by Bartlett's decomposition, which may come out singular; they are read.

        PyTorch 2.13 takes those that are *not* singular to be so, warns, and draws them anew, up
        to `max_try_correction` (10) times until they are. The same happens here, so that a seed
        gives the same numbers.
        """
        sample_shape = Size(sample_shape)
        sample = self._bartlett_sampling(sample_shape)
        chosen = self._any_of_batch(self.support.check(sample))
        if not chosen.any():
            return sample
        warnings.warn("Singular sample detected.", stacklevel=2)
        for _ in range(10 if max_try_correction is None else max_try_correction):
            again = self._bartlett_sampling(chosen[chosen].shape)
            sample = sample.clone()
            sample[chosen] = again
            wrong = self._any_of_batch(~self.support.check(again))
            left = chosen.clone()
            left[chosen] = wrong
            chosen = left
            if not chosen.any():
                break
        return sample

    def _any_of_batch(self, found: Tensor) -> Tensor:
        for _ in self._batch_shape:
            found = found.any(-1)
        return found

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        nu, size = self.df, self._event_shape[-1]
        factor = self._unbroadcasted_scale_tril
        trace = value.cholesky_solve(factor).diagonal(dim1=-2, dim2=-1).sum(-1)
        return (
            -nu * (size * LOG_2 / 2 + log_diagonal(factor))
            - (nu / 2).mvlgamma(size)
            + (nu - size - 1) / 2 * slogdet(value).logabsdet
            - trace / 2
        )

    def entropy(self) -> Tensor:
        nu, size = self.df, self._event_shape[-1]
        return (
            (size + 1) * (size * LOG_2 / 2 + log_diagonal(self._unbroadcasted_scale_tril))
            + (nu / 2).mvlgamma(size)
            - (nu - size - 1) / 2 * _mvdigamma(nu / 2, size)
            + nu * size / 2
        )

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:
        size = self._event_shape[-1]
        half = y + (size + 1) / 2
        return half * (-slogdet(-2 * x).logabsdet + LOG_2 * size) + half.mvlgamma(size)


def _mvdigamma(x: Tensor, size: int) -> Tensor:
    """The derivative of mvlgamma."""
    steps = arange(size, dtype=x.dtype, device=x.device) / 2
    return (x.unsqueeze(-1) - steps).digamma().sum(-1)


__all__ = ["Wishart"]
