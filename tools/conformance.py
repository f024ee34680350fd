"""Holds a run of PyTorch's operator database against the cases that are known not to pass.

    python -m tools.conformance RESULTS.jsonl ...

Each line of the results is one case, as the conformance programs write it with `--out`: an entry of
the database, a variant of it (function, method, in place, error inputs) and a dtype. Cases that
don't pass are listed with their reason in tests/conformance.toml. Printed is what is not listed,
and what is listed though it passes; the exit status is 1 if there is any.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

KNOWN = Path(__file__).resolve().parent.parent / "tests" / "conformance.toml"
COUNTED = ("pass", "fail", "crash", "missing")  # others don't say anything about the candidate


def known() -> dict[str, str]:
    """Case -> the reason for which it doesn't pass."""
    found = {}
    for group in tomllib.loads(KNOWN.read_text(encoding="utf-8"))["known"]:
        for case in group["cases"]:
            if case in found:
                raise ValueError(f"{case!r} is listed twice")
            found[case] = group["reason"]
    return found


def cases(paths: Iterable[str]) -> dict[str, dict]:
    """Case -> what the programs said of it."""
    found = {}
    for path in paths:
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            found[f"{case['name']} {case['variant']} {case['dtype']}"] = case
    return found


def families(results: dict[str, dict]) -> list[str]:
    """A line for each family of the database: how many of its cases pass."""
    counts: dict[str, Counter] = {}
    for case in results.values():
        counts.setdefault(case["family"], Counter())[case["status"]] += 1
    lines = []
    for family, count in sorted(counts.items()):
        total = sum(count[status] for status in COUNTED)
        portion = f"{count['pass'] / total:7.1%}" if total else "      -"
        lines.append(f"{portion}  {count['pass']:4} of {total:4}  {family}")
    return lines


def main(paths: list[str]) -> int:
    """Print the comparison; its exit status."""
    results, reasons = cases(paths), known()
    failing = {name for name, case in results.items() if case["status"] in COUNTED[1:]}
    passing = {name for name, case in results.items() if case["status"] == "pass"}
    print("\n".join(families(results)))
    print(f"{len(passing)} of {len(passing) + len(failing)} cases pass")
    new, mended = sorted(failing - set(reasons)), sorted(passing & set(reasons))
    for name in new:
        print(f"not listed: {name}: {results[name]['status']}")
    for name in mended:
        print(f"listed, but passes: {name}")
    return 1 if new or mended else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
