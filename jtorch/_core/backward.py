"""backward, grad and hooks, for Tensors: what happens to the gradients that autograd.py
computes."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from .alias import as_constant, cell_of, check_writable, is_leaf, write
from .append import append
from .autograd import ADD, ONES, ZEROS, gradients, walk
from .graph import GradNode, edge_of_cell
from .tensor import Tensor, from_cell
from .trace import Cell, local


def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add the gradients of this Tensor to `.grad` of the leaves.

    gradient: the cotangent, of this Tensor's shape; it may be left out for one element. inputs: the
    only Tensors whose `.grad` is wanted. RuntimeError without a graph, for many elements without a
    `gradient`, and for a graph that was freed. See `torch.Tensor.backward`.
    """
    retain = create_graph if retain_graph is None else retain_graph
    if gradient is None and not create_graph and inputs is None and not local.context.transforms:
        root = _scalar(self)
        for leaf, cell in gradients(local.context, root, retain):
            tensor = leaf()
            if tensor is not None:
                accumulate(tensor, cell)
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
    if local.context.transforms:
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use "
            "functorch.grad or functorch.vjp instead or call backward() outside of functorch "
            "transforms."
        )
    if inputs is not None:
        inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        found = grad(tensors, inputs, grad_tensors, retain_graph, create_graph, True)
        for tensor, value in zip(inputs, found, strict=True):
            if value is not None and not tensor.retains_grad:  # which has it from the walk
                _add_up(tensor, cell_of(value), create_graph)
        return
    roots = _roots(tensors, grad_tensors)
    found = walk(local.context, roots, retain_graph, create_graph)
    for leaf, cell in found.leaves.values():
        tensor = leaf()
        if tensor is not None:
            accumulate(tensor, cell, create_graph)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`, without touching `.grad`.

    See `torch.autograd.grad`.
    """
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if grad_outputs is None or isinstance(grad_outputs, Tensor):
        grad_outputs = [grad_outputs] * len(outputs)
    edges = [_wanted_edge(t) for t in inputs]
    retain = create_graph if retain_graph is None else retain_graph
    found = walk(local.context, _roots(outputs, grad_outputs), retain, create_graph, edges)
    results = []
    for tensor, edge in zip(inputs, edges, strict=True):
        if type(edge) is tuple:
            cell = found.captured.get(edge)
        else:
            cell = found.leaves.get(id(edge), (None, None))[1]
            cell = _with_hooks(tensor, cell) if cell is not None else None
        if cell is None and not (allow_unused or materialize_grads):
            raise RuntimeError(
                "One of the differentiated Tensors appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior."
            )
        if cell is None and materialize_grads:
            (cell,) = append(local.context, ZEROS, (as_constant(cell_of(tensor)),))
        results.append(None if cell is None else tensor._to_gradient(cell))
    return tuple(results)


def accumulate(tensor: Tensor, cell: Cell, create: bool = False) -> None:
    """Add a gradient, as the leaf's hooks change it, to its `.grad`; a leaf that no longer
    requires grad gets none."""
    if not cell_of(tensor).aval.requires_grad:
        return
    if tensor.__dict__:  # hooks, or a layout of its own
        cell = cell_of(tensor._to_gradient(_with_hooks(tensor, cell)))
    _add_up(tensor, cell, create)


def _add_up(tensor: Tensor, cell: Cell, create: bool) -> None:
    """Add to `.grad`; the first gradient becomes it."""
    before = tensor._grad
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
    tensor._grad = total
    _call_post_hooks(tensor)


def _call_post_hooks(tensor: Tensor) -> None:
    for hook in tuple(tensor.__dict__.get("_post_hooks", {}).values()):
        hook(tensor)


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


def _wanted_edge(tensor: Tensor) -> Any:
    cell = cell_of(tensor)
    if not cell.aval.requires_grad:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return edge_of_cell(cell)


# -------------------------------------------------------------------------------------------- hooks


class Handle:
    """Removes a hook. See `torch.utils.hooks.RemovableHandle`."""

    _count = 0

    def __init__(self, hooks: dict) -> None:
        Handle._count += 1
        self.id = Handle._count
        self._hooks = weakref.ref(hooks) if isinstance(hooks, OrderedDict) else lambda: hooks

    def remove(self) -> None:
        """Forget the hook."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> Handle:
    """Call `hook` with the gradient whenever it is computed; what it returns takes its place.

    RuntimeError for a Tensor that doesn't require grad. See `torch.Tensor.register_hook`.
    """
    cell = cell_of(self)
    if not cell.aval.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    hooks = self.__dict__.setdefault("_hooks", OrderedDict())
    handle = Handle(hooks)
    hooks[handle.id] = hook
    if _RETAIN in hooks:
        hooks.move_to_end(_RETAIN)
    if not is_leaf(cell):
        _watch(cell, hooks)
    return handle


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> Handle:
    """Call `hook` with this leaf after its `.grad` was updated."""
    if not (self.requires_grad and self.is_leaf):
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    hooks = self.__dict__.setdefault("_post_hooks", OrderedDict())
    handle = Handle(hooks)
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
    if isinstance(node, GradNode) and node.trace is not None:
        node.trace.watched[node.first] = node


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
