"""Why a program is compiled: where its path leaves those that are known.

The trie says it for free. A trace that needs a new program either ends where a known one ended, and
then other values are to be returned; or it left the known paths at some node, and then the two
nodes there tell what differs. `cause_of` finds the place and puts it into words; differences.py
compares the nodes. Read building.py next.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from .differences import differences
from .trace import Node, State, Trace

# Every cause that a compilation can have, and what it means for people.
CAUSES = {
    "first": "code that was in no program before",
    "start": "a program begins at a line where none began before: what it uses was until then "
    "computed in the same program",
    "end": "a program ends where a known one went on, or goes on where one ended: something is "
    "read, or no longer read, at another place",
    "outputs": "the same computation, but other Tensors are still held by the script",
    "graph": "the same computation, but another part of the autograd graph is still in use",
    "op": "another operation, as after a branch",
    "modes": "another mode: gradients, inference, autocast, precision",
    "shape": "a Tensor of another shape",
    "dtype": "a Tensor of another dtype",
    "strides": "a Tensor with other strides",
    "device": "a Tensor on another device",
    "requires_grad": "gradients are wanted of something else",
    "number": "another Python number",
    "argument": "another argument that is no number and no Tensor",
    "inputs": "an argument comes from somewhere else: what was computed in the same program, say, "
    "is now a value from outside",
    "donation": "the program came near the limits of memory, or got away from them",
    "checks": "other conditions are checked when it has run",
    "thread": "a value of another thread's trace is used",
}

# With how many of the known paths one that leaves them is compared, at most.
_MOST = 16

# The lines of the user's that are in some program. Emptied when the trie is.
known_lines: set[str] = set()


class Cause(NamedTuple):
    """One of `CAUSES`, what differed, and the node concerned: its line, op and module."""

    kind: str
    reason: str
    line: str = "<unknown>"
    op: str = ""
    module: str = ""


def cause_of(trace: Trace, key: tuple) -> Cause:
    """Why a trace needs a program that doesn't exist. key: that of the program in
    `trace.state.programs`."""
    chain = _chain(trace.state)
    found = _of_outputs(trace, key) or _of_number(trace, chain) or _of_path(chain)
    known_lines.update(state.node.line for state in chain if state.node is not None)
    return found


def cause_of_thread(node: Node) -> Cause:
    """The cause of a program for what a node of another thread's trace computes."""
    return _at("thread", f"the result of `{node.call.op.name}`, computed in another thread", node)


def _at(kind: str, reason: str, node: Node) -> Cause:
    return Cause(kind, reason, node.line, node.call.op.name, node.module)


def _named(node: Node) -> str:
    """An op and the user's line, in a sentence about another one."""
    return f"`{node.call.op.name}` ({os.path.basename(node.line)})"


# ------------------------------------------------------------------ the path ends as a known one


def _of_outputs(trace: Trace, key: tuple) -> Cause | None:
    """What of the key is another, if the path has programs."""
    known = [k for k in reversed(trace.state.programs) if len(k) == len(key)]
    if not known:
        return None
    places = set(key[0])
    nearest = min(known, key=lambda k: (len(places.symmetric_difference(k[0])), k[1] is not key[1]))
    last = _node_of(trace.state)
    for position in sorted(places.symmetric_difference(nearest[0])):
        node = trace.producer(position).node
        how = "is still held now" if position in places else "is no longer held"
        return _at("outputs", f"the result of `{node.call.op.name}` {how}", node)
    for position in sorted(set(key[2]).symmetric_difference(nearest[2])):
        node = trace.producer(position).node
        how = "now" if position in key[2] else "no longer"
        return _at("graph", f"the graph of `{node.call.op.name}` is {how} kept alive", node)
    if key[3] != nearest[3]:
        return _at("checks", "other conditions are checked", last)
    if key[1] is nearest[1]:
        return _at("outputs", "the same results, in another order", last)
    how = "is taken over: memory is short" if nearest[1] else "may be taken over again"
    return _at("donation", f"{'no' if nearest[1] else 'every'} buffer {how}", last)


# ----------------------------------------------------------------------------- the path is another


def _of_number(trace: Trace, chain: list[State]) -> Cause | None:
    """The number that turned out to vary, if the path takes the place of another for that."""
    for state in chain:
        old = state.replaces
        if old is not None and old.node is not None and state.node is not None:
            found = [text for kind, text in differences(old.node, state.node) if kind == "number"]
            values = [
                trace.leaves[-1 - place].array.item()
                for place, aval in zip(state.node.inputs, state.node.avals, strict=True)
                if aval.number
            ]
            now = f" (now {', '.join(map(str, values))})" if values else ""
            text = "; ".join(found) or "a number varies"
            return _at("number", f"{text}{now}: changes compile nothing from now on", state.node)
    return None


def _of_path(chain: list[State]) -> Cause:
    """What differs where the path leaves the known ones."""
    last = chain[-1]
    ahead = next(_known_children(last, None), None)
    if ahead is not None:
        reason = f"the program ends after it; a known one goes on with {_named(_node_of(ahead))}"
        return _at("end", reason, _node_of(last))
    for new in reversed(chain[1:]):
        parent: Any = new.parent
        known = list(_known_children(parent, new))
        if known or parent.programs:
            return _of_node(parent, new, known)
    return _first(chain)


def _first(chain: list[State]) -> Cause:
    node = next(state.node for state in chain if state.node is not None)
    return _at("first", "the first program that begins here", node)


def _of_node(parent: State, new: State, known: list[State]) -> Cause:
    """Why `new` is not one of those that are known to follow `parent`."""
    node = _node_of(new)
    if new.node is None:
        return _at("graph", "a backward frees another part of the graph", node)
    if node.line not in known_lines:
        return _at("first", f"the first program with `{node.call.op.name}` here", node)
    here = [k.node for k in known if k.node is not None and k.node.line == node.line]
    if here:
        found = min((differences(old, node) for old in here), key=len)
        alone = node.call.modes.eager and found[:1] and found[0][0] == "op"
        if found and not alone:  # eager, each op of a line is a program that begins there
            return _at(found[0][0], "; ".join(text for _, text in found), node)
    if parent.parent is None:
        return _at("start", f"the first program that begins with `{node.call.op.name}` here", node)
    if parent.programs:
        reason = f"the program goes on here; a known one ends after {_named(_node_of(parent))}"
        return _at("end", reason, node)
    others = [k.node for k in known if k.node is not None]
    instead = f" instead of {_named(others[0])}" if others else ""
    return _at("op", f"`{node.call.op.name}`{instead}", node)


def _chain(state: State) -> list[State]:
    """The states from the root to this one."""
    chain = []
    found: State | None = state
    while found is not None:
        chain.append(found)
        found = found.parent
    chain.reverse()
    return chain


def _node_of(state: State) -> Node:
    """The node of a state; where a backward ended, the one before, at a root the one after."""
    while state.node is None and state.parent is not None:
        state = state.parent
    while state.node is None:
        state = next(iter(state.next.values()))
    return state.node


def _known_children(state: State, new: State | None) -> Iterator[State]:
    """The states after one, but for `new`, from which the path of some program goes on: the latest
    first, and not very many."""
    for child in itertools.islice(reversed(_children(state)), _MOST):
        if child is not new and _is_known(child):
            yield child


def _children(state: State) -> list[State]:
    """The states after one, to some of which several keys lead."""
    return list(dict.fromkeys((*state.next.values(), *(state.beyond or {}).values())))


def _is_known(state: State) -> bool:
    """Whether a program has been compiled for a path through here."""
    stack = [state]
    while stack:
        top = stack.pop()
        if top.programs:
            return True
        stack.extend(_children(top))
    return False
