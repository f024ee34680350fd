"""Layers whose shapes come from their first input, held against PyTorch's."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from . import scenarios
from .scenarios import Log
from .test_layers import IMAGE, Row, compare, row

LAZY = [
    row("nn.LazyLinear(3)", (5, 4)),
    row("nn.LazyLinear(3, bias=False)", (2, 5, 4)),
    row("nn.LazyConv1d(6, 3, groups=2)", (2, 4, 9)),
    row("nn.LazyConv2d(6, (3, 2), stride=2, padding='valid')", IMAGE),
    row("nn.LazyConv2d(6, 3, padding=1, bias=False, padding_mode='reflect')", (4, 6, 6)),
    row("nn.LazyConv3d(3, 2)", (1, 2, 4, 4, 4)),
    row("nn.LazyConvTranspose1d(6, 3, dilation=2)", (2, 4, 5)),
    row("nn.LazyConvTranspose2d(6, 3, 2, 1, output_padding=1, groups=2)", IMAGE),
    row("nn.LazyConvTranspose3d(3, 2, stride=2)", (1, 2, 3, 3, 3)),
    row("nn.LazyBatchNorm1d()", (5, 4)),
    row("nn.LazyBatchNorm2d(1e-3, affine=False)", IMAGE),
    row("nn.LazyBatchNorm3d(bias=False, track_running_stats=False)", (2, 2, 3, 3, 3)),
    row("nn.LazyInstanceNorm1d()", (2, 4, 9)),
    row("nn.LazyInstanceNorm2d(affine=False)", IMAGE),
    row("nn.LazyInstanceNorm3d(track_running_stats=False)", (2, 2, 3, 3, 3)),
    row("nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyLinear(2))", (5, 4)),
]


@pytest.mark.parametrize("entry", LAZY, ids=lambda entry: f"{entry.text} {entry.inputs[0]}")
def test_as_pytorch(entry: Row) -> None:
    compare(entry)


def without_shape(lib: Any, log: Log) -> None:
    for kind in (lib.nn.UninitializedParameter, lib.nn.UninitializedBuffer):
        tensor = kind(dtype=lib.float64)
        log.note(tensor, tensor.dtype, tensor.device, tensor.requires_grad, tensor.grad)
        log.note(lib.nn.parameter.is_lazy(tensor), lib.nn.parameter.is_lazy(lib.ones(1)))
        log.attempt("shape", lambda t=tensor: t.shape)
        log.attempt("share", lambda t=tensor: t.share_memory_())
        log.note(tensor.half().dtype, tensor.is_floating_point())
        log.note(pickle.loads(pickle.dumps(tensor)))
        for name in ("abs", "sum", "detach", "clone"):
            with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter in"):
                getattr(tensor, name)()
        tensor.materialize((2, 3))
        log.note(type(tensor).__name__, tensor.shape, tensor.dtype, tensor.requires_grad)
    kept = copy.deepcopy(lib.nn.UninitializedParameter(False, dtype=lib.float64))
    log.note(kept, kept.dtype, kept.requires_grad)
    kept.materialize([1], dtype=lib.float32)
    log.note(kept.shape, kept.dtype)


def life(lib: Any, log: Log) -> None:
    log.attempt("made", lambda: lib.nn.LazyLinear(3))
    lazy = lib.nn.LazyLinear(3)
    log.note(lazy.has_uninitialized_params(), list(lazy.parameters()), lazy.state_dict())
    log.note(lazy.double().weight.dtype, lazy.float().weight.dtype, lazy.cpu(), lazy.train(False))
    lazy.reset_parameters()
    weight = lazy.weight
    lib.manual_seed(0)
    twin = copy.deepcopy(lazy)
    log.note(lazy(lib.ones(2, 4)), lazy, type(lazy).__name__, lazy.weight is weight)
    log.note(hasattr(lazy, "_initialize_hook"), len(lazy._forward_pre_hooks))
    lib.manual_seed(0)
    log.note(twin, twin(lib.ones(2, 4)), twin, hasattr(twin, "_load_hook"))
    log.attempt("wrong", lambda: lazy(lib.ones(2, 5)))

    class Half(lib.nn.modules.lazy.LazyModuleMixin, lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = lib.nn.UninitializedParameter()
            self.scale = lib.nn.UninitializedBuffer(persistent=False)

        def initialize_parameters(self, x: Any, shape: Any = None) -> None:
            self.weight.materialize(shape or x.shape)
            if shape is None:
                self.scale.materialize(x.shape)

        def forward(self, x: Any, shape: Any = None) -> Any:
            return x + shape

    log.note(Half().state_dict(), [name for name, _ in Half().named_buffers()])
    log.attempt("half", lambda: Half()(lib.ones(2), shape=(3,)))
    half = Half()
    log.attempt("whole", lambda: half(lib.ones(2)))
    log.note(type(half).__name__, half.weight.shape, half.scale.shape)
    log.attempt("nothing", lambda: lib.nn.modules.lazy.LazyModuleMixin.initialize_parameters(half))


def loading(lib: Any, log: Log) -> None:
    lib.manual_seed(0)
    ready, lazy = lib.nn.Linear(4, 3), lib.nn.LazyLinear(3)
    empty = lazy.state_dict(keep_vars=True)
    log.note(empty["weight"] is lazy.weight)
    log.attempt("lazy into lazy", lambda: lib.nn.LazyLinear(3).load_state_dict(empty))
    log.attempt("lazy into ready", lambda: ready.load_state_dict(empty))
    log.attempt("ready into lazy", lambda: lazy.load_state_dict(ready.state_dict()))
    log.note(lazy, lazy.weight, lazy.has_uninitialized_params())
    log.attempt("wrong", lambda: lazy(lib.ones(2, 5)))
    log.note(lazy(lib.ones(2, 4)), lazy)
    norm, other = lib.nn.BatchNorm1d(2), lib.nn.LazyBatchNorm1d()
    norm(lib.arange(6.0).reshape(3, 2))
    log.attempt("norm", lambda: other.load_state_dict(norm.state_dict()))
    log.note(other.eval()(lib.ones(1, 2)), other, other.state_dict())
    part = lib.nn.LazyConv2d(3, 2)
    log.attempt("part", lambda: part.load_state_dict({"bias": lib.ones(3)}, strict=False))
    log.note(part, part.bias, part.weight)
    other = lib.nn.LazyLinear(3)
    log.attempt("assign", lambda: other.load_state_dict(ready.state_dict(), assign=True))
    log.note(other.weight)


@pytest.mark.parametrize("scenario", [without_shape, life, loading], ids=lambda s: s.__name__)
def test_scenarios(scenario: Any) -> None:
    scenarios.compare(scenario)
