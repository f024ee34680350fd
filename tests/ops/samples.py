"""What a row of the op table is made of: samples, and the seeded generator that makes them.

A sample is a call, `(args, kwargs)`, in which tensors are still NumPy arrays, so that it can be
built for any library. harness.py runs and compares; it explains how to write a row.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np


@dataclasses.dataclass
class Sample:
    """One call. `args` and `kwargs` may hold arrays at any depth of lists and tuples."""

    args: tuple
    kwargs: dict[str, Any]

    def __repr__(self) -> str:
        parts = [_brief(a) for a in self.args]
        parts += [f"{name}={_brief(value)}" for name, value in self.kwargs.items()]
        return f"({', '.join(parts)})"


@dataclasses.dataclass
class Strided:
    """An array whose tensor is a transposed view of a contiguous one."""

    array: np.ndarray


@dataclasses.dataclass
class Constant:
    """An array whose tensor is given as it is and takes no gradient."""

    array: np.ndarray


@dataclasses.dataclass
class Named:
    """Something that each library has under the same name: a dtype, `inf`, a class."""

    name: str


def _brief(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, (Strided, Constant)):
        return f"{type(value).__name__.lower()} {_brief(value.array)}"
    if isinstance(value, Named):
        return value.name
    if isinstance(value, (list, tuple)):
        inner = ", ".join(_brief(v) for v in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return repr(value)


class Generator:
    """Makes samples: `t(*args, **kwargs)` is one, and its methods make the arrays for it."""

    def __init__(self, name: str) -> None:
        self.random = np.random.default_rng(zlib.crc32(name.encode()))

    def __call__(self, *args: Any, **kwargs: Any) -> Sample:
        return Sample(args, kwargs)

    def float(
        self, *shape: int, low: float = -2.0, high: float = 2.0, dtype: Any = np.float32
    ) -> np.ndarray:
        """Uniform floats of `low` to `high`."""
        return np.asarray(self.random.uniform(low, high, shape), dtype)

    def double(self, *shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
        """The same as float64: these hold formulas to ten digits."""
        return self.float(*shape, low=low, high=high, dtype=np.float64)

    def positive(self, *shape: int, dtype: Any = np.float32) -> np.ndarray:
        """Uniform floats of 0.2 to 3."""
        return self.float(*shape, low=0.2, high=3.0, dtype=dtype)

    def unit(self, *shape: int, dtype: Any = np.float32) -> np.ndarray:
        """Uniform floats of 0.02 to 0.98."""
        return self.float(*shape, low=0.02, high=0.98, dtype=dtype)

    def distinct(self, *shape: int, dtype: Any = np.float32) -> np.ndarray:
        """Numbers that are all different, around zero, in random order."""
        size = int(np.prod(shape))
        scale = 4 if np.issubdtype(dtype, np.floating) else 1
        return ((self.random.permutation(size) - size // 2) / scale).reshape(shape).astype(dtype)

    def int(self, *shape: int, low: int = -5, high: int = 6, dtype: Any = np.int64) -> np.ndarray:
        """Uniform integers of `low` to `high - 1`."""
        return np.asarray(self.random.integers(low, high, shape), dtype)

    def bool(self, *shape: int) -> np.ndarray:
        """Fair coins."""
        return np.asarray(self.random.integers(0, 2, shape), np.bool_)

    def complex(self, *shape: int, dtype: Any = np.complex64) -> np.ndarray:
        """Complex numbers of the square of -2 to 2."""
        parts = self.random.uniform(-2, 2, (2, *shape))
        return np.asarray(parts[0] + 1j * parts[1], dtype)

    def special(self, dtype: Any = np.float32) -> np.ndarray:
        """The numbers that break formulas: zeros of both signs, infinities, NaN, ones."""
        values = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, np.inf, -np.inf, np.nan, 1e-30, 30.0]
        return np.array(values, dtype)

    def strided(self, array: np.ndarray) -> Strided:
        """The array as a tensor that is not contiguous."""
        return Strided(array)

    def constant(self, array: np.ndarray) -> Constant:
        """The array as a tensor that never requires grad."""
        return Constant(array)

    def dtype(self, name: str) -> Named:
        """A dtype of the library that runs the sample."""
        return Named(name)


def is_inexact(array: np.ndarray) -> bool:
    """Whether a tensor of this array can require grad."""
    return np.issubdtype(array.dtype, np.inexact)


def build(value: Any, library: Any, leaves: list | None, device: str | None = None) -> Any:
    """The value with tensors of `library` for arrays. Those that can require grad, and are not
    constants, are appended to `leaves` and do require it (unless `leaves` is None)."""
    if isinstance(value, Constant):
        return build(value.array, library, None)
    if isinstance(value, Strided):
        dims = tuple(reversed(range(value.array.ndim)))
        base = np.ascontiguousarray(value.array.transpose(dims))
        return build(base, library, leaves).permute(dims)
    if isinstance(value, np.ndarray):
        tensor = library.from_numpy(value.copy())
        if leaves is not None and is_inexact(value):
            tensor.requires_grad_()
            leaves.append(tensor)
        return tensor
    if isinstance(value, Named):
        return getattr(library, value.name)
    if isinstance(value, (list, tuple)):
        return type(value)(build(v, library, leaves) for v in value)
    return value


Make = Callable[[Generator], list]
