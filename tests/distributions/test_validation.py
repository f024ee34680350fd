"""How arguments are refused: PyTorch's errors, at once or when the step's program runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

from ..comparison import executions

NAN = float("nan")
REFUSED: dict[str, Callable[[Any, Any], Any]] = {
    "scale": lambda d, t: d.Normal(t.tensor([0.0, 1.0]), t.tensor([1.0, -1.0])),
    "computed scale": lambda d, t: d.Normal(t.zeros(2), -t.ones(2)),
    "one number": lambda d, t: d.Normal(0.0, -1.0),
    "nan": lambda d, t: d.Laplace(t.tensor([NAN]), 1.0),
    "parameter": lambda d, t: d.Poisson(t.nn.Parameter(t.tensor([-1.0, 2.0]))),
    "uniform": lambda d, t: d.Uniform(t.tensor([0.0, 2.0]), 1.0),
    "probs": lambda d, t: d.Bernoulli(t.tensor(1.5)),
    "both": lambda d, t: d.Bernoulli(t.tensor(0.5), t.tensor(0.5)),
    "neither": lambda d, t: d.Categorical(),
    "no dimension": lambda d, t: d.Categorical(logits=t.tensor(0.5)),
    "no simplex": lambda d, t: d.Categorical(t.tensor([0.5, -0.6])),
    "geometric": lambda d, t: d.Geometric(t.tensor([0.5, 0.0])),
    "covariance": lambda d, t: d.MultivariateNormal(t.zeros(2), t.zeros(2, 2)),
    "tril": lambda d, t: d.MultivariateNormal(t.zeros(2), scale_tril=t.ones(2, 2)),
    "two scales": lambda d, t: d.MultivariateNormal(t.zeros(2), t.eye(2), t.eye(2)),
    "wishart": lambda d, t: d.Wishart(t.tensor(0.5), t.eye(2)),
    "lkj": lambda d, t: d.LKJCholesky(1),
    "independent": lambda d, t: d.Independent(d.Normal(t.zeros(2), 1.0), 2),
    "transforms": lambda d, t: d.TransformedDistribution(d.Normal(0.0, 1.0), 3),
    "no transform": lambda d, t: d.TransformedDistribution(d.Normal(0.0, 1.0), [3]),
    "not a number": lambda d, t: d.Normal("a", 1.0),
    "mixture": lambda d, t: d.MixtureSameFamily(
        d.Categorical(t.ones(3)), d.Normal(t.zeros(2), 1.0)
    ),
    "value": lambda d, t: d.Normal(0.0, 1.0).log_prob(t.tensor(NAN)),
    "support": lambda d, t: d.Uniform(t.tensor([0.0, 1.0]), t.tensor(2.0)).cdf(t.tensor(5.0)),
    "no tensor": lambda d, t: d.Normal(0.0, 1.0).log_prob(1.0),
    "shape": lambda d, t: d.Normal(t.zeros(3), 1.0).log_prob(t.zeros(2)),
    "event": lambda d, t: d.Dirichlet(t.ones(3)).log_prob(t.ones(2) / 2),
    "class": lambda d, t: d.Categorical(t.ones(3)).log_prob(t.tensor(3)),
    "default": lambda d, t: d.Distribution.set_default_validate_args("yes"),
    "continuous": lambda d, t: d.ContinuousBernoulli(t.tensor(1.5), validate_args=False),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # PyTorch's own compile turns it off for the whole process.
    monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", True)
    jtorch.synchronize()  # no graph of another test
    errors = []
    for library in (torch, jtorch):
        with pytest.raises((ValueError, TypeError)) as caught:
            REFUSED[name](library.distributions, library)
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]


def test_without_validation() -> None:
    d = jtorch.distributions
    assert d.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    d.Distribution.set_default_validate_args(False)
    try:
        assert d.Normal(0.0, -1.0).scale.item() == -1
    finally:
        d.Distribution.set_default_validate_args(True)


class Step:
    """A model, its optimizer, and a step whose scale is wrong when `bad`."""

    def __init__(self) -> None:
        jtorch.manual_seed(0)
        self.model = jtorch.nn.Linear(3, 2)
        self.optimizer = jtorch.optim.Adam(self.model.parameters(), lr=0.1)
        self.sign = jtorch.tensor(1.0)

    def parameters(self) -> list[np.ndarray]:
        return [p.detach().numpy() for p in self.model.parameters()]

    def run(self, value: Any = None) -> None:
        self.optimizer.zero_grad()
        loc, scale = self.model(jtorch.ones(4, 3)).unbind(-1)
        normal = jtorch.distributions.Normal(loc, scale.exp() * self.sign)
        loss = -normal.log_prob(jtorch.zeros(4) if value is None else value).mean()
        loss.backward()
        self.optimizer.step()


def test_a_check_is_part_of_the_step() -> None:
    """One program a step, and the error of a bad one leaves the parameters as they were."""
    step = Step()
    for _ in range(3):
        step.run()
    before, ran = step.parameters(), executions()
    step.run()
    assert executions() == ran + 1
    before = step.parameters()
    step.sign = jtorch.tensor(-1.0)
    with pytest.raises(ValueError, match="Expected parameter scale") as caught:
        step.run()
    assert "GreaterThan(lower_bound=0.0), but found invalid values:\ntensor([-" in str(caught.value)
    assert any("test_validation.py" in note for note in caught.value.__notes__)
    for old, new in zip(before, step.parameters(), strict=True):
        np.testing.assert_array_equal(old, new)
    step.sign = jtorch.tensor(1.0)
    step.run()
    assert not np.array_equal(before[0], step.parameters()[0])


def test_a_value_outside_the_support() -> None:
    step = Step()
    step.run()
    before = step.parameters()
    with pytest.raises(ValueError, match="to be within the support"):
        step.run(jtorch.tensor([0.0, NAN, 0.0, 0.0]))
    np.testing.assert_array_equal(before[0], step.parameters()[0])


def test_eager_mode_raises_at_the_line() -> None:
    with jtorch.debug.eager(), pytest.raises(ValueError, match="Expected parameter scale"):
        scale = -jtorch.ones(2, requires_grad=True) * 1
        jtorch.distributions.Normal(0.0, scale)


def test_tracers_are_not_read() -> None:
    import jax

    def density(x: Any) -> Any:
        normal = jtorch.distributions.Normal(jtorch.from_jax(x), 1.0)
        return normal.log_prob(jtorch.zeros(3)).sum().jax()

    assert np.isfinite(jax.jit(density)(np.ones(3, np.float32)))
