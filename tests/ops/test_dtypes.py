"""The dtypes that PyTorch refuses: each row with booleans, integers and complex numbers in place of
floats raises where PyTorch does."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

from . import harness
from .samples import Constant, Generator, Sample, Strided, build

# Where PyTorch's error is another one, or none, and we keep it so: row -> (dtypes, reason).
_POW = "PyTorch's way over pow and avg_pool happens to allow them"
_IINFO = "PyTorch's error comes from torch.iinfo"
DIFFERENT = {
    "affine_grid_generator": ("bool int64 complex64", "as nn.functional.affine_grid, which checks"),
    "convolution": ("complex64", "PyTorch's kernel for this shape lacks them, others don't"),
    "einsum": ("bool", "PyTorch refuses bools only where an index is summed over"),
    "mm": ("bool", "the sample is empty, and PyTorch looks at nothing"),
    "nn.functional.fold": ("bool", "PyTorch adds these up, while unfold refuses them"),
    "nn.functional.lp_pool1d": ("bool int64", _POW),
    "nn.functional.lp_pool2d": ("bool int64", _POW),
    "istft": ("bool", "PyTorch does not look at the dtype of the window"),
    "stft": ("bool", "PyTorch's error is about the padding, which comes later here"),
    "masked.amax": ("complex64", _IINFO),
    "masked.amin": ("complex64", _IINFO),
    "masked.argmax": ("complex64", _IINFO),
    "masked.argmin": ("complex64", _IINFO),
    "linear_cross_entropy by pieces": ("bool int64 complex64", "the dtype is looked at first here"),
}
DTYPES = {"bool": np.bool_, "int64": np.int64, "complex64": np.complex64}


def converted(value: Any, kind: Any) -> Any:
    """A part of a sample with its floats in another dtype."""
    if isinstance(value, np.ndarray):
        finite = np.nan_to_num(value, posinf=3, neginf=-3) if value.dtype == np.float32 else value
        return np.asarray(finite, kind) if value.dtype == np.float32 else value
    if isinstance(value, (Constant, Strided)):
        return type(value)(converted(value.array, kind))
    if isinstance(value, (list, tuple)):
        return type(value)(converted(v, kind) for v in value)
    return value


def sample_of(row: harness.Row, dtype: str) -> Sample | None:
    """The first sample of a row that has floats, converted; None if it has none."""
    for sample in row.samples(Generator(row.name)):
        given = sample.args, sample.kwargs
        args = converted(sample.args, DTYPES[dtype])
        kwargs = {name: converted(v, DTYPES[dtype]) for name, v in sample.kwargs.items()}
        if repr(Sample(args, kwargs)) != repr(Sample(*given)):
            return Sample(args, kwargs)
    return None


def raised(row: harness.Row, library: Any, sample: Sample) -> str:
    """The class of the error of a call, or "nothing"."""
    args = build(sample.args, library, None)
    kwargs = {name: build(value, library, None) for name, value in sample.kwargs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            harness.function_of(row, library)(*args, **kwargs)
        except Exception as error:
            classes = [c for c in type(error).__mro__ if c.__module__ == "builtins"]
            return classes[0].__name__
        finally:
            jtorch.synchronize()  # what was recorded is not left to the next test
    return "nothing"


CASES = [(row, dtype) for row in harness.table() for dtype in DTYPES]


@pytest.mark.parametrize(
    "row, dtype", CASES, ids=[f"{row.family}-{row.name}-{dtype}" for row, dtype in CASES]
)
def test_a_refused_dtype(row: harness.Row, dtype: str) -> None:
    sample = sample_of(row, dtype)
    if sample is None:
        return
    expected, found = raised(row, torch, sample), raised(row, jtorch, sample)
    known = dtype in DIFFERENT.get(row.name, ("", ""))[0].split()
    assert (found != expected) == known, f"PyTorch raises {expected}, jtorch {found}"
