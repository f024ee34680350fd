"""Random programs agree with PyTorch, lazily and eagerly.

They run in processes of their own, where XLA compiles with little effort: what they look for is in
what is recorded, and most of their time is XLA's. `python -m tests.fuzz` runs others, compiled as a
user's programs are.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

PROGRAMS = 2000
WITH_HOOKS = 200
CHUNK = 100
# A program takes 0.36 s instead of 0.61 s.
LITTLE_EFFORT = "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0"
# Programs that show a difference which the README names, or an accident of PyTorch's.
DIFFERENT = {
    1268: "detach_() of what a backward has saved: PyTorch refuses the backward",
    1645: "copy_() to a base that was written through a view: PyTorch takes it for a leaf until "
    "somebody asks for its grad_fn",
    1675: "requires_grad_() on a base: in PyTorch its views, too, become leaves that require grad",
    1962: "as 1675",
}
DIFFERENT_WITH_HOOKS = {
    6: "as 1675",
    51: "indices of an expanded Tensor are written: deprecated in PyTorch, an error here",
}


@pytest.mark.parametrize("first", range(0, PROGRAMS, CHUNK))
def test_programs(first: int) -> None:
    check(first, DIFFERENT)


@pytest.mark.parametrize("first", range(0, WITH_HOOKS, CHUNK))
def test_programs_with_hooks(first: int) -> None:
    check(first, DIFFERENT_WITH_HOOKS, "--hooks")


def check(first: int, different: dict[int, str], *options: str) -> None:
    """Run the programs from `first` on: those and no others differ that are known to."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} {LITTLE_EFFORT}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", f"--first={first}", f"--count={CHUNK}", *options],
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
    )
    differing = {int(seed) for seed in re.findall(r"^--- (\d+): ", done.stdout, re.MULTILINE)}
    assert done.stdout.endswith(f"{CHUNK - len(differing)} passed, {len(differing)} failed\n"), (
        done.stderr
    )
    known = different.keys() & range(first, first + CHUNK)
    assert not differing - known, done.stdout
    assert not known - differing, f"programs {known - differing} agree: take them from the list"
