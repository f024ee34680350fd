"""Module held against PyTorch's: attributes, registration, the tree, copies, repr.

Each test is one scenario, run with both libraries (see scenarios.py). Layers
are in test_layers.py, hooks in test_hooks.py, state_dict in test_state_dict.py.
"""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections import OrderedDict
from typing import Any

import pytest

import jtorch

from .scenarios import Log, compare, net


def attributes(lib: Any, log: Log) -> None:
    n = net(lib)
    log.attempt("absent", lambda: n.absent)
    log.attempt("delete absent", lambda: delattr(n, "absent"))
    for name, value in (("lin", 3), ("lin", lib.ones(1)), ("buf", 3), ("buf", None), ("lin", None)):
        log.attempt(f"set {name}", lambda name=name, value=value: setattr(n, name, value))
        log.note(n, list(n._modules), list(n._buffers))
    n = net(lib)
    log.attempt("weight = tensor", lambda: setattr(n.lin, "weight", lib.ones(3)))
    log.attempt("weight = 3", lambda: setattr(n.lin, "weight", 3))
    n.lin.bias = None
    log.note(n.lin, n.lin.bias, list(n.lin.named_parameters()))
    n.buf = lib.zeros(2)
    log.note(n.buf, list(n.named_buffers()))
    n.buf = lib.nn.Parameter(lib.ones(2))
    log.note(list(n._buffers), list(n._parameters))
    log.attempt("parameter = module", lambda: setattr(n, "buf", lib.nn.ReLU()))
    log.note(list(n._buffers), list(n._parameters), list(n._modules))
    n.number = lib.nn.Parameter(lib.ones(1))
    log.note(list(n._parameters), "number" in n._parameters)
    del n.lin
    log.attempt("lin", lambda: n.lin)
    log.note(hasattr(n, "lin"), [d for d in dir(n) if d in ("lin", "buf", "number", "forward")])


def registration(lib: Any, log: Log) -> None:
    n = net(lib)
    nn = lib.nn
    for name in ("a.b", "", "training", "forward", 3, "lin", "buf"):
        log.attempt(f"buffer {name}", lambda name=name: n.register_buffer(name, lib.ones(1)))
        parameter = nn.Parameter(lib.ones(1))
        log.attempt(f"param {name}", lambda name=name, p=parameter: n.register_parameter(name, p))
        log.attempt(f"module {name}", lambda name=name: n.add_module(name, nn.ReLU()))
    log.attempt("buffer int", lambda: n.register_buffer("q", 3))
    log.attempt("parameter int", lambda: n.register_parameter("q", 3))
    log.attempt("parameter tensor", lambda: n.register_parameter("q", lib.ones(1)))
    log.attempt("module int", lambda: n.add_module("q", 3))
    log.attempt("module None", lambda: n.register_module("q", None))
    log.note(n, list(n.state_dict()))


def before_init(lib: Any, log: Log) -> None:
    values = {
        "module": lambda self: setattr(self, "x", lib.nn.ReLU()),
        "parameter": lambda self: setattr(self, "x", lib.nn.Parameter(lib.ones(1))),
        "buffer": lambda self: setattr(self, "x", lib.nn.Buffer(lib.ones(1))),
        "register_buffer": lambda self: self.register_buffer("x", lib.ones(1)),
        "register_parameter": lambda self: self.register_parameter("x", None),
        "add_module": lambda self: self.add_module("x", lib.nn.ReLU()),
        "plain": lambda self: (setattr(self, "x", 3), self.x)[1],
        "absent": lambda self: self.y,
    }
    for name, action in values.items():

        class Early(lib.nn.Module):
            def __init__(self, action: Any) -> None:
                action(self)

        log.attempt(name, lambda cls=Early, action=action: cls(action) and None)
    log.attempt("args", lambda: lib.nn.Module(3))
    log.attempt("kwargs", lambda: lib.nn.Module(a=3))
    log.attempt("no forward", lambda: lib.nn.Module()(3))


def buffers(lib: Any, log: Log) -> None:
    n = net(lib)
    n.kept = lib.nn.Buffer(lib.ones(2))
    n.transient = lib.nn.Buffer(lib.ones(2), persistent=False)
    n.register_buffer("other", lib.ones(1), persistent=False)
    log.note(list(n.state_dict()), sorted(n._non_persistent_buffers_set))
    log.note(isinstance(n.kept, lib.nn.Buffer), isinstance(lib.ones(1), lib.nn.Buffer))
    n.transient = lib.zeros(2)
    log.note(n.transient, list(n.state_dict()))
    n.transient = None
    log.note(n._buffers, list(n.named_buffers()))
    del n.other
    log.note(sorted(n._non_persistent_buffers_set), list(n._buffers))
    log.attempt("child = Buffer", lambda: setattr(n, "lin", lib.nn.Buffer(lib.ones(1))))


def finding(lib: Any, log: Log) -> None:
    n = net(lib)
    for name in ("lin", "", "lin.x", "zz", "buf", "lin.weight"):
        log.attempt(f"submodule {name}", lambda name=name: n.get_submodule(name))
    for name in ("lin.bias", "lin.zz", "zz.x", "buf", "training"):
        log.attempt(f"parameter {name}", lambda name=name: n.get_parameter(name))
    for name in ("buf", "none", "zz", "lin", "lin.weight"):
        log.attempt(f"buffer {name}", lambda name=name: n.get_buffer(name))
    relu = lib.nn.ReLU
    log.attempt("set ''", lambda: n.set_submodule("", relu()))
    log.attempt("set int", lambda: n.set_submodule("lin", 3))
    log.attempt("set strict", lambda: n.set_submodule("new", relu(), strict=True))
    log.attempt("set new", lambda: n.set_submodule("new", relu()))
    log.attempt("set a.b", lambda: n.set_submodule("a.b", relu()))
    log.attempt("set training", lambda: n.set_submodule("training", relu()))
    log.attempt("set lin.act", lambda: n.set_submodule("lin.act", relu()))
    log.note(n)


def walking(lib: Any, log: Log) -> None:
    nn = lib.nn
    shared = nn.Linear(2, 2)
    n = nn.Sequential(shared, nn.Sequential(shared, nn.Linear(2, 1)), None, nn.BatchNorm1d(1))
    n.tied = shared.weight
    for duplicates in (True, False):
        log.note([name for name, _ in n.named_modules(remove_duplicate=duplicates)])
        log.note([name for name, _ in n.named_parameters(remove_duplicate=duplicates)])
        log.note([name for name, _ in n.named_buffers(remove_duplicate=duplicates)])
        log.note(len(list(n.modules(remove_duplicate=duplicates))))
    log.note([name for name, _ in n.named_modules(prefix="p")])
    log.note([name for name, _ in n.named_parameters(prefix="p", recurse=False)])
    log.note([name for name, _ in n.named_buffers("p", True)])
    log.note(len(list(n.children())), [name for name, _ in n.named_children()])
    log.note(len(list(n.parameters())), len(list(n.buffers())), len(list(n[1].parameters(False))))
    log.note([name for name, _ in n._named_members(lambda m: m._parameters.items())])
    names = []
    n.apply(lambda module: names.append(type(module).__name__))
    log.note(names)


def modes(lib: Any, log: Log) -> None:
    n = lib.nn.Sequential(lib.nn.Dropout(), lib.nn.Sequential(lib.nn.ReLU()))
    log.note(n.eval() is n, [m.training for m in n.modules()])
    n[1].train()
    log.note([m.training for m in n.modules()])
    log.attempt("train('x')", lambda: n.train("x"))
    model = net(lib)
    model.requires_grad_(False)
    log.note([p.requires_grad for p in model.parameters()])
    model.requires_grad_()
    model(lib.ones(1, 2)).sum().backward()
    log.note([p.grad for p in model.parameters()])
    model.zero_grad(set_to_none=False)
    log.note([p.grad for p in model.parameters()])
    model.zero_grad()
    log.note([p.grad for p in model.parameters()])


def placement(lib: Any, log: Log) -> None:
    n = net(lib)
    n.register_buffer("count", lib.tensor(3))
    weight, bias = n.lin.weight, n.lin.bias

    def kinds() -> list[str]:
        return [str(t.dtype) for t in (*n.parameters(), *n.buffers())]

    for name in ("double", "half", "bfloat16", "float"):
        getattr(n, name)()
        log.note(name, kinds(), n.lin.weight is weight, n.lin.weight.requires_grad)
    log.note(n.to(lib.float64) is n, kinds())
    n.to("cpu", lib.float32)
    log.note(kinds())
    n.to(lib.ones(1, dtype=lib.float64))
    log.note(kinds())
    n.to(device="cpu", dtype=lib.float32, non_blocking=True)
    n.to(lib.device("cpu"))
    n.to()
    log.note(kinds())
    n.type(lib.float64)
    log.note(kinds(), n.lin.bias is bias)
    log.attempt("to(int)", lambda: n.to(lib.int32))
    n = net(lib)
    n(lib.ones(1, 2)).sum().backward()
    n.double()
    log.note(n.lin.weight.grad, n.cpu() is n)
    log.note([list(t.shape) for t in n.to_empty(device="cpu").parameters()])


def copies(lib: Any, log: Log) -> None:
    n = net(lib)
    n.tied = n.lin.weight
    for other in (copy.deepcopy(n), pickle.loads(pickle.dumps(n.lin)), copy.copy(n)):
        log.note(other, other.state_dict(), list(vars(other)["_parameters"]))
    other = copy.deepcopy(n)
    log.note(
        other.tied is other.lin.weight, other.lin is not n.lin, other.lin.weight is n.lin.weight
    )
    other.lin.weight = lib.nn.Parameter(lib.zeros(3, 2))
    log.note(other.lin.weight, n.lin.weight, other.lin(lib.ones(1, 2)))
    shallow = copy.copy(n)
    shallow.lin = lib.nn.ReLU()
    log.note(n.lin, shallow.lin)
    p = lib.nn.Parameter(lib.ones(2))
    p.grad = lib.ones(2)
    q = copy.deepcopy(p)
    log.note(q, q.grad, q is not p, q.requires_grad, pickle.loads(pickle.dumps(p)))
    log.note(repr(p), lib.nn.Parameter(), lib.nn.Parameter(lib.ones(1), requires_grad=False))
    p.note = "kept"
    log.note(pickle.loads(pickle.dumps(p)).note)


def own_setstate(lib: Any, log: Log) -> None:
    class Own(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = lib.nn.Linear(1, 1)

        def __getstate__(self) -> Any:
            return self.__dict__.copy()

        def __setstate__(self, state: Any) -> None:
            self.__dict__.update(state)

    n = copy.deepcopy(Own())
    n.lin = lib.nn.ReLU()
    log.note(n, n.lin, n._modules)


def dictionaries(lib: Any, log: Log) -> None:
    """Code that writes to the dictionaries instead of the attributes."""
    m = lib.nn.Linear(2, 2)
    m._parameters["weight"] = lib.nn.Parameter(lib.zeros(2, 2))
    log.note(m.weight)
    del m._parameters["weight"]
    log.attempt("deleted", lambda: m.weight)
    m.weight = lib.ones(2, 2)
    log.note(m.weight, list(m._parameters), m(lib.ones(1, 2)).shape)
    m._parameters.update({"bias": None})
    log.note(m.bias, m)
    m._buffers["extra"] = lib.ones(1)
    log.note(m.extra, list(m.state_dict()))
    log.note(m._buffers.pop("extra"), m._buffers.pop("extra", 4), hasattr(m, "extra"))
    m._parameters = OrderedDict(bias=lib.nn.Parameter(lib.ones(2)))
    log.note(m.bias, list(m.named_parameters()))
    m._parameters.clear()
    log.note(hasattr(m, "bias"))
    s = lib.nn.Sequential(lib.nn.ReLU())
    s._modules["0"] = lib.nn.Tanh()
    s._modules["1"] = lib.nn.ReLU()
    log.note(s, s._modules.popitem(), s._modules.setdefault("2", lib.nn.GELU()), s)
    for name in list(s._modules):
        del s._modules[name]
    log.note(len(s))


def class_attributes(lib: Any, log: Log) -> None:
    """A class attribute of the same name hides a member, as it always did."""

    class Hiding(lib.nn.Module):
        child = None

        def __init__(self) -> None:
            super().__init__()
            self.child = lib.nn.ReLU()

    n = Hiding()
    log.note(n.child, n)

    class Falls(lib.nn.Module):
        def __getattr__(self, name: str) -> Any:
            if name == "special":
                return 7
            return super().__getattr__(name)

    n = Falls()
    n.lin = lib.nn.ReLU()
    log.note(n.special, n.lin)
    log.attempt("absent", lambda: n.absent)


def printing(lib: Any, log: Log) -> None:
    nn = lib.nn

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.ModuleList([nn.Linear(1, 2), nn.Linear(1, 2), nn.ReLU()])
            self.b = nn.ModuleDict({"x": nn.Sequential(nn.ReLU()), "y": nn.ModuleList()})
            self.c = None

        def extra_repr(self) -> str:
            return "first\nsecond"

    log.note(Named(), nn.Sequential(), nn.Module(), nn.ModuleList([nn.Sequential(nn.ReLU())] * 2))

    class Extra(nn.Module):
        def extra_repr(self) -> str:
            return "one"

        def _get_name(self) -> str:
            return "Other"

    n = Extra()
    log.note(n)
    n.lin = nn.ReLU()
    log.note(n)


SCENARIOS = [
    attributes,
    before_init,
    buffers,
    class_attributes,
    copies,
    dictionaries,
    finding,
    modes,
    own_setstate,
    placement,
    printing,
    registration,
    walking,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_as_pytorch(scenario: Any) -> None:
    compare(scenario)


def test_modules_are_freed_at_once() -> None:
    """The mirrored members make no reference cycle."""
    n = net(jtorch)
    alive = weakref.ref(n), weakref.ref(n.lin)
    gc.disable()
    try:
        del n
        assert [ref() for ref in alive] == [None, None]
    finally:
        gc.enable()


def test_members_read_without_getattr() -> None:
    """`self.weight` in forward is an ordinary attribute lookup."""
    m = jtorch.nn.Linear(1, 1)
    assert {"weight", "bias"} <= set(vars(m))
    assert not {"weight", "bias"} & set(m.__getstate__())
    assert type(copy.deepcopy(m)._parameters) is type(m._parameters)
