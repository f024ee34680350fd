"""Samples: for a seed PyTorch's numbers, with its gradients, and its generator afterwards."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

from .table import BY_LABEL, Row

# PyTorch computes the implicit gradient of Dirichlet partly in the dtype of its argument.
RTOL, ATOL = 1e-8, 1e-9


def drawn(row: Row, library: Any) -> list[Any]:
    """Two samples, the gradient through another, and the generator's state."""
    library.manual_seed(7)
    distribution, leaves = row.build(library, grad=True, validate_args=False)
    found = [distribution.sample(), distribution.sample((5,))]
    assert not any(sample.requires_grad for sample in found)
    if distribution.has_rsample:
        sample = distribution.rsample((2,))
        weights = library.linspace(0.5, 1.5, sample.numel(), dtype=sample.dtype)
        total = (sample * weights.reshape(sample.shape)).sum()
        found.append(sample)
        if "rsample" not in row.flat:
            found += library.autograd.grad(total, leaves)
    return [*found, library.get_rng_state()]


@pytest.mark.parametrize("label", BY_LABEL)
def test_samples(label: str) -> None:
    row = BY_LABEL[label]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Wishart's, which test_wishart_warns looks at
        expected, found = drawn(row, torch), drawn(row, jtorch)
    assert len(found) == len(expected)
    for place, (theirs, ours) in enumerate(zip(expected, found, strict=True)):
        assert str(ours.dtype) == str(theirs.dtype)
        assert tuple(ours.shape) == tuple(theirs.shape)
        rtol = max(RTOL, row.rtol)
        np.testing.assert_allclose(
            ours.detach().numpy(), theirs.detach().numpy(), rtol, ATOL, err_msg=str(place)
        )


def test_wishart_warns() -> None:
    row = BY_LABEL["Wishart-tril"]
    for library in (torch, jtorch):
        library.manual_seed(0)
        distribution, _ = row.build(library)
        with pytest.warns(UserWarning, match="Singular sample detected."):
            distribution.sample()


def test_samples_lie_in_the_support() -> None:
    jtorch.manual_seed(1)
    for row in BY_LABEL.values():
        distribution, _ = row.build(jtorch, validate_args=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sample = distribution.sample((3,))
        assert distribution.support.check(sample).all(), row.label


COUNTED = {
    "binomial": lambda t: t.binomial(t.arange(400.0) % 60, t.linspace(0, 1, 400)),
    "binomial float64": lambda t: t.binomial(
        t.full((50,), 300.0, dtype=t.float64), t.linspace(0, 1, 50, dtype=t.float64)
    ),
    "_standard_gamma": lambda t: t._standard_gamma(t.linspace(0.01, 30, 400)),
    "_sample_dirichlet": lambda t: t._sample_dirichlet(t.linspace(0.01, 30, 400).view(100, 4)),
    "zero": lambda t: t._standard_gamma(t.tensor([0.0, 0.5])),
}


@pytest.mark.parametrize("name", COUNTED)
def test_samplers(name: str) -> None:
    results = []
    for library in (torch, jtorch):
        library.manual_seed(3)
        library.randn(3)  # leaves a spare normal
        results.append((COUNTED[name](library).numpy(), library.get_rng_state().numpy()))
    np.testing.assert_allclose(results[1][0], results[0][0], 1e-6)
    np.testing.assert_array_equal(results[1][1], results[0][1])


REFUSED = {
    "binomial of integers": lambda t: t.binomial(t.tensor([3]), t.tensor([0.5])),
    "binomial of two dtypes": lambda t: t.binomial(
        t.tensor([3.0]), t.tensor([0.5], dtype=t.float64)
    ),
    "binomial of shapes": lambda t: t.binomial(t.ones(3), t.ones(2)),
    "binomial of numbers": lambda t: t.binomial(3, t.ones(2)),
    "binomial of halves": lambda t: t.binomial(t.ones(3).half(), t.ones(3).half()),
    "gamma of integers": lambda t: t._standard_gamma(t.tensor([3])),
    "dirichlet of halves": lambda t: t._sample_dirichlet(t.ones(3).bfloat16()),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    errors = []
    for library in (torch, jtorch):
        with pytest.raises((TypeError, ValueError, RuntimeError)) as caught:
            REFUSED[name](library)
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_implicit_gradients(kind: str) -> None:
    """Of gammas and betas in all regimes: series, saddle points, rational functions.

    In float32 PyTorch's series for betas lose digits that ours, in float64, keep.
    """
    random = np.random.RandomState(0)
    alpha, beta = random.uniform(0.05, 30, (2, 2000))
    alpha[:500] = random.uniform(0.05, 1, 500)
    gamma = random.gamma(alpha) + 1e-6
    share = random.beta(alpha, beta).clip(1e-4, 1 - 1e-4)
    results = []
    for library in (torch, jtorch):
        given = [
            library.tensor(v, dtype=getattr(library, kind))
            for v in (alpha, gamma, share, alpha + beta)
        ]
        results.append(
            (
                library._standard_gamma_grad(given[0], given[1]).numpy(),
                library._dirichlet_grad(given[2], given[0], given[3]).numpy(),
            )
        )
    rtol = 2e-5 if kind == "float32" else 1e-9
    np.testing.assert_allclose(results[1][0], results[0][0], rtol)
    np.testing.assert_allclose(results[1][1], results[0][1], 10 * rtol)
