"""Writes docs/coverage.md: every public name of PyTorch's main namespaces, and whether it is here.

    python -m tools.coverage

It asks PyTorch for its names and jtorch for its own; docs/absent.toml gives the reasons for those
that are not there, docs/differences.toml what differs. tests/test_coverage.py says when the page is
stale.
"""

from __future__ import annotations

import re
import tomllib
import types
import warnings
from pathlib import Path
from typing import Any

import torch

import jtorch

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "coverage.md"
# The rooms of the page: where PyTorch has them below `torch`.
ROOMS = ("", "Tensor", "linalg", "fft", "special", "nn.functional", "distributions")


def at(library: Any, path: str) -> Any:
    """The object at a dotted path."""
    for part in filter(None, path.split(".")):
        library = getattr(library, part)
    return library


def names_of(room: str) -> list[str]:
    """The public names of a room of PyTorch: no modules, and of namespaces only what can be called
    or is a value."""
    place = at(torch, room)
    return [
        name
        for name in sorted(set(dir(place)))
        if not name.startswith("_") and not isinstance(_get(place, name), types.ModuleType)
    ]


def _get(place: Any, name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(place, name, None)


def reasons() -> list[tuple[str, re.Pattern[str]]]:
    """(reason, names) in the order of the file; the first that matches counts."""
    found = tomllib.loads((DOCS / "absent.toml").read_text(encoding="utf-8"))["absent"]
    return [(entry["reason"], re.compile(entry["names"])) for entry in found]


def differences() -> dict[str, str]:
    """What differs: path -> sentence."""
    return tomllib.loads((DOCS / "differences.toml").read_text(encoding="utf-8"))


def survey() -> tuple[dict[str, list[str]], dict[str, dict[str, list[str]]], list[str]]:
    """Per room: the names that are there, and reason -> those that are not; and what has no
    reason."""
    there: dict[str, list[str]] = {}
    absent: dict[str, dict[str, list[str]]] = {}
    unexplained = []
    known = reasons()
    for room in ROOMS:
        place = at(jtorch, room)
        there[room], absent[room] = [], {}
        for name in names_of(room):
            if hasattr(place, name):
                there[room].append(name)
                continue
            reason = next((r for r, names in known if names.fullmatch(name)), None)
            if reason is None:
                unexplained.append(f"{room}.{name}".lstrip("."))
            else:
                absent[room].setdefault(reason, []).append(name)
    return there, absent, unexplained


def page() -> str:
    """The page as Markdown."""
    there, absent, _ = survey()
    differ = differences()
    lines = ["# What of PyTorch is here", ""]
    lines.append(f"PyTorch {torch.__version__.partition('+')[0]}, name by name. Written by ")
    lines[-1] += "`python -m tools.coverage`; do not edit."
    lines += ["", "| namespace | names | here | with a difference |", "|---|---:|---:|---:|"]
    for room in ROOMS:
        total = len(there[room]) + sum(map(len, absent[room].values()))
        marked = sum(f"{room}.{name}".lstrip(".") in differ for name in there[room])
        lines.append(f"| `{title(room)}` | {total} | {len(there[room])} | {marked} |")
    for room in ROOMS:
        lines += ["", f"## {title(room)}", "", "Here:", ""]
        lines.append(", ".join(f"`{name}`" for name in there[room]))
        noted = [
            (n, differ[f"{room}.{n}".lstrip(".")])
            for n in there[room]
            if f"{room}.{n}".lstrip(".") in differ
        ]
        if noted:
            lines += ["", "With a difference:", ""]
            lines += [f"- `{name}`: {sentence}" for name, sentence in noted]
        for reason, names in absent[room].items():
            lines += ["", f"Not here. {reason}", "", ", ".join(f"`{name}`" for name in names)]
    return "\n".join(lines) + "\n"


def title(room: str) -> str:
    return f"torch.{room}".rstrip(".")


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    for name in survey()[2]:
        print(f"no reason in docs/absent.toml: {name}")


if __name__ == "__main__":
    main()
