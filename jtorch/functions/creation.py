"""Making Tensors: from data, from a shape, like another.

`torch.tensor`, `zeros`, `arange` and their siblings.

Values that a shape and a few numbers tell are ops of no input, so they cost nothing until they are
used. Random ones are in random.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _expose
from .._core import dtype as dtypes
from .._core.alias import cell_of
from .._core.append import append
from .._core.device import canonical
from .._core.device import device as Device
from .._core.dtype import dtype, get_default_dtype, to_dtype
from .._core.foreign import copy_of, from_dlpack, is_jax
from .._core.op import Op
from .._core.record import record, write_out
from .._core.tensor import Tensor, from_array, from_cell
from .._core.trace import local
from ._data import check_fits, to_array

FULL, ARANGE, LINSPACE, LOGSPACE, EYE, COMPLEX = (
    _expose.ROWS[f"_{n}"] for n in ("full", "arange", "linspace", "logspace", "eye", "complex")
)


def _made(size: tuple[int, ...], value: Any, kind: dtype, device: Any, grad: bool) -> Tensor:
    """A Tensor of one repeated value, recorded as an op without inputs on its device."""
    where = canonical(device)
    context = local.context
    if context.trace.device is not where:
        context.on(where)
    (cell,) = append(context, FULL, (size, value, kind, where))
    made = from_cell(cell)
    return made.requires_grad_() if grad else made


def size_of(size: tuple) -> tuple[int, ...]:
    """A shape given as numbers or as one sequence. TypeError and RuntimeError as PyTorch's."""
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = tuple(size[0])
    found = tuple(s if type(s) is int else _one_size(s) for s in size)
    if any(s < 0 for s in found):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(found)}: {list(found)}"
        )
    return found


def _one_size(value: Any) -> int:
    if isinstance(value, float) or not hasattr(value, "__index__"):
        raise TypeError(
            f"argument 'size' must be tuple of ints, but found element of type "
            f"{type(value).__name__}"
        )
    return value.__index__()


def zeros(*size: Any, **options: Any) -> Tensor:
    """A Tensor of zeros. dtype: the default dtype if none is given. See torch.zeros."""
    return _constant(size, 0, options)


def ones(*size: Any, **options: Any) -> Tensor:
    """A Tensor of ones. dtype: the default dtype if none is given. See torch.ones."""
    return _constant(size, 1, options)


def empty(*size: Any, **options: Any) -> Tensor:
    """A Tensor whose values mean nothing; here they are zeros. See torch.empty."""
    return _constant(size, 0, options)


def _constant(size: tuple, value: Any, options: dict) -> Tensor:
    given = _Options(options)
    if not size and "size" in options:
        size = (tuple(options["size"]),)
    made = _made(
        size_of(size), value, given.dtype or get_default_dtype(), given.device, given.requires_grad
    )
    return made if given.out is None else _into(given.out, made)


class _Options:
    """The keyword arguments that all creation functions have."""

    _known = {"out", "dtype", "layout", "device", "requires_grad", "pin_memory", "names", "size"}
    _known |= {"memory_format", "generator"}

    def __init__(self, options: dict) -> None:
        unknown = set(options) - self._known
        if unknown:
            raise TypeError(f"got an unexpected keyword argument '{sorted(unknown)[0]}'")
        self.out = options.get("out")
        self.dtype = options.get("dtype")
        self.device = options.get("device")
        self.requires_grad = options.get("requires_grad", False)


def _into(out: Tensor, made: Tensor) -> Tensor:
    """The result of a creation function with `out=`."""
    from_made = made.to(out.dtype)
    out._storage = out._view = None
    out._cell = cell_of(from_made)
    return out


def full(size: Sequence[int], fill_value: Any, **options: Any) -> Tensor:
    """A Tensor of one repeated value; its dtype is the value's. See torch.full."""
    given = _Options(options)
    if isinstance(fill_value, Tensor):
        given.dtype = given.dtype or fill_value.dtype
        fill_value = fill_value.item()
    kind = given.dtype or dtypes.of_number(fill_value)
    check_fits([fill_value], kind)
    sizes = size_of((size,) if isinstance(size, int) else (tuple(size),))
    made = _made(sizes, fill_value, kind, given.device, given.requires_grad)
    return made if given.out is None else _into(given.out, made)


def _like(input: Tensor, value: Any, options: dict) -> Tensor:
    given = _Options(options)
    return _made(
        tuple(input.shape),
        value,
        given.dtype or input.dtype,
        given.device or input.device,
        given.requires_grad,
    )


def zeros_like(input: Tensor, **options: Any) -> Tensor:
    """Zeros of another Tensor's shape, dtype and device. See torch.zeros_like."""
    return _like(input, 0, options)


def ones_like(input: Tensor, **options: Any) -> Tensor:
    """Ones of another Tensor's shape, dtype and device. See torch.ones_like."""
    return _like(input, 1, options)


def empty_like(input: Tensor, **options: Any) -> Tensor:
    """A Tensor of another's shape, dtype and device; zeros here. See torch.empty_like."""
    return _like(input, 0, options)


def full_like(input: Tensor, fill_value: Any, **options: Any) -> Tensor:
    """One repeated value in another Tensor's shape, dtype and device. See torch.full_like."""
    return _like(input, fill_value, options)


def arange(start: Any, end: Any = None, step: Any = 1, **options: Any) -> Tensor:
    """start, start + step, ... below end. Integers give int64. See torch.arange."""
    given = _Options(options)
    if end is None:
        start, end = 0, start
    start, end, step = (
        v.item() if isinstance(v, (Tensor, np.generic)) else v for v in (start, end, step)
    )
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    integers = all(isinstance(v, int) for v in (start, end, step))
    kind = given.dtype or (dtypes.int64 if integers else get_default_dtype())
    made = _without_inputs(ARANGE, (start, end, step, kind), given)
    return made if given.out is None else _into(given.out, made)


def _without_inputs(op: Op, args: tuple, given: _Options) -> Tensor:
    where = canonical(given.device)
    context = local.context
    if context.trace.device is not where:
        context.on(where)
    made = from_cell(append(context, op, (*args, where))[0])
    return made.requires_grad_() if given.requires_grad else made


def linspace(start: Any, end: Any, steps: int, **options: Any) -> Tensor:
    """`steps` evenly spaced values from start to end, both included. See torch.linspace."""
    given = _Options(options)
    start, end = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    kind = given.dtype or get_default_dtype()
    made = _without_inputs(LINSPACE, (start, end, int(steps), kind), given)
    return made if given.out is None else _into(given.out, made)


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, **options: Any) -> Tensor:
    """base to the power of `linspace(start, end, steps)`. See torch.logspace."""
    given = _Options(options)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    kind = given.dtype or get_default_dtype()
    return _without_inputs(LOGSPACE, (start, end, int(steps), float(base), kind), given)


def eye(n: int, m: int | None = None, **options: Any) -> Tensor:
    """The identity matrix, n by m. See torch.eye."""
    given = _Options(options)
    sizes = (n, n if m is None else m)
    if min(sizes) < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {min(sizes)}")
    return _without_inputs(EYE, (*sizes, given.dtype or get_default_dtype()), given)


# ---------------------------------------------------------------------------------------- from data


def tensor(
    data: Any,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A Tensor with a copy of `data`: a number, nested sequences, a NumPy array, a Tensor.

    Python floats get the default dtype, integers int64. ValueError for ragged sequences. See
    torch.tensor.
    """
    if isinstance(data, Tensor):
        made = data.detach().clone()
        made = made.to(device=device or made.device, dtype=dtype or made.dtype)
        return made.requires_grad_() if requires_grad else made
    if is_jax(data):
        found = copy_of(data, device)
        found = found if dtype is None else found.to(dtype)
        return found.requires_grad_() if requires_grad else found
    array = to_array(data, dtype)
    return from_array(array, device, requires_grad)


def as_tensor(data: Any, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """A Tensor of `data`; a Tensor that fits is returned itself. See torch.as_tensor."""
    if isinstance(data, Tensor):
        return data.to(device=device or data.device, dtype=dtype or data.dtype)
    return tensor(data, dtype=dtype, device=device)


def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A Tensor of an object. See torch.asarray."""
    made = tensor(obj, dtype=dtype, device=device) if copy else as_tensor(obj, dtype, device)
    return made.requires_grad_() if requires_grad else made


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A Tensor with the values of a NumPy array.

    They are copied (JAX's buffers are immutable): a later write to the array is not seen. TypeError
    for anything else, and for dtypes without a counterpart. See torch.from_numpy.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    to_dtype(ndarray.dtype)
    return from_array(ndarray, Device("cpu"))


def scalar_tensor(s: Any, **options: Any) -> Tensor:
    """A zero-dim Tensor of a number. See torch.scalar_tensor."""
    return full((), s, **{"dtype": get_default_dtype(), **options})


def complex_(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """real + i imag. See torch.complex."""
    made = record(COMPLEX, real, imag)
    if out is None:
        return made
    write_out(out, made)
    return out


def legacy_tensor(cls: type, *args: Any, device: Any = None) -> Tensor:
    """`torch.Tensor(...)`: sizes, a sequence of data, or another Tensor."""
    if len(args) == 1 and isinstance(args[0], Tensor):
        return from_cell(cell_of(args[0].detach()), cls)
    if len(args) == 1 and isinstance(args[0], (list, tuple, np.ndarray)):
        made = tensor(args[0], dtype=get_default_dtype(), device=device)
    else:
        made = zeros(*args, device=device) if args else zeros(0, device=device)
    return from_cell(cell_of(made), cls)


Tensor.__new__ = legacy_tensor


def _new(name: str, make: Any) -> Any:
    def method(self: Tensor, *size: Any, **options: Any) -> Tensor:
        options.setdefault("dtype", self.dtype)
        options.setdefault("device", self.device)
        return make(*size, **{k: v for k, v in options.items() if v is not None})

    method.__name__ = name
    method.__doc__ = (
        f"{make.__name__} with this Tensor's dtype and device. See torch.Tensor.{name}."
    )
    return method


def new_tensor(self: Tensor, data: Any, **options: Any) -> Tensor:
    """A Tensor of `data` with this one's dtype and device. See torch.Tensor.new_tensor."""
    options = {"dtype": self.dtype, "device": self.device} | options
    return tensor(data, **options)


METHODS = {f"new_{f.__name__}": _new(f"new_{f.__name__}", f) for f in (zeros, ones, empty, full)}
METHODS |= {"new_tensor": new_tensor}
FUNCTIONS = [zeros, ones, empty, full, zeros_like, ones_like, empty_like, full_like, arange]
FUNCTIONS += [linspace, logspace, eye, tensor, as_tensor, asarray, from_numpy, from_dlpack]
FUNCTIONS += [scalar_tensor]
