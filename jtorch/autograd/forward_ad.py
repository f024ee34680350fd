"""Forward mode: dual Tensors, which carry a tangent. See torch.autograd.forward_ad.

Inside of a level, what is computed from a dual Tensor is one, and its tangent is the derivative in
the direction of the tangents that went in. _core/forward.py has the machinery. torch.func.jvp is
the same for a function; neither is possible inside of the other, as in PyTorch.
"""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any, NamedTuple

from .._core.alias import Step, cell_of, link
from .._core.forward import PRIMAL, check_tangent, enter_level, exit_level, tangent_of, with_tangent
from .._core.tensor import Tensor, from_cell
from .._core.trace import Cell, local


class UnpackedDualTensor(NamedTuple):
    """What unpack_dual returns: the values, and their tangent, None for a Tensor without one.

    See torch.autograd.forward_ad.UnpackedDualTensor.
    """

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Open a level of forward mode; the number of it, which is 0. RuntimeError inside of another.

    See torch.autograd.forward_ad.enter_dual_level.
    """
    enter_level(local.context)
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the level: no Tensor has a tangent any more. RuntimeError where none is open.

    See torch.autograd.forward_ad.exit_dual_level.
    """
    context = local.context
    if level is not None and level != _current(context):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This "
            "is not supported."
        )
    if context.level is None:
        raise RuntimeError("Dual level must be a positive number.")
    exit_level(context)


class dual_level(ContextDecorator):
    """A level of forward mode, as a context manager or decorator.

    See torch.autograd.forward_ad.dual_level.
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *_: Any) -> None:
        exit_dual_level()


def _current(context: Any) -> int:
    """The number of the level that is open, -1 for none."""
    return -1 if context.level is None else 0


class _Primal(Step):
    """From a Tensor to a view of its values alone. A write to that leaves the tangent there."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(PRIMAL, (), {}, local.context.modes)

    def get(self, base: Cell) -> Cell:
        return with_tangent(local.context, base, None)

    def put(self, base: Cell, new: Cell) -> Cell:
        return with_tangent(local.context, new, tangent_of(local.context, base))


class _Dual(_Primal):
    """From a Tensor to a view of its values, with a tangent that is given here."""

    __slots__ = ("tangent",)

    def __init__(self, tangent: Cell) -> None:
        super().__init__()
        self.tangent: Cell | None = tangent

    def get(self, base: Cell) -> Cell:
        return with_tangent(local.context, base, self.tangent)

    def put(self, base: Cell, new: Cell) -> Cell:
        self.tangent = tangent_of(local.context, new)
        return super().put(base, new)


def _viewed(tensor: Tensor, step: Step) -> Tensor:
    view = from_cell(step.get(cell_of(tensor)))
    link(tensor, view, step)
    return view


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A view of a Tensor, floating point or complex, that carries a tangent of the same shape.

    RuntimeError outside of a level, for another shape, and for what is dual already; ValueError for
    integers. See torch.autograd.forward_ad.make_dual.
    """
    context = local.context
    level = _current(context) if level is None else level
    if level < 0:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    for name, value in (("primal", tensor), ("tangent", tangent)):
        if not (value.is_floating_point() or value.is_complex()):
            raise ValueError(
                f"Expected {name} to be floating point or complex, but got: {value.dtype}"
            )
    if level != _current(context):
        raise RuntimeError("Invalid level given to _make_dual")
    if tangent_of(context, cell_of(tensor)) is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the "
            f"same level {level} is not supported."
        )
    if tangent_of(context, cell_of(tangent)) is not None:
        raise RuntimeError(
            "Setting a forward grad that itself has a forward gradient at the same level"
            f"{level} is not supported."
        )
    check_tangent(tensor.shape, tangent.shape)
    return _viewed(tensor, _Dual(cell_of(tangent)))


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """A view of the values of a Tensor, and its tangent, None if it has none.

    See torch.autograd.forward_ad.unpack_dual.
    """
    context = local.context
    if (_current(context) if level is None else level) < 0:
        return UnpackedDualTensor(tensor, None)
    if not isinstance(tensor, Tensor):
        raise TypeError(
            "_unpack_dual(): argument 'dual' (position 1) must be Tensor, not "
            f"{type(tensor).__name__}"
        )
    found = tangent_of(context, cell_of(tensor))
    return UnpackedDualTensor(
        _viewed(tensor, _Primal()), None if found is None else from_cell(found)
    )


__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]
