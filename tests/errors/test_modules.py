"""Misuse of Modules: attributes, what is called before `super().__init__()`, containers, and
`load_state_dict` with missing, unexpected and misshapen keys.

Each row is refused as PyTorch refuses it; see harness.py.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

import jtorch
from tests.errors.harness import MODES, Row, World, each, mode_of, problems


def no_init(u: World) -> None:
    class Net(u.t.nn.Module):
        def __init__(self) -> None:
            self.layer = u.t.nn.Linear(2, 3)

    Net()


def no_init_parameter(u: World) -> None:
    class Net(u.t.nn.Module):
        def __init__(self) -> None:
            self.weight = u.t.nn.Parameter(u.t.ones(2))

    Net()


def no_init_buffer(u: World) -> None:
    class Net(u.t.nn.Module):
        def __init__(self) -> None:
            self.register_buffer("total", u.t.ones(2))

    Net()


def no_init_call(u: World) -> None:
    class Net(u.t.nn.Module):
        def __init__(self) -> None:
            pass

        def forward(self, x: Any) -> Any:
            return x

    Net()(u.x)


def no_forward(u: World) -> None:
    class Net(u.t.nn.Module):
        pass

    net = Net()
    net(u.x)


def forward_with_a_wrong_name(u: World) -> None:
    class Net(u.t.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = u.t.nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            return self.leyer(x)

    Net()(u.x)


def tensor_as_parameter(u: World) -> None:
    layer = u.t.nn.Linear(3, 2)
    layer.weight = u.t.ones(2, 3)


def tensor_as_module(u: World) -> None:
    net = u.t.nn.Sequential(u.t.nn.Linear(3, 2))
    net[0] = u.x


def string_as_buffer(u: World) -> None:
    layer = u.t.nn.BatchNorm1d(3)
    layer.running_mean = "mean"


def parameter_of_a_graph(u: World) -> None:
    u.t.nn.Linear(3, 2).register_parameter("extra", u.w * 2)


def misshapen(u: World) -> None:
    net = u.t.nn.Linear(3, 2)
    net.load_state_dict({"weight": u.t.ones(2, 4), "bias": u.t.ones(2)})


def a_shared_weight_of_another_shape(u: World) -> None:
    with u.t.no_grad():
        u.t.nn.Linear(3, 2).weight.copy_(u.t.ones(3, 2))


def hook(u: World) -> None:
    layer = u.t.nn.Linear(3, 2)
    layer.register_forward_hook(lambda module, args, output: output @ u.y)
    layer(u.x)


def linear(u: World) -> Any:
    return u.t.nn.Linear(3, 2)


def sequential(u: World) -> Any:
    return u.t.nn.Sequential(u.t.nn.Linear(3, 2), u.t.nn.ReLU())


ROWS = [
    Row("cannot assign module before Module.__init__() call", no_init),
    Row("cannot assign parameters before Module.__init__() call", no_init_parameter),
    Row("cannot assign buffer before Module.__init__() call", no_init_buffer),
    Row("", no_init_call),
    Row('Module [Net] is missing the required "forward" function', no_forward),
    Row("'Net' object has no attribute 'leyer'", forward_with_a_wrong_name),
    Row("'Linear' object has no attribute 'weigth'", lambda u: linear(u).weigth),
    Row("cannot assign 'torch.FloatTensor' as parameter 'weight'", tensor_as_parameter),
    Row("as child module '0'", tensor_as_module),
    Row("cannot assign", string_as_buffer),
    Row("cannot assign ... object to parameter 'extra'", parameter_of_a_graph),
    Row("is not a Module subclass", lambda u: u.t.nn.Sequential(u.x)),
    Row("is not a Module subclass", lambda u: u.t.nn.ModuleList([1])),
    Row("is not a Module subclass", lambda u: linear(u).add_module("extra", 3)),
    Row("attribute 'weight' already exists", lambda u: linear(u).add_module("weight", linear(u))),
    Row('contain "."', lambda u: linear(u).add_module("a.b", linear(u))),
    Row('be empty string ""', lambda u: linear(u).register_buffer("", u.x)),
    Row("attribute 'bias' already exists", lambda u: linear(u).register_buffer("bias", u.x)),
    Row("cannot assign", lambda u: linear(u).register_buffer("extra", 3)),
    Row("cannot assign", lambda u: linear(u).register_parameter("extra", u.x)),
    Row("index 2 is out of range", lambda u: sequential(u)[2]),
    Row("index 5 is out of range", lambda u: u.t.nn.ModuleList([linear(u)])[5]),
    Row("'head'", lambda u: u.t.nn.ModuleDict()["head"]),
    Row("has no attribute `head`", lambda u: sequential(u).get_submodule("head")),
    Row("has no attribute `extra`", lambda u: linear(u).get_parameter("extra")),
    Row("training mode is expected to be boolean", lambda u: linear(u).train("yes")),
    Row("only accepts floating point or complex dtypes", lambda u: linear(u).to(u.t.int64)),
    Row("float32", lambda u: linear(u).to("float32")),
    Row(
        "dropout probability has to be between 0 and 1, but got 1.5", lambda u: u.t.nn.Dropout(1.5)
    ),
    Row("dropout probability has to be", lambda u: u.t.nn.functional.dropout(u.x, -0.5)),
    Row("out_channels must be divisible by groups", lambda u: u.t.nn.Conv2d(2, 3, 1, groups=2)),
    Row("padding_mode must be one of", lambda u: u.t.nn.Conv2d(2, 3, 1, padding_mode="zero")),
    Row("Invalid padding string 'sane'", lambda u: u.t.nn.Conv2d(2, 3, 1, padding="sane")),
    Row("Expected state_dict to be dict-like, got", lambda u: linear(u).load_state_dict([1])),
    Row(
        "Error(s) in loading state_dict for Linear ... Missing key(s) in state_dict: ... bias",
        lambda u: linear(u).load_state_dict({"weight": u.t.ones(2, 3)}),
    ),
    Row(
        'Unexpected key(s) in state_dict: "extra"',
        lambda u: linear(u).load_state_dict({**linear(u).state_dict(), "extra": u.x}),
    ),
    Row(
        "size mismatch for weight: copying a param with shape torch.Size([2, 4]) from checkpoint, "
        "the shape in current model is torch.Size([2, 3])",
        misshapen,
    ),
    Row(
        "expected torch.Tensor or Tensor-like object from checkpoint but received",
        lambda u: linear(u).load_state_dict({"weight": 3.0, "bias": u.t.ones(2)}),
    ),
    Row("must match the size of tensor b", a_shared_weight_of_another_shape),
    Row("mat1 and mat2 shapes cannot be multiplied (2x2 and 4x5)", hook),
    Row("", lambda u: u.t.nn.utils.clip_grad_norm_([u.w], "much")),
]


@each(ROWS)
def test_refused(place: int, mode: str) -> None:
    assert problems(ROWS[place], mode) == []


LOADS = {
    "missing": lambda t, good: {"0.weight": good["0.weight"] * 0},
    "unexpected": lambda t, good: {**{k: v * 0 for k, v in good.items()}, "9.bias": t.ones(1)},
    "misshapen": lambda t, good: {**{k: v * 0 for k, v in good.items()}, "2.weight": t.ones(7)},
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", LOADS)
def test_a_refused_state_dict_changes_nothing(kind: str, mode: str) -> None:
    """Training goes on as if it had not been tried. PyTorch copies what fits before it raises."""

    def run(t: Any, refused: bool) -> list[float]:
        nn = t.nn
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        with t.no_grad():
            for k, parameter in enumerate(net.parameters()):
                parameter.fill_(0.1 * (k + 1))
        adam = t.optim.Adam(net.parameters(), lr=0.1)
        x = t.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]])
        seen = []
        for step in range(3):
            if refused and step == 1:
                with pytest.raises(RuntimeError, match=r"Error\(s\) in loading state_dict"):
                    net.load_state_dict(LOADS[kind](t, net.state_dict()))
            adam.zero_grad()
            net(x).square().sum().backward()
            adam.step()
            for parameter in net.parameters():
                seen += parameter.reshape(-1).tolist()
        return seen

    with mode_of(mode):
        ours = run(jtorch, True)
    assert ours == pytest.approx(run(torch, False), rel=1e-4, abs=1e-6)
