"""The errors of custom Functions are PyTorch's, word for word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import jtorch

from .test_function import leaf


def once(t: Any) -> Callable:
    """The decorator of a library."""
    return t.autograd.function.once_differentiable


def made(t: Any, backward: Callable, forward: Callable = lambda ctx, x, k: x * k) -> Any:
    """A Function of two parts."""
    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("Made", (t.autograd.Function,), body)


def applied(backward: Callable) -> Callable:
    return lambda t: made(t, backward).apply(leaf(t), 2.0).sum().backward()


def twice(t: Any) -> None:
    def forward(ctx: Any, x: Any, k: float) -> Any:
        ctx.save_for_backward(x)
        return x * k

    y = made(t, lambda ctx, g: (g * ctx.saved_tensors[0], None), forward).apply(leaf(t), 2.0)
    y.sum().backward()
    y.sum().backward()


def a_write_to_what_was_saved(t: Any) -> None:
    def forward(ctx: Any, x: Any, k: float) -> Any:
        ctx.save_for_backward(x)
        return x * k

    y = leaf(t) * 1
    z = made(t, lambda ctx, g: (g * ctx.saved_tensors[0], None), forward).apply(y, 2.0)
    y.add_(1)
    z.sum().backward()


def a_leaf_in_place(t: Any) -> None:
    def forward(ctx: Any, x: Any, k: float) -> Any:
        ctx.mark_dirty(x)
        return x.mul_(k)

    made(t, lambda ctx, g: (g, None), forward).apply(leaf(t), 2.0)


def a_write_that_is_not_returned(t: Any) -> None:
    def forward(ctx: Any, x: Any, k: float) -> Any:
        ctx.mark_dirty(x)
        return x.mul_(k) * 1

    made(t, lambda ctx, g: (g, None), forward).apply(leaf(t) * 1, 2.0)


def saved_numbers(t: Any) -> None:
    made(t, lambda ctx, g: g, lambda ctx, x, k: ctx.save_for_backward(x, k)).apply(leaf(t), 2)


def differentiated_twice(t: Any) -> None:
    backward = once(t)(lambda ctx, g: (g * 2, None))
    x = leaf(t)
    y = made(t, backward).apply(x, 2.0)
    (g,) = t.autograd.grad((y * y).sum(), x, create_graph=True)
    g.sum().backward()


def without_a_backward(t: Any) -> None:
    body = {"forward": staticmethod(lambda ctx, x: x * 2)}
    type("Half", (t.autograd.Function,), body).apply(leaf(t)).sum().backward()


ERRORS = {
    "too_few": applied(lambda ctx, g: g),
    "too_many": applied(lambda ctx, g: (g, None, g)),
    "for_a_number": applied(lambda ctx, g: (g, g)),
    "of_a_shape": applied(lambda ctx, g: (g[:2], None)),
    "a_number": applied(lambda ctx, g: (1, None)),
    "twice": twice,
    "a_leaf_in_place": a_leaf_in_place,
    "a_write_that_is_not_returned": a_write_that_is_not_returned,
    "saved_numbers": saved_numbers,
    "differentiated_twice": differentiated_twice,
    "without_a_backward": without_a_backward,
    "without_a_forward": lambda t: t.autograd.Function.apply(leaf(t)),
}


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_pytorchs(name: str, eager: bool) -> None:
    with pytest.raises(Exception) as expected:
        ERRORS[name](torch)
    with pytest.raises(type(expected.value)) as found, jtorch.debug.eager(eager):
        ERRORS[name](jtorch)
    assert str(found.value) == str(expected.value)


def test_a_write_to_what_was_saved_is_an_error() -> None:
    for t in (torch, jtorch):
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            a_write_to_what_was_saved(t)
