"""Ops as rows: a pure JAX function with PyTorch's signature, and a few facts about it.

`op(...)` makes an `Op` of a function and puts it into `ROWS`. The engine runs it through `Op.run`,
which applies the dtype promotion that the row declares; _expose.py hangs it on its public names.
What an argument is comes from its annotation: `Array` a Tensor, `Number` a number that may vary
from step to step without recompiling, everything else static. An op knows no Tensor, and the engine
knows no op by name. Read trace.py next.
"""

from __future__ import annotations

import inspect
import math
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from .dtype import (
    BOOL,
    COMPLEX,
    DIMENSIONED,
    INTEGER,
    NUMBER,
    ZERO_DIM,
    dtype,
    get_default_dtype,
    int64,
    limits,
    of_number,
    result_type_of,
    to_dtype,
)

Array: TypeAlias = jax.Array
Number: TypeAlias = Any  # bool | int | float | complex, or a 0-d array where it varies

ROWS: dict[str, Op] = {}
CATEGORIES = {"bool": BOOL, "integer": INTEGER, "complex": COMPLEX}
INT64 = limits(int64)


class Op:
    """One operator.

    kinds: the annotations of the parameters.
    name: its public name.  function: the pure JAX function.  signature: PyTorch's.
    promote: None, "common" or "float" (PyTorch's type promotion of the array arguments), or "own":
        the function promotes by itself, and gets numbers that vary as `Varying`.
    backward: None, or the gradient of the one array input in terms of the output
        (cotangent, output, *rest).
    accepts: which values of its numbers may vary, by parameter. The function has to see the others:
        it refuses them, or treats them differently.
    constants: the outputs, by number, that have no derivative though they hold floats.
    chooses: the gradient only compares the inputs (clamp, max): it has no derivative in them, not
    even zero. saves: the parameters, and "output" for the first result, which PyTorch keeps for the
    backward, so that writing to them before it is an error; None for what the gradient depends on.
    view: None, or `put(base, new, *rest) -> base`, the write back through this view.
    strides: None, or the rule for the strides that PyTorch would report (see strides.py).
    autocast: type of device -> how it takes part in autocast; filled in by ops/_autocast.py.
    lacks: the dtypes that PyTorch has no kernel for, "bool integer complex", or {words: the text of
        its RuntimeError, {} for the dtype}. Checked is the dtype that the arguments have in common.
    numbers_do: whether a call without any Tensor is one of zero-dim ones, as torch.add(2, 3) is.
    out: None, or what is peculiar to `out=`. "apart": it may not share memory with an input.
        "exact": nor be of another dtype than the result. "parts": a list, for which None is
        returned.
    """

    __slots__ = (
        "_result_type",
        "_signature",
        "accepts",
        "aliases",
        "arrays",
        "autocast",
        "backward",
        "chooses",
        "constants",
        "differentiable",
        "function",
        "inplace",
        "kinds",
        "lacks",
        "name",
        "numbers",
        "numbers_do",
        "offset",
        "out",
        "parameters",
        "promote",
        "promoted",
        "public",
        "result",
        "saves",
        "saves_more",
        "spread",
        "strides",
        "variadic",
        "view",
    )

    def __init__(self, function: Callable, name: str, **facts: Any) -> None:
        self.function = function
        self.name = name
        self._signature: inspect.Signature | None = None
        self.parameters, kinds = _parameters(function)
        self.kinds = kinds
        self.variadic = _variadic(function)
        self._result_type: Any = None
        # A parameter of sizes: `x.view(2, 3)` means `x.view((2, 3))`.
        self.spread = next((k for k, n in enumerate(kinds) if kinds[n] == "tuple[int, ...]"), None)
        self.arrays = frozenset(n for n, kind in kinds.items() if "Array" in kind)
        if not self.arrays:
            self.arrays = frozenset(self.parameters[:1])
        self.numbers = frozenset(n for n, kind in kinds.items() if "Number" in kind)
        self.promoted = tuple(n for n in self.parameters if n in self.arrays)
        for fact in (
            "promote",
            "backward",
            "view",
            "strides",
            "result",
            "saves",
            "out",
        ):
            setattr(self, fact, facts.pop(fact, None))
        self.differentiable = facts.pop("differentiable", True)
        self.constants = facts.pop("constants", ())
        self.chooses = facts.pop("chooses", False)
        self.saves_more = facts.pop("saves_more", False)
        self.offset = facts.pop("offset", None)
        self.inplace = facts.pop("inplace", False)
        self.numbers_do = facts.pop("numbers_do", False)
        lacks = facts.pop("lacks", {})
        lacks = lacks if isinstance(lacks, dict) else {lacks: None}
        self.lacks = {CATEGORIES[word]: lacks[words] for words in lacks for word in words.split()}
        self.aliases = facts.pop("aliases", ())
        self.accepts = facts.pop("accepts", {})
        self.autocast: dict[str, Any] = {}
        self.public = facts.pop("public", ("torch", "Tensor"))
        if facts:
            raise TypeError(f"op {name!r} has no fact named {sorted(facts)}")

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.function) or ""

    @property
    def signature(self) -> inspect.Signature:
        if self._signature is None:
            self._signature = inspect.signature(self.function)
        return self._signature

    def parameter(self, position: int) -> str | None:
        """The name of the parameter that a positional argument is for."""
        for k, name in enumerate(self.parameters):
            if k == position or name == self.variadic:
                return name
        return None

    def varies(self, name: str | None, value: Any, kind: dtype | None) -> bool:
        """Whether an argument, an int or a float, is a number that may vary from step to step.

        kind: the dtype of the call. What doesn't fit it is left to the function to see: PyTorch
        computes with it in a wider dtype, or refuses it.
        """
        if name not in self.numbers:
            return False
        if type(value) is float:
            if kind is None or (self.promote is not None and kind.category <= INTEGER):
                kind = get_default_dtype()
        elif kind is None or not INT64[0] <= value <= INT64[1]:
            kind = int64
        low, high = limits(kind)
        if not (low <= value <= high and -math.inf < value < math.inf):
            return False
        return name not in self.accepts or self.accepts[name](value)

    def named(self, outputs: list) -> Any:
        """Several results as PyTorch returns them: a tuple, with names where the row gives some."""
        if self.result is None:
            return tuple(outputs)
        if self._result_type is None:
            self._result_type = return_type(self.name, self.result)
        return self._result_type(*outputs)

    def run(self, args: tuple, kwargs: dict) -> Any:
        """The function on arrays, after promotion."""
        if self.promote is None:
            named = {k: unwrap(v) for k, v in kwargs.items()}
            return self.function(*map(unwrap, args), **named)
        if self.promote == "own":
            return self.function(*args, **kwargs)
        bound = self.signature.bind(*args, **kwargs)
        self._promote(bound.arguments)
        return self.function(*bound.args, **bound.kwargs)

    def _promote(self, arguments: dict[str, Any]) -> None:
        """Cast the array arguments, and the numbers that were made arrays, to the common dtype."""
        names = [n for n in self.promoted if arguments.get(n) is not None]
        operands = []
        for n in names:
            value = arguments[n]
            operands.extend(map(_operand, value if isinstance(value, (list, tuple)) else (value,)))
        common = result_type_of(operands)
        if self.promote == "float" and common.category <= INTEGER:
            common = get_default_dtype()
        for n in names:
            value = arguments[n]
            if isinstance(value, (list, tuple)):
                arguments[n] = type(value)(cast(v, common) for v in value)
            else:
                arguments[n] = cast(unwrap(value), common)
        for n in self.numbers:
            value = arguments.get(n)
            if isinstance(value, Varying):
                kind = result_type_of([(common, DIMENSIONED), _operand(value)])
                arguments[n] = value.array.astype(kind.numpy)


def _parameters(function: Callable) -> tuple[tuple[str, ...], dict[str, str]]:
    """The names of a function's parameters, and their annotations: `inspect.signature` takes 20
    times as long."""
    given = getattr(function, "__signature__", None)
    if given is not None or not hasattr(function, "__code__"):
        found = (given or inspect.signature(function)).parameters
        return tuple(found), {p.name: str(p.annotation) for p in found.values()}
    code = function.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    names = list(code.co_varnames[:count])
    if code.co_flags & inspect.CO_VARARGS:  # *args come after the keyword-only ones in co_varnames
        names.insert(code.co_argcount, names.pop(code.co_argcount + code.co_kwonlyargcount))
    notes = function.__annotations__
    return tuple(names), {n: str(notes.get(n, "")) for n in names}


def _variadic(function: Callable) -> str | None:
    """The name of a function's `*parameter`."""
    code = getattr(function, "__code__", None)
    if code is None or not code.co_flags & inspect.CO_VARARGS:
        return None
    return code.co_varnames[code.co_argcount + code.co_kwonlyargcount]


def return_type(name: str, fields: tuple[str, ...]) -> type:
    """PyTorch's `torch.return_types.<name>`: a named tuple that says where it comes from."""
    made = namedtuple(name, fields)

    def text(self: Any) -> str:
        parts = ",\n".join(f"{f}={v!r}" for f, v in zip(fields, self, strict=True))
        return f"torch.return_types.{name}(\n{parts})"

    made.__repr__ = text
    made.__module__ = "torch.return_types"
    return made


class Varying:
    """A Python number that varies, inside a program: a 0-d array which promotes as a number
    does."""

    __slots__ = ("array",)

    def __init__(self, array: Array) -> None:
        self.array = array


def unwrap(value: Any) -> Any:
    """The array of a varying number; anything else as it is."""
    return value.array if isinstance(value, Varying) else value


def cast(value: Any, kind: dtype) -> Array:
    """An array or number as an array of another dtype.

    Bools become numbers by a selection: XLA turns the product with a converted bool into one, in
    which `False * nan` is 0.
    """
    array = jnp.asarray(value)
    if kind.category < COMPLEX and jnp.iscomplexobj(array) and kind.category != BOOL:
        array = array.real
    if array.dtype == np.bool_ and kind.category > INTEGER:
        return jnp.where(array, jnp.asarray(1, kind.numpy), jnp.asarray(0, kind.numpy))
    if kind.category == INTEGER and jnp.issubdtype(array.dtype, jnp.floating):
        return _truncate(array, kind)
    return array.astype(kind.numpy)


def _truncate(array: Array, kind: dtype) -> Array:
    """Floats as integers, by the rule of PyTorch on x86: what is beyond int32 or int64, through
    which it goes, is their lowest number; small integers take the low bits. (XLA saturates.)"""
    array = array.astype(np.promote_types(array.dtype, np.float32))
    wide = np.int64 if kind.itemsize == 8 or kind.numpy in (np.uint8, np.uint32) else np.int32
    low = np.iinfo(wide).min
    fits = (array >= low) & (array < -float(low))
    whole = jnp.where(fits, array.astype(wide), low).astype(kind.numpy)
    if kind.itemsize >= 4 and not kind.is_signed:
        return jnp.where(array < 0, whole, array.astype(kind.numpy))
    return whole


def _operand(value: Any) -> tuple[dtype, int]:
    if isinstance(value, Varying):
        number = to_dtype(value.array.dtype)
        return (get_default_dtype() if number.is_floating_point else number), NUMBER
    if isinstance(value, (jax.Array, np.ndarray)):
        return to_dtype(value.dtype), DIMENSIONED if value.ndim else ZERO_DIM
    return of_number(value), NUMBER


def op(name: str | None = None, **facts: Any) -> Callable[[Callable], Callable]:
    """Declare an op. The decorated function stays a plain JAX function for other ops to call."""

    def declare(function: Callable) -> Callable:
        row = Op(function, name or function.__name__, **facts)
        if row.name in ROWS:
            raise ValueError(f"there are two ops named {row.name!r}")
        ROWS[row.name] = row
        return function

    return declare


__all__ = [
    "ROWS",
    "Array",
    "Number",
    "Op",
    "Sequence",
    "Varying",
    "cast",
    "op",
    "return_type",
    "unwrap",
]
