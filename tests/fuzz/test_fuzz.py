"""Random programs agree with PyTorch, lazily and eagerly.

`python -m tests.fuzz` runs others.
"""

from __future__ import annotations

import pytest

from .__main__ import compare

PROGRAMS = 2000
CHUNK = 50
# Programs that show a difference which the README names, or an accident of PyTorch's.
DIFFERENT = {
    1268: "detach_() of what a backward has saved: PyTorch refuses the backward",
    1645: "copy_() to a base that was written through a view: PyTorch takes it for a leaf until "
    "somebody asks for its grad_fn",
    1675: "requires_grad_() on a base: in PyTorch its views, too, become leaves that require grad",
    1962: "as 1675",
}


@pytest.mark.parametrize("first", range(0, PROGRAMS, CHUNK))
def test_programs(first: int) -> None:
    for seed in range(first, first + CHUNK):
        found, before, body = compare(seed)
        if seed in DIFFERENT:
            assert found, f"program {seed} agrees: take it from the list"
            continue
        assert not found, f"program {seed}: {found}\n" + "\n".join([*before, "loop:", *body])
