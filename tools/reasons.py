"""Writes the tables of docs/debugging.md: when programs run, and why they are compiled.

    python -m tools.reasons

The code that does it says so: functions marked by `materialises`, and divergence.CAUSES.
tests/test_docs.py says when the page is stale.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import jtorch
from jtorch._core.divergence import CAUSES
from jtorch._core.events import triggers
from jtorch._hints import ADVICE

PAGE = Path(__file__).resolve().parent.parent / "docs" / "debugging.md"
OPTIONAL = {"jtorch.io.orbax", "jtorch.io.safetensors"}


def tables() -> dict[str, list[str]]:
    """The tables by their names in the page."""
    for module in pkgutil.walk_packages(jtorch.__path__, "jtorch."):
        if module.name not in OPTIONAL:
            importlib.import_module(module.name)
    runs = ["| cause | a program runs when |", "|---|---|"]
    runs += [
        f"| {name} | {when} |" for name, when in sorted(triggers(), key=lambda t: t.name.lower())
    ]
    causes = ["| cause | what is new | what to do |", "|---|---|---|"]
    causes += [f"| {name} | {what} | {ADVICE.get(name, '')} |" for name, what in CAUSES.items()]
    return {"triggers": runs, "causes": causes}


def page(text: str) -> str:
    """The page with its tables renewed."""
    for name, lines in tables().items():
        begin, end = f"<!-- {name}: written by tools/reasons.py -->", f"<!-- end of {name} -->"
        body = "\n".join([begin, *lines, end])
        text, count = re.subn(f"{begin}.*?{end}", lambda _, b=body: b, text, flags=re.DOTALL)
        assert count == 1, f"{PAGE.name} has no place for the table of {name}"
    return text


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
