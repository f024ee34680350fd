"""no_grad, enable_grad, inference_mode and their siblings against PyTorch."""

from __future__ import annotations

from typing import Any

from ..comparison import compare
from .test_autograd import leaf


def modes_seen(t: Any) -> list:
    x, seen = leaf(t), []

    def note(label: str) -> None:
        seen.append((label, t.is_grad_enabled(), (x * 2).requires_grad))

    @t.no_grad()
    def decorated() -> None:
        note("decorated")

    @t.no_grad
    def bare() -> None:
        note("bare")

    @t.enable_grad()
    def enabled() -> None:
        note("enabled")

    @t.inference_mode()
    def inference() -> bool:
        note("inference")
        return t.is_inference_mode_enabled()

    @t.no_grad()
    def generator() -> Any:
        note("inside")
        received = yield 1
        seen.append(received)
        try:
            yield 2
        except ValueError:
            note("caught")
        yield 3
        return 4

    def outer() -> Any:
        seen.append((yield from steps))

    steps = generator()
    seen.append(next(steps))
    note("between")
    seen += [steps.send("sent"), steps.throw(ValueError()), *outer()]
    with t.no_grad():
        decorated()
        enabled()
        with t.enable_grad():
            note("nested")
        note("after")
    bare()
    seen.append(inference())
    note("outside")
    with t.set_grad_enabled(False):
        note("set")
    t.set_grad_enabled(False)
    note("set for good")
    t.set_grad_enabled(True)
    try:
        with t.no_grad():
            raise KeyError
    except KeyError:
        note("after an exception")
    with t.inference_mode(False):
        note("no inference")
    return seen


def test_modes() -> None:
    compare(modes_seen)
