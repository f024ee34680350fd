"""Nested containers as lists of their leaves, in PyTorch's order. See torch.utils._pytree.

A container is a tuple, list, dict, OrderedDict, defaultdict, deque or named tuple, exactly;
anything else is a leaf, None too. Dictionaries keep the order in which their keys were put in.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

PyTree = Any


class TreeSpec:
    """The structure of a tree without its leaves.

    type: the kind of container, None for a leaf. context: what the container needs beside its
    children: keys, or the class of a named tuple.
    """

    __slots__ = ("children_specs", "context", "num_leaves", "type")

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type = type
        self.context = context
        self.children_specs = children_specs
        self.num_leaves = 1 if type is None else sum(c.num_leaves for c in children_specs)

    def is_leaf(self) -> bool:
        """Whether the whole tree is one leaf."""
        return self.type is None

    def _parts(self) -> tuple:
        return self.type, self.context, self.children_specs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeSpec) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((self.type, repr(self.context), tuple(self.children_specs)))

    def __repr__(self, indent: int = 0) -> str:
        if self.type is None:
            return "*"
        gap = ",\n" + " " * (indent + 2)
        children = gap.join(child.__repr__(indent + 2) for child in self.children_specs)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{children}])"


class _NamedTuple:
    """The kind of all named tuples."""


_NamedTuple.__name__ = "namedtuple"
LEAF = TreeSpec(None, None, [])


def _is_named_tuple(kind: type) -> bool:
    return tuple in kind.__bases__ and isinstance(getattr(kind, "_fields", None), tuple)


def _taken_apart(tree: Any) -> tuple[Any, Any, list] | None:
    """(kind, context, children) of a container; None for a leaf."""
    kind = type(tree)
    if kind is tuple or kind is list:
        return kind, None, list(tree)
    if kind is dict or kind is OrderedDict:
        return kind, list(tree), list(tree.values())
    if kind is defaultdict:
        return kind, [tree.default_factory, list(tree)], list(tree.values())
    if kind is deque:
        return kind, tree.maxlen, list(tree)
    if _is_named_tuple(kind):
        return _NamedTuple, kind, list(tree)
    return None


def _put_together(spec: TreeSpec, children: list) -> Any:
    if spec.type in (tuple, list):
        return spec.type(children)
    if spec.type in (dict, OrderedDict):
        return spec.type(zip(spec.context, children, strict=True))
    if spec.type is defaultdict:
        factory, keys = spec.context
        return defaultdict(factory, zip(keys, children, strict=True))
    if spec.type is deque:
        return deque(children, maxlen=spec.context)
    return spec.context(*children)


def tree_flatten(tree: PyTree, is_leaf: Callable | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree, and its structure."""
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, is_leaf)


def _flatten(tree: PyTree, leaves: list, is_leaf: Callable | None) -> TreeSpec:
    found = None if is_leaf is not None and is_leaf(tree) else _taken_apart(tree)
    if found is None:
        leaves.append(tree)
        return LEAF
    kind, context, children = found
    return TreeSpec(kind, context, [_flatten(child, leaves, is_leaf) for child in children])


def tree_unflatten(leaves: Any, treespec: TreeSpec) -> PyTree:
    """A tree of that structure. ValueError for another number of leaves."""
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec "
            f"refers to a pytree that holds {treespec.num_leaves} items ({treespec})."
        )
    return _unflatten(iter(leaves), treespec)


def _unflatten(leaves: Any, spec: TreeSpec) -> PyTree:
    if spec.type is None:
        return next(leaves)
    return _put_together(spec, [_unflatten(leaves, child) for child in spec.children_specs])


class _Star:
    """A leaf, as `treespec_pprint` shows it."""

    def __repr__(self) -> str:
        return "*"


def treespec_pprint(treespec: TreeSpec) -> str:
    """The structure as Python writes such a tree, with a star for each leaf."""
    return repr(tree_unflatten([_Star() for _ in range(treespec.num_leaves)], treespec))


def tree_leaves(tree: PyTree, is_leaf: Callable | None = None) -> list[Any]:
    """The leaves of a tree."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: PyTree, is_leaf: Callable | None = None) -> TreeSpec:
    """The structure of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable, tree: PyTree, *rests: PyTree, is_leaf: Callable | None = None) -> Any:
    """The tree with `func` applied to each leaf, and to the leaves at its place in `rests`."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_flatten(rest, is_leaf)[0] for rest in rests]
    return tree_unflatten(map(func, leaves, *others), spec)


def broadcast_to_and_flatten(tree: PyTree, treespec: TreeSpec) -> list[Any] | None:
    """A tree that stops above another's leaves, as one value for each leaf of the other; None where
    the structures differ. PyTorch calls it `_broadcast_to_and_flatten`."""
    found = _taken_apart(tree)
    if found is None:
        return [tree] * treespec.num_leaves
    kind, context, children = found
    if (kind, context) != (treespec.type, treespec.context):
        return None
    if len(children) != len(treespec.children_specs):
        return None
    flat: list[Any] = []
    for child, spec in zip(children, treespec.children_specs, strict=True):
        below = broadcast_to_and_flatten(child, spec)
        if below is None:
            return None
        flat.extend(below)
    return flat
