"""docs/coverage.md is current, and every name that is not here has a reason that stays true."""

from __future__ import annotations

from tools import coverage


def test_the_page_is_current() -> None:
    assert coverage.PAGE.read_text(encoding="utf-8") == coverage.page(), (
        "run python -m tools.coverage"
    )


def test_every_absent_name_has_a_reason() -> None:
    assert coverage.survey()[2] == []


def test_every_reason_is_needed() -> None:
    absent = coverage.survey()[1]
    used = {reason for room in absent.values() for reason in room}
    assert [reason for reason, _ in coverage.reasons() if reason not in used] == []


def test_every_difference_is_of_something_here() -> None:
    there = coverage.survey()[0]
    names = {f"{room}.{name}".lstrip(".") for room, found in there.items() for name in found}
    assert [name for name in coverage.differences() if name not in names] == []
