"""What users see of the autograd graph: its nodes, with their edges and their hooks.

`Node` is the interface that `Tensor.grad_fn` has in PyTorch; graph.py's GradNode is one.
`AccumulateGrad` stands for the place where the gradient of a leaf arrives: the engine itself knows
a leaf only by a weak reference to its Tensor. Read graph.py next.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from ..utils.hooks import RemovableHandle


class Hung:
    """What users hung on a node: its hooks, and a dictionary of their own. leaves: the nodes of
    leaves behind it that they have looked at, which live as long as it does."""

    __slots__ = ("hooks", "leaves", "metadata", "prehooks")

    def __init__(self) -> None:
        self.hooks: OrderedDict[int, Callable] = OrderedDict()
        self.prehooks: OrderedDict[int, Callable] = OrderedDict()
        self.metadata: dict[str, Any] = {}
        self.leaves: list[AccumulateGrad] = []


class Node:
    """A node of the autograd graph. See torch.autograd.graph.Node."""

    __slots__ = ("__weakref__", "hung")
    hung: Hung | None
    edges: Any

    def name(self) -> str:
        """The name, as PyTorch gives it: "MulBackward0", say."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.name()} object at {hex(id(self))}>"

    @property
    def next_functions(self) -> tuple:
        """(node, number of its output) for each input, (None, 0) where no gradient goes on."""
        found = tuple(map(seen, self.edges))
        leaves = [node for node, _ in found if isinstance(node, AccumulateGrad)]
        if leaves:
            self._hang().leaves = leaves
        return found

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for users."""
        return self._hang().metadata

    def register_hook(self, fn: Callable) -> RemovableHandle:
        """Call `fn(grad_inputs, grad_outputs)` when the gradients of the inputs are known; the
        tuple that it returns takes their place. See torch.autograd.graph.Node.register_hook."""
        return self._add(self._hang().hooks, fn)

    def register_prehook(self, fn: Callable) -> RemovableHandle:
        """Call `fn(grad_outputs)` before the node runs; the tuple that it returns takes their
        place. See torch.autograd.graph.Node.register_prehook."""
        return self._add(self._hang().prehooks, fn)

    def _hang(self) -> Hung:
        if self.hung is None:
            self.hung = Hung()
        return self.hung

    def _add(self, hooks: OrderedDict[int, Callable], fn: Callable) -> RemovableHandle:
        handle = RemovableHandle(hooks)
        hooks[handle.id] = fn
        self.note_hooks()
        return handle

    def note_hooks(self) -> None:
        """There are hooks that a backward has to call."""


class AccumulateGrad(Node):
    """Where the gradient of the leaf `variable` is added to its `.grad`.

    As in PyTorch it lives as long as somebody or the graph holds it, and its hooks with it.
    """

    __slots__ = ("edges", "variable")

    def __init__(self, variable: Any) -> None:
        self.hung = None
        self.edges = ()
        self.variable = variable

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {hex(id(self))}>"


class GradientEdge(NamedTuple):
    """Where a gradient arrives: an output of a node. See torch.autograd.graph.GradientEdge.

    ownership_token: here for PyTorch's sake; the node is held by the edge itself.
    """

    node: Node
    output_nr: int
    ownership_token: Any = None


_accumulators: weakref.WeakValueDictionary[int, AccumulateGrad] = weakref.WeakValueDictionary()


def accumulator_of(tensor: Any) -> AccumulateGrad:
    """The node of a leaf."""
    found = _accumulators.get(id(tensor))
    if found is None:
        found = _accumulators[id(tensor)] = AccumulateGrad(tensor)
    return found


def hung_on_leaf(tensor: Any) -> Hung | None:
    """What users hung on the node of a leaf, if anything."""
    found = _accumulators.get(id(tensor)) if _accumulators else None
    return None if found is None else found.hung


def seen(edge: Any) -> tuple[Node | None, int]:
    """An edge as users see it."""
    if type(edge) is tuple:
        return edge
    tensor = edge() if edge is not None else None
    return (None if tensor is None else accumulator_of(tensor)), 0


def edge_from(edge: GradientEdge) -> Any:
    """The engine's edge for what users see of one."""
    if isinstance(edge.node, AccumulateGrad):
        return weakref.ref(edge.node.variable)
    return edge.node, edge.output_nr
