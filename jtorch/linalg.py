"""`torch.linalg`: the rows that are public there, and functions/matrix.py."""

from ._core.errors import absent
from ._expose import functions, say_where
from .functions.matrix import LINALG

_names = functions("linalg") | LINALG
globals().update(_names)
say_where(_names, __name__)
__all__ = sorted(_names)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
