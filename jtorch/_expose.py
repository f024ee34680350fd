"""Op rows under their public names: functions, methods, in-place methods, `nn.functional` and the
other rooms.

`functions(room)` gives the functions of a namespace; `hang_methods()` puts methods on Tensor. The
function that a user calls is the recorder itself (see _core/record.py): there is nothing in
between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from ._core.op import ROWS, Op
from ._core.record import record_inplace, recorder
from ._core.tensor import Tensor
from .ops import load

load()
_made: dict[Op, Callable] = {}


def public_function(op: Op) -> Callable:
    """The function that records an op, with its signature and docstring."""
    made = _made.get(op)
    if made is None:
        made = _made[op] = recorder(op)
        made.__name__ = made.__qualname__ = op.name
        made.__doc__ = op.function.__doc__
        made.__wrapped__ = op.function
    return made


def inplace_method(op: Op) -> Callable:
    """`Tensor.add_` of `add`."""

    def method(*args: Any, **kwargs: Any) -> Tensor:
        return record_inplace(op, args, kwargs, method)

    method.__name__ = method.__qualname__ = f"{op.name}_"
    method.__doc__ = f"`{op.name}` written to this Tensor. {op.function.__doc__}"
    method.__wrapped__ = op.function
    return method


# The rows whose in-place variant PyTorch has as a function too: `torch.abs_(x)`.
INPLACE_FUNCTIONS = frozenset(
    "abs acos acosh addmv arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh ceil "
    "celu clamp clamp_max clamp_min clip conj_physical cos cosh deg2rad erf erfc exp exp2 expm1 "
    "fix floor frac gcd i0 lcm ldexp log log10 log1p log2 logit nan_to_num neg negative rad2deg "
    "reciprocal relu round rsqrt selu sigmoid sin sinc sinh sqrt square tan tanh threshold trunc "
    "xlogy".split()
)


def functions(room: str) -> dict[str, Callable]:
    """name -> function, of a public namespace: "torch", "nn.functional", "linalg", "fft",
    "special"."""
    found = {}
    prefix = f"{room}_"
    for row in ROWS.values():
        for name in (row.name, *row.aliases):
            if room in row.public:
                found[name.removeprefix(prefix)] = public_function(row)
                if room == "torch" and name in INPLACE_FUNCTIONS:
                    found[f"{name}_"] = getattr(Tensor, f"{name}_", None) or inplace_method(row)
    return found


def row(name: str) -> Callable[..., Any]:
    """The function of an op by its row's name, for the layers above."""
    return public_function(ROWS[name])


def say_where(namespace: Mapping[str, Any], module: str, owner: str = "") -> None:
    """Tell the functions of a public namespace where they stand: pickle writes them by that
    name."""
    for name, value in namespace.items():
        if isinstance(value, FunctionType):
            value.__module__, value.__qualname__ = module, owner + name


def hang_methods() -> None:
    """Put the rows' methods on Tensor."""
    for entry in ROWS.values():
        for name in (entry.name, *entry.aliases):
            if "Tensor" in entry.public:
                setattr(Tensor, name, public_function(entry))
            if entry.inplace and not hasattr(Tensor, f"{name}_"):
                setattr(Tensor, f"{name}_", inplace_method(entry))


hang_methods()
