"""`torch.fft`: the rows that are public there."""

from ._core.errors import absent
from ._expose import functions

_names = functions("fft")
globals().update(_names)
__all__ = sorted(_names)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
