"""What a compiled function relies on: where one of these things changes, its Python runs again."""

from __future__ import annotations

import functools
import random
import weakref
from typing import Any

import numpy as np

from . import compared


@compared(runs=4)
def test_number_of_a_closure(lib: Any, compile: Any) -> Any:
    """A number in a dict that the function refers to."""
    held = {"weight": 0.0}
    function = compile(lambda x: x * held["weight"])
    found = []
    for k in range(6):
        held["weight"] = float(k // 2)
        found.append(function(lib.ones(2)))
    return found


@compared(runs=3)
def test_number_far_away(lib: Any, compile: Any) -> Any:
    """A number behind a partial, another function and a list."""
    scale = [1.0]

    def inner(x: Any, k: int) -> Any:
        return x * k * scale[0]

    outer = functools.partial(inner, k=2)
    function = compile(lambda x: outer(x))
    found = [function(lib.ones(1)) for _ in range(4)]
    scale[0] = 5.0
    return found + [function(lib.ones(1)) for _ in range(3)]


@compared(runs=2)
def test_attribute_of_a_module(lib: Any, compile: Any) -> Any:
    """The probability of a dropout."""
    model = lib.nn.Sequential(lib.nn.Dropout(0.5))
    compiled = compile(model)
    found = []
    x = lib.tensor([1.0] * 6)
    for k in range(8):
        if k == 5:
            model[0].p = 0.1
        found.append(compiled(x))
    return found


@compared(runs=4)
def test_attribute_of_an_object(lib: Any, compile: Any) -> Any:
    """Methods of an object of the user's; another object of the same class."""

    class Task:
        def __init__(self, power: int) -> None:
            self.power = power

        def loss(self, x: Any) -> Any:
            return x.pow(self.power).sum()

    first, second = Task(2), Task(3)
    function = compile(lambda task, x: task.loss(x))
    x = lib.tensor([1.0, 2.0])
    found = [function(first, x) for _ in range(4)]
    first.power = 4
    found += [function(first, x) for _ in range(3)]
    return found + [function(second, x) for _ in range(3)]


@compared(runs=3)
def test_argument_that_is_a_number(lib: Any, compile: Any) -> Any:
    """Two numbers in turn: each has a capture of its own."""
    function = compile(lambda x, w: x * w)
    x = lib.ones(2)
    return [function(x, k % 2 + 0.5) for k in range(8)]


@compared(runs=3)
def test_structure_and_keywords(lib: Any, compile: Any) -> Any:
    """Nested arguments and results."""

    def function(batch: Any, *, scale: float = 1.0) -> Any:
        return {"a": batch["x"] * scale, "b": [batch["y"], batch["x"] + 1]}

    compiled = compile(function)
    x, y = lib.ones(2), lib.zeros(1)
    found = [compiled({"x": x, "y": y}, scale=2.0) for _ in range(4)]
    return found + [compiled({"x": x, "y": y}) for _ in range(3)]


@compared(runs=4)
def test_shapes(lib: Any, compile: Any) -> Any:
    """Each shape is captured once."""
    model = lib.nn.Linear(3, 2)
    compiled = compile(model)
    inputs = [lib.ones(n, 3) for n in (2, 3, 4)]
    with lib.no_grad():
        return [compiled(inputs[k % 3]) for k in range(9)]


@compared(runs=5)
def test_hooks_come_and_go(lib: Any, compile: Any) -> Any:
    """A hook of a Module is code like any other."""
    model = lib.nn.Linear(2, 2).requires_grad_(False)
    compiled = compile(model)
    x = lib.ones(1, 2)
    found = [compiled(x) for _ in range(3)]
    handle = model.register_forward_hook(lambda module, args, output: output + 1)
    found += [compiled(x) for _ in range(3)]
    handle.remove()  # the module goes on looking for hooks
    return found + [compiled(x) for _ in range(3)]


@compared(runs=3)
def test_two_names_of_one_tensor(lib: Any, compile: Any) -> Any:
    """What was one Tensor can become two."""
    held = {"p": lib.ones(2)}
    held["q"] = held["p"]
    function = compile(lambda: held["p"] * 2 + held["q"])
    found = [function() for _ in range(4)]
    held["q"] = lib.ones(2) * 3
    return found + [function() for _ in range(3)]


@compared(runs=4)
def test_one_tensor_given_twice(lib: Any, compile: Any) -> Any:
    """And two arguments can be one. (A call whose argument is pending has another beginning.)"""
    function = compile(lambda x, y: x.add_(1) * y)
    a, b = lib.ones(2), lib.ones(2)
    found = [function(a, b) for _ in range(4)]
    return found + [function(a, a) for _ in range(4)], a, b


@compared(runs=2)
def test_state_that_the_function_replaces(lib: Any, compile: Any) -> Any:
    """An attribute that is another Tensor after each call."""

    class Cell(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = lib.nn.Linear(2, 2)
            self.hidden = lib.zeros(1, 2)

        def forward(self, x: Any) -> Any:
            self.hidden = lib.tanh(self.linear(x) + self.hidden).detach()
            return self.hidden * 2

    model = Cell()
    compiled = compile(model)
    x = lib.ones(1, 2)
    return [compiled(x) for _ in range(6)], model.hidden


@compared(runs=2)
def test_argument_written_in_place(lib: Any, compile: Any) -> Any:
    """The Tensor itself comes back, with its versions counted and its aliases told."""

    def function(a: Any, b: Any) -> Any:
        a.add_(b)
        return a.mul_(2)

    compiled = compile(function)
    a, b = lib.zeros(3), lib.ones(3)
    found = []
    for _ in range(5):
        found += [compiled(a, b) is a, a.clone(), a._version]
    view = a.view(3, 1)
    compiled(a, b)
    return found, view


@compared(runs=2)
def test_random_numbers(lib: Any, compile: Any) -> Any:
    """Each call draws new ones, in PyTorch's order."""
    function = compile(lambda x: x + lib.rand(2) + lib.randn(3, 2).sum(0))
    x = lib.ones(2)
    return [function(x) for _ in range(5)], lib.rand(1)


@compared(runs=5, reason="it changes 'count'")
def test_counter(lib: Any, compile: Any) -> Any:
    """A Python number that counts calls."""
    held = {"count": 0}

    def function(x: Any) -> Any:
        held["count"] += 1
        return x * held["count"]

    compiled = compile(function)
    return [compiled(lib.ones(2)) for _ in range(5)], held["count"]


@compared(runs=5, reason="it changes a list")
def test_list_that_grows(lib: Any, compile: Any) -> Any:
    """A log of losses."""
    log: list[Any] = []

    def function(x: Any) -> Any:
        log.append(x.sum())
        return x * 2

    compiled = compile(function)
    return [compiled(lib.ones(2) * k) for k in range(5)], log


@compared(runs=8, reason="a value is needed before the function has ended")
def test_branch_on_a_value(lib: Any, compile: Any) -> Any:
    """Both branches are taken, as the values say."""

    def function(x: Any) -> Any:
        return x * 2 if x.sum() > 0 else x - 1

    compiled = compile(function)
    return [compiled(lib.randn(3)) for _ in range(8)]


@compared(runs=6, reason="random() is called")
def test_numbers_of_the_standard_library(lib: Any, compile: Any) -> Any:
    """Python's own random numbers."""
    random.seed(0)
    function = compile(lambda x: x * random.random())
    return [function(lib.ones(2, dtype=lib.float64)) for _ in range(6)]


@compared(runs=6, reason="it draws random numbers that are not the library's")
def test_numbers_of_numpy(lib: Any, compile: Any) -> Any:
    """NumPy's."""
    np.random.seed(0)
    function = compile(lambda x: x * float(np.random.rand()))
    return [function(lib.ones(2, dtype=lib.float64)) for _ in range(6)]


@compared(runs=5, reason="it returns a view of a Tensor that lives on")
def test_views_of_arguments(lib: Any, compile: Any) -> Any:
    """A result that shares memory with an argument."""
    function = compile(lambda x: (x.view(-1), x[0]))
    found = []
    for _ in range(5):
        x = lib.ones(2, 3)
        flat, row = function(x)
        flat.mul_(2)
        found += [x, flat, row]
    return found


@compared(runs=5, reason="its graph has hooks or custom functions")
def test_custom_function_whose_graph_lives_on(lib: Any, compile: Any) -> Any:
    """The Python of its backward has to run."""

    class Square(lib.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            (x,) = ctx.saved_tensors
            return gradient * 3 * x

    function = compile(lambda x: Square.apply(x) * 2)
    found = []
    for k in range(5):
        x = (lib.ones(2) * k).requires_grad_()
        result = function(x)
        result.sum().backward()
        found += [result, x.grad]
    return found


@compared(runs=5, reason="it gives a gradient to a Tensor that is an argument")
def test_gradient_of_an_argument(lib: Any, compile: Any) -> Any:
    """backward() inside of the function reaches what it was given."""

    def function(x: Any) -> Any:
        loss = (x**3).sum()
        loss.backward()
        return loss.detach()

    compiled = compile(function)
    found = []
    for k in range(5):
        x = lib.tensor([1.0 + k, 2.0], requires_grad=True)
        found += [compiled(x), x.grad]
    return found


@compared(runs=5, reason="it changes a container that it was given")
def test_container_that_is_filled(lib: Any, compile: Any) -> Any:
    """A batch that gets one more entry."""

    def function(batch: Any) -> Any:
        batch["twice"] = batch["x"] * 2
        return batch["twice"] + 1

    compiled = compile(function)
    found = []
    for k in range(5):
        batch = {"x": lib.tensor([1.0 + k])}
        found += [compiled(batch), batch]
    return found


@compared(runs=6, reason="it leaves other modes behind")
def test_mode_that_is_left(lib: Any, compile: Any) -> Any:
    """A function that turns gradients off and on."""
    w = lib.tensor([2.0], requires_grad=True)

    def function(x: Any) -> Any:
        lib.set_grad_enabled(not lib.is_grad_enabled())
        return x * w

    compiled = compile(function)
    x = lib.tensor([3.0])
    found = [compiled(x).requires_grad for _ in range(6)]
    return found, lib.is_grad_enabled()


@compared(runs=6)
def test_attribute_that_hides_another(lib: Any, compile: Any) -> Any:
    """Of a subclass, then of the object itself."""

    class Base:
        scale = 1.0

    class Task(Base):
        def loss(self, x: Any) -> Any:
            return x * self.scale + (2 if hasattr(self, "extra") else 0)

    task = Task()
    function = compile(lambda x: task.loss(x))
    x = lib.ones(2)
    found = [function(x) for _ in range(3)]
    Base.scale = 2.0
    found += [function(x) for _ in range(3)]
    Task.scale = 3.0
    found += [function(x) for _ in range(3)]
    task.scale = 4.0
    found += [function(x) for _ in range(3)]
    task.extra = True
    return found + [function(x) for _ in range(3)]


@compared(runs=4)
def test_special_methods(lib: Any, compile: Any) -> Any:
    """They run without being named."""
    rows = [1.0, 2.0]

    class Data:
        def __len__(self) -> int:
            return len(rows)

        def __getitem__(self, index: int) -> float:
            return rows[index]

    data = Data()
    function = compile(lambda x: x * data[0] + len(data))
    x = lib.ones(2)
    found = [function(x) for _ in range(3)]
    rows.append(3.0)
    found += [function(x) for _ in range(3)]
    rows[0] = 7.0
    return found + [function(x) for _ in range(3)]


@compared(runs=5, reason="it calls inner(), which is out of reach")
def test_function_that_is_out_of_reach(lib: Any, compile: Any) -> Any:
    """What it refers to can't be guarded."""
    held = [1.0]

    def inner(x: Any) -> Any:
        return x * held[0]

    reference = weakref.ref(inner)
    function = compile(lambda x: reference()(x))
    found = []
    for k in range(5):
        held[0] = float(k)
        found.append(function(lib.ones(2)))
    return found


@compared(runs=5)
def test_compiled_function_in_another(lib: Any, compile: Any) -> Any:
    """What it refers to belongs to the outer one, too."""
    held = [1.0]
    inner = compile(lambda x: x * held[0])
    outer = compile(lambda x: inner(x) + inner(x + 1))
    x = lib.ones(2)
    found = [outer(x) for _ in range(3)]
    held[0] = 2.0
    found += [outer(x) for _ in range(3)]
    return found + [inner(x) for _ in range(3)]


@compared(runs=6)
def test_slots_and_order(lib: Any, compile: Any) -> Any:
    """An attribute in a slot that was empty, and dictionaries in another order."""

    class Config:
        __slots__ = ("scale", "shift")

    config, steps = Config(), {"a": 2.0, "b": 3.0}
    config.scale = 2.0

    def function(x: Any) -> Any:
        for value in steps.values():
            x = (x + value) * value
        return x * config.scale + (config.shift if hasattr(config, "shift") else 0)

    compiled = compile(function)
    x = lib.ones(2)
    found = [compiled(x) for _ in range(3)]
    config.shift = 5.0
    found += [compiled(x) for _ in range(3)]
    steps["a"] = steps.pop("a")
    found += [compiled(x) for _ in range(3)]
    del config.shift
    found += [compiled(x) for _ in range(3)]
    config.scale = 1.0
    return found + [compiled(x) for _ in range(3)]


@compared(runs=4)
def test_hooks_of_all_modules(lib: Any, compile: Any) -> Any:
    """They come and go, too."""
    model = lib.nn.Linear(2, 2).requires_grad_(False)
    compiled = compile(model)
    x = lib.ones(1, 2)
    found = [compiled(x) for _ in range(3)]
    register = lib.nn.modules.module.register_module_forward_hook
    handle = register(lambda module, args, output: output + 1)
    found += [compiled(x) for _ in range(3)]
    handle.remove()
    return found + [compiled(x) for _ in range(3)]
