"""Autocast: which dtype an op computes in inside of `torch.autocast`.

The mode (see modes.py) says for which types of device it is on, and the dtype; the op's row, in
which way it takes part: `Op.autocast` has a rule for each type of device, from the table in
ops/_autocast.py. `autocast_variant` makes the op that casts its arguments and then computes. The
casts are inside the op: its shape inference, result and gradients follow. Read extend.py next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax.numpy as jnp

from .device import TRACING, default_device, device
from .dtype import FLOAT, bfloat16, dtype, float16, float32, float64, to_dtype
from .modes import Modes
from .op import Array, Op
from .trace import local

# A rule is the name of a category, or a function of the op's arguments which tells that name, for
# what depends on them; None means that the op takes no part.
Rule = str | Callable[..., str | None]

DEFAULTS = {"cpu": bfloat16, "cuda": float16, "tpu": bfloat16}


class _Settings(threading.local):
    """What this thread has set. enabled: the types of device.  dtypes: the dtype of each.
    nesting: how many autocast contexts it is in.  cache: accepted, XLA casts a weight once."""

    def __init__(self) -> None:
        self.enabled: set[str] = set()
        self.dtypes = dict(DEFAULTS)
        self.cache = True


settings = _Settings()


def apply_settings() -> None:
    """Bring the mode of this thread up to date with its settings."""
    pairs = tuple((type, settings.dtypes[type]) for type in sorted(settings.enabled))
    local.context.modes = local.context.modes.replace(autocast=pairs)


class AutocastOp(Op):
    """An op as it is under autocast: `category` says what becomes of its arguments, `lower` is the
    dtype of lower precision.

    Its gradient is always that of its function: one in terms of the output would have the output's
    dtype.
    """

    __slots__ = ("lower", "rule")
    _made: dict[tuple, AutocastOp] = {}

    def __new__(cls, op: Op, rule: Rule, lower: dtype) -> AutocastOp:
        key = (op, rule, lower)
        made = cls._made.get(key)
        if made is None:
            made = object.__new__(cls)
            for fact in Op.__slots__:
                setattr(made, fact, getattr(op, fact))
            made.rule, made.lower, made.backward = rule, lower, None
            made = cls._made.setdefault(key, made)
        return made

    def __init__(self, op: Op, rule: Rule, lower: dtype) -> None:
        """All is done: the object may be an old one."""

    def run(self, args: tuple, kwargs: dict) -> Any:
        category = self.rule
        if not isinstance(category, str):
            bound = self.signature.bind(*args, **kwargs)
            bound.apply_defaults()
            category = category(**bound.arguments)
        if category is None:
            return super().run(args, kwargs)
        if category == "banned":
            raise RuntimeError(BANNED)
        if category == "lower result":
            return _cast(super().run(args, kwargs), self.lower)
        kind = float32 if category == "float32" else self.lower
        if category == "promote":
            kind = _widest(list(_eligible((args, tuple(kwargs.values())))), self.lower)
        given = _cast(args, kind)
        return super().run(given, {name: _cast(v, kind) for name, v in kwargs.items()})


def autocast_variant(op: Any, modes: Modes, where: device) -> tuple[Any, Modes]:
    """The op that a call on a device means, and the modes without autocast."""
    if not modes.autocast:
        return op, modes
    plain = modes.replace(autocast=())
    type = default_device().type if where is TRACING else where.type
    lower = dict(modes.autocast).get(type)
    rules = getattr(op, "autocast", None)
    rule = rules.get(type) if rules and lower is not None else None
    return (op if rule is None else AutocastOp(op, rule, lower)), plain


def eligible(kind: dtype) -> bool:
    """Whether autocast touches Tensors of a dtype: floats, but for float64."""
    return kind.category == FLOAT and kind is not float64


def _eligible(value: Any) -> Iterator[Array]:
    """The arrays among (nested) arguments that autocast touches, in order."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _eligible(item)
    elif isinstance(value, jnp.ndarray) and eligible(to_dtype(value.dtype)):
        yield value


def _cast(value: Any, kind: dtype) -> Any:
    """(Nested) arguments with the arrays that autocast touches in another dtype."""
    if type(value) in (list, tuple):
        return type(value)([_cast(v, kind) for v in value])
    if isinstance(value, jnp.ndarray) and eligible(to_dtype(value.dtype)):
        return value.astype(kind.numpy)
    return value


def _widest(arrays: Sequence[Array], lower: dtype) -> dtype:
    """The widest dtype of arrays; RuntimeError for a second dtype of lower precision."""
    widest = lower
    for array in arrays:
        kind = to_dtype(array.dtype)
        if widest is float32 or kind is float32:
            widest = float32
        elif kind is not lower:
            raise RuntimeError("Unexpected floating ScalarType in at::autocast::prioritize")
    return widest


BANNED = (
    "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast.\n"
    "Many models use a sigmoid layer right before the binary cross entropy layer.\n"
    "In this case, combine the two layers using "
    "torch.nn.functional.binary_cross_entropy_with_logits\n"
    "or torch.nn.BCEWithLogitsLoss.  binary_cross_entropy_with_logits and BCEWithLogits are\n"
    "safe to autocast."
)
SUPPORTED = (bfloat16, float16)
