"""The sparse Tensor: a Tensor whose cell holds the values of its entries, with a pattern beside it.

So its dtype, device, `requires_grad`, `grad_fn` and the walk of a backward are those of any Tensor.
What differs is said here: attributes, reading, and how gradients pass in and out. Functions are
taken over by `__torch_function__`, through one table: `implements` enters a function of this room
there, and what has no entry raises PyTorch's NotImplementedError. Nothing on the way of a dense
Tensor knows of this class. Read conversion.py next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..._core import format as text
from ..._core.alias import cell_of, check_writable, leave
from ..._core.device import default_device
from ..._core.leaf import set_data
from ..._core.overrides import always_asked
from ..._core.size import Size, sparse_coo, sparse_csr
from ..._core.tensor import Tensor, from_cell
from ..._core.trace import Cell
from ..._expose import row
from .pattern import Pattern, read, same_places

LOOKUP, FIRST, VALUES_AT = (row(f"_sparse_{name}") for name in ("lookup", "first", "values_at"))
view = row("view")

# function -> what it does where an argument is sparse. NotImplemented: not with these arguments.
TABLE: dict[Callable, Callable] = {}


def implements(*functions: Callable) -> Callable[[Callable], Callable]:
    """A decorator: what these functions do where an argument is sparse."""

    def enter(implementation: Callable) -> Callable:
        TABLE.update(dict.fromkeys(functions, implementation))
        return implementation

    return enter


class SparseTensor(Tensor):
    """A Tensor of layout sparse_coo or sparse_csr. Users see the class as Tensor.

    _pattern, in the instance's dictionary: where the entries stand.
    """

    _pattern: Pattern
    _repr_name = "tensor"
    __module__ = "jtorch"

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Iterable[type], args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if not all(issubclass(kind, Tensor) for kind in types):
            return NotImplemented
        implementation = TABLE.get(func)
        found = NotImplemented
        if implementation is not None:
            found = implementation(*args, **(kwargs or {}))
        if found is NotImplemented:
            raise unsupported(func.__name__, (*args, *(kwargs or {}).values()))
        return found

    # ----------------------------------------------------------------------------------- attributes

    @property
    def shape(self) -> Size:
        return self._pattern.size

    @property
    def ndim(self) -> int:
        return len(self._pattern.size)

    @property
    def layout(self) -> Any:
        return self._pattern.layout

    @property
    def is_sparse(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.layout is sparse_coo

    @property
    def is_sparse_csr(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.layout is sparse_csr

    @property
    def nbytes(self) -> int:
        if self.is_sparse:
            raise RuntimeError(
                "nbytes is not defined for sparse tensors.  If you want the size of the "
                "constituent tensors, add the nbytes of the indices and values.  If you want the "
                "size of the  equivalent dense tensor, multiply numel() by element_size()"
            )
        return self.numel() * self.itemsize

    @property
    def grad(self) -> Tensor | None:
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and value.layout is not self.layout:
            raise RuntimeError(
                "attempting to assign a gradient to a tensor that has data of a different type"
            )
        Tensor.grad.fset(self, value)  # pyright: ignore[reportOptionalCall]
        if isinstance(value, SparseTensor) and not same_places(value._pattern, self._pattern):
            self._grad = self._to_gradient(self._from_gradient(value))

    @property
    def data(self) -> Tensor:
        return with_pattern(values_of(self).data, self._pattern)

    @data.setter
    def data(self, value: Tensor) -> None:
        check_kind(self, value)
        set_data(self, value)
        self._pattern = pattern_of(value)

    def dim(self) -> int:
        return len(self._pattern.size)

    ndimension = dim

    def size(self, dim: int | None = None) -> Any:
        if dim is None:
            return self.shape
        if not -self.dim() <= dim < self.dim():
            raise IndexError(f"Dimension out of range (got {dim} of {self.dim()} dimensions)")
        return self.shape[dim]

    def stride(self, dim: int | None = None) -> Any:
        if self.is_sparse_csr:
            raise RuntimeError("Sparse CSR tensors do not have strides")
        return (0,) * self.dim() if dim is None else 0

    def is_contiguous(self, memory_format: Any = None) -> bool:
        if self.is_sparse_csr:
            raise RuntimeError("Sparse CSR tensors do not have is_contiguous")
        return False

    def storage_offset(self) -> int:
        return 0

    def data_ptr(self) -> int:
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    const_data_ptr = data_ptr

    # -------------------------------------------------------------------------------------- reading

    def __len__(self) -> int:
        if not self.dim():
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __bool__(self) -> bool:
        return bool(self.to_dense())

    def __iter__(self) -> Iterator[Tensor]:
        raise unsupported("unbind", (self,))

    def jax(self) -> Any:
        raise TypeError(f"a Tensor of layout {self.layout} is no jax.Array; use to_dense()")

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("Can't export tensors with layout other than torch.strided")

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        pattern = self._pattern
        names = ("indices",) if self.is_sparse else ("crow_indices", "col_indices")
        parts = [(name, read(getattr(pattern, name))) for name in names]
        return text.sparse_text(
            [*parts, ("values", read(self))],
            self.dtype,
            self.layout,
            tuple(self.shape),
            device=self.device,
            default_device=default_device(),
            requires_grad=self.requires_grad,
            grad_fn=self.grad_fn.name() if self.grad_fn is not None else None,
        )

    # ------------------------------------------------------------------------- autograd and copies

    def _to_gradient(self, cell: Cell) -> Tensor:
        """A gradient of the values as one of this Tensor, with its pattern: where several entries
        share a place, the first has the gradient of the place and the others 0."""
        values = from_cell(cell)
        if not self._pattern.distinct:
            values = FIRST(values, self._pattern.positions())
        return with_pattern(values, self._pattern)

    def _from_gradient(self, gradient: Tensor) -> Cell:
        """A gradient of any layout and pattern at this Tensor's entries."""
        return cell_of(values_at(gradient, self._pattern))

    def as_subclass(self, cls: type) -> Tensor:
        raise unsupported("alias", (self,))

    def __reduce_ex__(self, protocol: int) -> tuple:
        values = values_of(self).detach()
        return _rebuild, (values, self._pattern, self.requires_grad)


SparseTensor.__name__ = SparseTensor.__qualname__ = "Tensor"
always_asked.add(SparseTensor)


def with_pattern(values: Tensor, pattern: Pattern, *sources: tuple[Tensor, Any]) -> SparseTensor:
    """The sparse Tensor of values and a pattern. It shares the storage and history of the values.

    sources: pairs of a sparse Tensor and a number, of which the result is the sum of the products
    (and of other things); see gradients.py.
    """
    made: Any = Tensor.as_subclass(values, SparseTensor)
    made._pattern = pattern if values.device is pattern.device else pattern.to(values.device)
    if sources and values.requires_grad:
        made._sources = sources
    return made


def _rebuild(values: Tensor, pattern: Pattern, requires_grad: bool) -> Tensor:
    """What unpickling calls."""
    return with_pattern(values, pattern).requires_grad_(requires_grad)


def values_of(input: Tensor) -> Tensor:
    """The values of a sparse Tensor's entries, sharing its storage and history."""
    return Tensor.as_subclass(input, Tensor)


def no_leaf(values: Tensor) -> Tensor:
    """Values to be shared with another Tensor: a view, where they are a leaf of autograd."""
    shared = values.requires_grad and values.is_leaf
    return view(values, tuple(values.shape)) if shared else values


def pattern_of(input: Any) -> Any:
    """The pattern of a sparse Tensor; None for another."""
    return input._pattern if isinstance(input, SparseTensor) else None


def values_at(input: Tensor, pattern: Pattern) -> Tensor:
    """The elements of a Tensor, sparse or not, at the places of a pattern."""
    own = pattern_of(input)
    if own is None:
        return VALUES_AT(input, pattern.indices)
    if same_places(own, pattern) and pattern.distinct:
        return values_of(input)
    return LOOKUP(values_of(input), own.positions(), pattern.positions())


def become(target: Any, source: SparseTensor) -> Tensor:
    """Give a sparse Tensor the entries of another, in place."""
    check_writable(target)
    leave(target)
    target._cell = cell_of(source)
    target._pattern = source._pattern
    return target


def check_kind(target: Tensor, value: Tensor) -> None:
    """RuntimeError unless two Tensors have the same layout."""
    if target.layout is not value.layout:
        raise RuntimeError(
            "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have "
            "incompatible tensor type."
        )


def title(input: Tensor) -> str:
    """The layout in PyTorch's error texts."""
    pattern = pattern_of(input)
    return "Strided" if pattern is None else pattern.title


def unsupported(name: str, arguments: Iterable[Any]) -> NotImplementedError:
    """PyTorch's error for a function that has no kernel for a layout."""
    flat = [v for a in arguments for v in (a if isinstance(a, (list, tuple)) else (a,))]
    tensors = [v for v in flat if isinstance(v, Tensor)]
    found = next((v for v in tensors if isinstance(v, SparseTensor)), tensors[0])
    pattern = pattern_of(found)
    backend = found.device.type.upper() if pattern is None else pattern.backend
    return NotImplementedError(
        f"Could not run 'aten::{name}' with arguments from the '{backend}' backend: there is no "
        f"such function for the layout {found.layout}. to_dense() gives a Tensor that has it."
    )
