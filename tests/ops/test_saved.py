"""Writing in place between forward and backward is refused where PyTorch refuses it."""

from __future__ import annotations

import pytest
import torch

import jtorch

from . import harness
from .samples import Generator
from .saved import saved

# What PyTorch saves depends there on the arguments (which inputs it copies, which kernel it takes).
# jtorch then errs on the side of the user: its gradients are those of the values that were used.
LENIENT = {
    "combinations",  # PyTorch: a gather
    "complex",
    "div",  # with a rounding mode
    "float_power",
    "ldexp",
    "linalg.lu",  # L and U, not P
    "linalg.svd",  # S
    "linalg.matrix_norm",
    "max",
    "median",
    "min",
    "nanmedian",
    "nn.functional.adaptive_avg_pool1d",
    "nn.functional.adaptive_avg_pool2d",
    "nn.functional.adaptive_avg_pool3d",
    "nn.functional.instance_norm",
    "nn.functional.kl_div",
    "nn.functional.layer_norm",
    "nn.functional.scaled_dot_product_attention",
    "ops.aten.native_dropout_backward.default",
    "pow",  # with a tensor as the exponent
    "sgn",
}


# In PyTorch the values of a sparse Tensor have versions of their own: nothing is refused.
ROWS = [row for row in harness.table() if row.family != "sparse"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.family}-{row.name}")
def test_saved(row: harness.Row) -> None:
    sample = row.samples(Generator(row.name))[0]
    if not row.gradients:
        return
    expected, found = saved(row, torch, sample), saved(row, jtorch, sample)
    found = {place: found[place] for place in expected}  # others PyTorch can't write to at all
    if row.name in LENIENT:
        expected = {place: refused and found[place] for place, refused in expected.items()}
    assert found == expected
