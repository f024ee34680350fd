"""Questions about Tensors and dtypes, and the settings of the process: `is_tensor`, `result_type`,
`finfo` and so on."""

from __future__ import annotations

import os
from typing import Any

import ml_dtypes
import numpy as np

from .._core import dtype as dtypes
from .._core.alias import cell_of
from .._core.device import default_device, set_default_device, wait
from .._core.dtype import dtype, get_default_dtype, promote_types
from .._core.events import materialises
from .._core.program import host, materialise_all
from .._core.size import Size
from .._core.tensor import Tensor
from .._core.trace import local
from ..ops import _shapes


def is_tensor(obj: Any) -> bool:
    """Whether an object is a Tensor. See torch.is_tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a float type. See torch.is_floating_point."""
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex. See torch.is_complex."""
    return input.dtype.is_complex


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not zero. See torch.is_nonzero."""
    return bool(input)


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two Tensors have the same shape. See torch.is_same_size."""
    return input.shape == other.shape


def is_conj(input: Tensor) -> bool:
    """Whether a conjugation waits to be done: never, XLA fuses it. See torch.is_conj."""
    return False


def is_neg(input: Tensor) -> bool:
    """Whether a negation waits to be done: never. See torch.is_neg."""
    return False


def resolve_conj(input: Tensor) -> Tensor:
    """The Tensor itself: no conjugation waits to be done. See torch.resolve_conj."""
    return input


def resolve_neg(input: Tensor) -> Tensor:
    """The Tensor itself: no negation waits to be done. See torch.resolve_neg."""
    return input


def is_distributed(input: Tensor) -> bool:
    """False. See torch.is_distributed."""
    return False


def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative values. See torch.is_signed."""
    return input.dtype.is_signed


def is_inference(input: Tensor) -> bool:
    """Whether the Tensor was made in inference mode. See torch.is_inference."""
    return input.is_inference()


def get_device(input: Tensor) -> int:
    """The index of the accelerator that holds a Tensor; -1 on the CPU. See torch.get_device."""
    return input.get_device()


def typename(obj: Any, /) -> str:
    """The name of a Tensor's type, or of an object's class. See torch.typename."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def numel(input: Tensor) -> int:
    """The number of elements. See torch.numel."""
    return input.numel()


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype of an arithmetic result of two operands. See torch.result_type."""
    return dtypes.result_type_of([_ranked(tensor1), _ranked(tensor2)])


def _ranked(value: Any) -> tuple[dtype, int]:
    if isinstance(value, Tensor):
        return value.dtype, dtypes.DIMENSIONED if value.dim() else dtypes.ZERO_DIM
    return dtypes.of_number(value), dtypes.NUMBER


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether a result of one dtype may be written to a Tensor of another. See torch.can_cast."""
    return dtypes.can_cast(from_, to)


@materialises("equal()", "two Tensors are compared as a whole")
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two Tensors have the same shape and elements. Reads both. See torch.equal."""
    if input.shape != other.shape:
        return False
    return bool(np.array_equal(host(cell_of(input)), host(cell_of(other))))


@materialises("allclose()", "two Tensors are compared as a whole")
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether |input - other| <= atol + rtol |other| everywhere. Reads both. See torch.allclose."""
    if input.dtype is not other.dtype:
        raise RuntimeError(
            f"{dtypes.TITLES[input.dtype]} did not match {dtypes.TITLES[other.dtype]}"
        )
    _shapes.broadcast_shapes(input.shape, other.shape)
    a, b = (np.asarray(host(cell_of(t)), np.complex128) for t in (input, other))
    return bool(np.allclose(a, b, rtol, atol, equal_nan))


def set_default_dtype(d: dtype) -> None:
    """Set the dtype of float Tensors made without one. See torch.set_default_dtype."""
    dtypes.set_default_dtype(d)
    local.context.modes = local.context.modes.replace(default_dtype=d)


def set_default_tensor_type(t: Any, /) -> None:
    """Set the default dtype by the name of a Tensor type: "torch.DoubleTensor".
    See torch.set_default_tensor_type."""
    name = t.rsplit(".", 1)[-1] if isinstance(t, str) else t.__name__
    named = {f"{title}Tensor": kind for kind, title in dtypes.TITLES.items()}
    if name not in named:
        raise TypeError(f"invalid type object: {t}")
    set_default_dtype(named[name])


def get_default_device() -> Any:
    """Where Tensors are made when nothing is said. See torch.get_default_device."""
    return default_device()


def get_num_threads() -> int:
    """The number of CPU threads; XLA takes all cores. See torch.get_num_threads."""
    return os.cpu_count() or 1


def set_num_threads(int: int) -> None:
    """Accepted for PyTorch's sake: XLA's CPU threads are fixed when the process starts."""


@materialises("synchronize()", "you say so: `torch.synchronize()`, `torch.cuda.synchronize()`")
def synchronize() -> None:
    """Run everything recorded by this thread and wait for it."""
    materialise_all()
    wait()


class finfo:
    """The limits of a float dtype: bits, eps, max, min, tiny, smallest_normal, resolution.

    See torch.finfo.
    """

    eps: float
    min: float
    tiny: float

    def __init__(self, type: dtype | None = None) -> None:
        kind = type or get_default_dtype()
        if not (kind.is_floating_point or kind.is_complex):
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                f"'torch.finfo' of {kind}"
            )
        facts = ml_dtypes.finfo(kind.to_real().numpy)
        self.bits = int(facts.bits)
        self.dtype = kind.to_real().name
        for name in ("eps", "max", "min", "tiny", "smallest_normal", "resolution"):
            setattr(self, name, float(getattr(facts, name)))

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        facts = ", ".join(f"{n}={getattr(self, n):g}" for n in names)
        return f"finfo({facts}, dtype={self.dtype})"


class iinfo:
    """The limits of an integer dtype: bits, max, min. See torch.iinfo."""

    def __init__(self, type: dtype) -> None:
        if type.category != dtypes.INTEGER:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                f"'torch.iinfo' of {type}"
            )
        facts = np.iinfo(type.numpy)
        self.bits, self.max, self.min, self.dtype = facts.bits, facts.max, facts.min, type.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that Tensors of these shapes have together. RuntimeError where they don't fit.
    See torch.broadcast_shapes."""
    result: list[int] = []
    for argument, shape in enumerate(shapes):
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        result = [1] * (len(sizes) - len(result)) + result
        for k in range(-1, -1 - len(sizes), -1):
            if sizes[k] < 0:
                raise RuntimeError(
                    f"Trying to create tensor with negative dimension ({sizes[k]}): ({sizes[k]})"
                )
            if sizes[k] not in (1, result[k]) and result[k] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {sizes[k]} at {k}! Mismatching "
                    f"argument at index {argument} had {sizes}; but expected shape should be "
                    f"broadcastable to {result}"
                )
            result[k] = result[k] if sizes[k] == 1 else sizes[k]
    return Size(result)


FUNCTIONS = [
    broadcast_shapes,
    is_tensor,
    is_floating_point,
    is_complex,
    is_conj,
    is_distributed,
    is_inference,
    is_neg,
    is_nonzero,
    is_same_size,
    is_signed,
    get_device,
    resolve_conj,
    resolve_neg,
    typename,
    set_default_tensor_type,
    numel,
    result_type,
    can_cast,
]
FUNCTIONS += [equal, allclose, set_default_dtype, get_default_dtype, promote_types, synchronize]
FUNCTIONS += [set_default_device, get_default_device, get_num_threads, set_num_threads]
METHODS = {f.__name__: f for f in (equal, allclose, is_nonzero, is_same_size, is_conj, is_neg)}
METHODS |= {f.__name__: f for f in (resolve_conj, resolve_neg, is_distributed)}
