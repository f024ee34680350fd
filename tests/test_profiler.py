"""torch.profiler: when it records, as in PyTorch; and what its tables say of a training step."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import pytest
import torch
from jax.experimental.compilation_cache.compilation_cache import reset_cache

import jtorch
from jtorch.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule

LIBRARIES = (torch, jtorch)
SCHEDULES = [
    {"wait": 1, "warmup": 1, "active": 2},
    {"wait": 0, "warmup": 1, "active": 1, "repeat": 2},
    {"wait": 2, "warmup": 1, "active": 3, "repeat": 1, "skip_first": 2},
    {"wait": 2, "warmup": 1, "active": 1, "skip_first": 1, "skip_first_wait": 1},
]
REFUSED = [{"wait": -1, "warmup": 1, "active": 1}, {"wait": 0, "warmup": 1, "active": 0}]


@pytest.fixture(scope="module", autouse=True)
def compiled_here() -> Iterator[None]:
    """A program that JAX reads from its cache does not say in a profile which ops it is made of."""
    jax.config.update("jax_enable_compilation_cache", False)
    reset_cache()
    yield
    jax.config.update("jax_enable_compilation_cache", True)
    reset_cache()


@pytest.mark.parametrize("options", SCHEDULES, ids=str)
def test_schedules(options: dict) -> None:
    expected, found = (lib.profiler.schedule(**options) for lib in LIBRARIES)
    assert [found(k).name for k in range(20)] == [expected(k).name for k in range(20)]


@pytest.mark.parametrize("options", REFUSED, ids=str)
def test_schedules_that_are_refused(options: dict) -> None:
    messages = []
    for library in LIBRARIES:
        with pytest.raises(AssertionError) as caught:
            library.profiler.schedule(**options)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_no_warmup_is_warned_of() -> None:
    for library in LIBRARIES:
        with pytest.warns(UserWarning, match="won't be using warmup, this can skew"):
            library.profiler.schedule(wait=0, warmup=0, active=1)


def test_names_and_numbers() -> None:
    assert str(ProfilerActivity.CPU) == str(torch.profiler.ProfilerActivity.CPU)
    for action in ProfilerAction:
        assert torch.profiler.ProfilerAction[action.name].value == action.value


# ------------------------------------------------------------------------------------ one recording


@record_function("forward")
def forward(model: Any, x: Any) -> Any:
    return model(x).square().mean()


@pytest.fixture(scope="module")
def recorded() -> profile:
    """Two steps of five are recorded; then it says that it is ready."""
    model = jtorch.nn.Sequential(jtorch.nn.Conv2d(2, 3, 3), jtorch.nn.Tanh())
    optimizer = jtorch.optim.SGD(model.parameters(), lr=0.1)
    x = jtorch.ones(2, 2, 8, 8)
    ready: list[int] = []
    with profile(
        activities=[ProfilerActivity.CPU],
        schedule=schedule(wait=1, warmup=1, active=2, repeat=1),
        on_trace_ready=lambda prof: ready.append(prof.step_num),
        with_modules=True,
    ) as prof:
        for _ in range(5):
            optimizer.zero_grad()
            loss = forward(model, x)
            loss.backward()
            optimizer.step()
            loss.item()
            prof.step()
    assert ready == [4]
    return prof


def test_the_events(recorded: profile) -> None:
    names = [event.name for event in recorded.events()]
    assert [n for n in names if n.startswith("ProfilerStep")] == [
        "ProfilerStep#2",
        "ProfilerStep#3",
    ]
    assert names.count("forward") == 2
    assert not [n for n in names if n.startswith("compile")]  # it was before


def test_the_averages(recorded: profile) -> None:
    """Ops of programs by name and module; ranges, without what is inside of them."""
    found = {(row.key, row.module): row for row in recorded.key_averages()}
    convolution = found["conv2d", "Sequential.0"]
    assert convolution.count >= 2 and convolution.self_cpu_time_total > 0
    assert ("conv2d_backward", "Sequential.0") in found
    step, inside = found["ProfilerStep#2", ""], found["forward", ""]
    assert inside.self_cpu_time_total == pytest.approx(inside.cpu_time_total)
    assert 0 < step.self_cpu_time_total < step.cpu_time_total
    assert inside.cpu_time == pytest.approx(inside.cpu_time_total / 2)


def test_the_table(recorded: profile) -> None:
    rows = recorded.key_averages()
    lines = rows.table(sort_by="cpu_time_total", row_limit=3, header="A step").splitlines()
    assert lines[0] == "A step" and len(lines) == 1 + 3 + 3 + 2
    titles = "Name Module Self CPU % Self CPU CPU total CPU time avg # of Calls"
    assert " ".join(lines[2].split()) == titles
    assert rows.table().count("ms") + rows.table().count("us") > 5
    largest = max(rows, key=lambda row: row.cpu_time_total)
    assert lines[4].startswith(largest.key)
    total = rows.total_average().self_cpu_time_total
    assert total == pytest.approx(rows.self_cpu_time_total)
    assert f"{total / 1e3:.3f}ms" in rows.table(time_unit="ms")


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_the_chrome_trace(recorded: profile, tmp_path: Path, name: str) -> None:
    recorded.add_metadata_json("note", "[1, 2]")
    recorded.export_chrome_trace(str(tmp_path / name))
    opened = gzip.open if name.endswith("gz") else open
    with opened(tmp_path / name, "rt") as file:
        trace = json.load(file)
    assert trace["metadata"]["note"] == [1, 2]
    assert sum(event.get("name") == "forward" for event in trace["traceEvents"]) == 2


def test_files_for_tensorboard(recorded: profile, tmp_path: Path) -> None:
    jtorch.profiler.tensorboard_trace_handler(str(tmp_path / "log"), "worker")(recorded)
    (file,) = (tmp_path / "log" / "plugins" / "profile").glob("*/*.pb")
    assert file.name == "worker.xplane.pb"


def test_the_older_interface() -> None:
    """torch.autograd.profiler; a compilation is a range, too."""
    profiler = jtorch.autograd.profiler
    with profiler.profile() as prof, profiler.record_function("outer"):
        with profiler.record_function("inner"):
            (jtorch.ones(7) * 3).sum().item()
    found = {row.key: row for row in prof.key_averages()}
    assert found["outer"].cpu_time_total > found["inner"].cpu_time_total
    assert found["compile (first)"].count == 1
    assert found["inner"].self_cpu_time_total < found["inner"].cpu_time_total
    assert "outer" in prof.table() and str(prof) == prof.table()
    assert prof.total_average().count == len(prof.function_events)
    with profiler.profile(enabled=False) as off:
        pass
    with pytest.raises(AssertionError, match="Profiler must be"):
        off.key_averages()
