"""The text of Tensors against PyTorch's, character for character.

The pure function is tested on arrays, so that a failure here is one of layout; that Tensors use it
is the last test.
"""

from __future__ import annotations

from collections.abc import Iterator

import ml_dtypes
import numpy as np
import pytest
import torch

import jtorch
from jtorch._core import dtype as dtypes
from jtorch._core import format as text

FLOATS = ("float32", "float64", "float16", "bfloat16", "complex64", "complex128")
INTEGERS = ("int64", "int32", "int8", "uint8", "bool", "int16")
SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e10, 1e-10)
ALIKE = (np.nan, np.inf, 0.0, -0.0, 3.0, 2.5, 99999.0, 1e8, 1e9, 123456.7)


@pytest.fixture(autouse=True)
def _default_options() -> Iterator[None]:
    yield
    torch.set_printoptions(profile="default")
    text.set_printoptions(profile="default")


def array_of(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach()
    if tensor.dtype is torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def check(tensor: torch.Tensor) -> None:
    ours = text.tensor_text(
        array_of(tensor),
        getattr(dtypes, {"bool": "bool_"}.get(str(tensor.dtype)[6:], str(tensor.dtype)[6:])),
        requires_grad=tensor.requires_grad,
        grad_fn=None if tensor.grad_fn is None else tensor.grad_fn.name(),
    )
    assert ours == repr(tensor)


def some_shape(chooser: np.random.RandomState) -> tuple[int, ...]:
    if chooser.rand() < 0.08:
        return (int(chooser.choice([999, 1000, 1001, 3000])),)
    dims = chooser.randint(0, 5)
    sizes = [0, 1, 2, 3, 5, 6, 7, 8, 20, 100] if dims < 3 else [1, 2, 3, 7, 10]
    return tuple(int(chooser.choice(sizes)) for _ in range(dims))


def some_floats(chooser: np.random.RandomState, shape: tuple[int, ...]) -> torch.Tensor:
    kind = getattr(torch, FLOATS[chooser.randint(len(FLOATS))])
    real = kind.is_floating_point
    tensor = torch.randn(shape, dtype=kind) * 10.0 ** chooser.randint(-9, 10)
    style = chooser.randint(8)
    if style == 0 and real:
        tensor = tensor.round()
    elif style == 1:
        tensor = tensor * 0
    elif style == 2 and tensor.numel():
        tensor.view(-1)[::3] = float(chooser.choice(SPECIAL)) if real else np.inf
    elif style == 3 and real:
        tensor = (tensor * 10.0 ** torch.randint(-3, 3, shape)).to(kind)
    elif style == 4:
        tensor = torch.full(shape, float(chooser.choice(ALIKE)), dtype=torch.float64).to(kind)
    elif style == 5 and real:
        tensor = torch.randint(-9, 10 ** chooser.randint(1, 7), shape).to(kind)
    elif style == 6:
        tensor = tensor.requires_grad_()
    elif style == 7:
        tensor = tensor.requires_grad_() + 1
    return tensor


def some_tensor(chooser: np.random.RandomState) -> torch.Tensor:
    shape = some_shape(chooser)
    if chooser.rand() < 0.6:
        return some_floats(chooser, shape)
    name = INTEGERS[chooser.randint(len(INTEGERS))]
    low = 0 if name in ("uint8", "bool") else -5
    return torch.randint(low, 2 if name == "bool" else 120, shape, dtype=getattr(torch, name))


@pytest.mark.parametrize("seed", range(20))
def test_random_tensors(seed: int) -> None:
    torch.manual_seed(seed)
    chooser = np.random.RandomState(seed)
    for _ in range(40):
        check(some_tensor(chooser))


OPTIONS = [
    {"precision": 2},
    {"precision": 0},
    {"precision": 8, "linewidth": 120},
    {"sci_mode": True},
    {"sci_mode": False},
    {"linewidth": 40},
    {"edgeitems": 1, "threshold": 10},
    {"edgeitems": 5, "threshold": 20},
    {"profile": "full"},
    {"profile": "short"},
    {"profile": "short", "precision": 3},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options(options: dict) -> None:
    torch.set_printoptions(**options)
    text.set_printoptions(**options)
    torch.manual_seed(0)
    chooser = np.random.RandomState(1)
    for _ in range(60):
        check(some_tensor(chooser))


@pytest.mark.parametrize("name", ["float64", "float16", "float32"])
def test_the_default_dtype_is_not_named(name: str) -> None:
    torch.set_default_dtype(getattr(torch, name))
    dtypes.set_default_dtype(getattr(dtypes, name))
    try:
        for kind in (torch.float32, torch.float64, torch.float16, torch.complex64):
            check(torch.rand(2, dtype=kind))
            check(torch.zeros(0, dtype=kind))
            check(torch.zeros(0, 3, dtype=kind))
        check(torch.rand(2, dtype=torch.complex128))
    finally:
        torch.set_default_dtype(torch.float32)
        dtypes.set_default_dtype(dtypes.float32)


def test_device() -> None:
    said = text.tensor_text(np.ones(2, np.float32), dtypes.float32, device="cuda:0")
    assert said == "tensor([1., 1.], device='cuda:0')"


def test_options_for_a_block() -> None:
    before = text.get_printoptions()
    with text.printoptions(precision=2):
        assert text.format_tensor(np.array([0.12345])) == "tensor([0.12])"
    assert text.get_printoptions() == before


def test_tensors_print_as_pytorch_prints() -> None:
    for make in (
        lambda t: t.arange(6.0).view(2, 3),
        lambda t: t.tensor([1.5, 2.5], requires_grad=True),
        lambda t: t.zeros(0, 3),
        lambda t: t.tensor(True),
        lambda t: t.tensor([1, 2], dtype=t.int32),
        lambda t: t.arange(2000),
    ):
        assert repr(make(jtorch)) == repr(make(torch))
    assert (
        repr(jtorch.ones(2, requires_grad=True) + 1) == "tensor([2., 2.], grad_fn=<AddBackward0>)"
    )
