"""Parameter and Buffer: the tensors that a Module registers when they are assigned to an attribute.

Only what makes them different from Tensor; what a Module does with them is in module.py.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Self

from .._core.leaf import leaf_of
from .._core.overrides import disabled, plain_tensors
from .._core.size import strided
from .._core.tensor import Tensor
from ..functions.creation import empty


class Parameter(Tensor):
    """A leaf tensor that belongs to a Module and, by default, requires a gradient.

    It shares the storage of `data`. See torch.nn.Parameter.
    """

    __torch_function__ = staticmethod(disabled)
    _repr_name = "tensor"

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Self:
        if data is None:
            data = empty(0)
        if data.layout is not strided:
            raise NotImplementedError(f"a Parameter of layout {data.layout}: only dense ones here")
        if requires_grad and not (data.is_floating_point() or data.is_complex()):
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        return leaf_of(cls, data, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        """A parameter of the same values, without the gradient. PyTorch drops the gradient too."""
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: int) -> tuple:
        own = dict(self.__dict__)
        return _rebuild_parameter, (self.data, self.requires_grad, OrderedDict()), own or None


class Buffer(Tensor):
    """A tensor that belongs to a Module's state and gets no gradient step. See torch.nn.Buffer.

    `persistent`: whether `state_dict()` contains it. It shares the storage of `data`.
    """

    persistent: bool
    __torch_function__ = staticmethod(disabled)
    _repr_name = "tensor"

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Self:
        if data is None:
            data = empty(0)
        buffer: Any = data.detach().as_subclass(cls).requires_grad_(data.requires_grad)
        buffer.persistent = persistent
        return buffer


plain_tensors.update((Parameter, Buffer))


def _rebuild_parameter(data: Tensor, requires_grad: bool, hooks: OrderedDict) -> Parameter:
    return Parameter(data, requires_grad)
