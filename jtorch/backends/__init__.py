"""`torch.backends`: switches of the libraries beneath PyTorch that still mean something over XLA.

A switch that changes what is computed is a mode of the trace (see _core/modes.py); one that asks
for speed is remembered, since XLA chooses its algorithms by itself.
"""

from . import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "mps"]
