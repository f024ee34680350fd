"""Making Tensors: from data, from a shape, like another.

`torch.tensor`, `zeros`, `zeros_like` and their siblings.

Values that a shape and a few numbers tell are ops of no input, so they cost nothing until they are
used. `arange` and other rows of numbers are in ranges.py, random ones in random.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import _expose
from .._core import dtype as dtypes
from .._core.alias import cell_of
from .._core.append import append
from .._core.device import canonical
from .._core.device import device as Device
from .._core.dtype import dtype, get_default_dtype
from .._core.foreign import copy_of, from_jax, is_jax, read_dlpack
from .._core.op import Op
from .._core.record import record, write_out
from .._core.size import Size, memory_format, preserve_format, strided
from .._core.strides import FORMATS, in_order, preserved
from .._core.tensor import Tensor, from_array, from_cell, require_grad
from .._core.trace import local
from ._data import check_array, check_fits, strides_of, to_array, type_name

FULL, COMPLEX = _expose.ROWS["_full"], _expose.ROWS["complex"]


def _made(
    size: tuple[int, ...],
    value: Any,
    kind: dtype,
    device: Any,
    grad: bool,
    strides: tuple[int, ...] | None = None,
) -> Tensor:
    """A Tensor of one repeated value, recorded as an op without inputs on its device."""
    where = canonical(device)
    context = local.context
    if context.trace.device is not where:
        context.on(where)
    (cell,) = append(context, FULL, (size, value, kind, where, strides))
    made = from_cell(cell)
    return require_grad(made, True) if grad else made


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
    given = Options(options)
    if not size and "size" in options:
        size = (tuple(options["size"]),)
    made = _made(
        size_of(size), value, given.dtype or get_default_dtype(), given.device, given.requires_grad
    )
    return given.finish(made)


class Options:
    """The keyword arguments that all creation functions have."""

    _known = {"out", "dtype", "layout", "device", "requires_grad", "pin_memory", "names", "size"}
    _known |= {"memory_format", "generator"}

    def __init__(self, options: dict) -> None:
        unknown = set(options) - self._known
        if unknown:
            raise TypeError(f"got an unexpected keyword argument '{sorted(unknown)[0]}'")
        layout = options.get("layout")
        if layout not in (None, strided):
            raise NotImplementedError(f"jtorch's Tensors are dense, got: layout={layout}")
        self.out = options.get("out")
        self.dtype = options.get("dtype")
        self.device = options.get("device")
        self.requires_grad = options.get("requires_grad", False)

    @property
    def kind(self) -> dtype | None:
        """The dtype that was asked for, by `dtype=` or by `out=`."""
        return self.dtype or (None if self.out is None else self.out.dtype)

    def finish(self, made: Tensor) -> Tensor:
        """What was made, or `out` with it."""
        if self.out is None:
            return made
        write_out(self.out, made)
        return self.out


def full(size: Sequence[int], fill_value: Any, **options: Any) -> Tensor:
    """A Tensor of one repeated value; its dtype is the value's. See torch.full."""
    given = Options(options)
    if isinstance(fill_value, Tensor):
        given.dtype = given.dtype or fill_value.dtype
        fill_value = fill_value.item()
    kind = given.dtype or dtypes.of_number(fill_value)
    check_fits([fill_value], kind)
    sizes = size_of((size,) if isinstance(size, int) else (tuple(size),))
    made = _made(sizes, fill_value, kind, given.device, given.requires_grad)
    return given.finish(made)


def _like(input: Tensor, value: Any, options: dict) -> Tensor:
    given = Options(options)
    aval = cell_of(input).aval
    layout = options.get("memory_format") or preserve_format
    if layout is preserve_format:
        strides = preserved([aval], aval.shape, None, 0)
    else:
        strides = strides_in(layout, aval.shape)
    kind, where = given.dtype or aval.dtype, given.device or aval.device
    return _made(aval.shape, value, kind, where, given.requires_grad, strides)


def strides_in(memory_format: memory_format, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Dense strides in a memory format; None for row-major ones. RuntimeError where the shape is of
    another rank than the format."""
    order = FORMATS.get(memory_format.name)
    if order is None:
        return None
    if len(order) != len(shape):
        name = memory_format.name
        raise RuntimeError(f"required rank {len(order)} tensor to use {name} format")
    return in_order(shape, order)


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


def without_inputs(op: Op, args: tuple, given: Options) -> Tensor:
    where = canonical(given.device)
    context = local.context
    if context.trace.device is not where:
        context.on(where)
    made = from_cell(append(context, op, (*args, where))[0])
    return require_grad(made, True) if given.requires_grad else made


# ---------------------------------------------------------------------------------------- from data


def tensor(
    data: Any,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A Tensor with a copy of `data`: a number, nested sequences, a NumPy array, a Tensor, anything
    with `__dlpack__`.

    Python floats get the default dtype, integers int64. ValueError for ragged sequences. See
    torch.tensor.
    """
    if isinstance(data, Tensor):
        made = data.detach().clone()
        made = made.to(device=device or made.device, dtype=dtype or made.dtype)
        return require_grad(made, True) if requires_grad else made
    if is_jax(data):
        found = copy_of(data, device)
        found = found if dtype is None else found.to(dtype)
        return require_grad(found, True) if requires_grad else found
    if not isinstance(data, np.ndarray) and hasattr(data, "__dlpack__"):
        data = read_dlpack(data)
    array = to_array(data, dtype)
    return from_array(array, device, requires_grad, strides_of(array))


def as_tensor(data: Any, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """A Tensor of `data`; a Tensor that fits is returned itself, and a `jax.Array` that fits is not
    copied. See torch.as_tensor."""
    if is_jax(data):
        data = from_jax(data)
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
    return require_grad(made, True) if requires_grad else made


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A Tensor with the values of a NumPy array.

    They are copied: JAX's buffers are immutable, and a program may hold on to them, so that memory
    to which NumPy can write can't be one. A later write to the array is not seen, and an array that
    is read-only (pandas and Arrow give such) is as good as any: no warning. TypeError for anything
    else, and for dtypes without a counterpart. See torch.from_numpy.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type_name(type(ndarray))})")
    check_array(ndarray)
    return from_array(ndarray, Device("cpu"), strides=strides_of(ndarray))


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A Tensor with the values of an object that has `__dlpack__`, or of a capsule.

    They are copied, since their owner may write to them; `copy=False` is refused (BufferError),
    except for a Tensor of ours. RuntimeError for anything else. See torch.from_dlpack.
    """
    if isinstance(ext_tensor, Tensor):
        found = ext_tensor.detach()
        return found.clone() if copy else found.to(device or found.device)
    if copy is False:
        raise BufferError("from_dlpack copies here: JAX's buffers are immutable")
    array = read_dlpack(ext_tensor)
    if isinstance(array, np.ndarray):
        return from_array(array, device or Device("cpu"), strides=strides_of(array))
    return from_array(array, device)


def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of a Tensor's buffer, which stays as it is. See
    torch.utils.dlpack.to_dlpack."""
    return tensor.__dlpack__()


def frombuffer(
    buffer: Any,
    *,
    dtype: dtype,
    count: int = -1,
    offset: int = 0,
    requires_grad: bool = False,
) -> Tensor:
    """A vector of the numbers in a buffer; a copy here (JAX's buffers are immutable).
    See torch.frombuffer."""
    size = memoryview(buffer).nbytes
    if not 0 <= offset < size:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({size} bytes) minus 1"
        )
    if count < 0 and (size - offset) % dtype.itemsize:
        raise ValueError(
            f"buffer length ({size - offset} bytes) after offset ({offset} bytes) must be a "
            f"multiple of element size ({dtype.itemsize})"
        )
    if count == 0 or offset + max(count, 1) * dtype.itemsize > size:
        raise ValueError(
            f"requested buffer length ({count} * {dtype.itemsize} bytes) after offset ({offset} "
            f"bytes) must not be greater than actual buffer length ({size} bytes)"
        )
    array = check_array(np.frombuffer(buffer, dtype.numpy, count, offset))
    return from_array(array, Device("cpu"), requires_grad)


def scalar_tensor(s: Any, **options: Any) -> Tensor:
    """A zero-dim Tensor of a number. See torch.scalar_tensor."""
    return full((), s, **{"dtype": get_default_dtype(), **options})


def complex_(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """real + i imag. See torch.complex."""
    if not isinstance(real, Tensor):
        raise TypeError(f"complex(): argument 'real' must be Tensor, not {type(real).__name__}")
    complexes = real.dtype.to_complex()
    wanted = ((imag, real.dtype, "second argument"), (out, complexes, "argument 'out'"))
    for given, kind, place in wanted:
        if given is None:
            continue
        if not isinstance(given, Tensor):
            raise TypeError(f"complex(): {place} must be Tensor, not {type(given).__name__}")
        if given.dtype is not kind:
            raise RuntimeError(
                f"Expected object of scalar type {dtypes.TITLES[kind]} but got scalar type "
                f"{dtypes.TITLES[given.dtype]} for {place}"
            )
    return record(COMPLEX, real, imag, out=out)


def legacy_tensor(cls: type, *args: Any, device: Any = None) -> Tensor:
    """`torch.Tensor(...)`: sizes, a sequence of data, or another Tensor."""
    if len(args) == 1 and isinstance(args[0], Tensor):
        return from_cell(cell_of(args[0].detach()), cls)
    if len(args) == 1 and not isinstance(args[0], Size) and hasattr(args[0], "__len__"):
        if isinstance(args[0], Mapping):
            name = type(args[0]).__name__
            raise TypeError(f"new(): data must be a sequence (got {name})")
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


def new(self: Tensor, *args: Any, **options: Any) -> Tensor:
    """A Tensor of this one's dtype and device, of sizes or of data: the old `new_tensor`."""
    if len(args) == 1 and isinstance(args[0], (Tensor, list, tuple, np.ndarray)):
        if not isinstance(args[0], Size):
            return new_tensor(self, args[0], **options)
    return empty(*args or (0,), **{"dtype": self.dtype, "device": self.device} | options)


METHODS = {f"new_{f.__name__}": _new(f"new_{f.__name__}", f) for f in (zeros, ones, empty, full)}
METHODS |= {"new_tensor": new_tensor, "new": new}
FUNCTIONS = [zeros, ones, empty, full, zeros_like, ones_like, empty_like, full_like]
FUNCTIONS += [tensor, as_tensor, asarray, from_numpy, from_dlpack, to_dlpack]
FUNCTIONS += [scalar_tensor, frombuffer]
