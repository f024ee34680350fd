"""`torch.Generator`, and the default one, from which samplers draw unless they are given another.

Random numbers are made on the host in PyTorch's order, whatever the device: a seed gives the same
numbers everywhere. The engine of the generator is rng.py; the samplers' public names are in
functions/random.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .device import CPU, canonical, device
from .dtype import uint8
from .program import host
from .rng import DEFAULT_SEED, MersenneTwister, entropy
from .tensor import Tensor, cell_of, from_array


class Generator(MersenneTwister):
    """A source of random numbers: PyTorch's CPU generator, word for word. See `torch.Generator`.

    device: where the numbers are wanted. The generator itself is on the host in any case, so that
    its numbers don't depend on the device (PyTorch's do).
    """

    __slots__ = ("_device", "seeding")

    def __init__(self, device: str | device = "cpu") -> None:
        self._device = canonical(device)
        self.seeding = 0  # how often it was seeded; device_random.py follows it
        super().__init__(DEFAULT_SEED)

    @property
    def device(self) -> device:
        return self._device

    def manual_seed(self, seed: int) -> Generator:
        """Start anew from a seed in [-2**63, 2**64)."""
        if isinstance(seed, bool) or not hasattr(type(seed), "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        self.reseed(_in_64_bits(seed.__index__()))
        self.seeding += 1
        return self

    def seed(self) -> int:
        """Start anew from a seed that the operating system draws, and return it."""
        self.reseed(entropy())
        self.seeding += 1
        return self.initial_seed()

    def get_state(self) -> Tensor:
        """The state as a uint8 Tensor of 5056 elements, byte for byte PyTorch's."""
        return from_array(self.state_bytes(), CPU)

    def set_state(self, new_state: Tensor) -> Generator:
        """Take over a state that `get_state` gave, here or in PyTorch; the generator itself."""
        if not isinstance(new_state, Tensor):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        if new_state.dtype is not uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        self.load_bytes(host(cell_of(new_state)))
        return self

    def clone_state(self) -> Generator:
        """Another generator in the same state."""
        return _rebuild(str(self._device), self.state_bytes())

    def get_offset(self) -> int:
        """RuntimeError, as in PyTorch: only counter-based generators have an offset."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset: int) -> None:
        """RuntimeError, as in PyTorch: only counter-based generators have an offset."""
        raise RuntimeError("CPU Generator does not use offset")

    def __reduce__(self) -> tuple:
        return _rebuild, (str(self._device), self.state_bytes())


def _rebuild(where: str, state: np.ndarray) -> Generator:
    generator = Generator(where)
    generator.load_bytes(state)
    return generator


def _in_64_bits(seed: int) -> int:
    if not -(2**63) <= seed < 2**64:
        raise ValueError("Overflow when unpacking long long")
    return seed


default_generator = Generator()
# PyTorch, too, draws another default seed in each process.
default_generator.seed()


def manual_seed(seed: Any) -> Generator:
    """Seed the default generator with an integer in [-2**63, 2**64). See `torch.manual_seed`."""
    return default_generator.manual_seed(int(seed))
