"""torch.nn.parallel for one process: DataParallel and data_parallel call the module.

XLA spreads one program over devices where its arrays are sharded; no module is copied for that.
"""

from __future__ import annotations

from .data_parallel import DataParallel, data_parallel

__all__ = ["DataParallel", "data_parallel"]
