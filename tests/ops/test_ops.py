"""Runs the table of ops: every row, lazily, eagerly and compiled, against PyTorch."""

from __future__ import annotations

import pytest

import jtorch

from . import harness

ROWS = harness.table()


@pytest.mark.parametrize("mode", ["lazy", "eager", "compiled"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.family}-{row.name}")
def test_op(row: harness.Row, mode: str) -> None:
    differences = harness.check(row, jtorch, mode)
    assert not differences, "\n" + "\n".join(differences)


def test_rows_are_unique() -> None:
    keys = [(row.family, row.name) for row in ROWS if row.function is None]
    assert len(keys) == len(set(keys))
