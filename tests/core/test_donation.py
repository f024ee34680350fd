"""Donation: a buffer that an update replaces is given to XLA, and never one that somebody can still
see."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import jtorch
from jtorch._core import donation
from jtorch._core.donation import is_shared


def buffer(tensor: Any) -> jax.Array:
    """The array of a materialised Tensor. Who holds it prevents its donation."""
    return tensor._cell.array


class Training:
    """A weight that a step replaces."""

    def __init__(self, kind: str = "SGD", **options: Any) -> None:
        self.weight = jtorch.arange(6.0).requires_grad_()
        self.optimizer = getattr(jtorch.optim, kind)([self.weight], lr=0.1, **options)
        self.step()

    def step(self) -> None:
        self.optimizer.zero_grad()
        (self.weight * self.weight).sum().backward()
        self.optimizer.step()


def pointers(*tensors: Any) -> list[int]:
    """The addresses of the buffers of Tensors."""
    jtorch.synchronize()
    return [buffer(t).unsafe_buffer_pointer() for t in tensors]


def test_parameters_and_state_are_donated() -> None:
    """Whatever Adam replaces keeps its buffer: none goes to another result, a gradient say, for
    which XLA would have to copy the old value first."""
    training = Training("Adam")
    weight = training.weight
    for _ in range(4):
        state = training.optimizer.state[weight]
        replaced = (weight, state["exp_avg"], state["exp_avg_sq"])
        before = pointers(*replaced)
        training.step()
        assert before == pointers(*replaced)


def test_several_writes_keep_the_buffer() -> None:
    """The last of several in-place results of one shape takes the place of the first."""
    x, y = jtorch.ones(100), jtorch.zeros(100)
    for _ in range(3):
        before = pointers(x, y)
        other = x + y
        y.mul_(0.5)
        x.add_(1).mul_(2)
        y.sub_(x)
        assert pointers(x, y) == before
        assert other.shape == x.shape


def test_in_place_results_reuse_the_buffer() -> None:
    x = jtorch.ones(100)
    for k in range(4):
        before = pointers(x)
        x.add_(1)
        assert pointers(x) == before
        assert x.tolist() == [2.0 + k] * 100


def test_what_is_held_is_not_reused() -> None:
    """The control of the two tests above: a reference to the array prevents the donation."""
    x = jtorch.ones(100)
    jtorch.synchronize()
    held = x.jax()
    x.add_(1)
    assert pointers(x) != [held.unsafe_buffer_pointer()]
    assert not held.is_deleted() and held[0] == 1


def take_jax(t: Any) -> Any:
    return t.jax()


def take_detached(t: Any) -> Any:
    return t.detach().jax()


def take_dlpack(t: Any) -> Any:
    return np.from_dlpack(t.detach())


def take_numpy(t: Any) -> Any:
    return t.detach().numpy()


def take_capsule(t: Any) -> Any:
    import torch

    return torch.from_dlpack(t.detach())


def take_jax_dlpack(t: Any) -> Any:
    return jax.numpy.from_dlpack(t.detach())


def take_array(t: Any) -> Any:
    return np.asarray(t.detach())


def take_jax_then_numpy(t: Any) -> Any:
    return np.asarray(t.jax())


TAKEN = [
    take_jax,
    take_detached,
    take_dlpack,
    take_numpy,
    take_capsule,
    take_jax_dlpack,
    take_array,
    take_jax_then_numpy,
]


@pytest.mark.parametrize("take", TAKEN, ids=lambda take: take.__name__)
def test_what_was_handed_out_stays(take: Callable[[Any], Any]) -> None:
    """Arrays that a user holds keep their values through many steps."""
    training = Training("Adam")
    held = []
    for _ in range(4):
        held.append((take(training.weight), training.weight.tolist()))
        training.step()
        jtorch.synchronize()
    for array, values in held:
        assert array.tolist() == values
    assert held[0][1] != held[3][1]


def test_an_array_that_came_from_the_user_stays() -> None:
    array = jax.numpy.arange(4.0)
    x = jtorch.from_jax(array)
    for _ in range(3):
        x.add_(1)
        x.sum().item()
    assert not array.is_deleted() and array.tolist() == [0, 1, 2, 3]
    assert x.tolist() == [3, 4, 5, 6]


def test_a_second_tensor_on_the_same_array_stays() -> None:
    array = jax.numpy.arange(4.0)
    x, y = jtorch.from_jax(array), jtorch.from_jax(array)
    del array
    for _ in range(2):
        x.mul_(2)
        x.sum().item()
    assert y.tolist() == [0, 1, 2, 3] and x.tolist() == [0, 4, 8, 12]


def test_a_retained_graph_keeps_what_it_saved() -> None:
    """A graph that saved the old value is refused, with PyTorch's error; nothing deleted is
    touched."""
    training = Training()
    loss = (training.weight * training.weight).sum()
    loss.item()
    training.step()
    jtorch.synchronize()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_graph_that_does_not_need_the_old_value_goes_on() -> None:
    training = Training()
    loss = (training.weight * 3).sum()
    loss.item()
    training.step()
    training.weight.grad = None
    loss.backward()
    assert training.weight.grad.tolist() == [3.0] * 6


def test_clones_and_copies_made_before_a_step_stay() -> None:
    training = Training()
    values = training.weight.tolist()
    clone, plus = training.weight.detach().clone(), training.weight.detach() + 0
    training.step()
    assert clone.tolist() == plus.tolist() == values != training.weight.tolist()


def test_shared_buffers_are_forgotten_with_their_arrays() -> None:
    x = jtorch.ones(3)
    jtorch.synchronize()
    array = buffer(x)
    np.from_dlpack(x)
    assert is_shared(array)
    number = id(array)
    del array, x
    gc.collect()
    assert number not in donation._shared


def test_a_failed_program_has_not_donated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A donated buffer is still there when the call fails before XLA took it."""
    from jtorch._core import program

    training = Training("Adam")
    training.step()
    values = training.weight.tolist()

    def fail(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(program, "_run", fail)
        with pytest.raises(jtorch.ProgramError):
            training.step()
    assert training.weight.tolist() == values
    training.step()
    assert training.weight.tolist() != values
