"""torch.autocast beside PyTorch's: values and gradients of ops and layers, and the context itself.
The dtypes of all ops are in test_autocast_dtypes.py."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
import torch

import jtorch
from jtorch._core.autocast import autocast_variant
from jtorch._core.device import device
from jtorch._core.modes import Modes
from jtorch._core.op import ROWS

LIBRARIES = (torch, jtorch)
HALVES = ("bfloat16", "float16")
ARRAYS = [np.random.default_rng(0).uniform(0.1, 0.9, (2, 4, 4)).astype(np.float32) for _ in "ab"]

# Each takes two Tensors (2, 4, 4).
OPS: dict[str, Callable] = {
    "linear": lambda t, a, b: t.nn.functional.linear(a, b[0], b[0, 0]),
    "matmul": lambda t, a, b: a @ b,
    "mm": lambda t, a, b: t.mm(a[0], b[0]),
    "bmm": lambda t, a, b: t.bmm(a, b),
    "addmm": lambda t, a, b: t.addmm(a[0], a[1], b[0]),
    "addbmm": lambda t, a, b: t.addbmm(a[0], a, b),
    "baddbmm": lambda t, a, b: t.baddbmm(a, a, b),
    "einsum": lambda t, a, b: t.einsum("bij,bjk->ik", a, b),
    "einsum without a sum": lambda t, a, b: t.einsum("bij,bij->bij", a, b),
    "tensordot": lambda t, a, b: t.tensordot(a[0], b[0], 1),
    "inner": lambda t, a, b: t.inner(a[0], b[0]),
    "inner of vectors": lambda t, a, b: t.inner(a[0, 0], b[0, 0]),
    "mv": lambda t, a, b: t.mv(a[0], b[0, 0]),
    "multi_dot": lambda t, a, b: t.linalg.multi_dot([a[0], b[0], a[1]]),
    "matrix_power": lambda t, a, b: t.linalg.matrix_power(a, 3),
    "vecdot": lambda t, a, b: t.linalg.vecdot(a, b),
    "conv1d": lambda t, a, b: t.nn.functional.conv1d(a, b),
    "conv_transpose1d": lambda t, a, b: t.nn.functional.conv_transpose1d(a, b.transpose(0, 1)),
    "prelu": lambda t, a, b: t.nn.functional.prelu(a - 0.5, b[0, 0]),
    "attention": lambda t, a, b: t.nn.functional.scaled_dot_product_attention(a, b, a),
    "cov": lambda t, a, b: t.cov(a[0]),
    "corrcoef": lambda t, a, b: t.corrcoef(a[0]),
    "cross_entropy": lambda t, a, b: t.nn.functional.cross_entropy(a[0], b[0]),
    "mse_loss": lambda t, a, b: t.nn.functional.mse_loss(a @ b, b),
    "l1_loss": lambda t, a, b: t.nn.functional.l1_loss(a @ b, b),
    "smooth_l1_loss": lambda t, a, b: t.nn.functional.smooth_l1_loss(a, b.half()),
    "bce": lambda t, a, b: t.nn.functional.binary_cross_entropy(a, b.bfloat16()),
    "kl_div": lambda t, a, b: t.nn.functional.kl_div(a.log(), b.bfloat16(), reduction="sum"),
    "prod": lambda t, a, b: t.prod(a.bfloat16(), 0),
    "prod with dtype": lambda t, a, b: t.prod(a, 0, dtype=t.bfloat16),
    "trace": lambda t, a, b: t.trace(a[0].bfloat16()),
    "softmax": lambda t, a, b: t.softmax(a @ b, -1),
    "sum": lambda t, a, b: (a @ b).sum(),
    "reflect": lambda t, a, b: t.nn.functional.pad((a @ b), (1, 1), mode="reflect"),
    "float64": lambda t, a, b: t.mm(a[0].double(), b[0].double()),
    "mixed": lambda t, a, b: t.mm(a[0], b[0].half()),
    "inverse": lambda t, a, b: t.linalg.inv((a + 2 * t.eye(4)).bfloat16()),
    "cholesky": lambda t, a, b: t.linalg.cholesky((a.mT @ a + t.eye(4)).bfloat16()),
    "stack": lambda t, a, b: t.stack([a, b]),
}


def outcome(library: Any, call: Callable, half: str) -> list:
    """(dtype, values) of the result of a call under autocast, and of the gradients."""
    leaves = [library.from_numpy(x.copy()).requires_grad_() for x in ARRAYS]
    with library.autocast("cpu", getattr(library, half)):
        result = call(library, *leaves)
    result.float().square().sum().backward()
    found = [result, *[leaf.grad for leaf in leaves if leaf.grad is not None]]
    return [(str(t.dtype).rpartition(".")[2], t.detach().double().numpy()) for t in found]


def compare(expected: list, actual: list) -> None:
    """Equal dtypes; values within what rounding to half precision in the middle makes of them."""
    assert [kind for kind, _ in actual] == [kind for kind, _ in expected]
    for (_, theirs), (_, ours) in zip(expected, actual, strict=True):
        np.testing.assert_allclose(
            ours, theirs, rtol=0.03, atol=0.03 * max(1, np.abs(theirs).max())
        )


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("name", OPS)
def test_op(name: str, half: str) -> None:
    compare(*(outcome(library, OPS[name], half) for library in LIBRARIES))


# Layers for input (2, 4, 4). PyTorch's LSTM has no float16 kernel on many CPUs.
LAYERS: dict[str, tuple[str, Callable]] = {
    "Linear": ("bfloat16 float16", lambda t: t.nn.Linear(4, 3)),
    "Conv1d": ("bfloat16 float16", lambda t: t.nn.Conv1d(4, 3, 2)),
    "BatchNorm1d": ("bfloat16", lambda t: t.nn.BatchNorm1d(4)),
    "Conv and norm": (
        "bfloat16",
        lambda t: t.nn.Sequential(t.nn.Conv1d(4, 4, 1), t.nn.BatchNorm1d(4), t.nn.ReLU()),
    ),
    "LayerNorm": ("bfloat16", lambda t: t.nn.Sequential(t.nn.Linear(4, 4), t.nn.LayerNorm(4))),
    "LSTM": ("bfloat16", lambda t: t.nn.LSTM(4, 3, batch_first=True)),
    "GRU": ("bfloat16 float16", lambda t: t.nn.GRU(4, 3)),
    "RNN": ("bfloat16 float16", lambda t: t.nn.RNN(4, 3)),
    "MultiheadAttention": ("bfloat16 float16", lambda t: t.nn.MultiheadAttention(4, 2)),
    "TransformerEncoderLayer": (
        "bfloat16",
        lambda t: t.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    halves, make = LAYERS[name]
    for half in halves.split():
        found = []
        for library in LIBRARIES:
            library.manual_seed(0)
            layer = make(library)
            given = library.from_numpy(ARRAYS[0])
            with library.autocast("cpu", getattr(library, half)):
                many = name == "MultiheadAttention"
                result = layer(given, given, given) if many else layer(given)
            results = result if isinstance(result, tuple) else (result,)
            results[0].float().square().mean().backward()
            tensors = [results[0], *[p.grad for p in layer.parameters()]]
            if many:
                tensors.append(results[1])
            found.append(
                [(str(t.dtype).rpartition(".")[2], t.detach().double().numpy()) for t in tensors]
            )
        compare(*found)


def test_a_trained_network_stays_near() -> None:
    """The losses of 20 steps differ from PyTorch's by less than those of two dtypes of its own."""
    curves: dict[tuple, np.ndarray] = {}
    for library in LIBRARIES:
        for half in HALVES:
            library.manual_seed(0)
            nn = library.nn
            model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4))
            optimizer = library.optim.Adam(model.parameters(), lr=0.02)
            given, target = map(library.from_numpy, ARRAYS)
            losses = []
            for _ in range(20):
                optimizer.zero_grad()
                with library.autocast("cpu", getattr(library, half)):
                    loss = nn.functional.mse_loss(model(given), target)
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
            curves[library, half] = np.array([float(loss) for loss in losses])
    spread = np.abs(curves[torch, "bfloat16"] - curves[torch, "float16"]).max()
    for half in HALVES:
        assert np.abs(curves[jtorch, half] - curves[torch, half]).max() <= spread


# ---------------------------------------------------------------------------------- the context


def kind(library: Any) -> str:
    """The dtype that a product has now."""
    return str(library.mm(library.ones(2, 2), library.ones(2, 2)).dtype)


def states(library: Any) -> list:
    """What is said of autocast, and what it does, in and around contexts of all kinds."""
    found = []

    def note() -> None:
        enabled = library.is_autocast_enabled("cpu"), library.is_autocast_enabled("cuda")
        dtype = str(library.get_autocast_dtype("cpu"))
        found.append((enabled, dtype, library.is_autocast_cache_enabled(), kind(library)))

    note()
    with library.autocast("cpu"):
        note()
        with library.autocast("cpu", enabled=False):
            note()
            with library.autocast("cpu", library.float16, cache_enabled=False):
                note()
            note()
        with library.no_grad():
            note()
        thread = threading.Thread(target=note)
        thread.start()
        thread.join()
        note()
    with library.no_grad(), library.amp.autocast("cpu", dtype=library.float16):
        note()
    context = library.autocast("cpu")
    context(note)()
    with context:
        note()
    note()
    library.set_autocast_enabled("cpu", True)
    library.set_autocast_dtype("cpu", library.float16)
    note()
    library.set_autocast_enabled("cpu", False)
    library.set_autocast_dtype("cpu", library.bfloat16)
    library.clear_autocast_cache()
    note()
    return [tuple(str(part).replace("jtorch", "torch") for part in entry) for entry in found]


def test_contexts() -> None:
    assert states(jtorch) == states(torch)


def test_what_writes_to_a_tensor_is_not_cast() -> None:
    found = []
    for library in LIBRARIES:
        a, b = (library.from_numpy(x[0]) for x in ARRAYS)
        out = library.empty(4, 4)
        with library.autocast("cpu"):
            library.mm(a, b, out=out)
            inplace = a.clone().addmm_(a, b)
        found.append([out.numpy(), inplace.numpy()])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_a_second_half_is_refused() -> None:
    for library in LIBRARIES:
        halves = [library.ones(2, dtype=library.float16)] * 2
        with library.autocast("cpu"), pytest.raises(RuntimeError, match="autocast::prioritize"):
            library.cat(halves)


CALLS: dict[str, Callable] = {
    "dtype": lambda t: t.autocast("cpu", t.float32),
    "no type": lambda t: t.autocast(1),
    "unknown": lambda t: t.amp.is_autocast_available("foo"),
    "meta": lambda t: t.amp.is_autocast_available("cpu"),
    "not callable": lambda t: t.autocast("cpu")(3),
    "cpu.amp.autocast": lambda t: t.cpu.amp.autocast(),
    "cpu.amp.GradScaler": lambda t: t.cpu.amp.GradScaler(),
    "cuda.amp.custom_fwd": lambda t: t.cuda.amp.custom_fwd(print),
    "cuda.amp.custom_bwd": lambda t: t.cuda.amp.custom_bwd(print),
    "fwd of no type": lambda t: t.amp.custom_fwd(print, device_type=1),
    "no dtype": lambda t: t.set_autocast_dtype("cpu", "x"),
    "no bool": lambda t: t.set_autocast_enabled("cpu", 1),
    "asked with a number": lambda t: t.is_autocast_enabled(1),
    "cpu_enabled": lambda t: t.is_autocast_cpu_enabled(),
    "cpu_dtype": lambda t: str(t.get_autocast_cpu_dtype()),
    "gpu_dtype": lambda t: str(t.get_autocast_gpu_dtype()),
    "set_cpu_enabled": lambda t: t.set_autocast_cpu_enabled(False),
    "set_cpu_dtype": lambda t: t.set_autocast_cpu_dtype(t.bfloat16),
    "set_gpu_dtype": lambda t: t.set_autocast_gpu_dtype(t.float16),
}


@pytest.mark.parametrize("name", CALLS)
def test_warnings_and_errors(name: str) -> None:
    found = []
    for library in LIBRARIES:
        error = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                CALLS[name](library)
            except (RuntimeError, TypeError, ValueError) as raised:
                error = type(raised), str(raised).partition(" of ")[0]
        said = [(w.category, str(w.message).partition(" (Triggered")[0]) for w in caught]
        found.append((error, [(c, m.replace("jtorch", "torch")) for c, m in said]))
    assert found[0] == found[1]


@pytest.mark.parametrize("cast_inputs", ["float32", None])
def test_custom_functions(cast_inputs: str | None) -> None:
    """The decorators, on functions of a context as an autograd.Function has them."""
    found = []
    for library in LIBRARIES:
        kinds: list[str] = []
        wanted = None if cast_inputs is None else getattr(library, cast_inputs)

        def note(ctx: Any, *tensors: Any, kinds: list = kinds, library: Any = library) -> None:
            dtypes = [str(t.dtype) for t in tensors]
            kinds.append(f"{dtypes} {library.is_autocast_enabled('cpu')}")

        forward = library.amp.custom_fwd(note, device_type="cpu", cast_inputs=wanted)
        backward = library.amp.custom_bwd(device_type="cpu")(note)
        context = SimpleNamespace()
        tensors = [library.ones(2, dtype=library.bfloat16), library.ones(2, dtype=library.int64)]
        tensors.append(library.ones(2, dtype=library.float64))
        for enabled in (True, False):
            with library.autocast("cpu", enabled=enabled):
                forward(context, *tensors)
            backward(context, *tensors)
        found.append([k.replace("jtorch", "torch") for k in kinds])
    assert found[0] == found[1]


# ------------------------------------------------------------------------------------------- CUDA

# From PyTorch's "Autocast Op Reference": what a call gives for float32, and for float16.
CUDA = {
    "float16 float16": "matmul mm linear addmm:3 mv:21 prelu:21 linalg_vecdot conv1d:33",
    "float32 float32": (
        "exp:1 log:1 tan:1 rsqrt:1 pow softplus:1 mse_loss smooth_l1_loss cosine_similarity dist "
        "softmax:1 log_softmax:1 cumsum:1 sum:1 prod:1 linalg_vector_norm:1 pdist:1"
    ),
    "float32 float16": "add mul atan2 addcmul:3 cross:33 relu:1 sigmoid:1 amax:1 mean:1 gelu:1",
}
SHAPES = {"1": [(3, 3)], "3": [(3, 3)] * 3, "21": [(3, 3), (3,)], "33": [(3, 3, 3)] * 2}
CASES = [(entry, expected) for expected, names in CUDA.items() for entry in names.split()]


@pytest.mark.parametrize(("entry", "expected"), CASES, ids=[entry for entry, _ in CASES])
def test_cuda_table(entry: str, expected: str) -> None:
    """There need not be a CUDA device: the mode is resolved for one, and the shape inferred."""
    name, _, shapes = entry.partition(":")
    modes = Modes(autocast=(("cuda", jtorch.float16),))
    variant, left = autocast_variant(ROWS[name], modes, device("cuda", 0))
    assert not left.autocast
    rest = {"softmax": (1,), "log_softmax": (1,), "cumsum": (1,)}.get(name, ())
    kinds = []
    for given in ("float32", "float16"):
        structs = [jax.ShapeDtypeStruct(s, given) for s in SHAPES.get(shapes, [(3, 3)] * 2)]
        result = jax.eval_shape(lambda *arrays: variant.run((*arrays, *rest), {}), *structs)
        kinds.append(str(result.dtype))
    assert " ".join(kinds) == expected


def test_cuda_bans_binary_cross_entropy() -> None:
    modes = Modes(autocast=(("cuda", jtorch.float16),))
    variant, _ = autocast_variant(ROWS["binary_cross_entropy"], modes, device("cuda", 0))
    with pytest.raises(RuntimeError, match="are unsafe to autocast"):
        variant.run((np.ones(2), np.ones(2)), {})


def test_a_call_with_a_dtype_keeps_it_on_cuda() -> None:
    modes = Modes(autocast=(("cuda", jtorch.float16),))
    variant, _ = autocast_variant(ROWS["sum"], modes, device("cuda", 0))
    struct = jax.ShapeDtypeStruct((3,), "float16")
    result = jax.eval_shape(lambda x: variant.run((x,), {"dtype": jtorch.float16}), struct)
    assert str(result.dtype) == "float16"


def test_the_gradient_of_a_cast_op_has_the_dtype_of_its_input() -> None:
    """Also where the row has its gradient in terms of the output, which has another dtype."""
    modes = Modes(autocast=(("cuda", jtorch.float16),))
    variant, _ = autocast_variant(ROWS["exp"], modes, device("cuda", 0))
    struct = jax.ShapeDtypeStruct((3,), "float16")
    gradient = jax.eval_shape(jax.grad(lambda x: variant.run((x,), {}).sum()), struct)
    assert variant.backward is None
    assert str(gradient.dtype) == "float16"
