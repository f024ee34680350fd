"""`torch.amp`: automatic mixed precision.

`autocast` has products computed in half precision and what needs it in float32; `GradScaler` keeps
float16 gradients from underflowing. See torch.amp.
"""

from .autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
