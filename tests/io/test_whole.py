"""Whole modules as `torch.save(model)` writes them: PyTorch's become jtorch's, with its outputs."""

from __future__ import annotations

import importlib
import io
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import jtorch


def saved(lib: Any, value: Any) -> io.BytesIO:
    file = io.BytesIO()
    lib.save(value, file)
    file.seek(0)
    return file


def sequential(lib: Any) -> Any:
    nn = lib.nn
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 2))


def convolutional(lib: Any) -> Any:
    nn = lib.nn
    features = [nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    model(lib.ones(2, 3, 8, 8))  # running statistics
    return model


def recurrent(lib: Any) -> Any:
    return lib.nn.LSTM(4, 5, 2, batch_first=True, bidirectional=True)


def transformer(lib: Any) -> Any:
    """gelu is a function of PyTorch's extension module."""
    layer = lib.nn.TransformerEncoderLayer(4, 2, 8, activation="gelu", batch_first=True)
    return lib.nn.TransformerEncoder(layer, 2)


MODELS = [(sequential, (2, 4)), (convolutional, (2, 3, 8, 8)), (recurrent, (2, 3, 4))]
MODELS += [(transformer, (2, 3, 4))]


def outputs(lib: Any, model: Any, shape: tuple[int, ...]) -> np.ndarray:
    lib.manual_seed(1)
    result = model(lib.randn(shape))
    return (result[0] if isinstance(result, tuple) else result).detach().numpy()


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize(("make", "shape"), MODELS)
def test_modules_of_pytorch(make: Callable, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = make(torch).eval()
    found = jtorch.load(saved(torch, model), weights_only=False)
    again = jtorch.load(saved(jtorch, found), weights_only=False)
    expected = outputs(torch, model, shape)
    for mine in (found, again):
        assert repr(mine) == repr(model)
        assert list(mine.state_dict()) == list(model.state_dict())
        assert all(type(p) is jtorch.nn.Parameter for p in mine.parameters())
        assert not mine.training
        np.testing.assert_allclose(outputs(jtorch, mine, shape), expected, rtol=1e-5, atol=1e-6)


OWN_CLASS = """
import {library} as torch
from {library} import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.register_buffer("scale", torch.full((3,), 2.0), persistent=False)
        self.activation = torch.tanh
        self.note = "a net"

    def forward(self, x):
        return self.activation(self.layer(x)) * self.scale
"""


def own_class(folder: Path, library: str) -> Any:
    """The class Net, of a module of its own that is written with a library."""
    sys.modules.pop("own_net", None)
    (folder / "own_net.py").write_text(OWN_CLASS.format(library=library))
    importlib.invalidate_caches()
    return importlib.import_module("own_net").Net


def test_a_class_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    model = own_class(tmp_path, "torch")()
    file = saved(torch, model)
    with pytest.raises(pickle.UnpicklingError, match="own_net, import jtorch in place of torch"):
        jtorch.load(file, weights_only=False)
    kind = own_class(tmp_path, "jtorch")
    file.seek(0)
    found = jtorch.load(file, weights_only=False)
    again = jtorch.load(saved(jtorch, found), weights_only=False)
    for mine in (found, again):
        assert type(mine) is kind
        assert mine.note == "a net"
        assert list(mine.state_dict()) == ["layer.weight", "layer.bias"]
        np.testing.assert_allclose(
            outputs(jtorch, mine, (2, 4)), outputs(torch, model, (2, 4)), rtol=1e-5
        )
    sys.modules.pop("own_net")


def test_model_and_optimizer_go_on() -> None:
    def steps(lib: Any, state: dict) -> list[float]:
        losses = []
        for _ in range(3):
            loss = state["model"](lib.arange(8.0).view(2, 4)).pow(2).mean()
            state["optimizer"].zero_grad()
            loss.backward()
            state["optimizer"].step()
            state["scheduler"].step()
            losses.append(loss.item())
        return losses

    model = sequential(torch).eval()
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    state = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    steps(torch, state)
    found = jtorch.load(saved(torch, state), weights_only=False)
    np.testing.assert_allclose(steps(jtorch, found), steps(torch, state), rtol=1e-5)


def test_safe_classes() -> None:
    """A class of jtorch's is meant where the file has PyTorch's name for it."""
    model = torch.nn.ReLU()
    with pytest.raises(pickle.UnpicklingError, match=r"torch\.nn\.modules\.activation\.ReLU"):
        jtorch.load(saved(torch, model))
    for lib in (torch, jtorch):
        with lib.serialization.safe_globals([lib.nn.ReLU]):
            assert repr(lib.load(saved(torch, model))) == "ReLU()"


FUNCTIONS: list[Callable[[Any], Any]] = [
    lambda lib: lib.tanh,
    lambda lib: lib.zeros,
    lambda lib: lib.Tensor.relu,
    lambda lib: lib.Tensor.to,
    lambda lib: lib.nn.functional.gelu,
    lambda lib: lib.nn.functional.relu,
    lambda lib: lib.nn.functional.pad,
    lambda lib: lib.special.erf,
    lambda lib: lib.linalg.norm,
    lambda lib: lib.fft.fft,
    lambda lib: lib.nn.init.xavier_uniform_,
]


@pytest.mark.parametrize("pick", FUNCTIONS)
def test_functions(pick: Callable[[Any], Any]) -> None:
    """A function is written by its public name, and read as the very same."""
    assert jtorch.load(saved(torch, pick(torch)), weights_only=False) is pick(jtorch)
    assert pickle.loads(pickle.dumps(pick(jtorch))) is pick(jtorch)


def test_every_public_function_can_be_pickled() -> None:
    rooms = [jtorch, jtorch.Tensor, jtorch.nn.functional, jtorch.linalg, jtorch.fft]
    rooms += [jtorch.special, jtorch.sparse]
    lost = []
    for room in rooms:
        for name in dir(room):
            value = getattr(room, name)
            if not name.startswith("_") and type(value) is type(saved):
                if pickle.loads(pickle.dumps(value)) is not value:
                    lost.append(name)
    assert lost == []


def test_what_has_no_counterpart() -> None:
    made = type("Conv9d", (torch.nn.Module,), {"__module__": "torch.nn.modules.conv"})
    torch.nn.modules.conv.Conv9d = made
    try:
        file = saved(torch, made())
    finally:
        del torch.nn.modules.conv.Conv9d
    with pytest.raises(pickle.UnpicklingError, match=r"conv\.Conv9d, which jtorch has no"):
        jtorch.load(file, weights_only=False)
