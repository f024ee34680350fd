"""Random masks on accelerators: a JAX key a device, which enters and leaves programs as a cell.

On the CPU masks are PyTorch's, drawn on the host (generator.py). On a GPU or TPU, where its
numbers differ from its CPU ones anyway, that would mean a transfer in each step; so a step draws
from a counter-based key inside its program, and a replay of the program draws new numbers. The key
of a device follows from the seed of the default generator; seeding makes new keys. `random_key`
puts a key of the user's in its place, on any device: so masks are drawn inside of `jax.jit`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .alias import cell_of
from .append import append
from .device import CPU, canonical, device
from .generator import default_generator
from .op import Op
from .tensor import Tensor, from_cell
from .trace import Cell, Trace, local, value_cell
from .transfer import copy_to


def _draw(
    key: jax.Array, shape: tuple[int, ...], p: float, implementation: str | None
) -> tuple[jax.Array, jax.Array]:
    after, used = jax.random.split(jax.random.wrap_key_data(key, impl=implementation))
    # In 32 bits: a user's jax.jit lowers 64 ones only where JAX is set to them.
    return jax.random.key_data(after), jax.random.bernoulli(used, np.float32(p), shape)


def _split(key: jax.Array, implementation: str | None) -> tuple[jax.Array, jax.Array]:
    after, used = jax.random.split(jax.random.wrap_key_data(key, impl=implementation))
    words = jax.random.key_data(used).ravel()
    return jax.random.key_data(after), words[:2]


SPLIT = Op(_split, "split_key", differentiable=False)
DRAW = Op(_draw, "bernoulli_on_device", differentiable=False)


class _Key:
    """A random state.

    cell: the key's present value. implementation: JAX's name for its kind, None for the default.
    seeding: which seeding of the default generator it comes from.
    """

    __slots__ = ("cell", "implementation", "seeding")

    def __init__(self, cell: Cell, implementation: str | None = None) -> None:
        self.cell = cell
        self.implementation = implementation
        self.seeding = default_generator.seeding

    def put(self, cell: Cell, trace: Trace) -> None:
        """Take over the key that a draw recorded in a trace leaves."""
        if self.cell.array is not None:
            trace.writes.append(_Undo(self))
        self.cell = cell

    @property
    def is_current(self) -> bool:
        """Whether the key follows from the last seeding."""
        return self.seeding == default_generator.seeding and self in _keys.values()


def _key_of(where: device) -> _Key:
    """The random state of a device."""
    key = _keys.get(where)
    if key is None or key.seeding != default_generator.seeding:
        seed = default_generator.initial_seed()
        words = np.array([seed >> 32, seed & 0xFFFFFFFF], np.uint32)
        key = _keys[where] = _Key(copy_to(value_cell(words, CPU), where))
    return key


class _Undo:
    """How to take back a draw, should its program fail."""

    __slots__ = ("cell", "key")

    def __init__(self, key: _Key) -> None:
        self.key = key
        self.cell: Cell = key.cell

    def run(self, trace: Trace) -> None:
        self.cell.trace = None
        self.key.cell = self.cell


_keys: dict[device, _Key] = {}


def states() -> dict[str, Tensor]:
    """The keys of all devices that have drawn since the last seeding, by device."""
    drawn = {w: k for w, k in _keys.items() if k.seeding == default_generator.seeding}
    return {str(where): from_cell(copy_to(key.cell, CPU)) for where, key in drawn.items()}


def load_states(states: dict[str, Tensor]) -> None:
    """Take over keys that `states` gave."""
    _keys.clear()
    for name, state in states.items():
        where = canonical(name)
        _keys[where] = _Key(copy_to(cell_of(state), where))


def bernoulli_mask(shape: tuple[int, ...], p: float, where: device) -> Tensor:
    """Booleans on a device, each true with probability p, drawn inside the present program."""
    key = _given.key or _key_of(where)
    context = local.context
    if context.capture is not None:
        context.capture.hold(key)
    after, mask = append(context, DRAW, (key.cell, shape, p, key.implementation))
    key.put(after, context.trace)
    return from_cell(mask)


# ----------------------------------------------------------------------------------- a key of JAX's


class _Given(threading.local):
    """The key that this thread draws from, if it was given one.

    forbidden: it was told that there is none.
    """

    key: _Key | None = None
    forbidden = False


_given = _Given()
_LACKS_KEY = (
    "random numbers inside of a function of JAX want a key: they would be drawn once, when JAX "
    "traces it, and be the same in every call. Give it `rng=jax.random.key(...)`"
)
_ONLY_MASKS = (
    "only the masks of dropout are drawn from a given key. Draw these numbers with jax.random, and "
    "pass them to the function"
)


@contextmanager
def random_key(key: Any) -> Iterator[None]:
    """Inside, dropout draws its masks from a key of JAX's, one after the other.

    key: a `jax.random.key`, or one of the older kind, two uint32 numbers. It may be a tracer: that
    is what a function under `jax.jit` wants, where masks of torch's generator would be constants.
    Other random functions raise RuntimeError inside.
    """
    before = _given.key, _given.forbidden
    _given.key, _given.forbidden = _as_key(key), key is None
    try:
        yield
    finally:
        _given.key, _given.forbidden = before


def _as_key(key: Any) -> _Key | None:
    """What `random_key` was given; None for no key, with which nothing can be drawn."""
    if key is None:
        return None
    if isinstance(key, Tensor):
        return _Key(cell_of(key))
    if not isinstance(key, jax.Array):
        raise TypeError(f"a key of jax.random is wanted, not {type(key).__name__}")
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return _Key(value_cell(key))
    return _Key(value_cell(jax.random.key_data(key)), str(jax.random.key_impl(key)))


def has_key() -> bool:
    """Whether masks come from a key that was given. RuntimeError where there should be one."""
    if _given.forbidden:
        raise RuntimeError(_LACKS_KEY)
    return _given.key is not None


def check_no_key() -> None:
    """RuntimeError where numbers that are drawn on the host would be constants."""
    if has_key():
        raise RuntimeError(_ONLY_MASKS)


def given_key() -> Tensor | None:
    """A key of its own, (2,) uint32, from the one that was given; None if there is none."""
    if not has_key():
        return None
    key: Any = _given.key
    key.cell, words = append(local.context, SPLIT, (key.cell, key.implementation))
    return from_cell(words)
