"""Containers held against PyTorch's: expressions evaluated in order on one object of each."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

from .scenarios import Log, compare

SEQUENTIAL = """
nn.Sequential(nn.ReLU(), nn.Linear(1, 2), nn.Tanh())
c[0]; c[-1]; c[5]; c[-4]; c[0:2]; c["a"]; len(c); c + c; c * 2; 2 * c; c * 0; c * 1.5; c + 3
c.append(nn.ReLU()); c.append(3); c.append(None) is c; c.pop(-1); c.insert(1, nn.Tanh())
c.insert(9, nn.Tanh()); c.insert(0, 3); c.insert(-1, nn.GELU()); c.extend([nn.ReLU()])
c.extend(3); c.extend([3]); c.pop(0); c.__iadd__(nn.Sequential(nn.ELU())); c.__iadd__(3)
c.__imul__(2); list(c); c.__delitem__(0); c.__delitem__(slice(0, 2)); c.__setitem__(0, nn.ELU())
c.__setitem__(-1, nn.ELU()); c.__setitem__(99, nn.ELU()); c.__setitem__(0, 3); c; list(c._modules)
nn.ReLU() in c; bool(nn.Sequential()); nn.Sequential(3)
nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh())).b; nn.Sequential(nn.ReLU(), None)
list(nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh()))[1:]._modules)
[d for d in dir(c) if d == "0"]
"""
MODULE_LIST = """
nn.ModuleList([nn.ReLU(), nn.Linear(1, 2), nn.Tanh()])
c[0]; c[-1]; c[5]; c[-4]; c[0:2]; c["a"]; len(c); c + c; c + [nn.ELU()]; c.append(nn.ELU())
c.append(3); c.append(None); c.insert(1, nn.GELU()); c.insert(99, nn.GELU()); c.extend(3)
c.extend(nn.ModuleList([nn.ReLU()])); c.extend(nn.ReLU() for _ in range(2)); c.pop(0); c.pop(-1)
c.pop(slice(0, 1)); c.__iadd__([nn.ReLU()]); c.__setitem__(0, nn.ELU())
c.__setitem__(99, nn.ELU()); c.__setitem__(0, 3); c.__delitem__(0); c; c.__delitem__(slice(0, 2))
c(1); list(reversed(c)); nn.ModuleList(3); nn.ModuleList([3]); list(c._modules)
"""
MODULE_DICT = """
nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()})
c["a"]; c["z"]; list(c.keys()); list(c.items()); list(c.values()); c.pop("a"); c.pop("q")
c.update({"c": nn.ELU()}); c.update([["x", nn.GELU()], ("y", nn.GELU())]); c.update(3)
c.update([3]); c.update([(1, 2, 3)]); c.update([(1, nn.ReLU())])
c.__setitem__("training", nn.ReLU()); c.__setitem__("a", 3); c.__delitem__("b"); "c" in c; len(c)
list(c); c; c.c; c.clear(); c; c(3); nn.ModuleDict([("z", nn.ReLU()), ("a", nn.ReLU())])
nn.ModuleDict({"z": nn.ReLU(), "a": nn.ReLU()}); c.__setitem__("a.b", nn.ReLU())
c.__setitem__("keys", nn.ReLU()); c.update(nn.ModuleDict({"z": nn.ReLU()})); c
"""
PARAMETER_LIST = """
nn.ParameterList([torch.ones(2), nn.Parameter(torch.zeros(2)), 3])
c[0]; c[-1]; c[9]; c[0:2]; c["a"]; len(c); list(c); c.append(torch.ones(1))
c.extend([torch.ones(1)]); c.extend(3); c.extend(torch.ones(2)); c.pop()
c.__setitem__(0, torch.ones(3)); c.__setitem__(99, 1); c.__iadd__([1]); c + c; c(1); c
list(c.named_parameters()); c.state_dict(); c.load_state_dict(c.state_dict()); nn.ParameterList(3)
"""
PARAMETER_DICT = """
nn.ParameterDict({"a": torch.ones(2), "b": nn.Parameter(torch.zeros(2)), "c": 3})
c["a"]; c.a; c["z"]; c.c; list(c); len(c); list(c.keys()); list(c.items()); list(c.values())
c.get("z", 4); c.get("a"); c.setdefault("n", torch.ones(1)); c.setdefault("m"); c.pop("n")
c.pop("zz"); c.popitem(); c.fromkeys(["a", "b"], torch.ones(1)); c | {"z": torch.ones(1)}
c.__ior__({"z": torch.ones(1)}); {"y": 1} | c; c.update({"k": torch.ones(1), "a": torch.ones(1)})
c.update(3); c.update([(1, 2, 3)]); c[3]; c; c.state_dict(); list(reversed(c)); c.copy(); "a" in c
c.__delitem__("a"); c; c(3); nn.ParameterDict([("z", 1), ("a", 2)])
nn.ParameterDict({"z": 1, "a": 2}); c.clear(); c; len(c); c.__setitem__("a.b", torch.ones(1))
"""


@pytest.mark.parametrize(
    "text", [SEQUENTIAL, MODULE_LIST, MODULE_DICT, PARAMETER_LIST, PARAMETER_DICT]
)
def test_as_pytorch(text: str) -> None:
    first, *lines = text.strip().splitlines()
    expressions = [e.strip() for line in lines for e in line.split(";")]

    def scenario(library: Any, log: Log) -> None:
        names = {"nn": library.nn, "torch": library, "OrderedDict": OrderedDict}
        names["c"] = eval(first, names)
        for expression in expressions:
            log.attempt(expression, lambda e=expression: eval(e, names))

    compare(scenario)
