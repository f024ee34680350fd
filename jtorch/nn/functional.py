"""`torch.nn.functional`: the rows that are public there, and functions over Tensors that are not one op."""

from __future__ import annotations

from .._expose import functions

globals().update(functions("nn.functional"))
