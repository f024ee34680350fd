"""The graph as users see it: nodes, edges, hooks for what is saved. See torch.autograd.graph.

The machinery is in _core: history.py has the nodes, packing.py the saved-tensor hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .._core import autograd as _autograd
from .._core import backward as _backward
from .._core import packing as _packing
from .._core.alias import Moment, cell_of, overwrite, storage_of
from .._core.backward import register_hook
from .._core.graph import edge_of_cell
from .._core.history import GradientEdge, Node, seen
from .._core.tensor import Tensor
from .._core.trace import local
from ..utils.hooks import RemovableHandle


class saved_tensors_hooks:
    """While active, what a backward will use goes through `pack_hook` when it is recorded, and
    through `unpack_hook` when it is used.

    Differs from PyTorch: which values these are follows from JAX's gradient of the op. Where a
    gradient can be told from the output or the input, PyTorch may save the one, jtorch the other.
    See torch.autograd.graph.saved_tensors_hooks.
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _packing.push(self.pack_hook, self.unpack_hook)

    def __exit__(self, *_: Any) -> None:
        _packing.pop()


class save_on_cpu(saved_tensors_hooks):
    """While active, what a backward will use waits in the memory of the host.

    Each copy ends the program that is being recorded. See torch.autograd.graph.save_on_cpu.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(
            lambda tensor: (tensor.device, tensor.cpu()), lambda packed: packed[1].to(packed[0])
        )


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """While active, saved-tensor hooks are an error with this message.

    See torch.autograd.graph.disable_saved_tensors_hooks.
    """
    state = _packing.state
    if state.hooks:
        raise RuntimeError(error_message)
    before, state.refusal = state.refusal, error_message
    try:
        yield
    finally:
        state.refusal = before


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[None]:
    """While active, a backward may go through a graph whose saved values were written in place
    since: it uses the values as they were.

    See torch.autograd.graph.allow_mutation_on_saved_tensors.
    """
    limits = _autograd.Limits
    before, limits.mutation = limits.mutation, True
    try:
        yield
    finally:
        limits.mutation = before


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of a Tensor arrives; `autograd.grad` takes it as an input.

    RuntimeError for a Tensor without gradient. See torch.autograd.graph.get_gradient_edge.
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    node, output = seen(edge_of_cell(cell_of(tensor)))
    assert node is not None
    return GradientEdge(node, output)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Count a write to Tensors that autograd has not seen: a graph that saved them refuses to go
    backward. See torch.autograd.graph.increment_version."""
    for each in [tensor] if isinstance(tensor, Tensor) else tensor:
        overwrite(cell_of(each), Moment(local.context.trace))
        storage_of(each).version += 1


class _Several:
    """A hook on several Tensors: what has arrived during the present backward."""

    def __init__(self, tensors: Sequence[Tensor], fn: Callable, every: bool) -> None:
        self.fn = fn
        self.every = every
        self.edges = [edge_of_cell(cell_of(tensor)) for tensor in tensors]
        self.walk: Any = None
        self.missing = 0
        self.gradients: list[Tensor | None] = []

    def arrive(self, k: int, gradient: Tensor) -> None:
        """The gradient of the k-th Tensor is known."""
        walk = local.context.walk
        if walk is not self.walk:
            self.walk = walk
            self.gradients = [None] * len(self.edges)
            self.missing = sum(map(walk.reaches, self.edges)) if self.every else 1
        self.gradients[k] = gradient
        self.missing -= 1
        if self.missing == 0:
            self.walk = self.walk if not self.every else None
            self.fn(self.gradients if self.every else gradient)


class _SeveralHandle(RemovableHandle):
    """Removes a hook from all Tensors that it is on."""

    def __init__(self, handles: list[RemovableHandle]) -> None:
        super().__init__({})
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()
        _backward.Limits.several -= bool(self.handles)
        self.handles = []


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable, *, mode: str = "all"
) -> RemovableHandle:
    """Call `fn` once a backward: with the list of all gradients when the last one is known, None
    for a Tensor that the backward does not come to; for mode "any" with the first one.

    See torch.autograd.graph.register_multi_grad_hook.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    several = _Several(tensors, fn, mode == "all")
    _backward.Limits.several += 1
    return _SeveralHandle(
        [
            register_hook(tensor, lambda gradient, k=k: several.arrive(k, gradient))
            for k, tensor in enumerate(tensors)
        ]
    )


__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]
