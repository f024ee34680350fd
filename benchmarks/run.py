"""The main benchmark: every workload under PyTorch eager, jtorch and hand-written JAX.

    python -m benchmarks.run                          all workloads, written to results.json and
                                                      README.md
    python -m benchmarks.run --only gpt               one workload, printed only
    python -m benchmarks.run --device cuda            the same on a GPU
    python -m benchmarks.run --iterations 1 --rounds 1   what continuous integration runs

Each library has a process of its own, and they take turns; a figure is the median of the turns.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import statistics
from pathlib import Path
from typing import Any

from .workers import DEVICES, LIBRARIES, Worker
from .workloads import NAMES

ROOT = Path(__file__).resolve().parent.parent
RESULTS = {
    "cpu": ROOT / "benchmarks" / "results.json",
    "cuda": ROOT / "benchmarks" / "results_cuda.json",
}
BEGIN = "<!-- benchmarks on {}: written by python -m benchmarks.run -->"
END = "<!-- end of benchmarks -->"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", choices=NAMES, action="append", help="a workload; may be repeated"
    )
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    parser.add_argument("--libraries", nargs="+", choices=LIBRARIES, default=list(LIBRARIES))
    parser.add_argument("--rounds", type=int, default=7, help="turns of each library")
    parser.add_argument("--iterations", type=int, help="steps of a turn; else enough for --seconds")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a turn")
    parser.add_argument("--output", type=Path, help="where to write the JSON")
    options = parser.parse_args()
    report: dict[str, Any] = {"machine": machine(options.device), "workloads": {}}
    for name in options.only or NAMES:
        measured = measure(name, options)
        report["workloads"][name] = measured
        print(line_of(measured), flush=True)
    everything = not options.only and set(options.libraries) == set(LIBRARIES)
    results = RESULTS[options.device]
    output = options.output or (results if everything else None)
    if output is not None:
        output.write_text(json.dumps(report, indent=2) + "\n")
    if output == results:
        write_readme(report, options.device)


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Time one workload under all libraries, in turns."""
    workers = [Worker(name, library, device=options.device) for library in options.libraries]
    results: dict[str, Any] = {worker.library: {} for worker in workers}
    steps: dict[str, int] = {}
    for worker in workers:
        if options.iterations is None:
            warmth = worker.ask("warm")
            results[worker.library]["compile_seconds"] = warmth["compile"]
            steps[worker.library] = max(3, round(options.seconds / warmth["step"]))
        else:
            steps[worker.library] = options.iterations
    turns: dict[str, list[float]] = {worker.library: [] for worker in workers}
    for _ in range(options.rounds):
        for worker in workers:
            turns[worker.library].append(worker.ask("time", steps=steps[worker.library])["step"])
    for worker in workers:
        result = results[worker.library]
        result["step_seconds"] = statistics.median(turns[worker.library])
        result["fastest_seconds"] = min(turns[worker.library])
        result["peak_bytes"] = worker.ask("memory")["peak"]
        worker.close()
    title = importlib.import_module(f"benchmarks.workloads.{name}").TITLE
    return {"title": title, "libraries": results, "ratios": ratios(turns)}


def ratios(turns: dict[str, list[float]]) -> dict[str, float]:
    """jtorch's time divided by the others', and compiled jtorch's by that of JAX: the median over
    the rounds."""
    pairs = {library: ("jtorch", library) for library in turns if library != "jtorch"}
    pairs["compiled, jax"] = ("compiled", "jax")
    return {
        name: statistics.median(a / b for a, b in zip(turns[ours], turns[theirs], strict=True))
        for name, (ours, theirs) in pairs.items()
        if ours in turns and theirs in turns
    }


def line_of(measured: dict[str, Any]) -> str:
    """One workload, for the terminal."""
    parts = [measured["title"]]
    for library, result in measured["libraries"].items():
        compiling = result.get("compile_seconds")
        note = "with compiling" if compiling is None else f"+ {compiling:.2f} s compiling"
        parts.append(f"  {library:8}{duration(result['step_seconds']):>10} a step ({note})")
    for name, ratio in measured["ratios"].items():
        ours, _, theirs = name.rpartition(", ")
        parts.append(f"  {ours or 'jtorch'} / {theirs}: {ratio:.2f}")
    return "\n".join(parts)


def duration(seconds: float) -> str:
    """A time with three digits and a fitting unit."""
    unit, scale = ("s", 1) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)
    return f"{seconds * scale:.3g} {unit}"


def machine(device: str) -> dict[str, Any]:
    """What the figures depend on."""
    import torch

    on_gpu = device != "cpu"
    versions = {name: importlib.metadata.version(name) for name in ("torch", "jax", "jaxlib")}
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name() if on_gpu else "the CPU",
        "torch_mode": "eager",
        "torch_threads": torch.get_num_threads(),
        **versions,
    }


def processor() -> str:
    """The processor's name, as the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def table(report: dict[str, Any]) -> str:
    """The figures as Markdown, with what they were measured on."""
    about = report["machine"]
    rows = [
        "| one training step of | PyTorch eager | jtorch | of PyTorch | JAX by hand | of JAX "
        "| under `torch.compile`, of JAX | compiling, once |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for measured in report["workloads"].values():
        found = measured["libraries"]
        torch, ours, jax = (found[library] for library in ("torch", "jtorch", "jax"))
        ratio = measured["ratios"]
        cells = (
            measured["title"],
            duration(torch["step_seconds"]),
            duration(ours["step_seconds"]),
            f"**{ratio['torch']:.2f}**",
            duration(jax["step_seconds"]),
            f"{ratio['jax']:.2f}",
            f"{ratio['compiled, jax']:.2f}",
            f"{ours.get('compile_seconds', 0):.1f} s",
        )
        rows.append(f"| {' | '.join(cells)} |")
    rows.append("")
    rows.append(
        f"On {about['device']}: {about['processor']}, {about['cores']} cores, {about['system']}, "
        f"Python {about['python']}, JAX {about['jax']}, "
        f"PyTorch {about['torch']} in eager mode with {about['torch_threads']} threads. "
        "Medians of turns that the libraries take one after the other, in processes of "
        "their own; “of PyTorch” is jtorch's time divided by PyTorch's. "
        "Made by `python -m benchmarks.run`."
    )
    return "\n".join(rows)


def write_readme(report: dict[str, Any], device: str) -> None:
    """Put the table between the README's two markers for the device."""
    readme, begin = ROOT / "README.md", BEGIN.format(device)
    before, rest = readme.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(END, 1)
    text = f"{before}{begin}\n\n{table(report)}\n\n{END}{after}"
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
