"""`torch.fft`: the rows that are public there."""

from ._expose import functions

globals().update(functions("fft"))
__all__ = sorted(functions("fft"))
