"""The hooks of a Module held against PyTorch's: forward, backward, global.

Each scenario is run with both libraries (see scenarios.py).
"""

from __future__ import annotations

from typing import Any

import pytest

from .scenarios import Log, compare


def forward_hooks(lib: Any, log: Log) -> None:
    m = lib.nn.Identity()
    handle = m.register_forward_pre_hook(lambda module, args: log.note("pre", args))
    log.note(m(1))
    handle.remove()
    m.register_forward_pre_hook(lambda module, args: 3)
    log.note(m(1))
    m.register_forward_pre_hook(lambda module, args, kwargs: ((7,), {}), with_kwargs=True)
    log.note(m(1))
    m.register_forward_hook(lambda module, args, kwargs, out: (args, kwargs, out), with_kwargs=True)
    log.note(m(1))
    m.register_forward_hook(lambda module, args, out: log.note("first", out), prepend=True)
    log.note(m(1))
    with m.register_forward_hook(lambda module, args, out: out * 2):
        log.note(m(1))
    log.note(m(1), len(m._forward_hooks), len(m._forward_hooks_with_kwargs))
    m.register_forward_pre_hook(lambda module, args, kwargs: 3, with_kwargs=True)
    log.attempt("bad", lambda: m(1))

    class Fails(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            raise ValueError("boo")

    m = Fails()
    m.register_forward_hook(lambda *a: log.note("always", *a[1:]), always_call=True)
    m.register_forward_hook(lambda *a: 1 / 0, always_call=True)
    m.register_forward_hook(lambda *a: log.note("never"))
    log.attempt("fails", lambda: m(1))


def global_hooks(lib: Any, log: Log) -> None:
    place = lib.nn.modules.module
    before = place.register_module_forward_pre_hook(lambda m, a: log.note("pre", a))
    after = place.register_module_forward_hook(lambda m, a, o: log.note("after", a, o))
    log.note(lib.nn.Identity()(3))
    before.remove()
    after.remove()
    log.note(lib.nn.Identity()(3))
    handles = [
        place.register_module_parameter_registration_hook(lambda m, n, p: log.note("p", n)),
        place.register_module_buffer_registration_hook(lambda m, n, p: log.note("b", n)),
        place.register_module_module_registration_hook(lambda m, n, p: log.note("m", n)),
    ]
    n = lib.nn.Sequential(lib.nn.BatchNorm1d(2))
    n.x = lib.nn.ReLU()
    n[0].running_mean = lib.ones(2)
    n.x = None
    for handle in handles:
        handle.remove()


def two(lib: Any) -> Any:
    """A module with two inputs and two outputs."""

    class Two(lib.nn.Module):
        def forward(self, x: Any, y: Any = None) -> Any:
            return x * 2, None if y is None else y * 3

    return Two()


def backward_hooks(lib: Any, log: Log) -> None:
    def leaf() -> Any:
        return lib.ones(2).requires_grad_()

    m = two(lib)
    m.register_full_backward_hook(lambda module, gi, go: log.note("full", gi, go))
    m.register_full_backward_pre_hook(lambda module, go: tuple(g * 10 for g in go))
    x, y = leaf(), leaf()
    a, b = m(x, y)
    (a.sum() + b.sum()).backward()
    log.note(x.grad, y.grad)
    a, b = m(x, y=leaf() * 1)
    (a.sum() + b.sum()).backward()
    m = lib.nn.Linear(2, 2)
    lib.nn.init.constant_(m.weight, 0.5)
    handle = m.register_full_backward_hook(lambda module, gi, go: (gi[0] * 5,))
    x = leaf()
    m(x).sum().backward()
    log.note(x.grad, m.weight.grad)
    handle.remove()
    m.register_full_backward_hook(lambda module, gi, go: log.note("no input", gi, go))
    log.attempt("no input", lambda: m(lib.ones(2)).sum().backward())
    m.register_full_backward_hook(lambda module, gi, go: (1, 2))
    log.attempt("too many", lambda: m(leaf()).sum().backward())
    m = lib.nn.Linear(2, 2)
    m.register_full_backward_pre_hook(lambda module, go: (1, 2))
    log.attempt("too many", lambda: m(leaf()).sum().backward())
    m = lib.nn.Linear(2, 2)
    m.register_full_backward_hook(lambda *a: None)
    log.attempt("mixed", lambda: m.register_backward_hook(lambda *a: None))


def order(lib: Any, log: Log) -> None:
    place = lib.nn.modules.module
    m = lib.nn.Linear(2, 2)
    lib.nn.init.ones_(m.weight)

    def says(word: str) -> Any:
        return lambda *args: log.note(word, len(args))

    handles = [
        place.register_module_forward_pre_hook(says("global pre")),
        place.register_module_forward_hook(says("global")),
        place.register_module_forward_hook(says("global kwargs"), with_kwargs=True),
        place.register_module_full_backward_pre_hook(says("global backward pre")),
        place.register_module_full_backward_hook(says("global backward")),
        m.register_forward_pre_hook(says("pre 1")),
        m.register_forward_pre_hook(says("pre 2"), prepend=True),
        m.register_forward_pre_hook(says("pre 3"), with_kwargs=True),
        m.register_forward_hook(says("1")),
        m.register_forward_hook(says("2"), prepend=True, with_kwargs=True),
        m.register_forward_hook(says("3"), always_call=True),
        m.register_full_backward_pre_hook(says("backward pre 1")),
        m.register_full_backward_pre_hook(says("backward pre 2"), prepend=True),
        m.register_full_backward_hook(says("backward 1")),
        m.register_full_backward_hook(says("backward 2"), prepend=True),
    ]
    for _ in range(2):
        x = lib.ones(1, 2).requires_grad_()
        m(x).sum().backward()
        log.note(x.grad, [len(hooks) for hooks in m._get_backward_hooks()])
        log.note(len(m._get_backward_pre_hooks()))
        for handle in handles[::2]:
            handle.remove()
    for handle in handles:
        handle.remove()
    getattr(place, "_global_forward_hooks_with_kwargs", {}).clear()  # PyTorch forgets to
    m(lib.ones(1, 2)).sum().backward()
    log.note(len(m._forward_hooks), len(m._forward_hooks_always_called))


def gradients_that_are_there(lib: Any, log: Log) -> None:
    """What `.grad` holds when a hook further up the graph runs: leaves get theirs at once."""
    first, second = lib.nn.Linear(2, 2, bias=False), lib.nn.Linear(2, 2, bias=False)
    for module in (first, second):
        lib.nn.init.ones_(module.weight)
    net = lib.nn.Sequential(first, second, lib.nn.Tanh(), second)
    second.register_full_backward_hook(lambda m, *_: log.note("second", m.weight.grad))
    first.register_full_backward_hook(lambda m, *_: log.note("first", m.weight.grad))
    second.weight.register_post_accumulate_grad_hook(lambda p: log.note("added", p.grad))
    for _ in range(2):
        x = lib.full((1, 2), 0.1, requires_grad=True)
        hidden = net[:1](x)
        hidden.register_hook(lambda g: log.note("hidden", first.weight.grad, second.weight.grad))
        net[1:](hidden).sum().backward()
        log.note(x.grad, first.weight.grad)


def always_called(lib: Any, log: Log) -> None:
    place = lib.nn.modules.module

    class Fails(lib.nn.Module):
        def forward(self, x: Any, y: Any = None) -> Any:
            raise ValueError(f"boo {x} {y}")

    m = Fails()
    kept = place.register_module_forward_hook(
        lambda m, args, out: log.note("global", args, out), always_call=True
    )
    wrong = place.register_module_forward_hook(lambda *a: 1 / 0, always_call=True)
    m.register_forward_hook(lambda m, args, out: log.note("own", args, out), always_call=True)
    log.attempt("forward", lambda: m(1, y=2))
    wrong.remove()
    kept.remove()
    m = lib.nn.Identity()
    m.register_forward_hook(lambda *a: log.note("first"), always_call=True)
    m.register_forward_hook(lambda *a: 1 / 0)
    m.register_forward_hook(lambda m, args, out: log.note("last", out), always_call=True)
    log.attempt("hook", lambda: m(1))
    m.register_forward_pre_hook(lambda *a: 1 / 0)
    log.attempt("pre", lambda: m(1))


def replaced(lib: Any, log: Log) -> None:
    place = lib.nn.modules.module
    handles = [
        place.register_module_parameter_registration_hook(
            lambda m, n, p: None if p is None else lib.nn.Parameter(p * 0 + 3)
        ),
        place.register_module_buffer_registration_hook(lambda m, n, b: b + 1),
        place.register_module_module_registration_hook(lambda m, n, c: lib.nn.GELU()),
    ]
    n = lib.nn.Module()
    n.weight = lib.nn.Parameter(lib.ones(2))
    n.register_parameter("none", None)
    n.register_buffer("buffer", lib.ones(2))
    n.child = lib.nn.ReLU()
    n.add_module("other", lib.nn.Tanh())
    for handle in handles:
        handle.remove()
    log.note(n, n.weight, n.buffer, n.none)
    handle = place.register_module_full_backward_hook(lambda *a: None)
    log.attempt("mixed", lambda: place.register_module_backward_hook(lambda *a: None))
    handle.remove()


@pytest.mark.parametrize(
    "scenario",
    [
        always_called,
        backward_hooks,
        forward_hooks,
        global_hooks,
        gradients_that_are_there,
        order,
        replaced,
    ],
    ids=lambda s: s.__name__,
)
def test_as_pytorch(scenario: Any) -> None:
    compare(scenario)
