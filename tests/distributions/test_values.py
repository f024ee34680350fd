"""What each distribution says of itself, and gradients, equal to PyTorch's.

All of a distribution is recorded first and read at once: one program a row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

from .table import BY_LABEL, Row

ATOL = 1e-9  # PyTorch's trigamma is right to nine digits
QUANTILES = np.linspace(0.05, 0.95, 6).reshape(2, 3)

ASKED: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mean": lambda d, value, t: d.mean,
    "mode": lambda d, value, t: d.mode,
    "variance": lambda d, value, t: d.variance,
    "stddev": lambda d, value, t: d.stddev,
    "log_prob": lambda d, value, t: d.log_prob(value),
    "cdf": lambda d, value, t: d.cdf(value),
    "icdf": lambda d, value, t: d.icdf(t.tensor(QUANTILES)),
    "entropy": lambda d, value, t: d.entropy(),
    "enumerate_support": lambda d, value, t: d.enumerate_support(),
    "enumerate_support(False)": lambda d, value, t: d.enumerate_support(expand=False),
    "support": lambda d, value, t: d.support.check(value),
    "param_shape": lambda d, value, t: d.param_shape,
    "probs": lambda d, value, t: d.probs,
    "logits": lambda d, value, t: d.logits,
    "scale_tril": lambda d, value, t: d.scale_tril,
    "covariance_matrix": lambda d, value, t: d.covariance_matrix,
    "precision_matrix": lambda d, value, t: d.precision_matrix,
    "log_survival": lambda d, value, t: d.log_survival_function(value),
}
DIFFERENTIABLE = ("log_prob", "entropy", "cdf")


def facts(distribution: Any) -> dict[str, Any]:
    """What is no Tensor."""
    support = distribution.support
    return {
        "batch_shape": tuple(distribution.batch_shape),
        "event_shape": tuple(distribution.event_shape),
        "has_rsample": distribution.has_rsample,
        "has_enumerate_support": distribution.has_enumerate_support,
        "arg_constraints": str(distribution.arg_constraints),
        "support": repr(support),
        "discrete": support.is_discrete,
        "event_dim": support.event_dim,
        "class": type(distribution).__name__,
        "repr": repr(distribution),
    }


def asked(row: Row, library: Any) -> dict[str, Any]:
    """name -> Tensor, or the name of the error."""
    distribution, leaves = row.build(library, grad=True, validate_args=False)
    value = library.tensor(row.value)
    found: dict[str, Any] = {}
    for name, ask in ASKED.items():
        try:
            found[name] = ask(distribution, value, library)
        except (AttributeError, NotImplementedError) as error:
            found[name] = type(error).__name__
    results = [found[name] for name in DIFFERENTIABLE if name not in row.flat]
    results = [r for r in results if isinstance(r, library.Tensor) and r.requires_grad]
    total = sum(_weighted(r, library) for r in results)
    gradients = library.autograd.grad(total, leaves)
    return found | {f"gradient {k}": g for k, g in enumerate(gradients)}


def _weighted(result: Any, library: Any) -> Any:
    """A sum in which no two elements weigh the same, and what isn't finite nothing."""
    weights = library.linspace(0.5, 1.5, result.numel(), dtype=result.dtype).reshape(result.shape)
    return (result * weights).masked_fill(~result.isfinite(), 0).sum()


def check(name: str, expected: Any, found: Any, rtol: float) -> None:
    if isinstance(expected, str) and expected == "AttributeError":
        return  # an attribute that PyTorch doesn't have here
    if not isinstance(expected, torch.Tensor):
        assert str(found) == str(expected), name
        return
    assert isinstance(found, jtorch.Tensor), (name, found)
    assert str(found.dtype) == str(expected.dtype), name
    assert found.requires_grad == expected.requires_grad, name
    np.testing.assert_allclose(
        found.detach().numpy(), expected.detach().numpy(), rtol, ATOL, err_msg=name
    )


@pytest.mark.parametrize("label", BY_LABEL)
def test_values(label: str) -> None:
    row = BY_LABEL[label]
    expected, found = asked(row, torch), asked(row, jtorch)
    assert list(found) == list(expected)
    for name, value in expected.items():
        check(name, value, found[name], row.rtol)


def test_perplexity() -> None:
    ours, theirs = (t.distributions.Categorical(t.tensor([0.2, 0.8])) for t in (jtorch, torch))
    assert ours.perplexity().item() == pytest.approx(theirs.perplexity().item(), rel=1e-6)


@pytest.mark.parametrize("label", BY_LABEL)
def test_facts_and_expand(label: str) -> None:
    row = BY_LABEL[label]
    results = []
    for library in (torch, jtorch):
        distribution, _ = row.build(library, validate_args=False)
        wide = distribution.expand((2, *distribution.batch_shape))
        again = wide.expand(wide.batch_shape)
        assert type(wide) is type(distribution)
        results.append(
            (facts(distribution), facts(again), again.log_prob(library.tensor(row.value)))
        )
    (*expected, theirs), (*found, ours) = results
    assert found == expected
    check("log_prob", theirs, ours, row.rtol)
