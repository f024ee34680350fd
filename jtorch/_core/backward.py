"""backward, grad and hooks, for Tensors: what happens to the gradients that autograd.py
computes."""

from __future__ import annotations

import math
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..utils.hooks import RemovableHandle
from .alias import as_constant, cell_of, check_writable, is_leaf, write
from .anomaly import STACK
from .append import append
from .autograd import ADD, ONES, ZEROS, Gradients, call_prehooks, gradients, walk
from .capture import note_gradient
from .forward import tangent_of, with_tangent
from .grad_mode import set_grad_enabled
from .graph import edge_of_cell
from .history import AccumulateGrad, GradientEdge, edge_from, hung_on_leaf
from .tensor import Tensor, from_array, from_cell
from .trace import Cell, local


def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | dict[str, Tensor] | None = None,
) -> None:
    """Add the gradients of this Tensor to `.grad` of the leaves.

    gradient: the cotangent, of this Tensor's shape; it may be left out for one element. inputs: the
    only Tensors whose `.grad` is wanted. RuntimeError without a graph, for many elements without a
    `gradient`, and for a graph that was freed. See `torch.Tensor.backward`.
    """
    retain = create_graph if retain_graph is None else retain_graph
    plain = gradient is None and not create_graph and inputs is None
    context = local.context
    if plain and not (Limits.several or context.transforms or context.bodies):
        _deliver(gradients(context, _scalar(self), retain, _give), False)
        return
    backward_all([self], [gradient], retain, create_graph, inputs)


def backward_all(
    tensors: Sequence[Tensor],
    grad_tensors: Sequence[Tensor | None],
    retain_graph: bool,
    create_graph: bool,
    inputs: Any,
) -> None:
    """`torch.autograd.backward`."""
    if local.context.transforms or local.context.bodies:
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use "
            "functorch.grad or functorch.vjp instead or call backward() outside of functorch "
            "transforms."
        )
    if inputs is not None:
        inputs = listed(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        found = grad(tensors, inputs, grad_tensors, retain_graph, create_graph, allow_unused=True)
        with set_grad_enabled(create_graph):
            for tensor, value in zip(map(_receiver, inputs), found, strict=True):
                if value is not None and not tensor.retains_grad:  # which has it from the walk
                    _arrive(tensor, cell_of(value), create_graph)
        return
    roots = _roots(tensors, grad_tensors)
    found = walk(local.context, roots, retain_graph, create_graph, deliver=_give)
    with _walking(found):
        _deliver(found.leaves.values(), create_graph)


def _deliver(gradients: Iterable[tuple[weakref.ref, Cell]], create: bool) -> None:
    """Add to `.grad` of leaves. Their hooks run in the backward's grad mode."""
    context = local.context
    before, context.modes = context.modes, context.modes.replace(grad=create)
    try:
        for leaf, cell in gradients:
            _give(leaf, cell)
    finally:
        context.modes = before


def _give(leaf: weakref.ref, cell: Cell) -> None:
    """Add to `.grad` of a leaf, if it is alive, in the backward's grad mode."""
    tensor = leaf()
    if tensor is not None:
        accumulate(tensor, cell, local.context.modes.grad)


ONLY_INPUTS = (
    "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate "
    "gradient for other parts of the graph, please use torch.autograd.backward."
)


class Limits:
    """several: how many hooks on several Tensors there are. They ask which Tensors a backward will
    come to, and so have it walk the graph each time."""

    several = 0


@contextmanager
def _walking(found: Gradients) -> Iterator[None]:
    """While hooks of leaves run: which walk it was."""
    context = local.context
    outer, context.walk = context.walk, found
    try:
        yield
    finally:
        context.walk = outer


def listed(values: Any) -> list:
    """One Tensor or edge as a list of it, several as a list: those of a dictionary too."""
    if isinstance(values, (Tensor, GradientEdge)):
        return [values]
    return list(values.values() if isinstance(values, dict) else values)


def _receiver(value: Tensor | GradientEdge) -> Tensor:
    """The Tensor whose `.grad` a gradient is added to."""
    if isinstance(value, Tensor):
        return value
    if not isinstance(value.node, AccumulateGrad):
        raise RuntimeError("backward(inputs=...) takes edges of leaves only: others have no .grad")
    return value.node.variable


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor] | dict[str, Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """The gradients of `outputs` with respect to `inputs`, without touching `.grad`.

    A tuple, or a dictionary as `inputs` is one. only_inputs: deprecated, True in any case. See
    `torch.autograd.grad`.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    if not only_inputs:
        warnings.warn(ONLY_INPUTS, FutureWarning, stacklevel=3)
    names = tuple(inputs) if isinstance(inputs, dict) else None
    outputs, inputs = listed(outputs), listed(inputs)
    if not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if grad_outputs is None or isinstance(grad_outputs, Tensor):
        grad_outputs = [grad_outputs] * len(outputs)
    retain = create_graph if retain_graph is None else retain_graph
    take = _batched if is_grads_batched else _taken
    cells = take(outputs, inputs, grad_outputs, retain, create_graph)
    if materialize_grads:
        blank = [as_constant(cell_of(t)) for t in inputs]
        cells = [
            append(local.context, ZEROS, (like,))[0] if cell is None else cell
            for cell, like in zip(cells, blank, strict=True)
        ]
    unused = next((k for k, cell in enumerate(cells) if cell is None), None)
    if unused is not None and not allow_unused:
        raise RuntimeError(
            f"The differentiated Tensor at index {unused} appears to not have been used in the "
            "graph. Set allow_unused=True if this is the desired behavior."
        )
    wraps = [getattr(t, "_to_gradient", from_cell) for t in inputs]
    pairs = zip(wraps, cells, strict=True)
    found = tuple(None if cell is None else wrap(cell) for wrap, cell in pairs)
    return found if names is None else dict(zip(names, found, strict=True))


def _taken(
    outputs: list, inputs: list, grad_outputs: Sequence, retain: bool, create: bool
) -> list[Cell | None]:
    """The gradients, None for an input that isn't used."""
    edges = [_wanted_edge(t) for t in inputs]
    found = walk(local.context, _roots(outputs, grad_outputs), retain, create, edges)
    with _walking(found), set_grad_enabled(create):
        return [_found(found, t, edge) for t, edge in zip(inputs, edges, strict=True)]


def _found(walk: Gradients, tensor: Any, edge: Any) -> Cell | None:
    """The gradient that a walk has found for an input."""
    if type(edge) is tuple:
        return walk.captured.get(edge)
    cell = walk.leaves.get(id(edge), (None, None))[1]
    return None if cell is None else _with_hooks(edge(), cell)


def _batched(
    outputs: list, inputs: list, grad_outputs: Sequence, retain: bool, create: bool
) -> list[Cell | None]:
    """The gradients for each item of the `grad_outputs`, stacked."""
    count = next(len(g) for g in grad_outputs if g is not None)
    rows = []
    for k in range(count):
        item = [None if g is None else g[k] for g in grad_outputs]
        rows.append(_taken(outputs, inputs, item, retain or k + 1 < count, create))
    return [
        None if column[0] is None else append(local.context, STACK, column)[0]
        for column in zip(*rows, strict=True)
    ]


def accumulate(tensor: Tensor, cell: Cell, create: bool) -> None:
    """Add a gradient, as the leaf's hooks change it, to its `.grad`; a leaf that no longer
    requires grad gets none."""
    if not cell_of(tensor).aval.requires_grad:
        return
    if tensor.__dict__:  # hooks, or a layout of its own
        cell = cell_of(tensor._to_gradient(_with_hooks(tensor, cell)))
    _arrive(tensor, cell, create)


def _arrive(tensor: Tensor, cell: Cell, create: bool) -> None:
    """Add to `.grad`, between the hooks of the leaf's node."""
    hung = hung_on_leaf(tensor)
    if hung is not None:
        cells = [cell]
        call_prehooks(hung, cells)
        cell = cells[0]
    _add_up(tensor, cell, create)
    if hung is not None:
        for hook in tuple(hung.hooks.values()):
            hook((), (from_cell(cell),))


def _add_up(tensor: Tensor, cell: Cell, create: bool) -> None:
    """Add to `.grad`; the first gradient becomes it."""
    note_gradient(tensor)
    before = tensor._grad
    if not create and tangent_of(local.context, cell) is not None:
        cell = with_tangent(local.context, cell, None)
    if before is None:
        tensor._grad = tensor._to_gradient(cell)
    elif before.layout is not tensor.layout:  # a sparse gradient of a dense Tensor
        tensor._grad = before.to_dense() + from_cell(cell)
    elif create:
        tensor._grad = tensor._to_gradient(append(local.context, ADD, (cell_of(before), cell))[0])
    else:
        write(before, append(local.context, ADD, (as_constant(cell_of(before)), cell))[0])
    if tensor.__dict__:
        _call_post_hooks(tensor)


def add_gradient(tensor: Tensor, total: Tensor) -> None:
    """Set `.grad` of a leaf to what it is with a gradient that came on a way of its own."""
    note_gradient(tensor)
    tensor._grad = total
    _call_post_hooks(tensor)


def _call_post_hooks(tensor: Tensor) -> None:
    for hook in tuple(tensor.__dict__.get("_post_hooks", {}).values()):
        if hook(tensor) is not None:
            raise RuntimeError("Tensor post accumulate grad hooks should return None.")


# -------------------------------------------------------------------------------------------- roots


def _scalar(tensor: Tensor) -> Cell:
    cell = cell_of(tensor)
    aval = cell.aval
    if not aval.requires_grad:
        raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
    if aval.shape and tensor.numel() != 1:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    if aval.dtype.is_complex:
        raise RuntimeError(
            f"grad can be implicitly created only for real scalar outputs but got {aval.dtype}"
        )
    return cell


def _roots(tensors: Sequence[Tensor], cotangents: Sequence[Tensor | None]) -> list:
    roots = []
    for k, (tensor, given) in enumerate(zip(tensors, cotangents, strict=True)):
        if isinstance(tensor, GradientEdge):
            roots.append((edge_from(tensor), _of_edge(tensor, given)))
            continue
        cell = cell_of(tensor)
        if not cell.aval.requires_grad:
            raise RuntimeError(
                f"element {k} of tensors does not require grad and does not have a grad_fn"
            )
        if given is None:
            (one,) = append(local.context, ONES, (_scalar(tensor),))
        else:
            if not isinstance(given, Tensor):
                raise TypeError(
                    f"gradients can be either Tensors or None, but got {type(given).__name__}"
                )
            if given.shape != tensor.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{k}] has a shape of {given.shape} and "
                    f"output[{k}] "
                    f"has a shape of {tensor.shape}."
                )
            one = tensor._from_gradient(given)
        roots.append((edge_of_cell(cell), one))
    return roots


def _of_edge(edge: GradientEdge, given: Tensor | None) -> Cell:
    """The cotangent for an edge; a one, if none is given."""
    if given is not None:
        return cell_of(given)
    node: Any = edge.node
    if isinstance(node, AccumulateGrad):
        aval = cell_of(node.variable).aval
    else:
        aval = node.output_avals[edge.output_nr]
    if aval.shape and math.prod(aval.shape) != 1:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    return cell_of(from_array(np.ones(aval.shape, aval.dtype.numpy), aval.device))


def _wanted_edge(tensor: Tensor | GradientEdge) -> Any:
    if isinstance(tensor, GradientEdge):
        return edge_from(tensor)
    cell = cell_of(tensor)
    if not cell.aval.requires_grad:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return edge_of_cell(cell)


# -------------------------------------------------------------------------------------------- hooks


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Call `hook` with the gradient whenever it is computed; what it returns takes its place.

    RuntimeError for a Tensor that doesn't require grad. See `torch.Tensor.register_hook`.
    """
    cell = cell_of(self)
    if not cell.aval.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    hooks = self.__dict__.setdefault("_hooks", OrderedDict())
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if _RETAIN in hooks:
        hooks.move_to_end(_RETAIN)
    if not is_leaf(cell):
        _watch(cell, hooks)
    return handle


def register_post_accumulate_grad_hook(
    self: Tensor, hook: Callable[[Tensor], None]
) -> RemovableHandle:
    """Call `hook` with this leaf after its `.grad` was updated.

    RuntimeError for a Tensor that is no leaf, and in the backward if the hook returns something.
    See torch.Tensor.register_post_accumulate_grad_hook.
    """
    if not (self.requires_grad and self.is_leaf):
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    hooks = self.__dict__.setdefault("_post_hooks", OrderedDict())
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


# The key of the hook that keeps the gradient: it runs last, whenever it was registered.
_RETAIN = -1


def retain_grad(self: Tensor) -> None:
    """Keep the gradient of this Tensor in `.grad`, though it is no leaf.

    See `torch.Tensor.retain_grad`.
    """
    cell = cell_of(self)
    if not cell.aval.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if is_leaf(cell) or self.retains_grad:
        return
    self.__dict__["_retains_grad"] = True
    reference = weakref.ref(self)

    def keep(gradient: Tensor) -> None:
        tensor = reference()
        if tensor is not None:
            _add_up(tensor, cell_of(gradient), True)

    hooks = self.__dict__.setdefault("_hooks", OrderedDict())
    hooks[_RETAIN] = keep
    _watch(cell, hooks)


def _watch(cell: Cell, hooks: dict) -> None:
    """Have a GradNode call hooks with the gradient of one of its outputs."""
    node, k = edge_of_cell(cell)
    node.watched[k] = lambda gradient: _run_hooks(hooks, gradient)
    node.note_hooks()


def _run_hooks(hooks: dict, cell: Cell) -> Cell:
    for hook in tuple(hooks.values()):
        result = hook(from_cell(cell))
        if result is not None:
            if not isinstance(result, Tensor):
                raise TypeError(f"hook should return Tensor or None, got {type(result).__name__}")
            cell = cell_of(result)
    return cell


def _with_hooks(tensor: Tensor, cell: Cell) -> Cell:
    hooks = tensor.__dict__.get("_hooks")
    return _run_hooks(hooks, cell) if hooks else cell


__all__ = ["backward", "backward_all", "check_writable", "grad", "register_hook", "retain_grad"]
