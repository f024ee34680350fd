"""`torch.masked`: reductions and normalisations of what a mask selects. See functions/masked.py."""

from ._core.errors import absent
from .functions.masked import FUNCTIONS

_names = {function.__name__: function for function in FUNCTIONS}
globals().update(_names)
__all__ = sorted(_names)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
