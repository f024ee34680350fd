"""What jtorch.debug.explain, the logs and the hint say of what runs and compiles. (The footguns say
what they expect of it, too.)"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import jtorch
from jtorch import _logging, debug
from jtorch._core import calls, events
from jtorch._core.divergence import CAUSES
from jtorch._core.events import Compilation
from jtorch._hints import ADVICE, OFTEN, SECONDS, CompilationWarning, Hint

from .comparison import executions, forget, source_of


@pytest.fixture(autouse=True)
def empty_trie() -> Iterator[None]:
    """Each test compiles what it runs."""
    forget()
    yield
    jtorch.synchronize()


X = jtorch.arange(6.0).view(2, 3)
ROW = jtorch.ones(1, 3)
LIVE = jtorch.ones(2, 3).requires_grad_()
DOUBLE = jtorch.ones(2, 3, dtype=jtorch.float64)
TURNED = jtorch.ones(3, 2).t()
jtorch.synchronize()


def times(x: Any, other: Any) -> Any:
    return (x * other).tolist()


def total(x: Any, dim: int) -> Any:
    return x.sum(dim).tolist()


def divided(x: Any, rounding_mode: str) -> Any:
    return jtorch.div(x, x, rounding_mode=rounding_mode).tolist()


def branch(x: Any, taken: bool) -> Any:
    return (x.sin() if taken else x.cos()).tolist()


def held(x: Any, whole: bool) -> Any:
    y = x.exp()
    z = y.sum()
    if not whole:
        del y
    return z.tolist()


def read_early(x: Any, early: bool) -> Any:
    y = x.exp()
    if early:
        y.tolist()
    return y.sin().tolist()


def in_mode(x: Any, grad: bool) -> Any:
    with jtorch.set_grad_enabled(grad):
        return x.exp().tolist()


def fresh(*size: int) -> Any:
    return jtorch.ones(size).tolist()


# cause, words of the reason, code of the line, function, its first arguments, and those explained.
RECOMPILATIONS = [
    ("shape", "input: float32[2, 3] became float32[1, 3]", "x * other", times, (X, 2), (ROW, 2)),
    ("dtype", "input: float32[2, 3] became float64[2, 3]", "x * other", times, (X, 2), (DOUBLE, 2)),
    ("requires_grad", "False became True", "x * other", times, (X, 2), (LIVE, 2)),
    ("strides", "input: strides (3, 1) became (1, 2)", "x * other", times, (X, 2), (TURNED, 2)),
    ("number", "2.0 became a number that varies (now 3.0)", "x * other", times, (X, 2.0), (X, 3.0)),
    ("number", "dim: 0 became 1", "x.sum(dim)", total, (X, 0), (X, 1)),
    ("inputs", "other: 2.0 became float32[2, 3]", "x * other", times, (X, 2.0), (X, X)),
    ("inputs", "other: value 1 from outside became", "x * other", times, (X, X), (X, X + 0)),
    ("argument", "'floor' became 'trunc'", "jtorch.div", divided, (X, "floor"), (X, "trunc")),
    ("op", "`cos` became `sin`", "x.sin() if taken", branch, (X, False), (X, True)),
    ("outputs", "the result of `exp` is no longer held", "x.exp()", held, (X, True), (X, False)),
    ("outputs", "the result of `exp` is still held now", "x.exp()", held, (X, False), (X, True)),
    ("end", "goes on with `sin`", "x.exp()", read_early, (X, False), (X, True)),
    ("modes", "grad: True became False", "x.exp()", in_mode, (X, True), (X, False)),
    ("shape", "size: (2, 3) became (3, 3)", "jtorch.ones(size)", fresh, (2, 3), (3, 3)),
]


@pytest.mark.parametrize("cause, words, code, function, before, after", RECOMPILATIONS)
def test_recompilations(
    cause: str, words: str, code: str, function: Callable, before: tuple, after: tuple
) -> None:
    jtorch.synchronize()
    function(*before)
    report = debug.explain(function)(*after)
    (found,) = report.recompilations
    assert found.cause == cause and words in found.reason and code in source_of(found.line), found


def test_what_is_new_is_no_recompilation() -> None:
    report = debug.explain(read_early)(X, False)
    assert [c.cause for c in report.compilations] == ["first"] and not report.recompilations
    report = debug.explain(read_early)(X, True)
    assert [c.cause for c in report.compilations] == ["end", "start"]
    assert [c.cause for c in report.recompilations] == ["end"]
    assert not debug.explain(read_early)(X, True).compilations


def test_eager_mode() -> None:
    """Each op is a program of its own, and none is another one's recompilation."""
    with debug.eager():
        report = debug.explain(lambda: X.exp().sin().cos())()
    assert [run.cause for run in report.materialisations] == ["eager mode"] * 3
    assert [c.cause for c in report.compilations] == ["first", "start", "start"]


def test_the_report() -> None:
    """A training step: what ran because of what, and the module that it happened in."""
    model = jtorch.nn.Sequential(jtorch.nn.Linear(3, 2), jtorch.nn.Tanh())
    optimizer = jtorch.optim.SGD(model.parameters(), lr=0.1)
    ran = executions()
    with debug.explain() as report:
        for size in (4, 4, 5):
            optimizer.zero_grad()
            loss = model(jtorch.ones(size, 3)).sum()
            loss.backward()
            optimizer.step()
        print(f"{loss:.1f}")
    runs = report.materialisations
    assert len(runs) == executions() - ran
    assert [run.cause for run in runs] == ["optimizer.step()"] * 3
    assert all("optimizer.step()" in source_of(run.line) for run in runs)
    assert [run.compilation is not None for run in runs] == [True, False, True]
    first, again = report.compilations
    assert again.cause == "shape" and source_of(again.line).startswith("loss = model")
    assert first.ops[1] == "linear" and again.trigger == "optimizer.step()"
    parts = report.compile_seconds, report.program_seconds, report.python_seconds
    assert min(parts) > 0 and sum(parts) == pytest.approx(report.seconds)
    for words in ("optimizer.step()", "size: ", "shape: a Tensor of another shape", "3 times"):
        assert words in str(report)


def test_the_module_of_an_op() -> None:
    """A path from the outermost module, whose name is its class; lists are walked through."""

    class Net(jtorch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = jtorch.nn.ModuleList([jtorch.nn.Sequential(jtorch.nn.Tanh())])

        def forward(self, x: Any) -> Any:
            return self.blocks[0](x)

    report = debug.explain(lambda: Net()(X).tolist())()
    assert [c.module for c in report.compilations] == ["Net.blocks.0.0"]


def test_nobody_listens_afterwards() -> None:
    times(X, 2)
    with debug.explain() as report:
        times(X, 2)
        times(ROW, 2)
    assert [run.compilation is not None for run in report.materialisations] == [False, True]
    assert not events.listeners["materialisation"] and not events.listeners["graph_break"]
    assert not any(isinstance(program.call, calls.Watched) for program in calls._programs)
    times(X, 2)
    assert len(report.materialisations) == 2


# What makes a program run, and how it is called. The value is pending.
TRIGGERS = [
    ("item()", lambda x: x.sum().item()),
    ("tolist()", lambda x: x.tolist()),
    ("numpy()", lambda x: x.numpy()),
    ("jax()", lambda x: x.jax()),
    ("print()", repr),
    ("format()", lambda x: f"{x.sum():.2f}"),
    ("bool()", lambda x: bool(x.sum())),
    ("float()", lambda x: float(x.sum())),
    ("index", lambda x: [0, 1, 2][x.sum().long() * 0]),
    ("in", lambda x: 1.0 in x),
    ("equal()", lambda x: jtorch.equal(x, X)),
    ("nonzero()", lambda x: jtorch.nonzero(x)),
    ("unique()", lambda x: jtorch.unique(x)),
    ("boolean indexing", lambda x: X[x > 1]),
    ("synchronize()", lambda x: jtorch.synchronize()),
    ("random numbers", lambda x: jtorch.normal(x)),
    ("optimizer", lambda x: jtorch.optim.SGD([LIVE], lr=0.1)),
]


@pytest.mark.parametrize("name, call", TRIGGERS)
def test_triggers(name: str, call: Callable) -> None:
    x = X + 1.0
    report = debug.explain(call)(x)
    assert [run.cause for run in report.materialisations][:1] == [name]
    assert source_of(report.materialisations[0].line).startswith(("(", "report"))
    assert name in {trigger.name for trigger in events.triggers()}


def test_what_is_installed_is_not_the_users_line() -> None:
    """A library that reads, as tqdm does: the line that called it made the program run."""
    library: dict[str, Any] = {}
    exec(compile("def read(x):\n    return x.item()", "/env/site-packages/it.py", "exec"), library)
    with debug.explain() as report:
        library["read"]((X + 1).sum())
    (run,) = report.materialisations
    assert run.cause == "item()" and source_of(run.line).startswith('library["read"]')


# ----------------------------------------------------------------------------------------- the logs


def test_logs(caplog: pytest.LogCaptureFixture) -> None:
    """Recompilations, runs and graph breaks go to loggers of their own, if asked for."""
    with caplog.at_level(logging.DEBUG, "jtorch"):
        jtorch._logging.set_logs(recompiles=True, graph_breaks=True)
        try:
            times(X, 2)
            times(ROW, 2)
            events.graph_break("item() in a compiled function")
        finally:
            _logging.set_logs()
        times(DOUBLE, 2)
    names = [record.name for record in caplog.records if record.name.startswith("jtorch")]
    assert names == ["jtorch.recompiles", "jtorch.graph_breaks"]
    first, second = (record.message for record in caplog.records)
    assert "float32[2, 3] became float32[1, 3] [shape]" in first
    assert "test_explain.py" in second and second.endswith("item() in a compiled function")


def test_logs_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """JTORCH_LOGS comes before set_logs; a name that is no log's is said."""
    monkeypatch.setenv("JTORCH_LOGS", "materialise, recompile")
    with caplog.at_level(logging.DEBUG, "jtorch"):
        with pytest.warns(UserWarning, match="no log named 'recompile'. It knows: recompiles"):
            _logging._from_environment()
        _logging.set_logs(recompiles=True)
        times(X, 2)
        monkeypatch.delenv("JTORCH_LOGS")
        _logging.set_logs()
    assert [r.name for r in caplog.records] == ["jtorch", "jtorch.materialise"]
    assert "tolist(): 1 ops" in caplog.messages[-1]


def test_what_set_logs_refuses() -> None:
    for library in (torch, jtorch):
        with pytest.raises(ValueError, match="Expected bool to enable artifact recompiles"):
            library._logging.set_logs(recompiles=10)


# ----------------------------------------------------------------------------------------- the hint


def told(hint: Hint, count: int, **facts: Any) -> list[str]:
    """What a hint says when it is told of compilations."""
    facts = {"cause": "shape", "reason": "x: …", "line": f"{__file__}:7", "seconds": 9.0, **facts}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(count):
            hint(Compilation(**facts))
    assert all(w.category is CompilationWarning and w.filename == __file__ for w in caught)
    return [str(w.message) for w in caught]


def test_a_hint_is_given_once() -> None:
    hint = Hint()
    (message,) = told(hint, OFTEN + 5)
    assert message.startswith(f"jtorch keeps compiling: {OFTEN} programs in 54 s")
    assert ADVICE["shape"] in message
    assert not told(hint, 50, cause="number")


# Compilations that are normal.
NORMAL = [
    {"count": OFTEN - 1},
    {"seconds": SECONDS / 100, "count": OFTEN * 10},
    {"cause": "first", "count": OFTEN * 10},
    {"trigger": "eager mode", "count": OFTEN * 10},
]


@pytest.mark.parametrize("facts", NORMAL, ids=str)
def test_no_hint_for_normal_scripts(facts: dict) -> None:
    assert not told(Hint(), **facts)


def test_every_cause_has_a_sentence() -> None:
    told_of = {row[0] for row in RECOMPILATIONS}
    assert told_of <= set(ADVICE) <= set(CAUSES)
