"""Transforms and constraints, one row each, equal to PyTorch's."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

REAL = np.random.RandomState(1).uniform(-1.5, 1.5, (2, 3))
POSITIVE = np.abs(REAL) + 0.2
SQUARE = np.random.RandomState(2).uniform(-1, 1, (2, 3, 3))

# name -> (make, x)
TRANSFORMS: dict[str, tuple[Callable[[Any, Any], Any], np.ndarray]] = {
    "identity": (lambda d, t: d.identity_transform, REAL),
    "exp": (lambda d, t: d.ExpTransform(), REAL),
    "power": (lambda d, t: d.PowerTransform(t.tensor(1.7, dtype=t.float64)), POSITIVE),
    "sigmoid": (lambda d, t: d.SigmoidTransform(), REAL),
    "softplus": (lambda d, t: d.SoftplusTransform(), REAL),
    "tanh": (lambda d, t: d.TanhTransform(), REAL),
    "abs": (lambda d, t: d.AbsTransform(), REAL),
    "affine": (lambda d, t: d.AffineTransform(0.5, -2), REAL),
    "affine of events": (
        lambda d, t: d.AffineTransform(t.ones(3), t.arange(1.0, 4), event_dim=1),
        REAL,
    ),
    "corr": (lambda d, t: d.CorrCholeskyTransform(), REAL),
    "softmax": (lambda d, t: d.SoftmaxTransform(), REAL),
    "stick": (lambda d, t: d.StickBreakingTransform(), REAL),
    "cholesky": (lambda d, t: d.LowerCholeskyTransform(), SQUARE),
    "definite": (lambda d, t: d.PositiveDefiniteTransform(), SQUARE),
    "reshape": (lambda d, t: d.ReshapeTransform((3,), (1, 3)), REAL),
    "independent": (lambda d, t: d.IndependentTransform(d.ExpTransform(), 1), REAL),
    "compose": (
        lambda d, t: d.ComposeTransform([d.AffineTransform(1.0, 2.0), d.TanhTransform()]),
        REAL,
    ),
    "compose events": (
        lambda d, t: d.ComposeTransform([d.TanhTransform(), d.StickBreakingTransform()]),
        REAL,
    ),
    "cat": (
        lambda d, t: d.CatTransform([d.ExpTransform(), d.TanhTransform()], -1, [1, 2]),
        REAL,
    ),
    "stack": (lambda d, t: d.StackTransform([d.ExpTransform(), d.TanhTransform()], 0), REAL),
    "cdf": (lambda d, t: d.CumulativeDistributionTransform(d.Normal(0.5, 2.0)), REAL),
    "inverse": (lambda d, t: d.ExpTransform().inv, POSITIVE),
}


def seen(make: Callable[[Any, Any], Any], x: np.ndarray, t: Any) -> dict[str, Any]:
    """What a transform does, as NumPy arrays and texts; errors by their names."""
    transform = make(t.distributions, t)
    tensor = t.tensor(x)
    y = transform(tensor)
    asked: dict[str, Callable[[], Any]] = {
        "y": lambda: y,
        "x": lambda: transform.inv(y),
        "log_abs_det": lambda: transform.log_abs_det_jacobian(tensor, y),
        "inverse log_abs_det": lambda: transform.inv.log_abs_det_jacobian(y, tensor),
        "forward_shape": lambda: tuple(transform.forward_shape(tensor.shape)),
        "inverse_shape": lambda: tuple(transform.inverse_shape(y.shape)),
        "event_dim": lambda: transform.event_dim,
        "domain": lambda: repr(transform.domain),
        "codomain": lambda: (repr(transform.codomain), transform.codomain.event_dim),
        "inside": lambda: transform.codomain.check(y),
        "bijective": lambda: transform.bijective,
        "sign": lambda: transform.sign,
        "repr": lambda: (repr(transform), repr(transform.inv)),
        "equal": lambda: (transform == make(t.distributions, t), transform != transform.inv),
        "with_cache": lambda: type(transform.with_cache()).__name__,
    }
    found: dict[str, Any] = {}
    for name, ask in asked.items():
        try:
            value = ask()
        except (NotImplementedError, ValueError) as error:
            value = type(error).__name__
        found[name] = value.detach().numpy() if isinstance(value, t.Tensor) else value
    return found


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform(name: str) -> None:
    theirs, ours = (seen(*TRANSFORMS[name], t) for t in (torch, jtorch))
    for key, expected in theirs.items():
        if isinstance(expected, np.ndarray):
            assert ours[key].dtype == expected.dtype, key
            np.testing.assert_allclose(ours[key], expected, 1e-9, 1e-11, err_msg=key)
        else:
            assert ours[key] == expected, key


def test_cache_and_inverse() -> None:
    d = jtorch.distributions
    x = jtorch.tensor(REAL)
    cached, plain = d.ExpTransform(cache_size=1), d.ExpTransform()
    assert cached.inv(cached(x)) is x
    assert plain.inv(plain(x)) is not x
    assert cached.inv.inv is cached and cached.inv is cached.inv
    both = d.ComposeTransform([d.ExpTransform(), d.AffineTransform(0.0, 2.0)], cache_size=1)
    assert both.inv(both(x)) is x
    assert both.inv.inv is both
    copied = pickle.loads(pickle.dumps(copy.deepcopy(plain)))
    assert copied == plain and copied.inv.inv is copied
    with pytest.raises(ValueError, match="cache_size must be 0 or 1"):
        d.ExpTransform(cache_size=2)


NAN = float("nan")
# name -> (make, values)
CONSTRAINTS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "boolean": (lambda c: c.boolean, [0, 1, 2, -1]),
    "one_hot": (lambda c: c.one_hot, [[0, 1.0], [1, 1], [0, 0], [0.5, 0.5]]),
    "integer_interval": (lambda c: c.integer_interval(0, 2), [-1, 0, 0.5, 2, 3]),
    "nonnegative_integer": (lambda c: c.nonnegative_integer, [-1, 0, 0.5, 2]),
    "positive_integer": (lambda c: c.positive_integer, [-1, 0, 1.5, 2]),
    "real": (lambda c: c.real, [0.0, NAN, float("inf")]),
    "real_vector": (lambda c: c.real_vector, [[0.0, NAN], [1, 2]]),
    "positive": (lambda c: c.positive, [0.0, 1, -1, NAN]),
    "nonnegative": (lambda c: c.nonnegative, [0.0, 1, -1, NAN]),
    "greater_than": (lambda c: c.greater_than(1), [1.0, 2]),
    "greater_than_eq": (lambda c: c.greater_than_eq(1), [1.0, 2, 0]),
    "less_than": (lambda c: c.less_than(1), [1.0, 2, 0]),
    "multinomial": (lambda c: c.multinomial(3), [[1.0, 2], [2, 2], [-1, 2]]),
    "unit_interval": (lambda c: c.unit_interval, [0.0, 1, 1.1, -0.1]),
    "interval": (lambda c: c.interval(-1, 2.5), [-1.0, 2.5, 3]),
    "half_open_interval": (lambda c: c.half_open_interval(0, 1), [0.0, 0.5, 1]),
    "simplex": (lambda c: c.simplex, [[0.5, 0.5], [0.5, 0.6], [1.5, -0.5]]),
    "lower_triangular": (lambda c: c.lower_triangular, [[[1.0, 0], [1, 0]], [[1, 1], [1, 1]]]),
    "lower_cholesky": (lambda c: c.lower_cholesky, [[[1.0, 0], [1, 1]], [[1, 0], [1, 0]]]),
    "corr_cholesky": (lambda c: c.corr_cholesky, [[[1.0, 0], [0.6, 0.8]], [[1, 0], [1, 1]]]),
    "square": (lambda c: c.square, np.zeros((2, 2, 3))),
    "symmetric": (lambda c: c.symmetric, [[[1.0, 2], [2, 1]], [[1, 2], [3, 1]]]),
    "positive_semidefinite": (
        lambda c: c.positive_semidefinite,
        [[[1.0, 0], [0, 0]], [[1, 2], [2, 1]]],
    ),
    "positive_definite": (lambda c: c.positive_definite, [[[1.0, 0], [0, 1]], [[1, 2], [2, 1]]]),
    "one isn't symmetric": (
        lambda c: c.positive_definite,
        [[[1.0, 1], [0, 1]], [[1, 2], [2, 1]]],
    ),
    "independent": (lambda c: c.independent(c.positive, 2), np.ones((2, 2, 2))),
    "cat": (lambda c: c.cat([c.positive, c.real], -1, [1, 2]), [[-1.0, 0, 1], [1, NAN, 1]]),
    "stack": (lambda c: c.stack([c.positive, c.real], 0), [[-1.0, 0, 1], [1, NAN, 1]]),
    "mixture": (lambda c: c.MixtureSameFamilyConstraint(c.positive), [[-1.0, 0, 1], [1, 2, 1]]),
}


def registered(library: Any, constraint: Any) -> list[Any]:
    """What the two registries make of a constraint: the point they map ones to, and back."""
    found: list[Any] = []
    for registry in (library.distributions.biject_to, library.distributions.transform_to):
        try:
            transform = registry(constraint)
        except NotImplementedError as error:
            found.append(str(error))
            continue
        # IndependentTransform has no shape of its own before it is applied.
        found.append(repr(transform))
    return found


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraint(name: str) -> None:
    make, values = CONSTRAINTS[name]
    found = []
    for library in (torch, jtorch):
        constraint = make(library.distributions.constraints)
        checked = constraint.check(library.tensor(np.array(values, np.float64)))
        found.append(
            (
                str(checked.dtype),
                checked.tolist(),
                repr(constraint),
                constraint.is_discrete,
                constraint.event_dim,
                registered(library, constraint),
            )
        )
    assert found[1] == found[0]


def test_dependent_constraints() -> None:
    def program(c: Any) -> list[Any]:
        class Holder:
            @c.dependent_property(is_discrete=False, event_dim=1)
            def support(self) -> Any:
                return c.real

        found = [c.is_dependent(Holder.support), c.is_dependent(Holder().support)]
        found += [Holder.support.event_dim, Holder.support.is_discrete]
        found += [c.is_dependent(c.dependent), c.dependent(event_dim=2).event_dim]
        for refused in (
            lambda: c.dependent.event_dim,
            lambda: c.dependent.is_discrete,
            lambda: c.dependent.check(None),
        ):
            with pytest.raises((NotImplementedError, ValueError)) as caught:
                refused()
            found.append(str(caught.value))
        return found

    assert program(jtorch.distributions.constraints) == program(torch.distributions.constraints)


def test_names_and_import_paths() -> None:
    """What programs import, and that no name of PyTorch's is missing."""
    ours, theirs = jtorch.distributions, torch.distributions
    assert set(theirs.__all__) <= set(ours.__all__)
    assert set(theirs.constraints.__all__) == set(ours.constraints.__all__)
    assert set(theirs.transforms.__all__) == set(ours.transforms.__all__)
    assert set(theirs.utils.__all__) == set(ours.utils.__all__)
    for name in theirs.__all__:
        made = getattr(theirs, name)
        module = getattr(made, "__module__", "").removeprefix("torch.distributions.")
        if isinstance(made, type) and module:
            assert getattr(getattr(ours, module), name) is getattr(ours, name), name
    base = {c.__name__ for c in theirs.Normal.__mro__}
    assert base <= {c.__name__ for c in ours.Normal.__mro__}
