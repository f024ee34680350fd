"""The warning of the deprecated spellings in torch.cpu.amp and torch.cuda.amp."""

from __future__ import annotations

import warnings


def warn(kind: str, name: str, arguments: str) -> None:
    """Say what to use instead of `torch.<kind>.amp.<name>`, on the line that calls it."""
    warnings.warn(
        f"`torch.{kind}.amp.{name}(args...)` is deprecated. "
        f"Please use `torch.amp.{name}({arguments})` instead.",
        FutureWarning,
        stacklevel=3,
    )
