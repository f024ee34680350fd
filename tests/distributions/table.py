"""The distributions and parameters that the tests run through: one row each.

A row's parameters are float64 arrays of batch shape (2, 3) unless the family says otherwise; `make`
builds the distribution of either library from Tensors of them. `value` is where densities are
asked, by default of the shape of a batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

BATCH = (2, 3)


@dataclasses.dataclass
class Row:
    """name: of the class. parameters: name -> array. value: an array. make: (library, tensors,
    options) -> distribution. fixed: the parameters that take no gradient. flat: what PyTorch has no
    gradient of. rtol: where PyTorch computes in float32."""

    name: str
    parameters: dict[str, np.ndarray]
    value: np.ndarray
    make: Callable[[Any, dict[str, Any], dict[str, Any]], Any]
    fixed: tuple[str, ...] = ()
    flat: tuple[str, ...] = ()
    rtol: float = 1e-9
    label: str = ""

    def build(self, library: Any, grad: bool = False, **options: Any) -> tuple[Any, list[Any]]:
        """The distribution, and the Tensors that gradients are asked of."""
        tensors = {k: library.tensor(v) for k, v in self.parameters.items()}
        leaves = []
        if grad:
            for name, tensor in tensors.items():
                if name not in self.fixed:
                    leaves.append(tensor.requires_grad_())
        return self.make(library, tensors, options), leaves


ROWS: list[Row] = []
_random = np.random.RandomState(0)


def between(low: float, high: float, *shape: int) -> np.ndarray:
    return _random.uniform(low, high, shape or BATCH)


def counts(high: int, *shape: int) -> np.ndarray:
    return _random.randint(0, high, shape or BATCH).astype(np.float64)


def simplex(*shape: int) -> np.ndarray:
    drawn = _random.uniform(0.1, 1, shape)
    return drawn / drawn.sum(-1, keepdims=True)


def covariance(*shape: int) -> np.ndarray:
    factor = _random.uniform(-1, 1, shape)
    return factor @ factor.swapaxes(-1, -2) + np.eye(shape[-1])


def triangle(*shape: int) -> np.ndarray:
    return np.tril(_random.uniform(-1, 1, shape), -1) + np.eye(shape[-1]) * 1.5


def row(name: str, value: np.ndarray, label: str = "", **parameters: np.ndarray) -> Row:
    """A row whose parameters are the class's arguments."""

    def make(library: Any, tensors: dict[str, Any], options: dict[str, Any]) -> Any:
        return getattr(library.distributions, name)(**tensors, **options)

    ROWS.append(Row(name, parameters, value, make, label=label or name))
    return ROWS[-1]


def given(name: str, value: np.ndarray, make: Callable, label: str = "", **parameters: Any) -> Row:
    """A row that is built otherwise: make(distributions, **tensors, **options)."""

    def build(library: Any, tensors: dict[str, Any], options: dict[str, Any]) -> Any:
        return make(library.distributions, **tensors, **options)

    ROWS.append(Row(name, parameters, value, build, label=label or name))
    return ROWS[-1]


REAL = between(-2, 2)
POSITIVE = between(0.3, 3)
UNIT = between(0.1, 0.9)
BITS = counts(2)

row("Bernoulli", BITS, probs=UNIT)
row("Bernoulli", BITS, label="Bernoulli-logits", logits=REAL)
row("Beta", UNIT, concentration1=POSITIVE, concentration0=between(0.5, 4))
given(
    "Binomial",
    counts(5),
    lambda d, probs, **o: d.Binomial(5, probs=probs, **o),
    probs=UNIT,
)
given(
    "Binomial",
    counts(5),
    lambda d, logits, **o: d.Binomial(5, logits=logits, **o),
    label="Binomial-logits",
    logits=REAL,
)
row("Categorical", np.array([[0, 3, 1], [2, 2, 0]]), probs=simplex(2, 3, 4))
row("Categorical", np.array([1, 0]), label="Categorical-logits", logits=between(-1, 1, 2, 3))
row("Cauchy", REAL, loc=between(-1, 1), scale=POSITIVE)
row("Chi2", POSITIVE, df=between(0.5, 5)).flat = ("cdf",)
row("ContinuousBernoulli", UNIT, probs=np.array([[0.2, 0.5, 0.8], [0.4995, 0.9, 0.1]]))
row("ContinuousBernoulli", UNIT, label="ContinuousBernoulli-logits", logits=REAL)
row("Dirichlet", simplex(2, 3, 4), concentration=between(0.5, 4, 2, 3, 4))
row("Exponential", POSITIVE, rate=between(0.5, 2))
row("FisherSnedecor", POSITIVE, df1=between(1, 6), df2=between(1, 6))
row("Gamma", POSITIVE, concentration=between(0.3, 4), rate=between(0.5, 2)).flat = ("cdf",)
row(  # in float32: PyTorch's log_prob raises an error in float64
    "GeneralizedPareto",
    between(1, 2).astype(np.float32),
    loc=between(0, 1).astype(np.float32),
    scale=between(2, 3).astype(np.float32),
    concentration=np.array([[0.0, 0.3, -0.5], [1.5, 0.7, 0.1]], np.float32),
).rtol = 2e-5
row("Geometric", counts(6), probs=UNIT)
row("Geometric", counts(6), label="Geometric-logits", logits=REAL)
row("Gumbel", REAL, loc=between(-1, 1), scale=POSITIVE)
row("HalfCauchy", POSITIVE, scale=between(0.5, 2))
row("HalfNormal", POSITIVE, scale=between(0.5, 2))
given(
    "Independent",
    REAL,
    lambda d, loc, scale, **o: d.Independent(d.Normal(loc, scale, **o), 1, **o),
    loc=between(-1, 1),
    scale=POSITIVE,
)
row("InverseGamma", POSITIVE, concentration=between(0.5, 4), rate=between(0.5, 2)).flat = ("cdf",)
row("Kumaraswamy", UNIT, concentration1=between(0.5, 3), concentration0=between(0.5, 3))
row("Laplace", REAL, loc=between(-1, 1), scale=POSITIVE)
given(
    "LKJCholesky",
    np.array([[1.0, 0, 0], [0.6, 0.8, 0], [0.0, 0.6, 0.8]]),
    lambda d, concentration, **o: d.LKJCholesky(3, concentration, **o),
    concentration=between(0.5, 3, 2),
)
row("LogNormal", POSITIVE, loc=between(-1, 1), scale=between(0.5, 1))
row("LogisticNormal", simplex(2, 4), loc=between(-1, 1), scale=between(0.5, 1))
row(
    "LowRankMultivariateNormal",
    REAL,
    loc=between(-1, 1, 2, 3),
    cov_factor=between(-1, 1, 3, 2),
    cov_diag=between(0.5, 1, 3),
)
given(
    "MixtureSameFamily",
    between(-1, 1, 2),
    lambda d, probs, loc, scale, **o: d.MixtureSameFamily(
        d.Categorical(probs, **o), d.Normal(loc, scale, **o), **o
    ),
    probs=simplex(2, 3),
    loc=between(-1, 1),
    scale=POSITIVE,
)
given(
    "MixtureSameFamily",
    between(-1, 1, 2),
    lambda d, probs, loc, scale, **o: d.MixtureSameFamily(
        d.Categorical(probs, **o), d.Independent(d.Normal(loc, scale, **o), 1), **o
    ),
    label="MixtureSameFamily-vectors",
    probs=simplex(3),
    loc=between(-1, 1, 3, 2),
    scale=between(0.5, 1, 3, 2),
)
given(
    "Multinomial",
    np.array([[2.0, 1, 0, 1], [0, 0, 4, 0]]),
    lambda d, probs, **o: d.Multinomial(4, probs, **o),
    probs=simplex(2, 4),
).rtol = 1e-6
given(
    "Multinomial",
    np.array([[2.0, 1, 0, 1], [0, 0, 4, 0]]),
    lambda d, logits, **o: d.Multinomial(4, logits=logits, **o),
    label="Multinomial-logits",
    logits=between(-1, 1, 2, 4),
).rtol = 1e-6
row("MultivariateNormal", REAL, loc=between(-1, 1), covariance_matrix=covariance(3, 3))
row(
    "MultivariateNormal",
    REAL,
    label="MultivariateNormal-precision",
    loc=between(-1, 1),
    precision_matrix=covariance(2, 3, 3),
)
row(
    "MultivariateNormal",
    REAL,
    label="MultivariateNormal-tril",
    loc=between(-1, 1, 3),
    scale_tril=triangle(2, 3, 3),
)
row("NegativeBinomial", counts(6), total_count=between(1, 5), probs=UNIT)
row(
    "NegativeBinomial",
    counts(6),
    label="NegativeBinomial-logits",
    total_count=np.array([[0.0, 1, 2], [3, 4.5, 5]]),
    logits=REAL,
).fixed = ("total_count",)
row("Normal", REAL, loc=between(-1, 1), scale=POSITIVE)
row("OneHotCategorical", np.eye(4)[[[0, 3, 1], [2, 2, 0]]], probs=simplex(2, 3, 4))
row("OneHotCategoricalStraightThrough", np.eye(3)[[1, 0]], logits=between(-1, 1, 2, 3))
row("Pareto", between(2, 4), scale=between(0.5, 1.5), alpha=between(0.5, 4))
row("Poisson", counts(6), rate=between(0.5, 15))
row("RelaxedBernoulli", UNIT, temperature=np.array(0.7), probs=UNIT)
row(
    "RelaxedBernoulli",
    UNIT,
    label="RelaxedBernoulli-logits",
    temperature=np.array(0.7),
    logits=REAL,
)
row("RelaxedOneHotCategorical", simplex(2, 4), temperature=np.array(0.7), probs=simplex(2, 4))
row(
    "RelaxedOneHotCategorical",
    simplex(2, 4),
    label="RelaxedOneHotCategorical-logits",
    temperature=np.array(0.7),
    logits=between(-1, 1, 2, 4),
)
row("StudentT", REAL, df=between(0.5, 5), loc=between(-1, 1), scale=POSITIVE)
given(
    "TransformedDistribution",
    POSITIVE,
    lambda d, loc, scale, **o: d.TransformedDistribution(
        d.Normal(loc, scale, **o), [d.AffineTransform(0.5, -2.0), d.ExpTransform()], **o
    ),
    loc=between(-1, 1),
    scale=POSITIVE,
)
row("Uniform", between(0, 1), low=between(-1, 0), high=between(1, 2))
row("VonMises", REAL, loc=between(-1, 1), concentration=between(0.5, 6))
row("Weibull", POSITIVE, scale=between(0.5, 2), concentration=between(0.7, 3))
row("Wishart", covariance(3, 3), df=between(3.5, 6, 2), covariance_matrix=covariance(3, 3))
row(
    "Wishart",
    covariance(2, 3, 3),
    label="Wishart-precision",
    df=between(3.5, 6, 2),
    precision_matrix=covariance(2, 3, 3),
)
given(
    "Wishart",
    covariance(3, 3),
    # PyTorch's gradient of cholesky_solve is not zero above the diagonal.
    lambda d, df, scale_tril, **o: d.Wishart(df, scale_tril=scale_tril.tril(), **o),
    label="Wishart-tril",
    df=np.array(4.5),
    scale_tril=triangle(3, 3),
)
for _row in ROWS:
    if _row.name == "Wishart":
        _row.flat = ("rsample",)  # PyTorch writes to what the gradient needs
BY_LABEL = {r.label: r for r in ROWS}
