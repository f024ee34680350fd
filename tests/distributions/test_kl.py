"""All divergences that PyTorch has registered, with gradients, and who computes them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

from .table import BY_LABEL, UNIT, between, covariance, simplex

# Parameters of p and q, float64 of shape (2, 3); each reaches beyond the other somewhere.
OTHER = between(0.1, 0.9)
LOW = np.array([[0.1, 0.2, -0.5], [0.3, 0.0, 0.1]])
HIGH = np.array([[0.9, 0.8, 2.0], [0.7, 1.0, 1.5]])
EDGES = np.array([[0.0, 1.0, 0.3], [0.6, 0.0, 0.9]])
PARAMETERS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "Bernoulli": ((EDGES,), (np.array([[0.3, 0.5, 0.0], [1.0, 0.0, 0.5]]),)),
    "Beta": ((between(1, 3), between(1, 3)), (between(1, 3), between(1, 3))),
    "Binomial": ((np.full((2, 3), 5.0), UNIT), (np.full((2, 3), 5.0), OTHER)),
    "Categorical": ((np.array([[0.5, 0.5, 0], [0.2, 0, 0.8]]),), (simplex(2, 3),)),
    "Cauchy": ((LOW, HIGH), (between(-1, 1), between(0.5, 2))),
    "ContinuousBernoulli": ((UNIT,), (OTHER,)),
    "Dirichlet": ((between(1, 3),), (between(1, 3),)),
    "Exponential": ((between(0.5, 2),), (between(0.5, 2),)),
    "Gamma": ((between(0.5, 3), between(0.5, 2)), (between(0.5, 3), between(0.5, 2))),
    "Geometric": ((UNIT,), (OTHER,)),
    "Gumbel": ((LOW, between(0.5, 1)), (between(-1, 1), between(0.5, 1))),
    "HalfNormal": ((between(0.5, 2),), (between(0.5, 2),)),
    "Laplace": ((LOW, between(0.5, 1)), (between(-1, 1), between(0.5, 1))),
    "LogNormal": ((LOW, between(0.5, 1)), (between(-1, 1), between(0.5, 1))),
    "LowRankMultivariateNormal": (
        (between(-1, 1), between(-1, 1, 2, 3, 2), between(0.5, 1)),
        (between(-1, 1), between(-1, 1, 3, 2), between(0.5, 1, 3)),
    ),
    "MultivariateNormal": (
        (between(-1, 1), covariance(3, 3)),
        (between(-1, 1), covariance(2, 3, 3)),
    ),
    "Normal": ((LOW, between(0.5, 1)), (between(-1, 1), between(0.5, 1))),
    "OneHotCategorical": ((simplex(2, 3),), (np.array([[0.5, 0.5, 0], [0.2, 0, 0.8]]),)),
    "Pareto": (
        (between(0.5, 1.5), np.array([[0.5, 1.5, 2.5], [3.0, 4.0, 2.2]])),
        (between(0.1, 1), between(2.5, 4)),
    ),
    "Poisson": ((between(0.5, 5),), (between(0.5, 5),)),
    "Uniform": ((LOW, HIGH), (LOW - 0.2, np.array([[1.1, 0.5, 3.0], [1.2, 1.0, 2.0]]))),
}


def named(registry: Any) -> set[tuple[str, str]]:
    return {(p.__name__, q.__name__) for p, q in registry}


def test_the_same_pairs_are_registered() -> None:
    ours, theirs = jtorch.distributions.kl._KL_REGISTRY, torch.distributions.kl._KL_REGISTRY
    assert named(ours) == named(theirs)


FAMILIES = {"ExponentialFamily", "TransformedDistribution", "Independent"}
PAIRS = sorted(
    pair for pair in named(torch.distributions.kl._KL_REGISTRY) if not FAMILIES & set(pair)
)
PAIRS.append(("LogNormal", "LogNormal"))


def divergence(library: Any, name_p: str, name_q: str) -> list[Any]:
    """The divergence and its gradients."""
    leaves: list[Any] = []
    made = []
    for name, which in ((name_p, 0), (name_q, 1)):
        tensors = [library.tensor(v) for v in PARAMETERS[name][which]]
        leaves += [t.requires_grad_() for t in tensors]
        if name == "Binomial":
            tensors[0] = tensors[0].detach()
        made.append(getattr(library.distributions, name)(*tensors, validate_args=False))
    result = library.distributions.kl_divergence(*made)
    found = [result]
    if result.requires_grad:
        total = result.masked_fill(~result.isfinite(), 0).sum()
        gradients = library.autograd.grad(total, leaves, allow_unused=True)
        found += [library.zeros(()) if g is None else g for g in gradients]
    return found


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_divergence(pair: tuple[str, str]) -> None:
    expected, found = (divergence(library, *pair) for library in (torch, jtorch))
    assert len(found) == len(expected)
    for theirs, ours in zip(expected, found, strict=True):
        # A gradient that one has none of and the other has zeros.
        theirs, ours = torch.broadcast_tensors(theirs.detach(), torch.tensor(ours.detach().numpy()))
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), 1e-7, 1e-8)


@pytest.mark.parametrize("label", ["Normal", "Gamma", "Dirichlet", "Wishart-precision"])
def test_exponential_families(label: str) -> None:
    """The Bregman divergence of the log normaliser; of Wishart it is the only formula."""
    results = []
    for library in (torch, jtorch):
        p, _ = BY_LABEL[label].build(library, validate_args=False)
        q = BY_LABEL[label].make(
            library,
            {k: library.tensor(v * 1.2) for k, v in BY_LABEL[label].parameters.items()},
            {"validate_args": False},
        )
        family = library.distributions.ExponentialFamily
        formula = library.distributions.kl._KL_REGISTRY[family, family]
        results.append(formula(p, q).tolist())
    np.testing.assert_allclose(results[1], results[0], 1e-8, 1e-9)


def test_independent_and_refusals() -> None:
    def program(d: Any, t: Any) -> list[Any]:
        loc = t.tensor(LOW)
        one, other = d.Normal(loc, 1.0), d.Normal(loc + 1, 2.0)
        found = [d.kl_divergence(d.Independent(one, 1), d.Independent(other, 1)).tolist()]
        for p, q in [
            (d.Independent(one, 1), d.Independent(other, 2)),
            (d.LogNormal(0.0, 1.0), d.HalfNormal(1.0)),
            (d.StudentT(2.0), one),
            (d.Binomial(2, t.tensor(0.5)), d.Binomial(3, t.tensor(0.5))),
        ]:
            with pytest.raises(NotImplementedError) as caught:
                d.kl_divergence(p, q)
            found.append(str(caught.value))
        return found

    ours = program(jtorch.distributions, jtorch)
    theirs = program(torch.distributions, torch)
    np.testing.assert_allclose(ours[0], theirs[0], 1e-12)
    assert ours[1:] == theirs[1:]


def test_dispatch() -> None:
    """A registered pair counts for subclasses; RuntimeWarning where two do."""

    def program(d: Any) -> list[Any]:
        class Base(d.Normal):
            pass

        class Derived(Base):
            pass

        d.register_kl(Derived, Base)(lambda p, q: "derived, base")
        d.register_kl(Base, Derived)(lambda p, q: "base, derived")
        p, q = Base(0.0, 1.0), Derived(0.0, 1.0)
        found = [d.kl_divergence(q, p), d.kl_divergence(p, q), float(d.kl_divergence(p, p))]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found.append(d.kl_divergence(q, q))
        found.append([(w.category, str(w.message)) for w in caught])
        with pytest.raises(TypeError) as refused:
            d.register_kl(int, Base)(print) if d is jtorch.distributions else d.register_kl(3, Base)
        for pair in [(Derived, Base), (Base, Derived)]:
            del d.kl._KL_REGISTRY[pair]
        d.kl._KL_MEMOIZE.clear()
        return [*found, type(refused.value)]

    assert program(jtorch.distributions) == program(torch.distributions)
