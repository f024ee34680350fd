"""`torch.linalg`: the rows that are public there."""

from ._expose import functions

globals().update(functions("linalg"))
__all__ = sorted(functions("linalg"))
