"""`torch.special`: the rows that are public there."""

from ._expose import functions

globals().update(functions("special"))
__all__ = sorted(functions("special"))
