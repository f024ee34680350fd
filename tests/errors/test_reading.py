"""Reading what can't be read: `item()` and `bool()` of many elements, `len()` and iteration of a
zero-dim Tensor, `numpy()` of what requires grad; names that don't exist; devices that don't exist.

Each row is refused as PyTorch refuses it; see harness.py. Tensors on two devices are not here: the
tests run on one CPU device, and jtorch calls all devices of that kind "cpu", as PyTorch does.
"""

from __future__ import annotations

import pytest
import torch

import jtorch
from tests.errors.harness import MODES, Row, World, each, mode_of, problems


def if_many(u: World) -> None:
    if u.x > 0:
        u.x.zero_()


def while_many(u: World) -> None:
    while u.h < 3:
        u.x.zero_()


def unpack(u: World) -> None:
    a, b = u.v
    a.add_(b)


def loop(u: World) -> None:
    for item in u.s:
        item.zero_()


def attribute(u: World) -> None:
    u.x.shape = (6,)


def dtype_of(u: World) -> None:
    u.x.dtype = u.t.float64


ROWS = [
    Row("a Tensor with 6 elements cannot be converted to Scalar", lambda u: u.x.item()),
    Row("a Tensor with 6 elements cannot be converted to Scalar", lambda u: u.h.item()),
    Row("a Tensor with 0 elements cannot be converted to Scalar", lambda u: u.t.zeros(0).item()),
    Row("only one element tensors can be converted to Python scalars", lambda u: float(u.v)),
    Row("only one element tensors can be converted to Python scalars", lambda u: int(u.h)),
    Row("only one element tensors can be converted to Python scalars", lambda u: complex(u.v)),
    Row("Boolean value of Tensor with more than one value is ambiguous", if_many),
    Row("Boolean value of Tensor with more than one value is ambiguous", while_many),
    Row("Boolean value of Tensor with more than one value", lambda u: u.b and u.b),
    Row("Boolean value of Tensor with more than one value", lambda u: not u.p),
    Row("Boolean value of Tensor with no values is ambiguous", lambda u: bool(u.t.zeros(0))),
    Row(
        "only integer tensors of a single element can be converted to an index", lambda u: [0][u.s]
    ),
    Row("can be converted to an index", lambda u: list(range(3))[u.i]),
    Row("can be converted to an index", lambda u: range(u.s)),
    Row("len() of a 0-d tensor", lambda u: len(u.s)),
    Row("iteration over a 0-d tensor", loop),
    Row("iteration over a 0-d tensor", lambda u: list(u.h.sum())),
    Row("too many values to unpack", unpack),
    Row(
        "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead",
        lambda u: u.w.numpy(),
    ),
    Row("Can't call numpy() on Tensor that requires grad", lambda u: u.h.numpy()),
    Row("Can't call numpy() on Tensor that requires grad", lambda u: __import__("numpy").sin(u.w)),
    Row("", lambda u: hash([u.x])),
    Row("unsupported format string", lambda u: f"{u.x:.2f}"),
    Row("no attribute 'nosuch'", lambda u: u.x.nosuch),
    Row("no attribute 'nosuch'", lambda u: u.x.nosuch()),
    Row("", attribute),
    Row("", dtype_of),
    Row("", lambda u: u.x()),
    Row("", lambda u: u.x.shape(0)),
    # names
    Row("no", lambda u: u.t.nosuchname),
    Row("no", lambda u: u.t.nn.Linaer(2, 3)),
    Row("no", lambda u: u.t.nn.functional.rellu(u.x)),
    Row("no", lambda u: u.t.optim.Adamm([u.w])),
    Row("no", lambda u: u.x.sumn()),
    # devices
    Row("Torch not compiled with CUDA enabled", lambda u: u.x.cuda()),
    Row("Torch not compiled with CUDA enabled", lambda u: u.x.to("cuda")),
    Row("Torch not compiled with CUDA enabled", lambda u: u.t.ones(2, device="cuda")),
    Row("Torch not compiled with CUDA enabled", lambda u: u.t.tensor([1.0], device="cuda:0")),
    Row("Torch not compiled with CUDA enabled", lambda u: u.t.nn.Linear(2, 3, device="cuda")),
    Row("Torch not compiled with CUDA enabled", lambda u: u.t.nn.Linear(2, 3).to("cuda:99")),
    Row("Torch not compiled with CUDA enabled", lambda u: u.t.nn.Linear(2, 3).cuda()),
    Row("device type at start of device string: foo", lambda u: u.x.to("foo")),
    Row("device type at start of device string: foo", lambda u: u.t.device("foo")),
    Row("device type at start of device string: foo", lambda u: u.t.zeros(2, device="foo")),
    Row("Invalid device string: 'cuda:one'", lambda u: u.t.device("cuda:one")),
    Row("Invalid device string: 'cpu:-1'", lambda u: u.t.device("cpu:-1")),
    Row("", lambda u: u.t.device("")),
    Row("", lambda u: u.t.device(1.5)),
    Row("", lambda u: u.x.to(device=3.5)),
    Row("device", lambda u: u.t.zeros(2, device=["cpu"])),
]


@each(ROWS)
def test_refused(place: int, mode: str) -> None:
    assert problems(ROWS[place], mode) == []


NAMES = [
    ("", "tensr", "tensor"),
    ("", "zeross", "zeros"),
    ("", "float23", "float32"),
    ("nn", "Linaer", "Linear"),
    ("nn", "CrossEntropy", "CrossEntropyLoss"),
    ("nn.functional", "rellu", "relu"),
    ("optim", "Adamm", "Adam"),
    ("linalg", "nrom", "norm"),
]


@pytest.mark.parametrize(("room", "name", "near"), NAMES)
def test_a_missing_name_has_a_near_one(room: str, name: str, near: str) -> None:
    place = jtorch
    for part in room.split(".") if room else []:
        place = getattr(place, part)
    with pytest.raises(AttributeError, match=f"'{near}'"):
        getattr(place, name)


@pytest.mark.parametrize("mode", MODES)
def test_a_nan_is_no_error(mode: str) -> None:
    """It propagates into the parameters, and what follows is as in PyTorch."""

    def losses(t: object) -> list[float]:
        weight = t.tensor([1.0, -1.0], requires_grad=True)
        other = t.tensor([0.5], requires_grad=True)
        adam = t.optim.Adam([weight, other], lr=0.1)
        found = []
        for step in range(4):
            loss = weight.sqrt().sum() + other.square().sum() if step == 1 else (weight**2).sum()
            adam.zero_grad()
            loss.backward()
            adam.step()
            found += [loss.item(), *weight.tolist(), *other.tolist()]
        return found

    with mode_of(mode):
        ours = losses(jtorch)
    assert ours == pytest.approx(losses(torch), nan_ok=True)
