"""What an op saves for its backward, found by writing to its inputs and results before it.

PyTorch refuses a backward whose saved values were written in place. Which ones an op saves can be
seen from outside, so that every row of the table can be compared. Nothing has to run for it: jtorch
refuses when the backward is recorded.
"""

from __future__ import annotations

import warnings
from typing import Any

from .harness import Row, flatten, function_of
from .samples import Sample, build

MAXIMUM = 3  # inputs and results that are tried


def saved(row: Row, library: Any, sample: Sample) -> dict[str, bool]:
    """Which of the first inputs and results must not be written between forward and backward."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place in [*(f"input {k}" for k in range(MAXIMUM)), "result 0"]:
            refused = _refuses(row, library, sample, place)
            if refused is not None:
                found[place] = refused
    return found


def _refuses(row: Row, library: Any, sample: Sample, place: str) -> bool | None:
    """Whether a backward is refused after a write; None if there is nothing to write to."""
    leaves: list[Any] = []
    args = build(sample.args, library, leaves)
    kwargs = {name: build(value, library, leaves) for name, value in sample.kwargs.items()}
    inner: dict[int, Any] = {id(leaf): leaf * 1 for leaf in leaves}
    args, kwargs = _replaced(args, inner), _replaced(kwargs, inner)
    outputs = flatten(function_of(row, library)(*args, **kwargs))
    results = [t for t in outputs if isinstance(t, library.Tensor) and t.requires_grad]
    kind, number = place.split()
    candidates = list(inner.values()) if kind == "input" else results
    if not results or int(number) >= len(candidates):
        return None
    total = sum(t.sum().abs() for t in results)
    try:
        with library.no_grad():
            candidates[int(number)].add_(0)
    except RuntimeError:  # an expanded tensor
        return None
    try:
        total.backward()
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)
        return True
    return False


def _replaced(value: Any, inner: dict[int, Any]) -> Any:
    if id(value) in inner:
        return inner[id(value)]
    if isinstance(value, dict):
        return {name: _replaced(v, inner) for name, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(v, inner) for v in value)
    return value
