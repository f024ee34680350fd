"""`torch.fft`: the rows that are public there, and the frequencies of their points."""

from ._core.errors import absent
from ._expose import functions, say_where
from .functions.windows import fftfreq, rfftfreq

_names = {**functions("fft"), "fftfreq": fftfreq, "rfftfreq": rfftfreq}
globals().update(_names)
say_where(_names, __name__)
__all__ = sorted(_names)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
