"""The errors of autograd: PyTorch's class and key words, lazily and eagerly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import jtorch

from .test_autograd import leaf


def second_backward(t: Any) -> None:
    y = leaf(t).exp().sum()
    y.backward()
    y.backward()


def second_backward_after_a_read(t: Any) -> None:
    y = leaf(t).exp().sum()
    y.backward()
    y.item()
    y.backward()


def second_backward_through_a_shared_part(t: Any) -> None:
    y = leaf(t).exp()
    y.sum().backward()
    (y * 2).sum().backward()


def overwritten(t: Any) -> None:
    x = leaf(t)
    y = x * 1
    z = y * y
    y.add_(1)
    z.sum().backward()


def overwritten_after_a_read(t: Any) -> None:
    y = leaf(t) * 1
    z = (y * y).sum()
    z.item()
    y.add_(1)
    z.backward()


def overwritten_output(t: Any) -> None:
    y = leaf(t).exp()
    y.add_(1)
    y.sum().backward()


def overwritten_through_a_view(t: Any) -> None:
    y = leaf(t) * 1
    z = y.sin().sum()
    y.view(3, 1)[0] = 2
    z.backward()


def overwritten_by_a_step(t: Any) -> None:
    x = leaf(t)
    y = x.square().sum()
    with t.no_grad():
        x.add_(1)
    y.backward()


def second_backward_of_a_known_path(t: Any) -> None:
    """In every iteration, though the trie knows the backward and somebody looks at the graph."""
    x = leaf(t)
    for step in range(2):
        x.grad = None
        z = x.square().sum()
        assert z.grad_fn.next_functions
        z.backward()
        if step:
            z.backward()
        x.grad.tolist()


AGAIN = "Trying to backward through the graph a second time"
WRITTEN = "modified by an inplace operation"
ERRORS: list[tuple[Callable[[Any], Any], str]] = [
    (second_backward, AGAIN),
    (second_backward_after_a_read, AGAIN),
    (second_backward_through_a_shared_part, AGAIN),
    (second_backward_of_a_known_path, AGAIN),
    (overwritten, WRITTEN),
    (overwritten_after_a_read, WRITTEN),
    (overwritten_output, WRITTEN),
    (overwritten_through_a_view, WRITTEN),
    (overwritten_by_a_step, WRITTEN),
    (lambda t: leaf(t).backward(), "grad can be implicitly created only for scalar outputs"),
    (lambda t: t.ones(()).backward(), "does not require grad and does not have a grad_fn"),
    (lambda t: leaf(t).detach().sum().backward(), "does not require grad"),
    (lambda t: leaf(t).add_(1), "a leaf Variable that requires grad"),
    (lambda t: leaf(t)[0].add_(1), "a view of a leaf Variable that requires grad"),
    (lambda t: leaf(t).backward(t.ones(2)), "Mismatch in shape"),
    (lambda t: t.autograd.grad(leaf(t).sum(), leaf(t)), "not have been used in the graph"),
    (lambda t: t.autograd.grad(leaf(t).sum(), t.ones(2)), "does not require grad"),
    (lambda t: t.ones(2, dtype=t.int64).requires_grad_(), "floating point"),
    (lambda t: (leaf(t) * 2).requires_grad_(False), "requires_grad flags of leaf variables"),
    (lambda t: t.ones(2).register_hook(print), "doesn't require gradient"),
    (lambda t: t.ones(2).retain_grad(), "can't retain_grad on Tensor"),
    (lambda t: (leaf(t) * 2).numpy(), "Can't call numpy"),
    (lambda t: setattr(leaf(t), "grad", t.ones(2)), "different size|size"),
    (lambda t: setattr(leaf(t), "grad", 1), "Tensor or None|to be a Tensor"),
]


@pytest.mark.parametrize("mode", ["lazy", "eager"])
@pytest.mark.parametrize("program, words", ERRORS, ids=[str(k) for k in range(len(ERRORS))])
def test_errors(program: Callable[[Any], Any], words: str, mode: str) -> None:
    """PyTorch's class and key words, in PyTorch and in both modes."""
    with pytest.raises(Exception, match=words) as expected:
        program(torch)
    with jtorch.debug.eager(mode == "eager"), pytest.raises(expected.type, match=words):
        program(jtorch)
