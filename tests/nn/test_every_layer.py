"""Every module that PyTorch and jtorch have is held against PyTorch's somewhere, and stands where
PyTorch's does."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
import torch

import jtorch

from .test_layers import ROWS
from .test_lazy import LAZY
from .test_recurrent import CELLS, LAYERS
from .test_transformer import ATTENTION, TRANSFORMERS

# Modules that are no layers, and where they are tested instead.
ELSEWHERE = {
    "Container": "test_utils.py",
    "Module": "test_module.py",
    "ModuleDict": "test_container.py",
    "ModuleList": "test_container.py",
    "ParameterDict": "test_container.py",
    "ParameterList": "test_container.py",
    "RNNBase": "test_recurrent.py, through its layers",
    "RNNCellBase": "test_recurrent.py, through its cells",
}


def test_every_layer_has_a_row() -> None:
    texts = [entry.text for entry in ROWS + LAZY]
    rows = "".join([*texts, *[text for text, _ in LAYERS + CELLS + ATTENTION + TRANSFORMERS]])
    names = [name for name in dir(torch.nn) if _is_module(torch.nn, name)]
    both = [name for name in names if _is_module(jtorch.nn, name)]
    assert [name for name in both if f"nn.{name}(" not in rows and name not in ELSEWHERE] == []


def _is_module(room: Any, name: str) -> bool:
    kind = getattr(room, name, None)
    return isinstance(kind, type) and issubclass(kind, room.Module)


FILES = [file.name for file in pkgutil.iter_modules(torch.nn.modules.__path__)]
FILES.remove("_functions")  # the gradients of three layers
# What code imports from there besides the layers.
PRIVATE = {
    "batchnorm": ["_BatchNorm", "_LazyNormBase", "_NormBase"],
    "conv": ["_ConvNd", "_ConvTransposeNd", "_LazyConvXdMixin"],
    "dropout": ["_DropoutNd"],
    "instancenorm": ["_InstanceNorm"],
    "lazy": ["LazyModuleMixin"],
    "loss": ["_Loss", "_WeightedLoss"],
    "module": ["_IncompatibleKeys", "_addindent", "register_module_forward_hook"],
    "padding": ["_ConstantPadNd", "_ReflectionPadNd", "_ReplicationPadNd"],
    "pooling": ["_AvgPoolNd", "_MaxPoolNd", "_MaxUnpoolNd"],
    "utils": ["_ntuple", "_pair", "_reverse_repeat_tuple", "_single", "_triple"],
}


@pytest.mark.parametrize("file", FILES)
def test_files_of_modules(file: str) -> None:
    theirs = importlib.import_module(f"torch.nn.modules.{file}")
    layers = [
        n
        for n, value in vars(theirs).items()
        if getattr(value, "__module__", "") == theirs.__name__
    ]
    wanted = [n for n in layers if _is_module(jtorch.nn, n) and _is_module(torch.nn, n)]
    if not wanted and file not in PRIVATE:
        return
    ours = importlib.import_module(f"jtorch.nn.modules.{file}")
    assert [n for n in wanted if getattr(ours, n, None) is not getattr(jtorch.nn, n)] == []
    assert [n for n in wanted if n != "Module" and n not in vars(jtorch.nn.modules)] == []
    for name in PRIVATE.get(file, []):
        assert hasattr(theirs, name)
        assert hasattr(ours, name), name
