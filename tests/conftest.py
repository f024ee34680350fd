"""What holds for all tests: the programs that they leave behind are given up in time."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from .comparison import compilations, forget

# Each executable takes about four memory maps, of which Linux grants a process 65,530: XLA crashes
# when they run out.
PROGRAMS = 500
_given_up = 0


@pytest.fixture(autouse=True)
def few_programs() -> Iterator[None]:
    """Empty the trie when it holds many programs."""
    yield
    global _given_up
    if compilations() - _given_up > PROGRAMS:
        forget()
        gc.collect()
        _given_up = compilations()
