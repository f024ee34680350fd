"""The Python of the pages in docs runs: the blocks of a page, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import reasons

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = [page for page in sorted(DOCS.glob("*.md")) if "```python" in page.read_text("utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text("utf-8")
    names: dict[str, object] = {"__name__": page.stem}
    for block in re.finditer(r"```python\n(.*?)```", text, re.DOTALL):
        above = text.count("\n", 0, block.start(1))  # so that a traceback has the page's lines
        exec(compile("\n" * above + block[1], page, "exec"), names)


def test_there_are_pages() -> None:
    assert "files" in [page.stem for page in PAGES]


def test_the_tables_of_reasons_are_current() -> None:
    text = reasons.PAGE.read_text("utf-8")
    assert text == reasons.page(text), "run python -m tools.reasons"
