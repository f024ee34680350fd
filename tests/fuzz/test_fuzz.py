"""Random programs agree with PyTorch, lazily and eagerly.

`python -m tests.fuzz` runs others.
"""

from __future__ import annotations

import pytest

from .__main__ import compare

PROGRAMS = 700
CHUNK = 50


@pytest.mark.parametrize("first", range(0, PROGRAMS, CHUNK))
def test_programs(first: int) -> None:
    for seed in range(first, first + CHUNK):
        found, before, body = compare(seed)
        assert not found, f"program {seed}: {found}\n" + "\n".join([*before, "loop:", *body])
