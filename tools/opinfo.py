"""PyTorch's database of operators (OpInfo), for jtorch: its functions and its samples, translated.

The wheel of PyTorch has the database that PyTorch tests itself with. Its entries call an operator
by its public name or through small functions around it; these run here with the name `torch`
meaning jtorch. Used by tools/gradchecks.py.
"""

from __future__ import annotations

import dataclasses
import functools
import random
import types
import warnings
from collections.abc import Callable
from typing import Any

import torch

import jtorch

from .coverage import at

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ImportWarning)  # it would use hypothesis, too
    from torch.testing._internal.common_methods_invocations import op_db

FOLDERS = ("", "nn.functional.", "nn.", "linalg.", "special.", "fft.")
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)
PLAIN = (bool, int, float, complex, str, type(None), type(...))


class Untranslatable(Exception):
    """An argument that jtorch has no counterpart of."""


def full_name(entry: Any) -> str:
    """The name of an entry and of its variant."""
    return f"{entry.name}.{entry.variant_test_name}" if entry.variant_test_name else entry.name


def entries(dtype: torch.dtype) -> dict[str, Any]:
    """The entries that have a gradient for a dtype, by name."""
    return {
        full_name(entry): entry
        for entry in op_db
        if entry.supports_autograd and dtype in entry.supported_backward_dtypes("cpu")
    }


def samples(entry: Any, dtype: torch.dtype, count: int) -> list[Any]:
    """At most `count` of the samples of an entry: the first, the last, and some of those between.

    They are drawn: the lists are products of short lists of options, which a fixed step would meet
    in one phase always.
    """
    torch.manual_seed(0)
    random.seed(full_name(entry))
    found = list(entry.sample_inputs("cpu", dtype, requires_grad=True))
    if len(found) <= count:
        return found
    places = sorted(random.sample(range(1, len(found) - 1), count - 2))
    return [found[k] for k in (0, *places, len(found) - 1)]


def function_of(entry: Any, library: Any) -> Callable:
    """The operator of an entry in a library, within the entry's wrapper for gradients."""
    function, wrapper = entry.op, entry.gradcheck_wrapper
    if library is not torch:
        function, wrapper = _operator(entry), rebound(wrapper)
    return lambda *args, **kwargs: wrapper(function, *args, **kwargs)


def _operator(entry: Any) -> Callable:
    for path in (entry.name, f"Tensor.{entry.name}"):
        try:
            if at(torch, path) is entry.op:
                return at(jtorch, path)
        except AttributeError:
            continue
    if isinstance(entry.op, types.FunctionType):
        return rebound(entry.op)
    return at(jtorch, "ops." + str(entry.op).replace("::", "."))


def seeded(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """What the database's wrapper_set_seed does: the numbers that are drawn are those of a seed."""
    jtorch.manual_seed(42)
    return function(*args, **kwargs)


def masked(function: Callable, input: Any, *args: Any, **kwargs: Any) -> Any:
    """The database's wrapper of masked reductions: elements that are masked out have no value."""
    found = function(input, *args, **kwargs)
    given = [from_jtorch(value) for value in (input, *args)]
    given_by_name = {name: from_jtorch(value) for name, value in kwargs.items()}
    if given_by_name.get("mask") is None:
        return found
    operator = at(torch, f"masked.{function.__name__}")
    mask = torch.masked._output_mask(operator, *given, **given_by_name)
    return jtorch.where(translated(mask), found, found.new_zeros([]))


def masked_pair(function: Callable, input: Any, *args: Any, **kwargs: Any) -> Any:
    """The same of masked operations with two inputs."""
    found = function(input, *args, **kwargs)
    masks = [kwargs.get("input_mask"), kwargs.get("other_mask")]
    if any(mask is None for mask in masks):
        return found
    return jtorch.where(jtorch.logical_and(*masks), found, found.new_zeros([]))


INSTEAD = {
    "wrapper_set_seed": seeded,
    "gradcheck_wrapper_masked_operation": masked,
    "gradcheck_wrapper_masked_pointwise_operation": masked_pair,
}
_globals: dict[str, dict[str, Any]] = {}


def rebound(function: Callable) -> Callable:
    """A function of PyTorch's tests, with jtorch where it says torch."""
    if not isinstance(function, types.FunctionType) or not function.__module__.startswith(
        "torch.testing."
    ):
        return public(function)
    if function.__name__ in INSTEAD:
        return INSTEAD[function.__name__]
    if function.__module__ not in _globals:
        _globals[function.__module__] = {**function.__globals__, "torch": jtorch, **INSTEAD}
    cells = function.__closure__ and tuple(
        types.CellType(rebound(cell.cell_contents))
        if isinstance(cell.cell_contents, FUNCTIONS)
        else cell
        for cell in function.__closure__
    )
    made = types.FunctionType(
        function.__code__,
        _globals[function.__module__],
        function.__name__,
        function.__defaults__,
        cells,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def public(value: Any) -> Any:
    """jtorch's function or class of the name that PyTorch publishes `value` under."""
    name = getattr(value, "__name__", "")
    for folder in FOLDERS:
        try:
            if at(torch, folder + name) is value:
                return at(jtorch, folder + name)
        except AttributeError:
            continue
    raise Untranslatable(f"no public name for {value!r}")


def translated(value: Any) -> Any:
    """Arguments of PyTorch's as jtorch's."""
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided:
            raise Untranslatable(f"a Tensor of the layout {value.layout}")
        plain = value.detach().resolve_conj().resolve_neg()
        return jtorch.tensor(plain.numpy()).requires_grad_(value.requires_grad)
    if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
        return at(jtorch, str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return jtorch.device(str(value))
    if isinstance(value, torch.Size):
        return jtorch.Size(value)
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(map(translated, value))
    if isinstance(value, dict):
        return {key: translated(item) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(*map(translated, (value.start, value.stop, value.step)))
    if isinstance(value, functools.partial):
        return functools.partial(rebound(value.func), *translated(value.args))
    if isinstance(value, torch.nn.Module):
        made = public(type(value))()
        for name, item in vars(value).items():
            if isinstance(item, PLAIN):
                setattr(made, name, item)
        return made
    if dataclasses.is_dataclass(value):
        given = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return public(type(value))(**translated(given))
    if callable(value):
        return rebound(value)
    raise Untranslatable(f"an argument of the type {type(value).__name__}")


def from_jtorch(value: Any) -> Any:
    """The other way round, for the arguments of masked reductions."""
    if isinstance(value, jtorch.Tensor):
        return torch.from_numpy(value.detach().numpy())
    if isinstance(value, jtorch.dtype):
        return at(torch, str(value).removeprefix("torch."))
    return value
