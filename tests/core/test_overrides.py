"""`__torch_function__`: Tensor subclasses and foreign classes take part as in PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import jtorch

LIBRARIES = pytest.mark.parametrize("t", [torch, jtorch], ids=["torch", "jtorch"])


def subclass_of(t: Any) -> type:
    """A subclass that says nothing about functions."""
    return type("Meters", (t.Tensor,), {})


@LIBRARIES
def test_a_subclass_stays_itself(t: Any) -> None:
    cls = subclass_of(t)
    x = t.arange(6.0).reshape(2, 3).as_subclass(cls)
    results = [
        x + 1,
        1 - x,
        t.cat([x, t.ones(1, 3)]),
        x[0],
        x.sum(),
        x.clone(),
        x.detach(),
        t.zeros_like(x),
        t.nn.functional.relu(x),
        t.nn.functional.softmax(x, 1),
        x.max(1).values,
        x.T,
        *x.unbind(0),
        x.new_zeros(2),
        x.double(),
    ]
    assert {type(r) for r in results} == {cls}
    assert x.sum().item() == 15
    assert type(x.shape) is t.Size and type(x.tolist()) is list
    assert repr(x[0]) == "Meters([0., 1., 2.])"


@LIBRARIES
def test_a_subclass_in_place_and_backward(t: Any) -> None:
    cls = subclass_of(t)
    leaf = t.ones(3, requires_grad=True)
    x = leaf.as_subclass(cls)
    for _ in range(3):  # recorded, then found again
        y = x * 2
        y += 1
        assert type(y) is cls
        y.sum().backward()
    assert leaf.grad.tolist() == [6.0] * 3


@LIBRARIES
def test_values_of_a_subclass_are_no_constants(t: Any) -> None:
    """Several Tensors of a class, the same op: each gives its own result."""
    cls = subclass_of(t)
    found = [(t.full((2,), float(k)).as_subclass(cls) * 2).tolist() for k in range(4)]
    assert found == [[0.0, 0.0], [2.0, 2.0], [4.0, 4.0], [6.0, 6.0]]


@LIBRARIES
def test_a_subclass_sees_every_call(t: Any) -> None:
    seen: list[str] = []

    class Logging(t.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    x = t.ones(2).as_subclass(Logging)
    t.add(x, x, alpha=2)
    t.nn.functional.mse_loss(x, t.zeros(2))
    x.add_(1)
    t.stack([t.zeros(2), x])
    t.where(x > 0, x, 0.0)
    assert [n for n in seen if n in ("add", "mse_loss", "add_", "stack", "where")] == [
        "add",
        "mse_loss",
        "add_",
        "stack",
        "where",
    ]
    with t._C.DisableTorchFunctionSubclass():
        seen.clear()
        assert type(x + 1) is t.Tensor
        assert not seen


@LIBRARIES
def test_a_foreign_class(t: Any) -> None:
    handled: dict = {}

    class Diagonal:
        def __init__(self, size: int, value: float) -> None:
            self.size, self.value = size, value

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            if func not in handled:
                return NotImplemented
            return handled[func](*args, **(kwargs or {}))

    handled[t.mean] = lambda input: input.value / input.size
    handled[t.unique] = lambda input, **_: (0.0, input.value)
    handled[t.nn.functional.softmax] = lambda input, dim, **_: dim
    d = Diagonal(5, 2.0)
    assert t.mean(d) == 0.4
    assert t.unique(d) == (0.0, 2.0)
    assert t.nn.functional.softmax(d, dim=3) == 3
    for call in (lambda: t.add(d, t.ones(2)), lambda: t.exp(d)):
        with pytest.raises(TypeError, match="__torch_function__|unsupported"):
            call()
    assert t.overrides.is_tensor_like(d) and t.overrides.has_torch_function((1, d))
    assert not t.overrides.has_torch_function((t.ones(1), 2))


@LIBRARIES
def test_a_subclass_goes_before_its_base(t: Any) -> None:
    asked: list[str] = []

    def asks(cls, func, types, args=(), kwargs=None):
        asked.append(cls.__name__)
        return NotImplemented

    base = type("Base", (t.Tensor,), {"__torch_function__": classmethod(asks)})
    derived = type("Derived", (base,), {})
    with pytest.raises(TypeError):
        t.add(t.ones(1).as_subclass(base), t.ones(1).as_subclass(derived))
    assert asked == ["Derived", "Base"]


@LIBRARIES
def test_a_function_of_ones_own(t: Any) -> None:
    @t.overrides.wrap_torch_function(lambda x: (x,))
    def twice(x):
        return x * 2

    class Own:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__

    assert twice(3) == 6
    assert twice(Own()) == "twice"


def test_parameters_override_nothing() -> None:
    class Special(jtorch.nn.Parameter):
        pass

    p = Special(jtorch.ones(2))
    assert type(p * 2) is jtorch.Tensor
    buffer = jtorch.nn.Buffer(jtorch.ones(2))
    assert type(buffer + 1) is jtorch.Tensor
