"""The Tensor: a cell, a place for its gradient, and what it shares with others.

Here is what every Tensor has and no op gives it: attributes, reading values, copies. What is made
of ops is hung on the class by _expose.py: the methods of op rows, indexing, operators, backward and
hooks (backward.py). Read record.py next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from . import format as text
from .alias import (
    DATA,
    DETACH,
    Step,
    as_constant,
    cell_of,
    is_cut_off,
    is_leaf,
    link,
    rebase,
    storage_of,
)
from .append import append
from .attributes import Attributes
from .capture import note_constant, note_gradient, stop
from .device import canonical, default_device, device_of, jax_device
from .donation import share
from .dtype import TITLES, dtype, to_dtype
from .forward import tangent_of
from .graph import edge_of_cell
from .leaf import check_no_transform, copy_of, rebase_constant, rebase_leaf, set_data
from .op import Op
from .overlap import offset_of
from .program import body_of, host, settle
from .size import strided
from .stand_in import StandIn
from .trace import Aval, Cell, local

if TYPE_CHECKING:
    # A generated stub: what _expose.py and _methods.py hang on Tensor.
    from .methods import Methods  # pyright: ignore[reportMissingModuleSource]
else:
    Methods = object


class Tensor(Attributes, Methods):
    """A multi-dimensional array with PyTorch's interface. See `torch.Tensor`.

    _cell: the value, or None when a write to the storage has made it stale.  _grad: the gradient.
    _storage, _view: see alias.py; both None for a Tensor that shares nothing.
    """

    __slots__ = ("__dict__", "__weakref__", "_cell", "_grad", "_storage", "_view")
    __hash__ = object.__hash__
    __array_priority__ = 1000
    __module__ = "jtorch"  # where users know it
    _repr_name = "tensor"  # a subclass prints its own name
    __torch_function__: ClassVar[Any]  # see overrides.py
    # The gradient of this Tensor's cell as a Tensor, and back: a layout of its own overrides them.
    _to_gradient: Callable[[Cell], Tensor]
    _from_gradient: Callable[[Tensor], Cell]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "_repr_name" not in cls.__dict__:
            cls._repr_name = cls.__name__

    # ----------------------------------------------------------------------------------- attributes

    @property
    def requires_grad(self) -> bool:
        return cell_of(self).aval.requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if wanted and not (self.dtype.is_floating_point or self.dtype.is_complex):
            raise RuntimeError(
                "only Tensors of floating point and complex dtype can require gradients"
            )
        require_grad(self, wanted)

    @property
    def grad(self) -> Tensor | None:
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            _check_grad(self, value)
        note_gradient(self)
        self._grad = value

    @property
    def is_leaf(self) -> bool:
        return is_leaf(cell_of(self))

    @property
    def grad_fn(self) -> Any:
        edge = edge_of_cell(cell_of(self))
        return edge[0] if type(edge) is tuple else None

    @property
    def output_nr(self) -> int:
        edge = edge_of_cell(cell_of(self))
        return edge[1] if type(edge) is tuple else 0

    @property
    def data(self) -> Tensor:
        return _cut_off(self, DATA)

    @data.setter
    def data(self, value: Tensor) -> None:
        if value.layout is not strided:
            raise RuntimeError(
                "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have "
                "incompatible tensor type."
            )
        set_data(self, value)

    @property
    def _version(self) -> int:
        return self._storage.version if self._storage is not None else 0

    def data_ptr(self) -> int:
        """A number that is equal for Tensors with the same storage and offset. No address."""
        return id(storage_of(self)) + self.storage_offset() * self.itemsize

    const_data_ptr = data_ptr

    def storage_offset(self) -> int:
        """How far the first element lies from the storage's. See `torch.Tensor.storage_offset`."""
        return offset_of(self)

    # -------------------------------------------------------------------------------------- reading

    def item(self) -> Any:
        """The value of a Tensor of one element, as a Python number. See `torch.Tensor.item`."""
        cell = cell_of(self)
        if cell.aval.shape and self.numel() != 1:
            raise RuntimeError(
                f"a Tensor with {self.numel()} elements cannot be converted to Scalar"
            )
        array = host(cell, "item")
        return array.reshape(()).astype(_python_type(self.dtype)).item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers. See `torch.Tensor.tolist`."""
        return host(cell_of(self)).astype(_python_type(self.dtype)).tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The values as a NumPy array of the host.

        The array is a copy: PyTorch's shares memory, JAX's buffers are immutable. RuntimeError for
        a Tensor that requires grad (unless `force`). See `torch.Tensor.numpy`.
        """
        cell = cell_of(self)
        if not force:
            if cell.aval.requires_grad:
                raise RuntimeError(
                    "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                    "instead."
                )
            if cell.aval.device.type != "cpu":
                raise TypeError(
                    f"can't convert {cell.aval.device} device type tensor to numpy. Use "
                    "Tensor.cpu() to copy the tensor to host memory first."
                )
        return np.array(host(cell))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __jax_array__(self) -> jax.Array:
        return self.jax()

    def jax(self) -> jax.Array:
        """The value as a `jax.Array`, without a copy.

        It never changes: a later in-place write gives the Tensor another buffer.
        """
        stop("a value is read")
        return jnp.asarray(settle(cell_of(self)))

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        array = self.jax()
        share(array)
        return array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple:
        return self.jax().__dlpack_device__()  # pyright: ignore[reportAttributeAccessIssue]

    def __bool__(self) -> bool:
        size = self.numel()
        if size > 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        if size == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        return bool(host(cell_of(self), "bool").reshape(()))

    def __int__(self) -> int:
        return int(_single(self).item())

    def __float__(self) -> float:
        return float(_single(self).item())

    def __complex__(self) -> complex:
        return complex(_single(self).item())

    def __index__(self) -> int:
        if self.dtype.is_floating_point or self.dtype.is_complex or self.numel() != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        if self.dim() == 0:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __len__(self) -> int:
        shape = cell_of(self).aval.shape
        if not shape:
            raise TypeError("len() of a 0-d tensor")
        return shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.dim():
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any())

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        cell = cell_of(self)
        if isinstance(cell.array, Tracer):
            return f"Tensor({cell.array})"
        if isinstance(cell.trace, StandIn):
            return f"Tensor({cell.trace.leaf})"
        body = body_of(cell)
        if body is not None and (found := body.whole(cell)) is not None:
            whole, dim = found
            with body.outside():
                return text.batched_text(repr(from_cell(whole)), dim, body.level)
        tangent = tangent_of(local.context, cell)
        return text.tensor_text(
            host(cell),
            cell.aval.dtype,
            device=cell.aval.device,
            default_device=default_device(),
            requires_grad=cell.aval.requires_grad,
            grad_fn=self.grad_fn.name() if self.grad_fn is not None else None,
            tangent=None if tangent is None else repr(from_cell(tangent)),
            name=self._repr_name,
        )

    def __dir__(self) -> list[str]:
        return sorted(set(object.__dir__(self)))

    # ------------------------------------------------------------------------------------- autograd

    def detach(self) -> Tensor:
        """This Tensor without history, sharing its storage. See `torch.Tensor.detach`."""
        return _cut_off(self, DETACH)

    def detach_(self) -> Tensor:
        """Cut this Tensor off from its history, in place."""
        if is_cut_off(self._view):
            self._cell = as_constant(cell_of(self))
            return self
        if self._view:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        rebase(self, as_constant(cell_of(self)))
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Say whether gradients are wanted for this leaf, in place.

        See `torch.Tensor.requires_grad_`.
        """
        check_no_transform()
        if requires_grad and not (self.dtype.is_floating_point or self.dtype.is_complex):
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        return require_grad(self, requires_grad)

    def as_subclass(self, cls: type) -> Tensor:
        """This Tensor as an instance of a subclass, sharing its storage and history."""
        result = from_cell(cell_of(self), cls)
        storage_of(self).join(result)
        result._view = self._view
        return result

    @property
    def retains_grad(self) -> bool:
        return self.__dict__.get("_retains_grad", False)

    # --------------------------------------------------------------------------- copies and pickles

    def __deepcopy__(self, memo: dict) -> Tensor:
        cell = cell_of(self)
        if not is_leaf(cell):
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol "
                "at the moment."
            )
        if id(self) in memo:
            return memo[id(self)]
        result = copy_of(self, cell)
        memo[id(self)] = result
        if self._grad is not None:
            result._grad = self._grad.__deepcopy__(memo)
        for name, value in self.__dict__.items():
            result.__dict__[name] = value
        return result

    def __reduce_ex__(self, protocol: int) -> tuple:
        cell = cell_of(self)
        grad = cell.aval.requires_grad
        if grad and not is_leaf(cell):
            raise RuntimeError("cannot pickle a Tensor that is no leaf; detach() it first")
        state = dict(self.__dict__)
        return _rebuild, (type(self), np.array(host(cell)), str(cell.aval.device), grad, state)


# ----------------------------------------------------------------------------------- making Tensors

new_object = object.__new__


def _single(tensor: Tensor) -> Tensor:
    """The Tensor, if it has one element. ValueError otherwise."""
    if tensor.numel() != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return tensor


def from_cell(cell: Cell, cls: type = Tensor) -> Tensor:
    """A Tensor for a cell."""
    tensor = new_object(cls)
    tensor._cell = cell
    tensor._grad = None
    tensor._storage = None
    tensor._view = None
    return tensor


def _dense_cell(gradient: Tensor) -> Cell:
    """The cell of a gradient of any layout."""
    return cell_of(gradient if gradient.layout is strided else gradient.to_dense())


Tensor._to_gradient = staticmethod(from_cell)
Tensor._from_gradient = staticmethod(_dense_cell)


def from_array(
    array: Any, device: Any = None, requires_grad: bool = False, strides: tuple | None = None
) -> Tensor:
    """A Tensor for a NumPy or JAX array; a NumPy array is copied to the device.

    A JAX array is taken as it is: it must not be donated by the caller afterwards.
    """
    if isinstance(array, (np.ndarray, np.generic)):
        where = canonical(device)
        with jax.enable_x64(True), jax.ensure_compile_time_eval():
            array = jax.device_put(np.array(array), jax_device(where))
    else:
        where = device_of(array) if device is None else canonical(device)
        if where is not device_of(array):
            with jax.enable_x64(True):
                array = jax.device_put(array, jax_device(where))
    cell = Cell(array, Aval(tuple(array.shape), to_dtype(array.dtype), where, strides))
    body = local.context.trace.body
    if body is not None:
        body.own(cell)
    note_constant(cell)
    tensor = from_cell(cell)
    return require_grad(tensor, True) if requires_grad else tensor


def require_grad(tensor: Tensor, wanted: bool) -> Tensor:
    """Say whether gradients are wanted for this leaf, in place. RuntimeError for another Tensor."""
    cell = cell_of(tensor)
    if cell.aval.requires_grad == bool(wanted):
        return tensor
    if wanted:
        if not (tensor.dtype.is_floating_point or tensor.dtype.is_complex):
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        rebase_leaf(tensor, cell)
        return tensor
    if not is_leaf(cell):
        raise RuntimeError(
            "you can only change requires_grad flags of leaf variables. If you want to use a "
            "computed variable in a subgraph that doesn't require differentiation use "
            "var_no_grad = var.detach()."
        )
    rebase_constant(tensor, cell)
    return tensor


def _cut_off(tensor: Tensor, op: Op) -> Tensor:
    """An alias without history."""
    (cell,) = append(local.context, op, (cell_of(tensor),))
    result = from_cell(cell)
    link(tensor, result, Step(op, (), {}, local.context.modes))
    return result


def _rebuild(cls: type, array: np.ndarray, where: str, grad: bool, state: dict) -> Tensor:
    """What unpickling calls."""
    found = from_array(array)
    result = from_cell(found._cell, cls)
    result.__dict__.update(state)
    return require_grad(result, True) if grad else result


def _check_grad(tensor: Tensor, grad: Any) -> None:
    if not isinstance(grad, Tensor):
        raise TypeError(f"expected Tensor or None, got {type(grad).__name__}")
    if grad.shape != tensor.shape:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(grad.shape)}' to a tensor of size "
            f"'{list(tensor.shape)}'. Please ensure that both have the same size"
        )
    if grad.dtype is not tensor.dtype:
        raise RuntimeError(
            f"attempting to assign a gradient with dtype '{TITLES[grad.dtype]}' to a tensor with "
            f"dtype '{TITLES[tensor.dtype]}'. The gradient must match the tensor's dtype"
        )


def _python_type(kind: dtype) -> type:
    return {0: bool, 1: kind.numpy, 2: np.float64, 3: np.complex128}[kind.category]
