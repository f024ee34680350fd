"""The trie and the programs: what compiles, what is returned, where a long trace is cut, what
numbers become."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import pytest

import jtorch
from jtorch._core import events, program
from jtorch._core.varying import varied_sites

from ..comparison import compare, compilations, compiled, executions, forget


@pytest.fixture(autouse=True)
def empty_trie() -> Iterator[None]:
    """Each test compiles what it runs."""
    forget()
    yield
    jtorch.synchronize()


def nodes_compiled(function: Callable[[], Any]) -> list[list[str]]:
    """The names of the ops of each program that a call compiles."""
    found: list[list[str]] = []
    with events.listening("compilation", lambda told: found.append(list(told.ops))):
        function()
    return found


# ----------------------------------------------------------------------------------------- the trie


def test_the_same_path_compiles_once() -> None:
    x = jtorch.ones(3)
    jtorch.synchronize()
    assert compiled(lambda: (x * 2 + 1).tolist()) == 1
    assert compiled(lambda: (x * 2 + 1).tolist()) == 0
    y = jtorch.full((3,), 7.0)
    jtorch.synchronize()
    nodes = jtorch.debug.statistics()["nodes_inferred"]
    assert compiled(lambda: (y * 2 + 1).tolist()) == 0
    assert jtorch.debug.statistics()["nodes_inferred"] == nodes


DIFFERENT = [
    ("shape", lambda: jtorch.ones(4)),
    ("dtype", lambda: jtorch.ones(3, dtype=jtorch.float64)),
    ("requires_grad", lambda: jtorch.ones(3, requires_grad=True)),
    ("strides", lambda: jtorch.ones(6)[::2]),
]


@pytest.mark.parametrize("what, make", DIFFERENT, ids=[name for name, _ in DIFFERENT])
def test_another_leaf_is_another_path(what: str, make: Callable[[], Any]) -> None:
    """A leaf of another shape, dtype or history leads to another program, of the right result."""
    x, y = jtorch.ones(3), make()
    jtorch.synchronize()
    assert compiled(lambda: (x * 2).tolist()) == 1
    assert compiled(lambda: (y * 2).tolist()) == 1
    assert (y * 2).tolist() == [2.0] * len(y)


def test_one_tensor_twice_is_not_two_tensors() -> None:
    x, y = jtorch.tensor([1.0, 2.0]), jtorch.tensor([3.0, 4.0])
    assert (x * x).tolist() == [1, 4]
    assert (x * y).tolist() == [3, 8]
    assert (y * x).tolist() == [3, 8]
    assert (y * y).tolist() == [9, 16]


def test_modes_are_part_of_the_path() -> None:
    x = jtorch.ones(3, requires_grad=True)
    jtorch.synchronize()
    assert (x * 2).requires_grad
    with jtorch.no_grad():
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_an_op_that_raises_leaves_no_trace() -> None:
    x = jtorch.ones(3)
    jtorch.synchronize()
    y = x * 2
    count = jtorch.debug.recorded_nodes()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="size of tensor a"):
            y + x[:2]
        with pytest.raises(IndexError):
            y.sum(7)
    assert jtorch.debug.recorded_nodes() == count + 2  # x[:2], twice
    assert y.tolist() == [2, 2, 2]


# --------------------------------------------------------------------------- what a program returns


def outputs_of(trace_reader: Callable[[], Any]) -> list[int]:
    """How many outputs XLA returns in each program that a call runs."""
    found: list[int] = []
    run = program._run

    def counting(made: Any, *rest: Any) -> list:
        found.append(len({s for s in made.source if s >= 0}))
        return run(made, *rest)

    program._run = counting
    try:
        trace_reader()
    finally:
        program._run = run
    return found


def test_temporaries_are_not_outputs() -> None:
    x = jtorch.ones(3)
    jtorch.synchronize()
    assert outputs_of(lambda: (x.exp().sin().cos() + 1).sum().item()) == [1]


def test_what_is_held_is_an_output() -> None:
    x = jtorch.ones(3)
    jtorch.synchronize()
    kept = [x.exp(), x.sin()]
    assert outputs_of(lambda: (kept[0] * kept[1]).sum().item()) == [3]


def test_the_graph_of_a_dead_loss_is_no_output() -> None:
    x = jtorch.ones(3, requires_grad=True)
    jtorch.synchronize()

    def read() -> None:
        loss = x.exp().sin().sum()
        del loss
        (x.detach() * 2).tolist()

    assert outputs_of(read) == [1]


def test_only_what_backward_needs_is_kept() -> None:
    """sum needs nothing, exp its output, add nothing: one residual besides the loss."""
    x = jtorch.ones(3, requires_grad=True)
    jtorch.synchronize()
    loss = (x.exp() + 1).sum()
    assert outputs_of(loss.item) == [2]


def test_identities_and_equal_outputs_are_returned_once() -> None:
    x = jtorch.arange(3.0) + 0
    jtorch.synchronize()
    same, doubled = x.detach(), x * 2
    again = doubled.detach()
    assert outputs_of(again.tolist) == [1]
    assert same.jax() is x.jax()
    assert again.tolist() == doubled.tolist() == [0, 2, 4]


def test_a_program_of_identities_runs_nothing() -> None:
    x = jtorch.arange(3.0)
    jtorch.synchronize()
    assert outputs_of(lambda: x.detach().tolist()) == [0]


def test_one_xla_program_a_step() -> None:
    """Forward, backward and update are one program, from the second step on."""
    layer = jtorch.nn.Linear(3, 1)
    optimizer = jtorch.optim.Adam(layer.parameters())
    x = jtorch.randn(4, 3)

    def step() -> None:
        optimizer.zero_grad()
        layer(x).pow(2).mean().backward()
        optimizer.step()

    found = [nodes_compiled(step) for _ in range(4)]
    assert [len(f) for f in found] in ([1, 1, 0, 0], [1, 0, 0, 0])
    before = executions()
    step()
    assert executions() == before + 1


def test_no_second_forward() -> None:
    """After a read of the loss, the next program has no forward op but those of the backward."""
    layer, x = jtorch.nn.Linear(3, 1), jtorch.randn(4, 3)
    optimizer = jtorch.optim.SGD(layer.parameters(), lr=0.1)

    def step() -> None:
        loss = layer(x).tanh().pow(2).mean()
        loss.item()
        loss.backward()
        optimizer.step()

    step()
    forget()
    forward, backward = nodes_compiled(step)
    assert "linear" in forward and not any(name.endswith("_backward") for name in forward)
    assert not {"linear", "tanh", "pow", "mean"} & set(backward) and "optimizer_step" in backward


# --------------------------------------------------------------------------------------- the budget


@pytest.mark.parametrize("nodes", [7, 20, 64])
def test_a_long_loop_is_cut_at_its_head(nodes: int) -> None:
    """A loop without reads, longer than the budget: few programs, however long it is."""

    def loop(count: int) -> float:
        state = jtorch.ones(2)
        with jtorch.debug.budget(nodes):
            for _ in range(count):
                state = (state * 0.5 + 1).sin()
        return state.sum().item()

    expected = loop(10)
    forget()
    assert compiled(lambda: loop(200)) <= 4
    assert compiled(lambda: loop(400)) <= 2
    assert loop(10) == expected


def test_running_sum_of_ten_thousand_steps() -> None:
    """`running += loss` is never read: bounded compilations, bounded memory, and the right sum."""
    weight = jtorch.ones(2, requires_grad=True)
    optimizer = jtorch.optim.SGD([weight], lr=1e-3)
    running = 0.0
    arrays = []
    before = compilations()
    for step in range(10_000):
        optimizer.zero_grad()
        loss = (weight * weight).sum()
        loss.backward()
        optimizer.step()
        running += loss.detach()
        if step % 2000 == 100:
            arrays.append(len(jax.live_arrays()))
    assert compilations() - before <= 4
    assert max(arrays) - min(arrays) <= 2
    expected = sum(2 * (1 - 2e-3) ** (2 * k) for k in range(10_000))
    assert running.item() == pytest.approx(expected, rel=1e-3)


def test_running_sum_without_an_optimizer() -> None:
    """The same in a loop of inference: the budget cuts it, and the trace stays short."""
    x = jtorch.full((4,), 0.5)
    running = jtorch.zeros(())
    jtorch.synchronize()
    before, longest = compilations(), 0
    for _ in range(10_000):
        running += (x * x).sum()
        longest = max(longest, jtorch.debug.recorded_nodes())
    assert running.item() == 10_000.0
    assert compilations() - before <= 4 and longest <= 1010


# ------------------------------------------------------------------------------------------ numbers


def test_numbers_are_static_until_they_vary() -> None:
    """The first value is part of the program, the second makes a program with an input, the third
    none."""
    x = jtorch.ones(3)
    jtorch.synchronize()
    counts = [compiled(lambda k=k: (x * k).tolist()) for k in (0.5, 0.5, 0.25, 0.125, 0.5, 3.0)]
    assert counts == [1, 0, 1, 0, 0, 0]


def test_numbers_of_one_step_vary_together() -> None:
    """Ten numbers in a row: the second step finds that the first varies, and with it the others."""
    x = jtorch.ones(3)
    w = jtorch.ones(3, requires_grad=True)
    jtorch.synchronize()

    def step(k: int) -> None:
        y = x
        for place in range(5):
            y = (y * w * (k + place + 0.5)).add(x, alpha=k + 2)
        y.sum().backward()
        w.grad.tolist()
        w.grad = None

    assert [compiled(lambda k=k: step(k)) for k in range(5)] == [1, 1, 0, 0, 0]


def test_a_number_that_varied_is_an_input_on_every_path() -> None:
    """The same line of the program, after another beginning."""
    x = jtorch.ones(3)
    jtorch.synchronize()

    def step(k: int, beginning: bool) -> None:
        y = x.exp() if beginning else x
        (y * (k + 0.5)).tolist()

    assert [compiled(lambda k=k: step(k, False)) for k in range(3)] == [1, 1, 0]
    assert [compiled(lambda k=k: step(k, True)) for k in range(3)] == [1, 0, 0]


def test_constants_of_a_loop_stay_static() -> None:
    """One line, several constants: each has its place in the step, and none varies."""
    x = jtorch.ones(3)
    jtorch.synchronize()

    def step() -> None:
        y = x
        for place in range(3):
            y = y ** (place + 2)
        y.tolist()

    assert [compiled(step) for _ in range(3)] == [1, 0, 0]
    assert not varied_sites


VARYING = [
    ("mul", lambda t, x, k: x * (k / 4)),
    ("int", lambda t, x, k: x * k),
    ("int on ints", lambda t, x, k: t.arange(4) * k // 2),
    ("float on ints", lambda t, x, k: t.arange(4) * (k / 4)),
    ("pow", lambda t, x, k: x ** (k / 4)),
    ("rpow", lambda t, x, k: (k + 1) ** x),
    ("rsub", lambda t, x, k: k - x),
    ("add alpha", lambda t, x, k: x.add(x, alpha=k)),
    ("clamp", lambda t, x, k: x.clamp(min=k / 8, max=0.9)),
    ("compare", lambda t, x, k: x > k / 8),
    ("where", lambda t, x, k: t.where(x > 0.5, x, float(k))),
    ("full", lambda t, x, k: t.full((3,), k / 2)),
    ("full int", lambda t, x, k: t.full((3,), k)),
    ("index", lambda t, x, k: x[k]),
    ("negative index", lambda t, x, k: x[-k - 1]),
    ("slice", lambda t, x, k: x[k : k + 1]),
    ("setitem", lambda t, x, k: x.clone().index_fill(0, t.tensor([1]), k / 2)),
    ("half", lambda t, x, k: x.to(t.float16) * (k / 3)),
    ("double", lambda t, x, k: x.double() * (k / 3)),
    ("leaky_relu", lambda t, x, k: t.nn.functional.leaky_relu(x - 0.5, k / 10)),
]


@pytest.mark.parametrize("name, call", VARYING, ids=[name for name, _ in VARYING])
def test_a_number_that_varies_gives_what_pytorch_gives(name: str, call: Callable) -> None:
    """Values, dtypes and gradients are those of a static number."""

    def program_of(torch: Any) -> list:
        found = []
        for k in (1, 2, 3, 0, 1):
            x = torch.arange(4.0).div(4).requires_grad_()
            y = call(torch, x, k)
            if y.requires_grad:
                y.sum().backward()
            found += [y.detach(), x.grad]
        return found

    compare(program_of)


def test_signed_zeros_and_nan_are_numbers_of_their_own() -> None:
    x = jtorch.ones(2)
    assert [str((x * k)[0].item()) for k in (0.0, -0.0, 0.0)] == ["0.0", "-0.0", "0.0"]
    assert [str((x * k)[0].item()) for k in (float("nan"), 1.0, float("nan"))] == [
        "nan",
        "1.0",
        "nan",
    ]
    assert [(x * k).dtype for k in (True, 1, 1.0)] == [jtorch.float32] * 3
    i = jtorch.ones(2, dtype=jtorch.int64)
    assert [(i * k).dtype.name for k in (True, 1, 1.0, 2, 2.0)] == [
        "int64",
        "int64",
        "float32",
        "int64",
        "float32",
    ]


def test_large_integers_that_vary_stay_exact() -> None:
    x = jtorch.zeros(1, dtype=jtorch.int64)
    big = [2**53 + 1, 2**53 + 3, 2**62 + 7]
    assert [(x + k).item() for k in big] == big
