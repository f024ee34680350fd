""".safetensors files against the library's own PyTorch module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch as theirs
import torch

import jtorch
from jtorch.io import safetensors as ours

DTYPES = (
    "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 "
    "complex64"
).split()
SMALL = ("float8_e4m3fn", "float8_e5m2")


def tensors(lib: Any, names: Any) -> dict[str, Any]:
    found = {name: lib.tensor([[0, 1], [1, 0]]).to(getattr(lib, name)) for name in names}
    return {**found, "empty": lib.zeros(0, 3), "number": lib.tensor(2.5)}


def plain(found: dict[str, Any]) -> dict[str, Any]:
    return {
        name: (str(t.dtype), tuple(t.shape), t.to(t.dtype).contiguous().view(-1).tolist())
        if "float8" not in str(t.dtype)
        else (str(t.dtype), t.float().tolist())
        for name, t in found.items()
    }


@pytest.mark.parametrize("names", [DTYPES, (*DTYPES, *SMALL)])
def test_both_ways(names: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    theirs.save_file(tensors(torch, names), path, metadata={"format": "pt"})
    found = ours.load_file(path)
    assert plain(found) == plain(tensors(torch, names))
    assert plain(ours.load(path.read_bytes())) == plain(found)
    ours.save_file(found, path)
    assert plain(theirs.load_file(path)) == plain(found)
    assert plain(theirs.load(ours.save(found))) == plain(found)


def test_views_are_written_as_they_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    ours.save_file({"t": jtorch.arange(6.0).view(2, 3).t()}, path)
    assert theirs.load_file(path)["t"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_shared_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"

    def tied(lib: Any) -> Any:
        lib.manual_seed(0)
        model = lib.nn.Sequential(lib.nn.Linear(3, 3), lib.nn.Linear(3, 3))
        model[1].weight = model[0].weight
        return model

    with pytest.raises(RuntimeError, match="share memory"):
        ours.save_file(tied(jtorch).state_dict(), path)
    for save, load in ((ours, theirs), (theirs, ours)):
        source, target = (tied(torch if side is theirs else jtorch) for side in (save, load))
        with (jtorch if load is ours else torch).no_grad():
            for parameter in target.parameters():
                parameter.zero_()
        save.save_model(source, str(path))
        assert tuple(map(list, load.load_model(target, path))) == ([], [])
        assert target[1].weight.tolist() == source[0].weight.tolist()
        assert target[1].weight is target[0].weight


def test_several_files(tmp_path: Path) -> None:
    parts = {"one.safetensors": {"a": torch.ones(2)}, "two.safetensors": {"b": torch.zeros(3)}}
    for name, part in parts.items():
        theirs.save_file(part, tmp_path / name)
    places = {tensor: name for name, part in parts.items() for tensor in part}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    expected = {"a": [1, 1], "b": [0, 0, 0]}
    for given in (tmp_path, index):
        assert {n: t.tolist() for n, t in ours.load_sharded(given).items()} == expected
    index.write_text(json.dumps({"weight_map": {"a": "../one.safetensors"}}))
    with pytest.raises(ValueError, match="another folder"):
        ours.load_sharded(tmp_path)
    index.unlink()
    theirs.save_file({"c": torch.ones(1)}, tmp_path / "model.safetensors")
    assert ours.load_sharded(str(tmp_path))["c"].tolist() == [1]
