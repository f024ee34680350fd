"""`torch.testing`: assert_close, which says where and by how much values differ; make_tensor.

Values are compared on the host, with NumPy. Tolerances are PyTorch's: |actual - expected| <= atol +
rtol |expected|.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ._core import dtype as dtypes
from ._core.alias import cell_of
from ._core.errors import absent
from ._core.program import host
from ._core.size import strided
from ._core.tensor import Tensor, from_array
from .functions.random import default_generator

# dtype -> (rtol, atol), as listed for torch.testing.assert_close. Others are compared exactly.
TOLERANCES = {
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
    dtypes.complex64: (1.3e-6, 1e-5),
    dtypes.complex128: (1e-7, 1e-7),
}
_calls = itertools.count()
_NUMBERS = (bool, int, float, complex, np.number, np.bool_)


class _Differs(Exception):
    """What assert_close has to say, and the items that lead to the place."""

    def __init__(self, text: str, path: tuple = ()) -> None:
        super().__init__(text)
        self.text = text
        self.path = path


class _Options:
    """The keyword arguments of assert_close."""

    def __init__(self, rtol: Any, atol: Any, **checks: Any) -> None:
        if (rtol is None) != (atol is None):
            lacking = "atol" if atol is None else "rtol"
            raise ValueError(
                f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {lacking}."
            )
        self.given = None if rtol is None else (rtol, atol)
        self.checks = checks

    def tolerances(self, *kinds: Any) -> tuple[float, float]:
        """The given ones, or the widest of the dtypes that are compared."""
        if self.given is not None:
            return self.given
        found = [TOLERANCES.get(kind, (0.0, 0.0)) for kind in kinds]
        return max(r for r, _ in found), max(a for _, a in found)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """AssertionError unless the Tensors, numbers, or nested sequences and mappings of them agree
    in shape, dtype, device and, within the tolerances, in values. See torch.testing.assert_close.
    """
    options = _Options(
        rtol,
        atol,
        subclasses=allow_subclasses,
        nan=equal_nan,
        device=check_device,
        dtype=check_dtype,
        layout=check_layout,
        stride=check_stride,
    )
    try:
        _compare(actual, expected, options)
    except _Differs as error:
        text = error.text
        if error.path:
            items = "".join(f"[{item!r}]" for item in error.path)
            text += f"\n\nThe failure occurred for item {items}"
        if msg is not None:
            text = msg(text) if callable(msg) else msg
        raise AssertionError(text) from None


def _compare(actual: Any, expected: Any, options: _Options) -> None:
    pair = (actual, expected)
    if any(value is None for value in pair):
        if actual is not expected:
            raise _Differs(f"None mismatch: {actual} is not {expected}")
    elif all(isinstance(value, (Tensor, np.ndarray)) for value in pair):
        _compare_tensors(actual, expected, options)
    elif all(isinstance(value, (bool, np.bool_)) for value in pair):
        if bool(actual) is not bool(expected):
            raise _Differs(f"Booleans mismatch: {actual} is not {expected}")
    elif all(isinstance(value, _NUMBERS) for value in pair):
        _compare_numbers(actual, expected, options)
    elif all(isinstance(value, Mapping) for value in pair):
        _compare_mappings(actual, expected, options)
    elif all(isinstance(v, Sequence) and not isinstance(v, (str, bytes)) for v in pair):
        if len(actual) != len(expected):
            text = f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            raise _Differs(text)
        for place, (a, e) in enumerate(zip(actual, expected, strict=True)):
            _compare_item(place, a, e, options)
    else:
        raise TypeError(
            f"No comparison pair was able to handle inputs of type {type(actual)} and "
            f"{type(expected)}."
        )


def _compare_mappings(actual: Mapping, expected: Mapping, options: _Options) -> None:
    missing = sorted(set(expected) - set(actual), key=str)
    additional = sorted(set(actual) - set(expected), key=str)
    if missing or additional:
        raise _Differs(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {missing}\n"
            f"Additional keys in the actual mapping: {additional}"
        )
    for key in actual:
        _compare_item(key, actual[key], expected[key], options)


def _compare_item(place: Any, actual: Any, expected: Any, options: _Options) -> None:
    try:
        _compare(actual, expected, options)
    except _Differs as error:
        raise _Differs(error.text, (place, *error.path)) from None


def _compare_numbers(actual: Any, expected: Any, options: _Options) -> None:
    if options.checks["dtype"] and type(actual) is not type(expected):
        raise _Differs(f"The (d)types do not match: {type(actual)} != {type(expected)}.")
    rtol, atol = options.tolerances(
        *(dtypes.to_dtype(np.asarray(v).dtype) for v in (actual, expected))
    )
    difference = abs(actual - expected)
    if difference <= atol + rtol * abs(expected) or actual == expected:
        return
    if options.checks["nan"] and actual != actual and expected != expected:
        return
    relative = difference / abs(expected) if expected != 0 else float("inf")
    lines = [_title("Scalars", rtol, atol), "", f"Expected {expected} but got {actual}."]
    lines.append(f"Absolute difference: {difference}{_allowed(atol, rtol, atol)}")
    lines.append(f"Relative difference: {relative}{_allowed(rtol, rtol, atol)}")
    raise _Differs("\n".join(lines))


def _compare_tensors(actual: Any, expected: Any, options: _Options) -> None:
    if not options.checks["subclasses"] and type(actual) is not type(expected):
        raise _Differs(f"No comparison of {type(actual)} with {type(expected)}.")
    a, e = (v if isinstance(v, Tensor) else from_array(v) for v in (actual, expected))
    checks = options.checks
    facts = [("shape", a.shape, e.shape, True), ("device", a.device, e.device, checks["device"])]
    facts.append(("dtype", a.dtype, e.dtype, checks["dtype"]))
    facts.append(("layout", a.layout, e.layout, checks["layout"]))
    if a.layout is e.layout is strided:
        facts.append(("stride()", a.stride(), e.stride(), checks["stride"]))
    for name, one, other, wanted in facts:
        if wanted and one != other:
            raise _Differs(f"The values for attribute '{name}' do not match: {one} != {other}.")
    _compare_values(a.to_dense(), e.to_dense(), options)


def _compare_values(actual: Tensor, expected: Tensor, options: _Options) -> None:
    rtol, atol = options.tolerances(actual.dtype, expected.dtype)
    kind = dtypes.promote_types(actual.dtype, expected.dtype)
    wide = np.dtype(np.int64) if kind is dtypes.bool_ else kind.numpy
    a, e = (host(cell_of(t)).astype(wide) for t in (actual, expected))
    with np.errstate(all="ignore"):
        difference = np.abs(a - e)
        close = (a == e) | (np.isfinite(e) & (difference <= atol + rtol * np.abs(e)))
        if options.checks["nan"]:
            close |= np.isnan(a) & np.isnan(e)
        if close.all():
            return
        relative = difference / np.abs(e)
    if wide.kind in "iu":
        relative = relative.astype(np.float32)
    if not a.ndim:
        lines = [_title("Scalars", rtol, atol), "", f"Expected {e.item()} but got {a.item()}."]
        lines.append(f"Absolute difference: {difference.item()}{_allowed(atol, rtol, atol)}")
        lines.append(f"Relative difference: {relative.item()}{_allowed(rtol, rtol, atol)}")
        raise _Differs("\n".join(lines))
    wrong = int((~close).sum())
    lines = [_title("Tensor-likes", rtol, atol), ""]
    lines.append(f"Mismatched elements: {wrong} / {close.size} ({wrong / close.size:.1%})")
    for name, values, limit in (("absolute", difference, atol), ("relative", relative, rtol)):
        values = np.where(close, -1, values)
        at = np.unravel_index(int(np.argmax(values)), values.shape)
        place = tuple(map(int, at))
        text = f"Greatest {name} difference: {values[at].item()} at index {place}"
        lines.append(text + _allowed(limit, rtol, atol))
    raise _Differs("\n".join(lines))


def _title(what: str, rtol: float, atol: float) -> str:
    return f"{what} are not {'close' if rtol or atol else 'equal'}!"


def _allowed(limit: float, rtol: float, atol: float) -> str:
    return f" (up to {limit} allowed)" if rtol or atol else ""


def make_tensor(
    *shape: Any,
    dtype: dtypes.dtype,
    device: Any = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
) -> Tensor:
    """Random values between low and high (by default -9 to 9, or what the dtype holds), made on the
    host. Its values are not PyTorch's. See torch.testing.make_tensor."""
    sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    given = (*sizes[:-1], 2 * sizes[-1]) if noncontiguous and sizes else tuple(sizes)
    seed = default_generator.initial_seed() % 2**32
    random = np.random.default_rng([seed, next(_calls)])
    if dtype is dtypes.bool_:
        values: Any = random.integers(0, 2, given)
    elif dtype.is_floating_point or dtype.is_complex:
        ends = (-9.0 if low is None else low, 9.0 if high is None else high)
        values = random.uniform(*ends, given)
        if dtype.is_complex:
            values = values + 1j * random.uniform(*ends, given)
    else:
        lowest = 0 if dtype.numpy.kind == "u" else -9
        values = random.integers(
            lowest if low is None else int(low), 10 if high is None else int(high), given
        )
    if exclude_zero:
        values = np.where(values == 0, 1, values)
    made = from_array(np.asarray(values).astype(dtype.numpy), device)
    if noncontiguous and sizes:
        made = made[..., ::2]
    return made.requires_grad_() if requires_grad else made


__all__ = ["assert_close", "make_tensor"]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
