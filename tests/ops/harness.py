"""How an op is compared with PyTorch. A row of the table is one call:

    case(
        "add",                                     # torch.add, Tensor.add, Tensor.add_, out=
        lambda t: [                                # t makes arrays and samples (samples.py)
            t(t.float(3, 4), t.float(4)),          # one sample: the arguments of one call
            t(t.int(3), 2, alpha=3),
        ],
        errors=lambda t: [                         # calls that must raise PyTorch's class of error,
            (t(t.float(3), t.float(4)), "must match the size"),    # with these words in it
        ],
    )

A name with dots is a path from the package root ("nn.functional.relu"). `case` finds out by itself
whether PyTorch has a method, an in-place variant and `out=`. Structure, shapes, dtypes, values and
gradients (random cotangents) are compared. Options: see `Row`. Samples are dear: each distinct
shape is compiled, so write three to six small ones per row. All samples of a row run lazily and are
read together, which makes one program.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import pathlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from .samples import Generator, Make, Sample, build, is_inexact

ROWS: list[Row] = []

# (rtol, atol) by dtype; integers and booleans are compared exactly.
TOLERANCE = {
    "float64": (1e-10, 1e-12),
    "complex128": (1e-10, 1e-12),
    "float32": (1e-5, 2e-6),
    "complex64": (1e-5, 4e-6),
    "float16": (2e-3, 2e-3),
    "bfloat16": (1.6e-2, 1.6e-2),
}

# The method is the function again, and `out=` is the engine's: two samples tell enough.
SAMPLES_OF_VARIANT = {"method": 2, "out": 2}


@dataclasses.dataclass
class Row:
    """One op and what is compared of it.

    gradients: compare gradients where PyTorch gives them. twice: second derivatives too.
    method, inplace, out: whether these variants are tried; None means where PyTorch has them.
    tolerance: factor on the tolerances. values: False compares only shapes and dtypes (`empty`).
    strides: compare `stride()` of the results. function: what to call instead of the op of that
    name, with the library as its first argument.
    """

    name: str
    samples: Make
    errors: Make | None = None
    gradients: bool = True
    twice: bool = False
    method: bool | None = None
    inplace: bool | None = None
    out: bool | None = None
    tolerance: float = 1.0
    values: bool = True
    strides: bool = True
    function: Callable | None = None
    family: str = ""


def case(name: str, samples: Make, **options: Any) -> Row:
    """Add a row to the table. The options are the fields of `Row`."""
    row = Row(name, samples, **options)
    row.family = getattr(samples, "__module__", "").rpartition(".")[2].removeprefix("table_")
    ROWS.append(row)
    return row


def table() -> list[Row]:
    """All rows: each table_<family>.py adds its own."""
    for path in sorted(pathlib.Path(__file__).parent.glob("table_*.py")):
        importlib.import_module(f".{path.stem}", __package__)
    return ROWS


def check(row: Row, library: Any, mode: str = "lazy") -> list[str]:
    """Run a row under PyTorch and under `library`. The differences, as sentences.

    mode: "lazy", "eager" or "compiled", where what `compile` repeats is looked at.
    """
    eager = mode == "eager"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if mode == "compiled":
            return list(_check_compiled(row, library))
        context = library.debug.eager() if eager else contextlib.nullcontext()
        with context:
            return [*_check_samples(row, library, eager), *_check_errors(row, library)]


def _check_samples(row: Row, library: Any, eager: bool) -> Iterator[str]:
    """All calls first, then all reads: in lazy mode that is a single program."""
    pending = []
    for number, sample in enumerate(row.samples(Generator(row.name))):
        for variant in _variants(row, eager):
            if number >= SAMPLES_OF_VARIANT.get(variant, number + 1):
                continue
            expected, error = _attempt(row, torch, variant, sample, None)
            if error is not None:
                if variant == "function":
                    yield f"{sample}: PyTorch itself raises {type(error).__name__}: {error}"
                elif variant == "inplace":
                    actual, ours = _attempt(row, library, variant, sample, expected)
                    yield from _compare_errors(f"{variant} {sample}", error, ours)
                continue
            actual, error = _attempt(row, library, variant, sample, expected)
            if error is not None:
                yield f"{variant} {sample}: raises {type(error).__name__}: {error}"
                continue
            pending.append((f"{variant} {sample}", expected, actual))
    for title, expected, actual in pending:
        try:
            yield from (f"{title}: {d}" for d in compare(expected, actual, row))
        except Exception as error:  # reading is where a lazy program runs
            yield f"{title}: reading raises {type(error).__name__}: {error}"


def _check_compiled(row: Row, library: Any) -> Iterator[str]:
    """The first sample, compiled: the third call of a function is a repetition, if it can be."""
    for sample in row.samples(Generator(row.name)):
        expected, error = _attempt(row, torch, "function", sample, None)
        if error is not None:
            continue
        function = library.compile(function_of(row, library))
        for _ in range(3):
            library.cpu.synchronize()
            actual = call(row, library, sample, function=function)
            yield from (f"compiled {sample}: {d}" for d in compare(expected, actual, row))
        return


def _variants(row: Row, eager: bool) -> list[str]:
    """The ways of calling that are compared. In eager mode one is enough."""
    plain = "." not in row.name and row.function is None
    has_function = row.function is not None or _lookup(torch, row.name) is not None
    variants = ["function"] if has_function else []
    if eager and variants:
        return variants
    has_method = plain and hasattr(torch.Tensor, row.name)
    if has_method if row.method is None else row.method:
        variants.append("method")
    has_inplace = plain and hasattr(torch.Tensor, row.name + "_")
    if has_inplace if row.inplace is None else row.inplace:
        variants.append("inplace")
    if row.out is not False and has_function and row.function is None:
        variants.append("out")
    return variants


def _lookup(library: Any, path: str) -> Any:
    try:
        return functools.reduce(getattr, path.split("."), library)
    except AttributeError:
        return None


def _attempt(
    row: Row, library: Any, variant: str, sample: Sample, expected: Any
) -> tuple[Any, Exception | None]:
    try:
        return _VARIANTS[variant](row, library, sample), None
    except Exception as error:
        return None, error


def call(
    row: Row,
    library: Any,
    sample: Sample,
    method: bool = False,
    function: Callable | None = None,
) -> Any:
    """Outputs and gradients of one call: what is compared. function: instead of the row's."""
    leaves: list | None = [] if row.gradients else None
    args = build(sample.args, library, leaves)
    kwargs = {name: build(value, library, leaves) for name, value in sample.kwargs.items()}
    if method:
        result = getattr(library.Tensor, row.name)(*args, **kwargs)
    else:
        result = (function or function_of(row, library))(*args, **kwargs)
    found = {"result": result}
    if leaves:
        found.update(_gradients(row, library, result, leaves))
    return found


def function_of(row: Row, library: Any) -> Callable:
    """What a row calls: a function, or else a method."""
    if row.function is not None:
        return functools.partial(row.function, library)
    return _lookup(library, row.name) or getattr(library.Tensor, row.name)


def _function(library: Any, path: str) -> Callable:
    return functools.reduce(getattr, path.split("."), library)


def _gradients(row: Row, library: Any, result: Any, leaves: list) -> dict[str, Any]:
    outputs = [t for t in flatten(result) if hasattr(t, "requires_grad")]
    found: dict[str, Any] = {"requires_grad": [bool(t.requires_grad) for t in outputs]}
    outputs = [t for t in outputs if t.requires_grad]
    if not outputs:
        return found
    random = np.random.default_rng(0)
    cotangents = [_cotangent(random, library, t, row.twice) for t in outputs]
    grad = functools.partial(library.autograd.grad, allow_unused=True)
    gradients = grad(outputs, leaves, cotangents, create_graph=row.twice)
    found["gradient"] = list(gradients)
    if row.twice:
        inner = [g for g in gradients if g is not None and g.requires_grad]
        again = [_cotangent(random, library, t, False) for t in inner]
        found["second gradient"] = list(grad(inner, leaves + cotangents, again)) if inner else []
    return found


def _cotangent(random: np.random.Generator, library: Any, tensor: Any, grad: bool) -> Any:
    values = np.asarray(random.uniform(-1, 1, tuple(tensor.shape)))
    name = dtype_name(tensor.dtype)
    if name.startswith("complex"):
        values = values + 1j * random.uniform(-1, 1, values.shape)
    made = library.from_numpy(np.asarray(values)).to(getattr(library, name))
    return made.requires_grad_() if grad else made


def _call_inplace(row: Row, library: Any, sample: Sample) -> Any:
    args = build(sample.args, library, None)
    kwargs = {name: build(value, library, None) for name, value in sample.kwargs.items()}
    result = getattr(library.Tensor, row.name + "_")(*args, **kwargs)
    return {"result": result, "self": args[0], "returns self": result is args[0]}


def _call_out(row: Row, library: Any, sample: Sample) -> Any:
    """With `out=` an empty tensor, or as many as the op has results."""
    args = build(sample.args, library, None)
    kwargs = {name: build(value, library, None) for name, value in sample.kwargs.items()}
    plain = _function(library, row.name)(*args, **kwargs)
    if isinstance(plain, tuple):
        out = tuple(library.empty(0, dtype=t.dtype) for t in plain)
    else:
        out = library.empty(0, dtype=plain.dtype)
    result = _function(library, row.name)(*args, **kwargs, out=out)
    same = all(a is b for a, b in zip(flatten(result), flatten(out), strict=True))
    return {"result": result, "out": out, "returns out": same}


_VARIANTS = {
    "function": lambda row, library, sample: call(row, library, sample, False),
    "method": lambda row, library, sample: call(row, library, sample, True),
    "inplace": _call_inplace,
    "out": _call_out,
}


def _check_errors(row: Row, library: Any) -> Iterator[str]:
    if row.errors is None:
        return
    for sample, words in row.errors(Generator(row.name)):
        variant = _variants(row, eager=True)[0]
        _, expected = _attempt(row, torch, variant, sample, None)
        if expected is None or words.lower() not in str(expected).lower():
            yield f"error {sample}: PyTorch does not say {words!r} but {expected!r}"
            continue
        actual, error = _attempt(row, library, variant, sample, None)
        if error is None:
            with contextlib.suppress(Exception):
                yield f"error {sample}: gives {_brief_result(actual)}, PyTorch raises {expected!r}"
            continue
        yield from _compare_errors(f"error {sample}", expected, error)
        if words.lower() not in str(error).lower():
            yield f"error {sample}: says {str(error)!r}, without {words!r}"
        for other in _other_numbers(sample):  # a number that was seen to vary becomes an input
            _attempt(row, library, variant, other, None)
        _, again = _attempt(row, library, variant, sample, None)
        yield from _compare_errors(f"error {sample} of numbers that vary", expected, again)


def _other_numbers(sample: Sample) -> Iterator[Sample]:
    """Two samples with other numbers in place of a sample's; none if it has no numbers."""
    values = (*sample.args, *sample.kwargs.values())
    if not any(type(v) in (int, float) for v in values):
        return
    for others in ({int: 1, float: 0.5}, {int: 2, float: 0.25}):

        def other(value: Any, others: dict = others) -> Any:
            return others.get(type(value), value)

        args = tuple(map(other, sample.args))
        yield Sample(args, {k: other(v) for k, v in sample.kwargs.items()})


def _brief_result(result: Any) -> str:
    return repr(result)[:200]


def _compare_errors(title: str, expected: Exception, actual: Exception | None) -> Iterator[str]:
    """The class of PyTorch's error, or a class derived from its public builtin one."""
    classes = [c for c in type(expected).__mro__ if c.__module__ == "builtins"]
    if not isinstance(actual, classes[0]):
        yield f"{title}: raises {actual!r}, PyTorch {expected!r}"


# Comparing results


def flatten(value: Any) -> list:
    """The leaves of nested tuples, lists and dicts."""
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in flatten(v)]
    if isinstance(value, (list, tuple)) and type(value).__name__ != "Size":
        return [leaf for v in value for leaf in flatten(v)]
    return [value]


def dtype_name(dtype: Any) -> str:
    """`float32`, from any library's dtype."""
    return str(dtype).rpartition(".")[2]


def compare(expected: Any, actual: Any, row: Row, path: str = "") -> Iterator[str]:
    """What differs between a result of PyTorch's and one of the library's."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            if key not in actual:
                yield f"{path}{key}: missing"
            else:
                yield from compare(value, actual[key], row, f"{path}{key}")
    elif isinstance(expected, torch.Tensor):
        yield from _compare_tensors(expected, actual, row, path)
    elif isinstance(expected, (list, tuple)):
        yield from _compare_sequences(expected, actual, row, path)
    elif isinstance(expected, torch.dtype):
        if dtype_name(expected) != dtype_name(actual):
            yield f"{path} is {actual}, expected {expected}"
    elif isinstance(expected, float):
        if not np.allclose(expected, actual, rtol=1e-6, atol=0, equal_nan=True):
            yield f"{path} is {actual!r}, expected {expected!r}"
    elif expected != actual or type(expected) is not type(actual):
        yield f"{path} is {actual!r}, expected {expected!r}"


def _compare_sequences(expected: Any, actual: Any, row: Row, path: str) -> Iterator[str]:
    if not isinstance(actual, (list, tuple)) or len(actual) != len(expected):
        yield f"{path} is {_brief_result(actual)}, expected {len(expected)} items"
        return
    fields = _fields(expected)
    if _fields(actual) != fields:
        yield f"{path} has the fields {_fields(actual)}, expected {fields}"
    elif isinstance(expected, list) is not isinstance(actual, list):
        yield f"{path} is a {type(actual).__name__}, expected a {type(expected).__name__}"
    for index, (e, a) in enumerate(zip(expected, actual, strict=True)):
        yield from compare(e, a, row, f"{path}[{index}]")


def _fields(value: Any) -> list[str]:
    """The names of a named tuple: PyTorch's are `torch.return_types`, which have no `_fields`."""
    if not isinstance(value, tuple) or type(value).__name__ in ("tuple", "Size"):
        return []
    if hasattr(value, "_fields"):
        return list(value._fields)
    visible = [n for n in dir(type(value)) if not n.startswith("_")]
    visible = [n for n in visible if n not in ("count", "index") and not n.startswith("n_")]
    by_position = {id(item): i for i, item in enumerate(value)}
    return sorted(visible, key=lambda n: by_position.get(id(getattr(value, n)), len(value)))


def _compare_tensors(expected: Any, actual: Any, row: Row, path: str) -> Iterator[str]:
    if not hasattr(actual, "shape") or not hasattr(actual, "dtype"):
        yield f"{path} is {actual!r}, expected a tensor of shape {tuple(expected.shape)}"
        return
    if tuple(expected.shape) != tuple(actual.shape):
        yield f"{path} has shape {tuple(actual.shape)}, expected {tuple(expected.shape)}"
        return
    name = dtype_name(expected.dtype)
    if name != dtype_name(actual.dtype):
        yield f"{path} has dtype {dtype_name(actual.dtype)}, expected {name}"
        return
    laid_out = row.strides and path in ("result", "self") and expected.numel() > 0
    if laid_out and expected.stride() != actual.stride():
        yield f"{path} has strides {actual.stride()}, expected {expected.stride()}"
    if not row.values:
        return
    wanted, got = to_numpy(expected, torch), to_numpy(actual, None)
    rtol, atol = TOLERANCE.get(name, (0, 0))
    rtol, atol = rtol * row.tolerance, atol * row.tolerance
    close = np.isclose(got, wanted, rtol, atol, equal_nan=True)
    if not close.all():
        worst = tuple(int(i[0]) for i in np.nonzero(~close))
        yield (
            f"{path} differs in {int((~close).sum())} of {close.size} elements, first at {worst}: "
            f"{got[worst]!r}, expected {wanted[worst]!r}"
        )


def to_numpy(tensor: Any, library: Any) -> np.ndarray:
    """The values, half precision as float32."""
    tensor = tensor.detach()
    if library is torch:
        tensor = tensor.resolve_conj().resolve_neg()
        tensor = torch.zeros_like(tensor) if tensor._is_zerotensor() else tensor
    if dtype_name(tensor.dtype) in ("bfloat16", "float16"):
        tensor = tensor.float()
    return np.asarray(tensor.numpy())


__all__ = ["ROWS", "Row", "case", "check", "compare", "is_inexact"]
