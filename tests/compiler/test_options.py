"""The interface of compile: options, errors, and what surrounds it."""

from __future__ import annotations

import copy
import cProfile
import pickle
from typing import Any

import pytest
import torch

import jtorch

BAD = [
    {"mode": "fast"},
    {"mode": "default", "options": {}},
]


@pytest.mark.parametrize("options", BAD, ids=str)
def test_bad_options(options: dict[str, Any]) -> None:
    """PyTorch's class and words."""
    with pytest.raises(RuntimeError) as expected:
        torch.compile(abs, **options)
    with pytest.raises(RuntimeError) as found:
        jtorch.compile(abs, **options)
    assert str(found.value) == str(expected.value)


def test_bad_backends() -> None:
    with pytest.raises(jtorch._dynamo.exc.InvalidBackend, match="Invalid backend: 'foo'"):
        jtorch.compile(abs, backend="foo")
    with pytest.raises(TypeError, match="no graph of torch.fx exists"):
        jtorch.compile(abs, backend=lambda graph, inputs: graph)
    with pytest.raises(AssertionError, match="A callable function is expected"):
        jtorch.compile(3)


def test_decorator_forms() -> None:
    """With and without brackets, disabled, and on a method."""

    @jtorch.compile(fullgraph=True, mode="max-autotune")
    def double(x: Any) -> Any:
        """Twice."""
        return x * 2

    class Task:
        @jtorch.compile
        def triple(self, x: Any) -> Any:
            return x * 3

    x = jtorch.tensor([1.0])
    task = Task()
    for _ in range(4):
        assert double(x).item() == 2 and task.triple(x).item() == 3
    assert double.__name__ == "double" and double.__doc__ == "Twice." and double.runs == 2
    assert jtorch.compile(abs, disable=True) is abs


def test_full_graph_or_nothing() -> None:
    """What can't be captured is an error at the user's line, and weights are as they were."""
    model = jtorch.nn.Linear(2, 1)
    optimizer = jtorch.optim.SGD(model.parameters(), lr=0.1)
    before = model.weight.tolist()

    @jtorch.compile(fullgraph=True)
    def step(x: Any) -> Any:
        loss = model(x).sum()
        loss.backward()
        optimizer.step()
        return loss.item()

    for _ in range(3):
        with pytest.raises(jtorch._dynamo.exc.Unsupported, match="a value is needed.*test_options"):
            step(jtorch.ones(3, 2))
        assert model.weight.tolist() == before


def test_module() -> None:
    """The wrapper of a Module is PyTorch's."""
    found, expected = [], []
    for lib, lines in ((torch, expected), (jtorch, found)):
        lib.manual_seed(0)
        inner = lib.nn.Sequential(lib.nn.Linear(2, 2))
        module = lib.compile(inner, backend="eager")
        module.extra = 3
        module.eval()
        lines += [repr(module), list(module.state_dict()), inner.extra, inner.training]
        lines += [[name for name, _ in module.named_modules()], len(module), module.training]
        lines.append(isinstance(module, lib._dynamo.OptimizedModule))
        copied = copy.deepcopy(module)
        copied.load_state_dict({k: v * 0 for k, v in module.state_dict().items()})
        lines += [copied(lib.ones(1, 2)).tolist(), module(lib.ones(1, 2)).shape[0]]
        inner.compile(backend="eager")
        lines.append(type(inner).__name__)
        lines.append(pickle.loads(pickle.dumps(inner))(lib.zeros(1, 2)).shape[1])
    assert found == expected


def test_disable_and_stance() -> None:
    """Functions that are left alone, and ways to have none compiled."""
    calls = []

    @jtorch.compiler.disable
    def log(x: Any) -> Any:
        calls.append(x.item())
        return x

    function = jtorch.compile(lambda x: log(x) + 1)
    plain = jtorch.compile(lambda x: x + 2)
    x = jtorch.tensor([1.0])
    for _ in range(5):
        assert function(x).item() == 2
    assert calls == [1.0] * 5
    with jtorch.compiler.set_stance("force_eager"):
        for _ in range(3):
            assert plain(x).item() == 3
    assert plain.runs == 0
    for _ in range(3):
        plain(x)
    assert plain.runs == 2
    with jtorch.compiler.set_stance("fail_on_recompile"):
        assert plain(x).item() == 3
        with pytest.raises(RuntimeError, match="fail_on_recompile"):
            plain(jtorch.tensor([1.0, 2.0]))
    jtorch.compiler.reset()
    assert not plain.entries and plain.runs == 0
    with pytest.raises(RuntimeError, match="invalid torch.compile stance"):
        jtorch.compiler.set_stance("slow")


def test_is_compiling() -> None:
    """True inside of what is captured, as in PyTorch."""
    seen = []

    def function(x: Any) -> Any:
        seen.append(jtorch.compiler.is_compiling())
        return x

    jtorch.compile(function)(jtorch.ones(1))
    assert seen == [True] and not jtorch.compiler.is_compiling()


def test_limit() -> None:
    """A function whose guards fail again and again is run as it is, and stays right."""
    held = [0]
    function = jtorch.compile(lambda x: x * held[0], recompile_limit=3)
    x = jtorch.tensor([2.0])
    for k in range(10):
        held[0] = k
        assert function(x).item() == 2 * k
    assert function.runs == 4
    config = jtorch._dynamo.config
    with config.patch(recompile_limit=5, suppress_errors=True):
        assert config.cache_size_limit == 5 and config.suppress_errors
    assert config.recompile_limit == 8


def test_breaks_are_told() -> None:
    """`explain` names the reason and the line."""

    @jtorch.compile
    def function(x: Any) -> Any:
        return x + x.sum().item()

    x = jtorch.tensor([1.0])
    with jtorch.debug.explain() as report:
        for _ in range(3):
            function(x)
    assert len(report.graph_breaks) == 2
    assert "a value is needed" in report.graph_breaks[0].reason
    assert "test_options.py" in report.graph_breaks[0].line


def test_a_profiler_goes_on() -> None:
    """cProfile is written in C: Python can't put it back."""
    function = jtorch.compile(lambda x: x + 1)
    profile = cProfile.Profile()
    profile.enable()
    for k in range(3):
        assert function(jtorch.tensor([float(k)])).item() == k + 1
    _called_last()
    profile.disable()
    assert any("_called_last" in str(entry.code) for entry in profile.getstats())


def _called_last() -> None:
    """Something that a profile must show."""
