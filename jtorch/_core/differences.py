"""What differs between two calls, in words: for the explanation of a compilation.

A difference is a pair: one of `divergence.CAUSES`, and a sentence. Read divergence.py next.
"""

from __future__ import annotations

from collections.abc import Iterator
from reprlib import repr as shorten
from typing import Any

from .modes import Modes
from .trace import Aval, Call, Node, Slot
from .vjp import Vjp

Difference = tuple[str, str]
# What people can do most about comes first.
_ORDER = (
    *("op", "modes", "shape", "dtype", "device", "requires_grad", "number", "argument"),
    *("strides", "inputs"),
)
_ABSENT = object()


def differences(old: Node, new: Node) -> list[Difference]:
    """All that tells two calls apart, what matters most first; none if only their places do."""
    if old.call.op is not new.call.op:
        return _of_ops(old.call.op, new.call.op)
    found = _of_modes(old.call.modes, new.call.modes)
    was, now = _arguments(old), _arguments(new)
    for name in dict.fromkeys((*was, *now)):
        found += _of_argument(name, was.get(name, _ABSENT), now.get(name, _ABSENT))
    return sorted(found, key=lambda pair: _ORDER.index(pair[0]))


def _of_ops(old: Any, new: Any) -> list[Difference]:
    if isinstance(old, Vjp) and isinstance(new, Vjp) and old.call.op is new.call.op:
        if old.needs != new.needs:
            return [("requires_grad", f"`{new.name}`: other inputs want a gradient")]
        if old.outputs != new.outputs:
            return [("inputs", f"`{new.name}`: gradients arrive at other outputs")]
        return _of_modes(old.call.modes, new.call.modes) or [
            ("argument", f"`{new.name}`: of a call with other arguments")
        ]
    if old.name == new.name:
        return [("argument", f"`{new.name}`: of something else, or with other options")]
    return [("op", f"`{old.name}` became `{new.name}`")]


def _of_modes(old: Modes, new: Modes) -> list[Difference]:
    return [
        ("modes", f"{name}: {getattr(old, name)} became {getattr(new, name)}")
        for name in Modes.__slots__
        if getattr(old, name) != getattr(new, name)
    ]


class _Input:
    """An argument that is a value: where it comes from, and what is known of it."""

    def __init__(self, position: int, aval: Aval) -> None:
        self.position = position
        self.aval = aval


def _arguments(node: Node) -> dict[str, Any]:
    """The arguments of a call by name; items of sequences that hold values by themselves."""
    call: Call = node.call
    name_of = getattr(call.op, "parameter", lambda k: None)
    found: dict[str, Any] = {}
    for k, template in enumerate(call.args):
        found.update(_parts(name_of(k) or f"argument {k + 1}", template, node))
    for name, template in call.kwargs.items():
        found.update(_parts(name, template, node))
    return found


def _parts(name: str, template: Any, node: Node) -> Iterator[tuple[str, Any]]:
    if isinstance(template, Slot):
        yield name, _Input(node.inputs[template.index], node.avals[template.index])
    elif isinstance(template, (list, tuple)) and _holds_values(template):
        for k, item in enumerate(template):
            yield from _parts(f"{name}[{k}]", item, node)
    else:
        yield name, template


def _holds_values(template: Any) -> bool:
    return any(
        isinstance(item, Slot) or (isinstance(item, (list, tuple)) and _holds_values(item))
        for item in template
    )


def _of_argument(name: str, old: Any, new: Any) -> list[Difference]:
    if isinstance(old, _Input) and isinstance(new, _Input):
        return _of_inputs(name, old, new)
    if old is _ABSENT or new is _ABSENT:
        return [("inputs", f"{name}: {'no longer given' if new is _ABSENT else 'given now'}")]
    if isinstance(old, _Input) or isinstance(new, _Input):
        return [_of_kinds(name, old, new)]
    if type(old) is type(new) and (old == new or repr(old) == repr(new)):
        return []
    kind = "argument"
    if {type(old), type(new)} <= {int, float, complex}:
        kind = "number"
    elif name in ("size", "shape"):
        kind = "shape"
    return [(kind, f"{name}: {shorten(old)} became {shorten(new)}")]


def _of_kinds(name: str, old: Any, new: Any) -> Difference:
    """A static argument in the place of a value, or the other way round."""
    value, static = (old, new) if isinstance(old, _Input) else (new, old)
    if value.aval.number and isinstance(static, (int, float)):
        number = "a number that varies"
        pair = (repr(static), number) if value is new else (number, repr(static))
        return "number", f"{name}: {pair[0]} became {pair[1]}"
    pair = (shorten(static), value.aval) if value is new else (value.aval, shorten(static))
    return "inputs", f"{name}: {pair[0]} became {pair[1]}"


def _of_inputs(name: str, old: _Input, new: _Input) -> list[Difference]:
    was, now = old.aval, new.aval
    found = []
    if was.shape != now.shape:
        found.append(("shape", f"{name}: {was} became {now}"))
    elif was.dtype is not now.dtype:
        found.append(("dtype", f"{name}: {was} became {now}"))
    elif was.strides != now.strides:
        found.append(("strides", f"{name}: strides {was.strides} became {now.strides}"))
    if was.device is not now.device:
        found.append(("device", f"{name}: {was.device} became {now.device}"))
    if was.requires_grad != now.requires_grad:
        text = f"requires_grad {was.requires_grad} became {now.requires_grad}"
        found.append(("requires_grad", f"{name}: {text}"))
    if old.position != new.position and not found:
        found.append(("inputs", f"{name}: {_origin(old.position)} became {_origin(new.position)}"))
    return found


def _origin(position: int) -> str:
    if position >= 0:
        return f"result {position} of the same program"
    return f"value {-position} from outside"
