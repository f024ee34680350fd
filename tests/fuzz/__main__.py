"""Run random programs and print those that differ: `python -m tests.fuzz --first 0 --count 2000`,
with hooks in them: `--hooks`."""

from __future__ import annotations

import argparse
import warnings

import torch

import jtorch

from .generator import Generator
from .runner import difference, run


def compare(seed: int, hooks: bool) -> tuple[str, list[str], list[str]]:
    """The first difference that a program shows, lazily or eagerly; and the program."""
    before, body = Generator(seed, hooks).write()
    expected = run(torch, before, body)
    found = difference(expected, run(jtorch, before, body))
    if found:
        return f"lazy: {found}", before, body
    with jtorch.debug.eager():
        found = difference(expected, run(jtorch, before, body))
    return f"eager: {found}" if found else "", before, body


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--hooks", action="store_true")
    parser.add_argument("--show", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    failed = []
    for seed in range(options.first, options.first + options.count):
        found, before, body = compare(seed, options.hooks)
        if found:
            failed.append(seed)
            print(f"--- {seed}: {found}")
            if len(failed) <= options.show:
                print("\n".join([*before, "loop:", *("    " + b for b in body)]))
    print(f"{options.count - len(failed)} passed, {len(failed)} failed")


if __name__ == "__main__":
    main()
