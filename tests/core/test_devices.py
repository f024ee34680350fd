"""What crosses from one device to another, on a machine made to have two. See two_devices.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .two_devices import PROGRAMS

SCRIPT = Path(__file__).with_name("two_devices.py")


@pytest.fixture(scope="module")
def found() -> dict[str, str | None]:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", [function.__name__ for function in PROGRAMS])
def test_two_devices(found: dict[str, str | None], name: str) -> None:
    assert found[name] is None, found[name]
