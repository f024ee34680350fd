"""Parameter and Buffer: the tensors that a Module registers when they are assigned to an attribute.

Only what makes them different from Tensor; what a Module does with them is in module.py. Those
without a shape, which is not known before the first call of their module, have a dtype and a device
until `materialize` is told the shape; the modules that use them are in lazy_layers.py.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

from .._core.dtype import FLOAT
from .._core.jax_tree import register
from .._core.leaf import leaf_of
from .._core.overrides import disabled, plain_tensors, standing_back
from .._core.size import strided
from .._core.tensor import Tensor
from ..functions.creation import empty

_BEFORE_FORWARD = "Call `forward` to initialize the parameters before "
# What may be done to a tensor without a shape: ask for its kind, and change it.
_ALLOWED = frozenset(
    getattr(Tensor, name)
    for name in ("copy_", "is_complex", "is_floating_point", "get_device", "to", "cpu", "cuda")
    + ("half", "float", "double", "char", "short", "int", "long")
)


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
register(
    Parameter,
    lambda parameter: parameter.requires_grad,
    lambda tensor, wanted: Parameter(tensor, wanted and tensor.dtype.category >= FLOAT),
)
register(
    Buffer,
    lambda buffer: buffer.persistent,
    lambda tensor, persistent: Buffer(tensor, persistent=persistent),
)


class UninitializedTensorMixin:
    """What a parameter and a buffer without a shape share."""

    cls_to_become: type
    data: Tensor

    def materialize(self, shape: Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary parameter or buffer of this shape. Its values are not set.

        See torch.nn.parameter.UninitializedParameter.materialize.
        """
        data = self.data
        self.data = empty(
            tuple(shape),
            device=data.device if device is None else device,
            dtype=data.dtype if dtype is None else dtype,
        )
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:
        """RuntimeError: there is none yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. "
            "This error usually happens in `load_state_dict` when trying to load "
            "an uninitialized parameter into an initialized one. "
            f"{_BEFORE_FORWARD}accessing their attributes."
        )

    def share_memory_(self) -> Any:
        """RuntimeError: there is nothing to share."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. "
            f"{_BEFORE_FORWARD}calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return type(self), (self.requires_grad,)  # pyright: ignore[reportAttributeAccessIssue]

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Iterable[type], args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func in _ALLOWED:
            with standing_back():
                result = func(*args, **(kwargs or {}))
                keeps = issubclass(cls, Buffer) and isinstance(result, Tensor)
                return result.as_subclass(cls) if keeps else result
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {func}. "
            "This error happens when you are using a `LazyModule` or "
            f"explicitly manipulating `torch.nn.parameter.{cls.__name__}` "
            "objects. When using LazyModules Call `forward` with a dummy batch "
            "to initialize the parameters before calling torch functions"
        )


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter without a shape. See torch.nn.parameter.UninitializedParameter."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Self:
        return leaf_of(cls, empty(0, device=device, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedParameter:
        if id(self) not in memo:
            data = self.data
            memo[id(self)] = type(self)(self.requires_grad, data.device, data.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer without a shape. See torch.nn.parameter.UninitializedBuffer."""

    cls_to_become = Tensor

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> Self:
        buffer = leaf_of(cls, empty(0, device=device, dtype=dtype), requires_grad)
        buffer.persistent = persistent
        return buffer


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no shape yet. See torch.nn.parameter.is_lazy."""
    return isinstance(param, UninitializedTensorMixin)


def _rebuild_parameter(data: Tensor, requires_grad: bool, hooks: OrderedDict) -> Parameter:
    return Parameter(data, requires_grad)
