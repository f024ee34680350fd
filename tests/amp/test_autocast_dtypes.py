"""Every op of the table under autocast, with float32 and with half precision: the dtypes of its
results are PyTorch's. Nothing is computed here, so nothing is compiled; values are in
test_autocast.py."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

import jtorch

from ..ops import harness
from ..ops.samples import Generator, Sample, build

# dtype given, dtype of autocast
MODES = (("float32", "bfloat16"), ("bfloat16", "bfloat16"), ("float32", "float16"))

# Rows whose results have another dtype than PyTorch's, and why.
DIFFERENCES = {
    "counting-histogram": "without autocast, too, PyTorch has bfloat16 here and jtorch has not",
    "counting-histogramdd": "the same",
    "sparse-coo product": "products with a sparse Tensor take no part in autocast",
    "sparse-addmm": "the same",
}


def title(row: harness.Row) -> str:
    """Its family and name, which several rows may have."""
    return f"{row.family}-{row.name}"


ROWS = [row for row in harness.table() if title(row) not in DIFFERENCES]


def cast(value: Any, library: Any, kind: str) -> Any:
    """Arguments with their float32 Tensors in another dtype."""
    if isinstance(value, (list, tuple)):
        return type(value)([cast(v, library, kind) for v in value])
    if isinstance(value, library.Tensor) and value.dtype is library.float32:
        return value.to(getattr(library, kind))
    return value


def dtypes_of(row: harness.Row, library: Any, sample: Sample, given: str, to: str) -> list[str]:
    """The dtypes of what a call under autocast returns."""
    args = cast(build(sample.args, library, None), library, given)
    kwargs = {k: cast(build(v, library, None), library, given) for k, v in sample.kwargs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with library.autocast("cpu", getattr(library, to)):
            found = harness.function_of(row, library)(*args, **kwargs)
    return [harness.dtype_name(t.dtype) for t in harness.flatten(found) if hasattr(t, "dtype")]


@pytest.mark.parametrize("row", ROWS, ids=title)
def test_dtypes(row: harness.Row) -> None:
    """The first two samples, as far as PyTorch has kernels for them."""
    for sample in row.samples(Generator(row.name))[:2]:
        for given, to in MODES:
            try:
                expected = dtypes_of(row, torch, sample, given, to)
            except (RuntimeError, TypeError, ValueError):
                continue
            assert dtypes_of(row, jtorch, sample, given, to) == expected, (sample, given, to)
