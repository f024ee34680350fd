"""sin, cos and tan of many numbers, which go another way on the CPU than few: against NumPy in
float64, and the gradients against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import jtorch
from jtorch.ops._circular import LARGEST, MANY

NAMES = ("sin", "cos", "tan")


def angles(scale: float) -> np.ndarray:
    return (np.random.RandomState(0).standard_normal(MANY) * scale).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e5])
def test_within_0_501_ulp(name: str, scale: float) -> None:
    x = np.clip(angles(scale), -LARGEST * 0.999, LARGEST * 0.999)
    exact = getattr(np, name)(x.astype(np.float64))
    found = getattr(jtorch, name)(jtorch.tensor(x)).numpy()
    assert np.max(np.abs(found - exact) / np.spacing(np.abs(exact.astype(np.float32)))) < 0.501


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("largest", [1e9, 1e38])
def test_large_numbers(name: str, largest: float) -> None:
    x = angles(1.0)
    x[7] = largest
    found = getattr(jtorch, name)(jtorch.tensor(x))
    expected = getattr(torch, name)(torch.from_numpy(x))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=2.5e-7)


@pytest.mark.parametrize("name", NAMES)
def test_zeros_and_no_numbers(name: str) -> None:
    x = angles(1.0)
    x[:4] = (0.0, -0.0, np.nan, np.inf)
    found = getattr(jtorch, name)(jtorch.tensor(x)).numpy()[:4]
    expected = getattr(torch, name)(torch.from_numpy(x)).numpy()[:4]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found[:2]), np.signbit(expected[:2]))


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name: str) -> None:
    results = []
    for library in (torch, jtorch):
        x = library.tensor(angles(1.0), requires_grad=True)
        (slope,) = library.autograd.grad(getattr(library, name)(x).sum(), x, create_graph=True)
        (curve,) = library.autograd.grad(slope.sum(), x)
        results.append((slope.detach().numpy(), curve.numpy()))
    for found, expected in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_half_precision() -> None:
    x = angles(3.0)
    found = jtorch.tensor(x).to(jtorch.bfloat16).sin()
    expected = torch.from_numpy(x).to(torch.bfloat16).sin()
    assert found.dtype is jtorch.bfloat16
    np.testing.assert_array_equal(found.float().numpy(), expected.float().numpy())
