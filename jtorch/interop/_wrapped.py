"""`wrap`: a JAX function as one operation of the trace.

What is no array among the arguments is a part of the op, so that a call like an earlier one finds
its node, its shapes and its program: JAX doesn't trace the function again. The op is the function
from a flat list of arrays to one; which tree its results make is found when JAX traces it.
"""

from __future__ import annotations

import functools
import traceback
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._core.alias import cell_of
from .._core.append import append
from .._core.device import default_device, device
from .._core.errors import FOREIGN, user_frame
from .._core.foreign import from_jax, is_jax
from .._core.op import Op
from .._core.size import strided
from .._core.tensor import Tensor, from_array, from_cell
from .._core.trace import Cell, local, number_cell

_NUMBERS = (int, float)


class _Static(NamedTuple):
    """An argument that is no array. Its class tells True from 1."""

    kind: type
    value: Any


class _Number(NamedTuple):
    """An argument that is a Python number, and may be another in the next call."""

    kind: type


class _Key(NamedTuple):
    """An argument that is a key of random numbers: it enters as the numbers that it is made of."""

    implementation: Any


class _Form(NamedTuple):
    """What a call is known by besides the shapes of its arrays.

    marks: what each leaf of the arguments is; None for an array. trees: of the positional arguments
    and of those with names. wide: whether the function runs with 64 bits.
    """

    function: Callable
    marks: tuple
    trees: tuple
    wide: bool


def wrap(fn: Callable | None = None, *, x64: bool | None = None) -> Callable:
    """A JAX function as an operation on Tensors: `wrap(jax.nn.gelu)(x)`; also as a decorator.

    fn: takes arrays, in trees of any kind (dicts, lists, dataclasses known to JAX), and returns
    such trees of arrays. Where it gets an array, the operation takes a Tensor, a `jax.Array` or a
    NumPy array; it returns Tensors. It is recorded as one operation, differentiated by JAX (by
    `jax.vjp`, so that a `custom_vjp` counts), and may be used under torch.func.

    Positional int and float arguments are inputs of the program, as under `jax.jit`: they may
    change from call to call. All other arguments (and numbers given by name) are static and have to
    be hashable; each new value is traced and compiled once. TypeError otherwise, and for results
    that are no arrays. What fn closes over is a constant.

    x64: whether fn runs with JAX's 64-bit types; by default, as JAX is set where it is called. If
    not, int64 arguments enter as int32 and float64 ones, with a warning, as float32: JAX's own rule
    for NumPy arrays.
    """
    if fn is None:
        return functools.partial(wrap, x64=x64)
    if not callable(fn):
        raise TypeError(f"wrap(fn): a function is wanted, not {type(fn).__name__}")
    if not is_hashable(fn):
        raise TypeError(f"wrap(fn): {fn!r} can't be hashed, and so its programs not be found again")
    name = getattr(fn, "__name__", None) or type(fn).__name__

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given, tree = _flat(args)
        named, named_tree = _flat(kwargs)
        marks = [_mark_of(leaf, name, True) for leaf in given]
        marks += [_mark_of(leaf, name, False) for leaf in named]
        wide = _is_wide() if x64 is None else x64
        form = _Form(fn, tuple(marks), (tree, named_tree), wide)
        return _call(form, name, [*given, *named])

    return wrapped


def _is_wide() -> bool:
    """Whether JAX is set to 64 bits here."""
    return jax.dtypes.canonicalize_dtype(np.float64) == np.float64


def _flat(tree: Any) -> tuple[list, Any]:
    return jax.tree.flatten(tree, is_leaf=lambda leaf: isinstance(leaf, Tensor))


def _mark_of(leaf: Any, name: str, positional: bool) -> Any:
    if isinstance(leaf, (Tensor, np.ndarray, np.generic)):
        return None
    if is_jax(leaf):
        return _Key(str(jax.random.key_impl(leaf))) if _is_key(leaf) else None
    if positional and type(leaf) in _NUMBERS:
        return _Number(type(leaf))
    if not is_hashable(leaf):
        raise TypeError(
            f"{name}(): an argument of type {type(leaf).__name__} is no array, and can't be hashed"
        )
    return _Static(type(leaf), leaf)


def is_hashable(value: Any) -> bool:
    """Whether a value can be part of a key."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _is_key(array: Any) -> bool:
    return jnp.issubdtype(array.dtype, jax.dtypes.prng_key)


# ------------------------------------------------------------------------------------------ calling

_ops: dict[_Form, tuple[Op, _Function]] = {}


def _call(form: _Form, name: str, leaves: list) -> Any:
    known = _ops.get(form)
    if known is None:
        function = _Function(form, name)
        known = _ops[form] = Op(function.run, name), function
    op, function = known
    cells = _cells(form.marks, leaves)
    found = append(local.context, op, tuple(cells))
    tree = function.trees[_signature([(c.aval.shape, c.aval.dtype.numpy) for c in cells])]
    return jax.tree.unflatten(tree, map(from_cell, found))


def _signature(avals: list) -> tuple:
    return tuple([(tuple(shape), np.dtype(kind)) for shape, kind in avals])


def _cells(marks: tuple, leaves: list) -> list[Cell]:
    """The arrays and numbers among the leaves."""
    cells: list[Any] = []
    numbers: list[tuple[int, Any]] = []
    for mark, leaf in zip(marks, leaves, strict=True):
        if isinstance(mark, _Static):
            continue
        if isinstance(mark, _Number):
            numbers.append((len(cells), leaf))
            cells.append(None)
        else:
            cells.append(cell_of(_tensor_of(leaf)))
    where = _device_of(cells)
    for place, number in numbers:
        cells[place] = number_cell(number, where)
    return cells


def _tensor_of(leaf: Any) -> Tensor:
    if isinstance(leaf, Tensor):
        if leaf.layout is not strided:
            raise TypeError(f"a Tensor of layout {leaf.layout} is no jax.Array; use to_dense()")
        return leaf
    if isinstance(leaf, (np.ndarray, np.generic)):
        return from_array(leaf)
    return from_jax(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _device_of(cells: list) -> device:
    return next((c.aval.device for c in cells if c is not None), default_device())


# --------------------------------------------------------------------------------- inside a program


class _Function:
    """A function with what is static of its arguments, from arrays to arrays.

    trees: what the results make, by the shapes and dtypes of the arrays.
    """

    def __init__(self, form: _Form, name: str) -> None:
        self.form = form
        self.name = name
        self.trees: dict[tuple, Any] = {}

        def run(*arrays: Any) -> list:
            return self._run(arrays)

        run.__name__ = name
        self.run = run

    def _run(self, arrays: tuple) -> list:
        signature = _signature([(a.shape, a.dtype) for a in arrays])
        if signature not in self.trees:
            self._warn_of_float64(arrays)
        entering = iter(arrays)
        leaves = [self._entered(mark, entering) for mark in self.form.marks]
        tree, named_tree = self.form.trees
        count = tree.num_leaves
        with jax.enable_x64(self.form.wide):
            args = jax.tree.unflatten(tree, leaves[:count])
            kwargs = jax.tree.unflatten(named_tree, leaves[count:])
            try:
                result = self.form.function(*args, **kwargs)
            except Exception as error:
                line = _line_of(error)
                if line:
                    error.add_note(f"in {self.name}(), a JAX function, at {line}")
                raise error.with_traceback(None) from None
            found, out_tree = jax.tree_util.tree_flatten_with_path(
                result, is_leaf=lambda leaf: isinstance(leaf, Tensor)
            )
            outputs = [self._output(path, leaf) for path, leaf in found]
        if not outputs:
            raise TypeError(f"{self.name}(): it returns no arrays")
        self.trees[signature] = out_tree
        return outputs

    def _entered(self, mark: Any, arrays: Any) -> Any:
        """A leaf of the arguments as the function gets it."""
        if isinstance(mark, _Static):
            return mark.value
        array = next(arrays)
        if isinstance(mark, _Key):
            return jax.random.wrap_key_data(array, impl=mark.implementation)
        kind = array.dtype
        if not self.form.wide:
            with jax.enable_x64(False):
                kind = jax.dtypes.canonicalize_dtype(kind)
            array = array.astype(kind)
        if isinstance(mark, _Number):  # it promotes as a Python number does
            options = {"new_dtype": kind, "weak_type": True, "sharding": None}
            return jax.lax.convert_element_type_p.bind(array, **options)
        return array

    def _warn_of_float64(self, arrays: tuple) -> None:
        marks = [mark for mark in self.form.marks if not isinstance(mark, _Static)]
        kinds = [a.dtype for a, mark in zip(arrays, marks, strict=True) if mark is None]
        frame = user_frame()
        if self.form.wide or frame is None or np.dtype(np.float64) not in kinds:
            return
        text = (
            f"{self.name}(): a float64 argument is computed with in float32, since JAX is set to "
            "32 bits here; wrap(fn, x64=True) keeps it"
        )
        warnings.warn_explicit(text, UserWarning, frame.f_code.co_filename, frame.f_lineno)

    def _output(self, path: tuple, leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            leaf = leaf.jax()
        if isinstance(leaf, (np.ndarray, np.generic, bool, int, float, complex)):
            leaf = jnp.asarray(leaf)
        where = jax.tree_util.keystr(path)
        where = f"its result at {where}" if where else "its result"
        if not is_jax(leaf):
            raise TypeError(
                f"{self.name}(): {where} is no array, but {type(leaf).__name__}; a function of JAX "
                "returns arrays in dicts, lists, tuples"
            )
        if _is_key(leaf):
            raise TypeError(f"{self.name}(): {where} is a key; return jax.random.key_data of it")
        return leaf


def _line_of(error: BaseException) -> str:
    """'file:line' of the user's code from which an error comes; '' if there is none."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(FOREIGN):
            return f"{frame.filename}:{frame.lineno}"
    return ""
