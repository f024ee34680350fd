"""The typed constructors of old PyTorch code: `FloatTensor`, `LongTensor` and their siblings.

`torch.FloatTensor(2, 3)` and `torch.LongTensor([1, 2])` make Tensors, and
`isinstance(x, torch.FloatTensor)` asks for the dtype; there are no such classes behind it.
"""

from __future__ import annotations

from typing import Any

from .._core import dtype as dtypes
from .._core.dtype import dtype
from .._core.tensor import Tensor
from .creation import tensor, zeros


class _Typed(type):
    """The class of the constructors."""

    dtype: dtype

    def __call__(cls, *args: Any) -> Tensor:
        if len(args) == 1 and not isinstance(args[0], int):
            return tensor(args[0], dtype=cls.dtype)
        return zeros(*args, dtype=cls.dtype) if args else zeros(0, dtype=cls.dtype)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype


_NAMES = ("Bool", "Byte", "Char", "Short", "Int", "Long", "Half", "BFloat16", "Float", "Double")
_KINDS = {title: kind for kind, title in dtypes.TITLES.items()}
CONSTRUCTORS = {
    f"{title}Tensor": _Typed(
        f"{title}Tensor",
        (),
        {"dtype": _KINDS[title], "__doc__": f"Makes Tensors of {_KINDS[title]}."},
    )
    for title in _NAMES
}
