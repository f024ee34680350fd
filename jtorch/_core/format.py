"""The text of a Tensor, as PyTorch prints it.

Pure functions of NumPy arrays: `format_tensor` lays out the numbers, `tensor_text` adds what a
Tensor's repr says besides (device, size, dtype, grad_fn). The options that `torch.set_printoptions`
changes live here too. The rules were found by comparing with PyTorch 2.13 (tests/test_format.py).
Nothing here knows Tensor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .dtype import bool_, complex64, complex128, dtype, float64, get_default_dtype, int64


@dataclass(frozen=True)
class Options:
    """What `torch.set_printoptions` can set."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": Options(),
    "short": Options(precision=2, edgeitems=2),
    "full": Options(threshold=math.inf),
}
_options = Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how Tensors are printed: "default", "short" or "full", and single options on top of it.

    sci_mode None leaves the choice to the numbers. See `torch.set_printoptions`.
    """
    global _options
    # As in PyTorch, a profile of another name is passed over.
    chosen = _PROFILES.get(profile or "", _options)
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    given = {name: value for name, value in given.items() if value is not None}
    _options = replace(chosen, sci_mode=sci_mode, **given)


def get_printoptions() -> dict[str, Any]:
    """The present print options, by name."""
    return asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Print options for a `with` block; the arguments are those of `set_printoptions`."""
    global _options
    before = _options
    set_printoptions(**options)
    try:
        yield
    finally:
        _options = before


# ------------------------------------------------------------------------------------- numbers


class _Integers:
    """Writes integers and booleans, all to one width."""

    def __init__(self, values: list) -> None:
        self.width = max((len(str(v)) for v in values), default=1)

    def write(self, value: int) -> str:
        return f"{value!s:>{self.width}}"


class _Floats:
    """Writes floats to one width: as `1.`, as `1.0000` or as `1.0000e+00`, whichever they all need.

    The choice and the width come from the finite values other than zero.
    """

    def __init__(self, values: list[float], options: Options) -> None:
        self.precision = options.precision
        counted = [v for v in values if v != 0 and math.isfinite(v)]
        self.whole = all(v == math.ceil(v) for v in counted)
        self.scientific = False
        self.width = 1
        if counted:
            sizes = [abs(v) for v in counted]
            low, high = min(sizes), max(sizes)
            self.scientific = high / low > 1000 or high > 1e8 or (not self.whole and low < 1e-4)
            if options.sci_mode is not None:
                self.scientific = options.sci_mode
            self.width = max(len(self._digits(v)) for v in counted)

    def _digits(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{self.precision}e}"
        if self.whole:
            return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
        return f"{value:.{self.precision}f}"

    def write(self, value: float) -> str:
        return self._digits(value).rjust(self.width)


class _Complex:
    """Writes complex numbers: real and imaginary parts to a width each."""

    def __init__(self, values: list[complex], options: Options) -> None:
        self.real = _Floats([v.real for v in values], options)
        self.imag = _Floats([v.imag for v in values], options)
        self.width = self.real.width + self.imag.width + 1

    def write(self, value: complex) -> str:
        imag = self.imag.write(value.imag).lstrip() + "j"
        sign = "" if imag.startswith("-") else "+"
        return self.real.write(value.real) + sign + imag


def _writer(shown: np.ndarray, options: Options) -> _Integers | _Floats | _Complex:
    values = shown.reshape(-1).tolist()
    if shown.dtype.kind == "c":
        return _Complex(values, options)
    if shown.dtype.kind == "f":
        return _Floats(values, options)
    return _Integers(values)


# -------------------------------------------------------------------------------------- layout


class _Layout:
    """Brackets, lines and ellipses around the numbers of one array."""

    def __init__(self, array: np.ndarray, options: Options) -> None:
        self.options = options
        self.summary = array.size > options.threshold
        self.array = _edges(array, options.edgeitems) if self.summary else array
        self.cut = [self.summary and size > 2 * options.edgeitems for size in array.shape]
        self.writer = _writer(self.array, options)

    def text(self, indent: int) -> str:
        if self.array.ndim == 0:
            return self.writer.write(self.array.tolist())
        return self._block(self.array, 0, indent)

    def _block(self, array: np.ndarray, depth: int, indent: int) -> str:
        """The text of a part, which starts in column `indent`."""
        if array.ndim == 1:
            return self._row(array, self.cut[depth], indent)
        parts = [self._block(part, depth + 1, indent + 1) for part in array]
        if self.cut[depth]:
            parts.insert(self.options.edgeitems, "...")
        gap = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
        return "[" + gap.join(parts) + "]"

    def _row(self, row: np.ndarray, cut: bool, indent: int) -> str:
        numbers = [self.writer.write(v) for v in row.tolist()]
        if cut:
            numbers.insert(self.options.edgeitems, " ...")
        # A number takes its width, a comma and a space.
        per_line = max(1, (self.options.linewidth - indent) // (self.writer.width + 2))
        lines = [", ".join(numbers[i : i + per_line]) for i in range(0, len(numbers), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _edges(array: np.ndarray, count: int) -> np.ndarray:
    """The first and last `count` items of every dimension."""
    for axis, size in enumerate(array.shape):
        if size > 2 * count:
            kept = [*range(count), *range(size - count, size)]
            array = np.take(array, kept, axis=axis)
    return array


def _plain(array: np.ndarray) -> np.ndarray:
    """The array in a dtype whose `tolist` gives Python numbers."""
    if array.dtype.kind in "biuc":
        return array
    return array.astype(np.float64)


def format_tensor(
    array: np.ndarray,
    options: Options | None = None,
    *,
    suffixes: Sequence[str] = (),
    prefix: str = "tensor(",
) -> str:
    """`tensor(...)` with the numbers of an array, then the suffixes, broken at the line width."""
    options = options or _options
    indent = len(prefix)
    body = "[]" if array.size == 0 else _Layout(_plain(array), options).text(indent)
    return _with_suffixes(prefix + body, suffixes, indent, options.linewidth)


def _with_suffixes(
    text: str, suffixes: Sequence[str], indent: int, width: int, new_line: bool = False
) -> str:
    """A text with suffixes, broken at the line width, and a closing bracket.

    new_line: the first suffix begins a line.
    """
    # PyTorch counts the last line two columns longer than it is when it holds the prefix too.
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if new_line or column + len(suffix) + 2 > width:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
        new_line = False
    return text + ")"


def sparse_text(
    parts: Sequence[tuple[str, np.ndarray]],
    kind: dtype,
    layout: Any,
    size: tuple[int, ...],
    *,
    device: Any,
    default_device: Any,
    requires_grad: bool,
    grad_fn: str | None,
) -> str:
    """The repr of a sparse Tensor: its parts by name (the last are the values), size and
    layout."""
    prefix = "tensor("
    margin = " " * len(prefix)
    shown = []
    for name, array in parts:
        suffixes = [f"size={array.shape}"] if not array.size else []
        start = f"{margin}{name}=tensor("
        shown.append(format_tensor(array, suffixes=suffixes, prefix=start).lstrip())
    suffixes = [f"device='{device}'"] if str(device) != str(default_device) else []
    suffixes += [f"size={size}", f"nnz={parts[-1][1].shape[0]}"]
    if kind not in _usual():
        suffixes.append(f"dtype={kind}")
    suffixes.append(f"layout={layout}")
    suffixes += _history(requires_grad, grad_fn)
    text = prefix + f",\n{margin}".join(shown)
    new_line = len(parts) == 2  # as PyTorch, of indices and values
    return _with_suffixes(text, suffixes, len(prefix), _options.linewidth, new_line)


def _usual() -> tuple[dtype, ...]:
    """The dtypes that a repr need not name."""
    default = get_default_dtype()
    return default, complex128 if default is float64 else complex64, int64, bool_


def _history(requires_grad: bool, grad_fn: str | None) -> list[str]:
    """What a repr says of autograd."""
    if grad_fn is not None:
        return [f"grad_fn=<{grad_fn}>"]
    return ["requires_grad=True"] if requires_grad else []


def tensor_text(
    array: np.ndarray,
    kind: dtype,
    *,
    device: Any = "cpu",
    default_device: Any = "cpu",
    requires_grad: bool = False,
    grad_fn: str | None = None,
    tangent: str | None = None,
    name: str = "tensor",
) -> str:
    """The repr of a Tensor: its numbers, and what is not as usual about it."""
    suffixes = []
    if str(device) != str(default_device):
        suffixes.append(f"device='{device}'")
    usual = _usual()
    if array.size == 0:
        if array.ndim != 1:
            suffixes.append(f"size={tuple(array.shape)}")
        usual = usual[:1]
    if kind not in usual:
        suffixes.append(f"dtype={kind}")
    suffixes += _history(requires_grad, grad_fn)
    if tangent is not None:
        suffixes.append(f"tangent={tangent}")
    return format_tensor(array, suffixes=suffixes, prefix=f"{name}(")


def batched_text(whole: str, dim: int, level: int) -> str:
    """A Tensor that stands for one example inside of vmap, given the text of them all."""
    indented = "\n".join(f"    {line}" for line in whole.splitlines())
    return f"BatchedTensor(lvl={level}, bdim={dim}, value=\n{indented}\n)"
