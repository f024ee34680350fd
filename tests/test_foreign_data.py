"""NumPy, DLPack, pandas, Arrow and PIL: what people make Tensors of, in both libraries."""

from __future__ import annotations

import array
import datetime
import importlib
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from PIL import Image

import jtorch

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})
MIXED = pd.DataFrame({"a": [1, 2], "s": ["x", "y"]})
SERIES = pd.Series([1.5, 2.5, 3.5])
LABELLED = pd.Series([1.0, 2.0], index=["a", "b"])
OBJECTS = pd.Series([1, 2.5, 3], dtype=object)
DATES = pd.Series(pd.date_range("2020", periods=3))
NULLABLE = pd.Series([1, 2, None], dtype="Int64")
ARRAYS = pd.Series([np.ones(2), np.zeros(2)])
TABLE = pa.table({"x": [1, 2, 3], "y": [1.0, 2.0, 3.0], "n": [1, None, 2], "t": ["a", "b", "c"]})
CHUNK = TABLE["y"].chunk(0)
READ_ONLY = np.frombuffer(np.arange(3.0).tobytes())
IMAGE = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))


class OnlyArray:
    """Has nothing but `__array__`."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.arange(3.0)


class Index:
    def __index__(self) -> int:
        return 3


def dlpack(lib: Any) -> Any:
    return importlib.import_module(f"{lib.__name__}.utils.dlpack")


# How a Tensor is made of what: every function with every datum.
MAKERS: dict[str, Callable[[Any, Any], Any]] = {
    "tensor": lambda lib, data: lib.tensor(data),
    "tensor of float32": lambda lib, data: lib.tensor(data, dtype=lib.float32),
    "as_tensor": lambda lib, data: lib.as_tensor(data),
    "from_numpy": lambda lib, data: lib.from_numpy(data),
    "default_collate": lambda lib, data: lib.utils.data.default_collate([data, data]),
    "default_convert": lambda lib, data: lib.utils.data.default_convert({"a": data, "b": [data]}),
}
DATA: dict[str, Any] = {
    "series": SERIES,
    "series.values": SERIES.values,
    "labelled series": LABELLED,
    "series of truth": pd.Series([True, False]),
    "series of objects": OBJECTS,
    "objects": OBJECTS.values,
    "series of arrays": ARRAYS.values,
    "stacked arrays": np.stack(ARRAYS.tolist()),
    "series of lists": pd.Series([[1, 2], [3, 4]]),
    "dates": DATES,
    "dates.values": DATES.values,
    "dates as numbers": DATES.astype("int64").values,
    "duration": np.array([1, 2], "m8[s]"),
    "nullable": NULLABLE,
    "nullable as floats": NULLABLE.to_numpy(dtype="float64", na_value=np.nan),
    "categories": pd.Series(["a", "b"], dtype="category").cat.codes.values,
    "dummies": pd.get_dummies(pd.Series(["a", "b"])).values,
    "frame": FRAME,
    "frame.values": FRAME.values,
    "to_numpy": FRAME.to_numpy(),
    "mixed": MIXED.values,
    "row": FRAME.iloc[0].values,
    "index": FRAME.index,
    "column": TABLE["y"].to_numpy(),
    "column of integers": TABLE["x"].to_numpy(),
    "column with nulls": TABLE["n"].to_numpy(),
    "column of text": TABLE["t"].to_numpy(),
    "chunked": TABLE["x"],
    "list of a column": TABLE["x"].to_pylist(),
    "table": TABLE,
    "image": IMAGE,
    "array of an image": np.array(IMAGE),
    "view of an image": np.asarray(IMAGE),
    "grey": np.array(IMAGE.convert("L")),
    "matrix": np.arange(6.0).reshape(2, 3),
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "permuted": np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
    "backwards": np.arange(3)[::-1],
    "swapped": np.arange(3, dtype=">i4"),
    "long double": np.ones(2, np.longdouble),
    "record": np.zeros(2, dtype=[("a", "f4")]),
    "text": np.array(["a", "b"]),
    "bytes": np.array([b"a"]),
    "uint16": np.ones(2, np.uint16),
    "zero_dim": np.array(2.5),
    "scalar": np.float32(1.5),
    "small scalar": np.int8(3),
    "truth": np.bool_(True),
    "date scalar": np.datetime64("2020"),
    "list of scalars": [np.float32(1), np.float32(2)],
    "list of mixed scalars": [np.float64(1), 2],
    "list of uneven arrays": [np.ones(2), np.ones(3)],
    "list of mixed arrays": [np.ones(2, np.float32), np.ones(2, np.int64)],
    "tuple of arrays": (np.ones(2, np.float32), np.zeros(2, np.float32)),
    "list of objects": [np.array([1, "a"], dtype=object)],
    "only __array__": OnlyArray(),
    "jax": jnp.ones(3),
    "array.array": array.array("f", [1, 2]),
    "bytearray": bytearray(b"abc"),
    "memoryview": memoryview(b"abc"),
    "range": range(4),
    "set": {1, 2},
    "dict": {1: 2},
    "index object": Index(),
    "date": datetime.date(2020, 1, 1),
    "timestamp": pd.Timestamp("2020"),
}
ROWS: dict[str, Callable[[Any], Any]] = {
    "dlpack of numpy": lambda lib: lib.from_dlpack(np.arange(3.0)),
    "dlpack of read-only": lambda lib: lib.from_dlpack(READ_ONLY),
    "dlpack of truth": lambda lib: lib.from_dlpack(np.array([True])),
    "dlpack of transposed": lambda lib: lib.from_dlpack(np.ones((2, 3)).T),
    "dlpack of arrow": lambda lib: lib.from_dlpack(CHUNK),
    "arrow": lambda lib: lib.tensor(CHUNK),
    "dlpack of its own": lambda lib: lib.from_dlpack(lib.ones(2)),
    "dlpack of bfloat16": lambda lib: lib.from_dlpack(jnp.ones(2, jnp.bfloat16)),
    "dlpack of a list": lambda lib: lib.from_dlpack([1]),
    "utils.dlpack": lambda lib: dlpack(lib).from_dlpack(np.arange(3)),
    "capsule": lambda lib: dlpack(lib).from_dlpack(dlpack(lib).to_dlpack(lib.arange(3))),
    "to_dlpack": lambda lib: lib.from_dlpack(lib.to_dlpack(lib.ones(2, 3))),
    "to numpy by dlpack": lambda lib: np.from_dlpack(lib.arange(3)),
    "to numpy by dlpack, with gradient": lambda lib: np.from_dlpack(
        lib.ones(2, requires_grad=True)
    ),
    "to jax by dlpack": lambda lib: jnp.from_dlpack(lib.ones(3)),
    "to jax": lambda lib: jnp.asarray(lib.ones(3)),
    "to numpy": lambda lib: np.asarray(lib.arange(3)),
    "to numpy, with gradient": lambda lib: np.asarray(lib.ones(2, requires_grad=True)),
    "np.stack": lambda lib: np.stack([lib.ones(2), lib.ones(2)]),
    "to pandas": lambda lib: pd.DataFrame(lib.arange(4).view(2, 2)).values,
    "to arrow": lambda lib: pa.array(lib.arange(3).numpy()).to_pylist(),
    "to an image": lambda lib: np.array(Image.fromarray(lib.eye(2, dtype=lib.uint8).numpy())),
    "channels first": lambda lib: lib.from_numpy(np.array(IMAGE)).permute(2, 0, 1).float(),
    "from_numpy of a scalar": lambda lib: lib.from_numpy(np.float32(1)),
    "new_tensor": lambda lib: lib.ones(1).new_tensor(FRAME.values),
    "Tensor of an array": lambda lib: lib.Tensor(np.arange(3)),
    "Tensor of a series": lambda lib: lib.Tensor(SERIES),
    "Tensor of a range": lambda lib: lib.Tensor(range(3)),
    "Tensor of a dict": lambda lib: lib.Tensor({1: 2}),
    "Tensor of text": lambda lib: lib.Tensor("ab"),
    "Tensor of a size": lambda lib: lib.Tensor(lib.Size([2])).shape[0],
    "FloatTensor": lambda lib: lib.FloatTensor(FRAME.values.astype(np.float32)),
    "too large": lambda lib: lib.tensor([np.array([300])], dtype=lib.uint8),
    "records": lambda lib: lib.utils.data.default_collate(FRAME.to_dict("records")),
    "samples": lambda lib: lib.utils.data.default_collate([(np.ones(2), 1, "a")] * 2),
}
# PyTorch says other words of these, or tells of a class by another name.
OTHERWISE = {
    "tensor of float32 of table",
    "tensor of float32 of date scalar",
    "tensor of float32 of list of objects",
    "from_numpy of jax",
    "from_numpy of array.array",
}
for _maker, _make in MAKERS.items():
    for _name, _data in DATA.items():
        ROWS[f"{_maker} of {_name}"] = lambda lib, make=_make, data=_data: make(lib, data)


def seen(value: Any) -> Any:
    """All that can be seen of a result."""
    if isinstance(value, torch.Tensor | jtorch.Tensor):
        facts = (str(value.dtype), tuple(value.shape), value.stride(), value.requires_grad)
        return "Tensor", *facts, str(value.tolist())
    if isinstance(value, np.ndarray | jax.Array):
        return type(value).__name__, str(value.dtype), str(value.tolist())
    if isinstance(value, dict):
        return {key: seen(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [seen(part) for part in value]
    return type(value).__name__, str(value)


def outcome(row: Callable[[Any], Any], lib: Any) -> Any:
    try:
        return seen(row(lib))
    except Exception as error:  # noqa: BLE001
        return type(error).__name__, str(error)


@pytest.mark.parametrize("name", ROWS)
def test_as_in_pytorch(name: str) -> None:
    with warnings.catch_warnings():
        # PyTorch warns of memory that it shares, and of lists of arrays, which are slow there.
        warnings.simplefilter("ignore")
        expected = outcome(ROWS[name], torch)
    found = outcome(ROWS[name], jtorch)
    if name in OTHERWISE:
        assert found != expected
    else:
        assert found == expected


def test_what_is_copied() -> None:
    """No later write to the data is seen, whoever writes."""
    data = np.arange(3.0)
    made = [jtorch.from_numpy(data), jtorch.as_tensor(data), jtorch.from_dlpack(data)]
    data[0] = 7
    assert [t.tolist() for t in made] == [[0, 1, 2]] * 3
    made[0][1] = 9
    assert data.tolist() == [7, 1, 2]
    with pytest.raises(ValueError):
        np.array(made[0], copy=False)
    with pytest.raises(BufferError):
        jtorch.from_dlpack(data, copy=False)
    assert jtorch.from_numpy(np.arange(6.0)[::2]).stride() == (1,)
