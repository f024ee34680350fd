"""Random masks on accelerators: a JAX key a device, which enters and leaves programs as a cell.

On the CPU masks are PyTorch's, drawn on the host (generator.py). On a GPU or TPU, where its
numbers differ from its CPU ones anyway, that would mean a transfer in each step; so a step draws
from a counter-based key inside its program, and a replay of the program draws new numbers. The key
of a device follows from the seed of the default generator; seeding makes new keys.
"""

from __future__ import annotations

import jax
import numpy as np

from .alias import cell_of
from .append import append
from .device import CPU, canonical, device
from .generator import default_generator
from .op import Op
from .tensor import Tensor, from_cell
from .trace import Cell, Trace, local, value_cell
from .transfer import copy_to


def _draw(key: jax.Array, shape: tuple[int, ...], p: float) -> tuple[jax.Array, jax.Array]:
    after, used = jax.random.split(jax.random.wrap_key_data(key))
    return jax.random.key_data(after), jax.random.bernoulli(used, p, shape)


DRAW = Op(_draw, "bernoulli_on_device", differentiable=False)


class _Key:
    """The random state of one device.

    seeding: which seeding of the default generator it comes from. cell: the key's present value.
    """

    __slots__ = ("cell", "seeding")

    def __init__(self, where: device) -> None:
        seed = default_generator.initial_seed()
        self.seeding = default_generator.seeding
        words = np.array([seed >> 32, seed & 0xFFFFFFFF], np.uint32)
        self.cell = copy_to(value_cell(words, CPU), where)

    def put(self, cell: Cell, trace: Trace) -> None:
        """Take over the key that a draw recorded in a trace leaves."""
        if self.cell.array is not None:
            trace.writes.append(_Undo(self))
        self.cell = cell

    @property
    def is_current(self) -> bool:
        """Whether the key follows from the last seeding."""
        return self.seeding == default_generator.seeding and self in _keys.values()


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
        _keys[where] = _Key(where)
        _keys[where].cell = copy_to(cell_of(state), where)


def bernoulli_mask(shape: tuple[int, ...], p: float, where: device) -> Tensor:
    """Booleans on a device, each true with probability p, drawn inside the present program."""
    key = _keys.get(where)
    if key is None or key.seeding != default_generator.seeding:
        key = _keys[where] = _Key(where)
    context = local.context
    if context.capture is not None:
        context.capture.hold(key)
    after, mask = append(context, DRAW, (key.cell, shape, p))
    key.put(after, context.trace)
    return from_cell(mask)
