"""Divergences between distributions of different families: KL(p || q) = E_p[-log q] - entropy(p).

What E_p[-log q] takes are moments of p: of x, of its logarithm, of exp(-x / scale). Where p reaches
beyond the support of q the divergence is infinite.
"""

from __future__ import annotations

import math
from typing import Any

from ._functions import Tensor, full_like, where
from ._kl_registry import register_kl
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .laplace import Laplace
from .normal import LOG_ROOT_2_PI, Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform
from .utils import euler_constant

# p -> (a parameter of the result's shape, the q whose support p is not within).
INFINITE: dict[type, tuple[str, tuple[type, ...]]] = {
    Beta: ("concentration1", (Pareto,)),
    ContinuousBernoulli: ("probs", (Pareto,)),
    Exponential: ("rate", (Beta, ContinuousBernoulli, Pareto, Uniform)),
    Gamma: ("concentration", (Beta, ContinuousBernoulli, Pareto, Uniform)),
    Gumbel: ("loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    Laplace: ("loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    Normal: ("loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    Pareto: ("scale", (Beta, ContinuousBernoulli, Uniform)),
    Poisson: ("rate", (Bernoulli, Binomial)),
}


def _register_infinite(type_p: type, parameter: str, types_q: tuple[type, ...]) -> None:
    def infinite(p: Any, q: Any) -> Tensor:
        return full_like(getattr(p, parameter), math.inf)

    for type_q in types_q:
        register_kl(type_p, type_q)(infinite)


for _type, (_parameter, _others) in INFINITE.items():
    _register_infinite(_type, _parameter, _others)


# ---------------------------------------------------------------------------------------- moments


def _x_log_x(x: Tensor) -> Tensor:
    return x.xlogy(x)  # 0 at 0


def _mean_and_variance(p: Any) -> tuple[Tensor, Tensor]:
    """Those of Pareto are numbers where they should be infinite, for the gradient: `_finite`."""
    if not isinstance(p, Pareto):
        return p.mean, p.variance
    mean = p.alpha * p.scale / (p.alpha - 1)
    return mean, mean * p.scale / ((p.alpha - 1) * (p.alpha - 2))


def _log_mean(p: Any) -> Tensor:
    """E[log x]."""
    if isinstance(p, Beta):
        return p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    if isinstance(p, Exponential):
        return -p.rate.log() - euler_constant
    if isinstance(p, Pareto):
        return p.scale.log() + p.alpha.reciprocal()
    return _log_mean_between(p.low, p.high)


def _log_mean_between(low: Tensor, high: Tensor) -> Tensor:
    """E[log x] of uniforms."""
    return (_x_log_x(high) - _x_log_x(low)) / (high - low) - 1


def _negative_exp_mean(p: Any, scale: Tensor) -> Tensor:
    """E[exp(-x / scale)]."""
    if isinstance(p, Exponential):
        product = p.rate * scale
        return product / (product + 1)
    if isinstance(p, Gamma):
        return (1 + (p.rate * scale).reciprocal()).pow(-p.concentration)
    if isinstance(p, Normal):
        return (-p.loc / scale + 0.5 * (p.scale / scale).pow(2)).exp()
    low, high = (-p.low / scale).exp(), (-p.high / scale).exp()
    return (low - high) * scale / (p.high - p.low)


def _finite(p: Any, result: Tensor, moments: int, positive: bool) -> Tensor:
    """The result, or infinity: for uniforms that reach below 0, where q lives above, and for Pareto
    where it has no such moments."""
    if positive and isinstance(p, Uniform):
        return where(p.low < 0, math.inf, result)
    return where(p.alpha <= moments, math.inf, result) if isinstance(p, Pareto) else result


# ------------------------------------------------------------------------------------------ pairs


@register_kl(Bernoulli, Poisson)
def _kl_bernoulli_poisson(p: Any, q: Any) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, Exponential)
@register_kl(ContinuousBernoulli, Exponential)
@register_kl(Gamma, Exponential)
@register_kl(Pareto, Exponential)
@register_kl(Uniform, Exponential)
def _kl_exponential(p: Any, q: Any) -> Tensor:
    expected = q.rate * _mean_and_variance(p)[0] - q.rate.log()
    return _finite(p, expected - p.entropy(), 1, positive=True)


@register_kl(Beta, Gamma)
@register_kl(Exponential, Gamma)
@register_kl(Pareto, Gamma)
@register_kl(Uniform, Gamma)
def _kl_gamma(p: Any, q: Any) -> Tensor:
    constant = q.concentration.lgamma() - q.concentration * q.rate.log()
    expected = constant - (q.concentration - 1) * _log_mean(p)
    expected = expected + q.rate * _mean_and_variance(p)[0]
    return _finite(p, expected - p.entropy(), 1, positive=True)


@register_kl(Beta, Normal)
@register_kl(ContinuousBernoulli, Normal)
@register_kl(Exponential, Normal)
@register_kl(Gamma, Normal)
@register_kl(Gumbel, Normal)
@register_kl(Laplace, Normal)
@register_kl(Pareto, Normal)
@register_kl(Uniform, Normal)
def _kl_normal(p: Any, q: Any) -> Tensor:
    mean, variance = _mean_and_variance(p)
    squares = variance + (mean - q.loc).pow(2)
    expected = q.scale.log() + LOG_ROOT_2_PI + squares / (2 * q.scale.pow(2))
    return _finite(p, expected - p.entropy(), 2, positive=False)


@register_kl(Exponential, Gumbel)
@register_kl(Gamma, Gumbel)
@register_kl(Normal, Gumbel)
@register_kl(Uniform, Gumbel)
def _kl_gumbel(p: Any, q: Any) -> Tensor:
    tail = (q.loc / q.scale).exp() * _negative_exp_mean(p, q.scale)
    return q.scale.log() + (p.mean - q.loc) / q.scale + tail - p.entropy()


@register_kl(Normal, Laplace)
def _kl_normal_laplace(p: Any, q: Any) -> Tensor:
    apart = p.loc - q.loc
    ratio = apart / p.scale
    distance = math.sqrt(2 / math.pi) * p.scale * (-0.5 * ratio.pow(2)).exp()
    distance = distance + apart * (math.sqrt(0.5) * ratio).erf()
    return (2 * q.scale).log() + distance / q.scale - p.entropy()


@register_kl(Beta, ContinuousBernoulli)
@register_kl(Uniform, ContinuousBernoulli)
def _kl_continuous_bernoulli(p: Any, q: Any) -> Tensor:
    expected = -p.mean * q.logits - (-q.probs).log1p() - q._cont_bern_log_norm()
    result = expected - p.entropy()
    if isinstance(p, Uniform):  # PyTorch counts the ends of the support as outside
        return where((p.high >= 1) | (p.low <= 0), math.inf, result)
    return result


@register_kl(Beta, Uniform)
def _kl_beta_uniform(p: Any, q: Any) -> Tensor:
    result = (q.high - q.low).log() - p.entropy()
    return where((q.low > 0) | (q.high < 1), math.inf, result)


@register_kl(ContinuousBernoulli, Uniform)
def _kl_continuous_bernoulli_uniform(p: Any, q: Any) -> Tensor:
    # As PyTorch has it: infinite unless the uniforms reach beyond both ends.
    result = (q.high - q.low).log() - p.entropy()
    return where((q.low >= 0) | (q.high <= 1), math.inf, result)


@register_kl(Uniform, Beta)
def _kl_uniform_beta(p: Any, q: Any) -> Tensor:
    a, b = q.concentration1, q.concentration0
    log_beta = a.lgamma() + b.lgamma() - (a + b).lgamma()
    of_rest = _log_mean_between(1 - p.high, 1 - p.low)
    expected = log_beta - (a - 1) * _log_mean(p) - (b - 1) * of_rest
    return where((p.high > 1) | (p.low < 0), math.inf, expected - p.entropy())


@register_kl(Uniform, Pareto)
def _kl_uniform_pareto(p: Any, q: Any) -> Tensor:
    constant = q.alpha.log() + q.alpha * q.scale.log()
    result = (q.alpha + 1) * _log_mean(p) - constant - p.entropy()
    return where(p.low < q.scale, math.inf, result)
