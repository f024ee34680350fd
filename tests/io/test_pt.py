"""save and load against PyTorch's, both ways: values, dtypes, strides, what shares memory."""

from __future__ import annotations

import collections
import io
import os
import pickle
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

DTYPES = (
    "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 "
    "complex64 complex128 float8_e4m3fn float8_e5m2"
).split()


def make(lib: Any) -> dict[str, Any]:
    """What people put into files, of one library."""
    base = lib.arange(12.0)
    weight = lib.nn.Parameter(lib.arange(6.0).view(2, 3))
    found = {
        "base": base,
        "part": base.view(3, 4)[:, 1:3],
        "transposed": base.view(3, 4).t(),
        "tied": [weight, weight],
        "frozen": lib.nn.Parameter(lib.ones(2), requires_grad=False),
        "leaf": lib.ones(2, requires_grad=True),
        "expanded": lib.ones(1).expand(5),
        "zero_dim": lib.tensor(3.5),
        "empty": lib.zeros(0, 3),
        "channels_last": lib.arange(120.0)
        .view(2, 3, 4, 5)
        .contiguous(memory_format=lib.channels_last),
        "conjugate": lib.ones(2, dtype=lib.complex64).mul(1j).conj(),
        "coo": lib.eye(2).to_sparse(),
        "csr": lib.eye(3).to_sparse_csr(),
        "facts": [lib.float16, lib.Size([1, 2]), lib.device("cpu"), lib.strided],
        "ordered": collections.OrderedDict(a=1, b=(2, [3.5, "ü"])),
        "plain": [None, True, 2**70, -1, 1e300, 1 + 2j, b"abc", bytearray(b"x"), {1, 2}, "text"],
        "counter": collections.Counter("aab"),
    }
    found["nested"] = {"again": found["base"], 3: {"list": [found["part"]]}}
    kinds = {name: lib.tensor([0, 1, 1, 0]).to(getattr(lib, name)) for name in DTYPES}
    return {**found, **kinds}


def training(lib: Any) -> dict[str, Any]:
    """The state of a model and its optimizer after a step, as people save it."""
    lib.manual_seed(0)
    model = lib.nn.Sequential(lib.nn.Linear(4, 3), lib.nn.BatchNorm1d(3))
    optimizer = lib.optim.Adam(model.parameters(), lr=0.1)
    model(lib.arange(8.0).view(2, 4)).pow(2).sum().backward()
    optimizer.step()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}


def plain(value: Any) -> Any:
    """Everything that can be seen of a value, without its library."""
    if isinstance(value, jtorch.Tensor | torch.Tensor):
        lib = torch if isinstance(value, torch.Tensor) else jtorch
        kind = type(value).__name__
        facts = (kind, str(value.dtype), str(value.layout), tuple(value.shape), value.requires_grad)
        value = value.detach()
        if str(value.layout) != "torch.strided":
            return (*facts, value.to_dense().tolist())
        place = (value.stride(), value.storage_offset())
        if "float8" in str(value.dtype):
            value = value.float()
        elif "uint" in str(value.dtype):
            value = value.to(lib.int64)
        return (*facts, place, value.tolist())
    if isinstance(value, dict):
        state = plain(getattr(value, "_metadata", None))
        return type(value).__name__, {k: plain(v) for k, v in value.items()}, state
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(v) for v in value]
    if type(value).__module__.partition(".")[0] in ("torch", "jtorch"):
        return str(value)
    return type(value).__name__, value


def torch_file(value: Any, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(value, file, **options)
    file.seek(0)
    return file


def jtorch_file(value: Any, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    jtorch.save(value, file, **options)
    file.seek(0)
    return file


pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR")  # PyTorch's, of its own CSR
OLD = {"_use_new_zipfile_serialization": False}
WAYS: list[tuple[dict, dict]] = [
    ({}, {}),
    ({}, {"weights_only": False}),
    ({}, {"map_location": "cpu"}),
    ({}, {"map_location": lambda storage, location: storage}),
    ({}, {"map_location": {"cuda:0": "cpu"}}),
    (OLD, {}),
    (OLD, {"weights_only": False}),
]


@pytest.mark.parametrize("make", [make, training])
@pytest.mark.parametrize(("saving", "loading"), WAYS)
def test_reads_pytorch(make: Any, saving: dict, loading: dict) -> None:
    expected = make(torch)
    found = jtorch.load(torch_file(expected, **saving), **loading)
    assert plain(found) == plain(expected)


LOCATIONS: list[Any] = [
    lambda storage, location: storage,
    lambda storage, location: storage.cpu(),
    lambda storage, location: storage.to(device="cpu"),
    lambda storage, location: storage.clone(),
    lambda storage, location: None,
    lambda storage, location: storage.cuda(0),
    lambda storage, location: "cpu",
    lambda storage, location: {}[location],
]


@pytest.mark.parametrize("function", LOCATIONS)
def test_map_location_as_a_function(function: Any) -> None:
    """Of PyTorch's signature, with what its storages can do; the same result, or a refusal."""

    def loaded(lib: Any) -> Any:
        seen = []

        def observed(storage: Any, location: str) -> Any:
            facts = (storage.nbytes(), storage.size(), len(storage), storage.element_size())
            seen.append((location, storage.device.type, storage.is_cuda, facts, storage.tolist()))
            return function(storage, location)

        state = {"a": torch.arange(3), "b": torch.ones(2, 4, dtype=torch.float16).t()}
        try:
            found = lib.load(torch_file(state), map_location=observed)
        except (KeyError, TypeError, RuntimeError) as error:
            return isinstance(error, KeyError), seen[0]
        return plain(found), seen

    expected = loaded(torch)
    assert str(loaded(jtorch)) == str(expected)


@pytest.mark.parametrize("make", [make, training])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_is_read_by_pytorch(make: Any, protocol: int) -> None:
    value = make(jtorch)
    file = jtorch_file(value, pickle_protocol=protocol)
    found = torch.load(file, weights_only=protocol == 2)
    assert plain(found) == plain(value)


@pytest.mark.parametrize("load_from", ["memory", "path", "mapped"])
def test_its_own_files(load_from: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    jtorch.save(make(jtorch), path)
    if load_from == "memory":
        found = jtorch.load(io.BytesIO(path.read_bytes()))
    else:
        found = jtorch.load(path, mmap=load_from == "mapped")
    assert plain(found) == plain(make(torch))


@pytest.mark.parametrize("file", [torch_file, jtorch_file])
def test_shared_memory(file: Any) -> None:
    found = jtorch.load(file(make(torch if file is torch_file else jtorch)))
    found["base"][5] = 100.0
    assert found["part"][1, 0] == found["transposed"][1, 1] == 100
    assert found["nested"]["again"][5] == 100
    first, second = found["tied"]
    assert first is second


def test_one_storage_under_two_names() -> None:
    weight = torch.ones(3)
    found = jtorch.load(torch_file({"a": weight, "b": weight.detach()}))
    found["a"][0] = 7
    assert found["b"].tolist() == [7, 1, 1]


def test_a_mapped_file_does_not_change(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"x": torch.ones(1000)}, path)
    before = path.read_bytes()
    found = jtorch.load(path, mmap=True)
    found["x"].mul_(2)
    assert found["x"].sum() == 2000
    assert path.read_bytes() == before


def test_attributes_and_subclasses() -> None:
    tensor = torch.ones(3)
    tensor.note = [1, 2]
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.decay = False
    found = jtorch.load(torch_file([tensor, parameter]))
    assert found[0].note == [1, 2]
    assert found[1].decay is False
    back = torch.load(jtorch_file(found))
    assert (back[0].note, back[1].decay) == ([1, 2], False)


def test_alignment() -> None:
    """The bytes of every storage begin at a multiple of 64, so that PyTorch can map them."""
    import zipfile

    raw = jtorch_file({str(k): jtorch.full((k,), 7, dtype=jtorch.uint8) for k in range(1, 9)})
    data = raw.getvalue()
    for entry in zipfile.ZipFile(raw).infolist():
        start = entry.header_offset
        name, extra = (int.from_bytes(data[start + k : start + k + 2], "little") for k in (26, 28))
        assert (start + 30 + name + extra) % 64 == 0


# ------------------------------------------------------------------------------------ whole objects


class Point:
    def __init__(self, x: int) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and other.x == self.x

    __hash__ = None


def test_other_classes_need_leave() -> None:
    file = jtorch_file([Point(3)])
    with pytest.raises(pickle.UnpicklingError, match=r"tests\.io\.test_pt\.Point"):
        jtorch.load(file)
    file.seek(0)
    assert jtorch.serialization.get_unsafe_globals_in_checkpoint(file) == ["tests.io.test_pt.Point"]
    file.seek(0)
    with jtorch.serialization.safe_globals([Point]):
        assert jtorch.serialization.get_safe_globals() == [Point]
        assert jtorch.load(file) == [Point(3)]
    assert jtorch.serialization.get_safe_globals() == []
    file.seek(0)
    assert jtorch.load(file, weights_only=False) == [Point(3)]


def test_numpy_scalars_with_leave() -> None:
    file = torch_file({"loss": np.float64(0.5)})
    with pytest.raises(pickle.UnpicklingError, match="scalar"):
        jtorch.load(file)
    file.seek(0)
    scalar = np.float64(0.5).__reduce__()[0]
    allowed = [scalar, np.dtype, type(np.dtype(np.float64))]
    with jtorch.serialization.safe_globals(allowed):
        assert jtorch.load(file) == {"loss": 0.5}


def test_whole_modules() -> None:
    model = jtorch.nn.Sequential(jtorch.nn.Linear(3, 2), jtorch.nn.ReLU())
    found = jtorch.load(jtorch_file(model), weights_only=False)
    x = jtorch.ones(1, 3)
    assert repr(found) == repr(model)
    assert found(x).tolist() == model(x).tolist()


# ------------------------------------------------------------------------------------------- errors


def test_errors(tmp_path: Path) -> None:
    for lib in (torch, jtorch):
        with pytest.raises(FileNotFoundError):
            lib.load(tmp_path / "nothing.pt")
        with pytest.raises(EOFError):
            lib.load(io.BytesIO())
        with pytest.raises(RuntimeError, match="Invalid magic number"):
            file = io.BytesIO()
            pickle.dump(3, file, protocol=2)
            file.seek(0)
            lib.load(file)
        with pytest.raises(RuntimeError):
            lib.load(io.BytesIO(torch_file(make(torch)).getvalue()[:2000]))
        with pytest.raises(AttributeError, match="seek"):
            lib.load(3)
        with pytest.raises(AttributeError, match="write"):
            lib.save(lib.ones(1), 3)
        with pytest.raises(ValueError, match="mmap"):
            lib.load(torch_file(1), mmap=True)
        with pytest.raises(RuntimeError, match="Cannot save multiple tensors"):
            x = lib.zeros(4)
            lib.save([x, x.view(lib.int32)], io.BytesIO())
        with pytest.raises(RuntimeError, match="cuda"):
            lib.load(torch_file(torch.ones(1)), map_location="cuda")
        with pytest.raises((AttributeError, pickle.PicklingError)):
            lib.save(lambda: 1, io.BytesIO())


def test_a_failed_save_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    jtorch.save([1], path)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        jtorch.save([jtorch.ones(3), lambda: 1], path)
    assert jtorch.load(path) == [1]
    assert os.listdir(tmp_path) == ["a.pt"]


def test_permissions_and_links(tmp_path: Path) -> None:
    """A file is replaced where it lies, and keeps who may read it."""
    path, link = tmp_path / "a.pt", tmp_path / "link.pt"
    jtorch.save(1, path)
    path.chmod(0o640)
    link.symlink_to(path)
    jtorch.save(2, link)
    assert link.is_symlink()
    assert jtorch.load(path) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


# ---------------------------------------------------------------------------------------- continued


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize(("first", "second"), [(torch, jtorch), (jtorch, torch)])
def test_training_goes_on_in_the_other_library(name: str, first: Any, second: Any) -> None:
    options = {"lr": 0.05, "weight_decay": 0.01} | ({"momentum": 0.9} if name == "SGD" else {})

    def begin(lib: Any) -> tuple[Any, Any]:
        lib.manual_seed(0)
        model = lib.nn.Sequential(lib.nn.Linear(4, 8), lib.nn.Tanh(), lib.nn.Linear(8, 1))
        return model, getattr(lib.optim, name)(model.parameters(), **options)

    def steps(lib: Any, model: Any, optimizer: Any, count: int) -> list[float]:
        x = lib.arange(12.0).view(3, 4) / 12
        losses = []
        for _ in range(count):
            loss = (model(x) - 1).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    expected = steps(torch, *begin(torch), 6)
    model, optimizer = begin(first)
    losses = steps(first, model, optimizer, 3)
    file = io.BytesIO()
    first.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    state = second.load(file)
    model, optimizer = begin(second)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    losses += steps(second, model, optimizer, 3)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
