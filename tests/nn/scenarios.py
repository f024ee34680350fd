"""The harness of the Module tests: run a piece of code with PyTorch and with jtorch, and compare.

A scenario is a function of a library. It is given a `Log` and tries expressions; results, errors
with their texts and warnings are noted in words that don't depend on the library.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import jtorch

_VALUE = re.compile(r"'(-?[0-9][0-9.e+-]*|-?inf|nan)'")  # of a tensor, as `plain` writes it
_ADDRESS = re.compile(r"0x[0-9a-f]+")


class Log:
    """What happened in a scenario, line by line."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self.lines: list[str] = []

    def note(self, *values: Any) -> None:
        """Write values down."""
        self.lines.append(" | ".join(plain(value) for value in values))

    def attempt(self, label: str, action: Callable[[], Any]) -> None:
        """Write down what an action returns, raises and warns of."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                self.lines.append(f"{label}: {plain(action())}")
            except Exception as error:
                self.lines.append(f"{label}: {type(error).__name__}: {_neutral(str(error))}")
        self.lines.extend(
            f"{label}: {w.category.__name__}: {_neutral(str(w.message))}" for w in caught
        )


def net(lib: Any) -> Any:
    """A module with a child, a buffer, an empty buffer and an attribute."""

    class Net(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = lib.nn.Linear(2, 3)
            self.register_buffer("buf", lib.ones(2))
            self.register_buffer("none", None)
            self.number = 3

        def forward(self, x: Any) -> Any:
            return self.lin(x) * self.number

    lib.manual_seed(0)
    return Net()


def plain(value: Any) -> str:
    """A value in words that are equal for both libraries."""
    if isinstance(value, (torch.Tensor, jtorch.Tensor)) and "Uninit" not in type(value).__name__:
        kind = "Parameter" if "Parameter" in type(value).__name__ else "Tensor"
        values = [f"{v:.8g}" for v in value.detach().double().reshape(-1).tolist()]
        return f"{kind}({list(value.shape)}, {value.dtype}, {values})"
    if isinstance(value, dict):
        items = ", ".join(f"{key!r}: {plain(item)}" for key, item in value.items())
        return f"{{{items}}}"
    if type(value) in (list, tuple):
        return f"[{', '.join(plain(item) for item in value)}]"
    return _neutral(repr(value))


def _neutral(text: str) -> str:
    text = _ADDRESS.sub("0x", text)
    text = re.sub(r"\b(jtorch|torch)(\.nn\.modules)?\.(nn\.)?", "torch.", text)
    return re.sub(
        r"torch\.(module|container|linear|activation|hooks|utils\.hooks)\.", "torch.", text
    )


def compare(scenario: Callable[[Any, Log], None]) -> None:
    """Assert that a scenario says the same with both libraries."""
    said = []
    for library in (torch, jtorch):
        log = Log(library)
        scenario(library, log)
        said.append(log.lines)
    expected, found = said
    for line, wanted in zip(found, expected, strict=False):
        assert _same(line, wanted), f"\nfound    {line}\nexpected {wanted}"
    assert len(found) == len(expected)


def _same(line: str, wanted: str) -> bool:
    """Whether two lines are equal, but for the last digits of tensors' values."""
    values = [np.array(_VALUE.findall(text), np.float64) for text in (line, wanted)]
    if len(values[0]) != len(values[1]) or _VALUE.sub("", line) != _VALUE.sub("", wanted):
        return False
    return np.allclose(*values, rtol=1e-5, atol=2e-6, equal_nan=True)
