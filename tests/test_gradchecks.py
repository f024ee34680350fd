"""Some of what `python -m tools.gradchecks` checks: gradients of PyTorch's operator database."""

from __future__ import annotations

import argparse

import pytest
import torch

from tools.gradchecks import CHECKS, checked, known
from tools.opinfo import entries

CASES = 2  # of 1,080: lower it with each that passes
OPTIONS = argparse.Namespace(samples=3, seconds=600, slow=False)
NAMES = ["addr", "nn.functional.conv_transpose2d", "linalg.eigh", "masked.std", "cummax"]


def test_the_cases_that_do_not_pass_are_few_and_have_reasons() -> None:
    reasons = known()
    assert len(reasons) <= CASES
    assert all(reason.endswith(".") for reason in reasons.values())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_passes_where_pytorch_does(name: str) -> None:
    entry = entries(torch.float64)[name]
    for check in CHECKS:
        found = checked(name, check, entry, OPTIONS)
        assert found["passed"]
        assert found["wrong"] == []
