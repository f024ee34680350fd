"""Floats as integers, beyond what these can hold: by the rule of PyTorch's CPU kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ..comparison import compare

NUMBERS = (
    *(0.0, -0.0, 1.5, -1.5, 127.0, 128.0, -129.0, 255.0, 256.0, -1.0, -8.0, 32768.0, 40000.0),
    *(-32769.0, 70000.0, 2147483520.0, 2147483648.0, -2147483648.0, 1e10, -1e10, 9.2e18, 9.3e18),
    *(-9.3e18, 1e30, -1e30, float("inf"), -float("inf"), float("nan")),
)


@pytest.mark.parametrize("integer", ["uint8", "int8", "int16", "int32", "int64"])
@pytest.mark.parametrize("real", ["float64", "float32", "bfloat16", "float16"])
def test_out_of_range(real: str, integer: str) -> None:
    def program(torch: Any) -> list:
        kind = getattr(torch, real)
        x = torch.from_numpy(np.array(NUMBERS)).to(kind)
        y = torch.zeros(len(NUMBERS), dtype=getattr(torch, integer))
        return [x.to(y.dtype), y.copy_(x)]

    compare(program)
