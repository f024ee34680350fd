"""Files from strangers: nothing in them runs, no other file is touched, memory stays bounded, and
what is wrong with them is one clear error."""

from __future__ import annotations

import io
import pickle
import random
import struct
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

import jtorch

ERRORS = (pickle.UnpicklingError, RuntimeError, EOFError)
PLAIN = {"w": torch.arange(64.0).view(8, 8), "n": {"epoch": 3, "names": ["a", "b"], "f": 0.5}}


def file_of(value: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def archive(
    tree: bytes, records: dict[str, bytes] | None = None, top: str = "archive", method: int = 0
) -> bytes:
    """A .pt file with a pickle and records of ours."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as written:
        for name, data in {"data.pkl": tree, **(records or {}), "version": b"3\n"}.items():
            written.writestr(f"{top}/{name}", data)
    return file.getvalue()


def tensor(key: str, count: int, offset: int, size: tuple, stride: tuple) -> bytes:
    """The pickle of a float32 Tensor, whatever it claims."""

    class Claim:
        def __reduce__(self) -> tuple:
            arguments = (_Storage(), offset, size, stride, False, {})
            return _function, arguments

    class _Storage:
        pass

    def _function() -> None: ...

    class Writer(pickle._Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return ("storage", _Float, key, "cpu", count) if isinstance(obj, _Storage) else None

        def save_global(self, obj: Any, name: str | None = None) -> None:
            text = (
                b"torch\nFloatStorage\n" if obj is _Float else b"torch._utils\n_rebuild_tensor_v2\n"
            )
            self.write(b"c" + text)

        dispatch = {**pickle._Pickler.dispatch, type(_function): save_global, type: save_global}

    class _Float:
        pass

    file = io.BytesIO()
    Writer(file, 2).dump(Claim())
    return file.getvalue()


def call(module: str, name: str, *arguments: Any) -> bytes:
    """The pickle of a call."""
    rest = pickle.dumps(arguments, 2)[2:-1]
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + rest + b"R."


CODE = {
    "os.system": call("os", "system", "touch MARKER"),
    "posix.system": call("posix", "system", "touch MARKER"),
    "eval": call("builtins", "eval", "open('MARKER', 'w')"),
    "exec": call("__builtin__", "exec", "open('MARKER', 'w')"),
    "subprocess": call("subprocess", "check_output", ["touch", "MARKER"]),
    "getattr": call("builtins", "getattr", "x", "upper"),
    "import": call("importlib", "import_module", "antigravity"),
    "jtorch": call("jtorch.io.pt", "save", 1, "MARKER"),
    "attribute of a safe class": call("collections", "OrderedDict.__class__", "x"),
    "dotted": call("torch", "Tensor.__class__", "x"),
    "runpy": call("runpy", "run_path", "MARKER"),
    "webbrowser": call("webbrowser", "open", "http://localhost"),
    "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch MARKER\x85R.",
    "inst": b"(S'touch MARKER'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'touch MARKER'\no.",
    "extension": b"\x80\x02\x82\x01.",
    "new object of a function": b"\x80\x02cos\nsystem\nX\x0c\x00\x00\x00touch MARKER\x85\x81.",
    "a call of a string": b"\x80\x02X\x01\x00\x00\x00x)R.",
    "a call of a dtype": b"\x80\x02ctorch\nfloat32\n)R.",
    "a call of Tensor": call("torch", "Tensor", 10**12),
    "the state of a function": b"\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00xK\x01sb.",
    "the state of a dtype": b"\x80\x02ctorch\nfloat32\n}X\x04\x00\x00\x00nameX\x01\x00\x00\x00xsb.",
    "the state of a size": b"\x80\x02ctorch\nSize\n)\x85R}X\x01\x00\x00\x00xK\x01sb.",
    "the class of a Tensor": b"\x80\x02ctorch\nTensor\n}X\x05\x00\x00\x00_cellK\x01sb.",
}
GREEDY = {
    "bytearray": call("builtins", "bytearray", 10**11),
    "a codec": call("_codecs", "encode", "a", "zip"),
    "a large integer": b"\x80\x02\x8b" + struct.pack("<i", 10**6) + b"\x01" * 10**6 + b".",
    "a long text": b"\x80\x02X\xff\xff\xff\xff.",
    "long bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".",
    "a memo of its own": b"\x80\x02" + b"r\xff\xff\xff\x7f" + b".",
    "no end": b"\x80\x02]",
    "an empty stack": b"\x80\x02.",
    "no mark": b"\x80\x02t.",
    "a key that can't be": b"\x80\x02}]K\x01s.",
    "a list filled as a dict": b"\x80\x02]K\x01K\x02s.",
    "an unknown persistent id": b"\x80\x02K\x01Q.",
}
CLAIMS: dict[str, tuple] = {
    "beyond the storage": ("0", 4, 0, (5,), (1,)),
    "an offset beyond": ("0", 4, 4, (1,), (1,)),
    "a negative offset": ("0", 4, -1, (1,), (1,)),
    "a negative size": ("0", 4, 0, (-1,), (1,)),
    "a negative stride": ("0", 4, 3, (2,), (-1,)),
    "a wrong count": ("0", 5, 0, (5,), (1,)),
    "a huge count": ("0", 2**62, 0, (4,), (1,)),
    "a huge shape": ("0", 4, 0, (2**40, 2**40), (0, 0)),
    "a large repetition": ("0", 4, 0, (2**30,), (0,)),
    "a missing storage": ("7", 4, 0, (4,), (1,)),
    "another path": ("../../data.pkl", 4, 0, (4,), (1,)),
    "too many strides": ("0", 4, 0, (4,), (1, 1)),
    "text for a size": ("0", 4, 0, ("x",), (1,)),
}


def crafted() -> dict[str, bytes]:
    """Whole files, by what is wrong with them."""
    found = {f"code: {name}": archive(tree) for name, tree in CODE.items()}
    found |= {f"greedy: {name}": archive(tree) for name, tree in GREEDY.items()}
    four = {"data/0": bytes(16)}
    for name, claim in CLAIMS.items():
        found[f"claim: {name}"] = archive(tensor(*claim), four)
    bomb = (tensor("0", 2**22, 0, (2**22,), (1,)), {"data/0": bytes(2**24)})
    found["a zip bomb"] = archive(*bomb, method=zipfile.ZIP_DEFLATED)
    found["no records"] = archive(b"")[-22:]
    found["records of another name"] = archive(b"\x80\x02K\x01.", top="../../outside")[:-30]
    found["no pickle"] = archive(b"\x80\x02K\x01.").replace(b"data.pkl", b"data.pk1")
    found["TorchScript"] = archive(b"\x80\x02K\x01.", {"constants.pkl": b""})
    old = file_of(PLAIN, _use_new_zipfile_serialization=False)
    found["old: code"] = old[: old.index(b"\x80\x02}", 60)] + CODE["os.system"]
    found["old: cut"] = old[:-100]
    return found


CRAFTED = crafted()


def overlapping() -> bytes:
    """An archive in which two records are the same bytes."""
    raw = archive(tensor("0", 4, 0, (4,), (1,)), {"data/0": bytes(16), "data/1": bytes(16)})
    entries = zipfile.ZipFile(io.BytesIO(raw)).infolist()
    first, second = (e for e in entries if "/data/" in e.filename)
    directory = raw.rindex(b"archive/data/1") - 4  # the offset stands just before the name
    assert struct.unpack("<I", raw[directory : directory + 4])[0] == second.header_offset
    return raw[:directory] + struct.pack("<I", first.header_offset) + raw[directory + 4 :]


@pytest.mark.parametrize("name", [*CRAFTED, "overlap"])
def test_crafted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = overlapping() if name == "overlap" else CRAFTED[name]
    path = tmp_path / "a.pt"
    path.write_bytes(raw)
    monkeypatch.chdir(tmp_path)
    for mmap in (False, True):
        with pytest.raises(ERRORS) as caught:
            jtorch.load(path, mmap=mmap)
        assert 0 < len(str(caught.value)) < 1000
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_cycles_and_depth_are_data() -> None:
    found = jtorch.load(io.BytesIO(archive(b"\x80\x02]q\x00h\x00a.")))
    assert found[0] is found
    count = 10**5
    found = jtorch.load(io.BytesIO(archive(b"\x80\x02" + b"]" * count + b"a" * (count - 1) + b".")))
    assert len(found) == 1


# A child with little memory reads damaged files, as many as there are seeds.
CHILD = textwrap.dedent("""
    import io, random, resource, sys
    import jtorch
    from tests.io.test_hostile import ERRORS, damaged

    jtorch.ones(3).sum().item()
    limit = 256 * 2**20
    with open("/proc/self/statm") as file:
        held = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + limit, held + limit))
    refused = 0
    for seed in range(int(sys.argv[1])):
        try:
            jtorch.load(io.BytesIO(damaged(seed)))
        except ERRORS as error:
            assert str(error), seed
            refused += 1
    print(refused)
""")


def damaged(seed: int) -> bytes:
    """A file of PyTorch's with bytes changed, cut out, doubled or put elsewhere."""
    chance = random.Random(seed)
    raw = bytearray(file_of(PLAIN, _use_new_zipfile_serialization=bool(seed % 3)))
    # Most of an archive is padding: half of the damage is done to the pickle and the directory.
    tree = raw.index(b"\x80\x02}")
    for _ in range(chance.choice((1, 1, 2, 8))):
        place = chance.randrange(len(raw))
        if chance.random() < 0.5:
            place = min(tree + chance.randrange(400), len(raw) - 1)
        kind = chance.randrange(5)
        length = chance.choice((1, 4, 30))
        if kind == 0:
            raw[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            raw[place : place + length] = bytes(chance.randrange(256) for _ in range(length))
        elif kind == 2:
            del raw[place : place + length]
        elif kind == 3:
            raw[place:place] = raw[place : place + length]
        elif chance.random() < 0.3:
            del raw[place:]
        else:
            raw[place : place + 4] = b"\xff\xff\xff\x7f"
        if len(raw) < 2:
            raw = bytearray(b"PK")
    return bytes(raw)


def test_damaged() -> None:
    """500 of them, within 256 MB."""
    result = subprocess.run(
        [sys.executable, "-c", CHILD, "500"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert int(result.stdout) > 250


def test_scanning_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    unsafe = jtorch.serialization.get_unsafe_globals_in_checkpoint
    assert unsafe(io.BytesIO(archive(CODE["os.system"]))) == ["os.system"]
    assert unsafe(io.BytesIO(file_of(PLAIN))) == []
    assert list(tmp_path.iterdir()) == []
