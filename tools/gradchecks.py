"""gradcheck and gradgradcheck of PyTorch's database of operators, in PyTorch and in jtorch.

    python -m tools.gradchecks --out gradchecks.jsonl [--only REGEX] [--samples 5] [--slow]
    python -m tools.gradchecks --report gradchecks.jsonl

For each entry with a gradient, some of its float64 samples are checked in both libraries. A line of
the file is one entry and order, and says which samples pass in PyTorch and don't here; tests/
gradchecks.toml lists those that are known, with reasons. The whole takes most of an hour on one
core: what the file has already is not run again, so that a run can be cut off at any time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import jtorch

from .opinfo import Untranslatable, entries, function_of, samples, translated

KNOWN = Path(__file__).resolve().parent.parent / "tests" / "gradchecks.toml"
CHECKS = ("gradcheck", "gradgradcheck")
ENTRIES_PER_PROCESS = 40  # compiled programs take memory


class OutOfTime(BaseException):
    """No Exception: nothing may catch it on its way."""


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """OutOfTime when what is inside takes longer."""

    def ring(*_: Any) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def problem(library: Any, name: str, entry: Any, sample: Any, slow: bool) -> str | None:
    """What a check finds wrong with a sample; None if it passes."""
    given = (sample.input, *sample.args, *sample.kwargs.values())
    process = sample.output_process_fn_grad
    if library is jtorch:
        given, process = translated(given), translated(process)
    function, count = function_of(entry, library), len(sample.kwargs)

    def call(*inputs: Any) -> Any:
        args = inputs[: len(inputs) - count]
        named = dict(zip(sample.kwargs, inputs[len(args) :], strict=True))
        return process(function(*args, **named))

    check: Callable = getattr(library.autograd, name)
    fast = entry.gradcheck_fast_mode is not False and not slow
    try:
        check(call, given, nondet_tol=entry.gradcheck_nondet_tol, fast_mode=fast)
    except Exception as error:
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return None


def checked(title: str, name: str, entry: Any, options: argparse.Namespace) -> dict[str, Any]:
    """The line for an entry: how many samples pass, and what differs from PyTorch."""
    begun, passed, left_out, wrong = time.monotonic(), 0, [], []
    try:
        with limit(options.seconds):
            for sample in samples(entry, torch.float64, options.samples):
                reason = problem(torch, name, entry, sample, options.slow)
                if reason is not None:
                    left_out.append(f"PyTorch: {reason}")
                    continue
                try:
                    reason = problem(jtorch, name, entry, sample, options.slow)
                except Untranslatable as error:
                    left_out.append(str(error))
                    continue
                if reason is None:
                    passed += 1
                else:
                    wrong.append({"sample": str(sample.summary())[:300], "reason": reason})
    except OutOfTime:
        wrong.append({"sample": "", "reason": f"takes longer than {options.seconds:g} s"})
    return {
        "case": f"{title} {name}",
        "passed": passed,
        "wrong": wrong,
        "left_out": left_out,
        "seconds": round(time.monotonic() - begun, 1),
    }


def known() -> dict[str, str]:
    """Case -> the reason for which it doesn't pass."""
    groups = tomllib.loads(KNOWN.read_text(encoding="utf-8"))["known"]
    return {case: group["reason"] for group in groups for case in group["cases"]}


def report(path: Path) -> int:
    """Print what doesn't pass; 1 if any of it is not known, or passes though it is listed."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    reasons = known()
    wrong = {line["case"]: line for line in lines if line["wrong"]}
    right = {line["case"] for line in lines if line["passed"] and not line["wrong"]}
    new, mended = sorted(set(wrong) - set(reasons)), sorted(right & set(reasons))
    for case in new:
        for found in wrong[case]["wrong"]:
            print(f"not listed: {case}: {found['reason']}\n    {found['sample']}")
    for case in mended:
        print(f"listed, but passes: {case}")
    passed = sum(line["passed"] for line in lines)
    print(f"{len(right)} of {len(right) + len(wrong)} cases pass, {passed} samples")
    return 1 if new or mended else 0


def run(options: argparse.Namespace) -> None:
    """Check what the file lacks; after some entries in a new process."""
    done = set()
    if options.out.exists():
        lines = options.out.read_text(encoding="utf-8").splitlines()
        done = {json.loads(line)["case"] for line in lines}
    waiting = [
        (title, entry)
        for title, entry in entries(torch.float64).items()
        if re.fullmatch(options.only, title) and not {f"{title} {c}" for c in CHECKS} <= done
    ]
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for title, entry in waiting[:ENTRIES_PER_PROCESS]:
        for name in CHECKS:
            if f"{title} {name}" not in done:
                line = checked(title, name, entry, options)
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
    if len(waiting) > ENTRIES_PER_PROCESS:
        os.execv(sys.executable, [sys.executable, "-m", "tools.gradchecks", *sys.argv[1:]])


def main() -> int:
    parser = argparse.ArgumentParser(description="gradcheck of PyTorch's operators, in jtorch")
    parser.add_argument("--out", type=Path, help="the file of results")
    parser.add_argument("--only", default=".*", help="regular expression for whole names")
    parser.add_argument("--samples", type=int, default=5, help="at most so many for each entry")
    parser.add_argument("--seconds", type=float, default=120, help="at most so many for each case")
    parser.add_argument("--slow", action="store_true", help="whole Jacobians")
    parser.add_argument("--report", type=Path, help="print what a file of results says")
    options = parser.parse_args()
    if options.out:
        run(options)
    return report(options.report or options.out)


if __name__ == "__main__":
    sys.exit(main())
