"""`torch.backends.cuda`: matrix products and attention on an NVIDIA GPU."""

from __future__ import annotations

from .. import cuda
from ..functions.kernels import CUDNN, FLASH, MATH, MEMORY_EFFICIENT
from ..functions.settings import get_float32_matmul_precision, set_float32_matmul_precision


def is_built() -> bool:
    """Whether JAX has its CUDA part: it shows only where there is a GPU."""
    return cuda.is_available()


class _MatrixProducts:
    """The switches of matrix products."""

    @property
    def allow_tf32(self) -> bool:
        """Whether float32 products may be computed in TensorFloat-32: the same switch as
        torch.set_float32_matmul_precision. See torch.backends.cuda.matmul.allow_tf32."""
        return get_float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, allowed: bool) -> None:
        set_float32_matmul_precision("high" if allowed else "highest")


matmul = _MatrixProducts()

# Attention: see torch.backends.cuda.flash_sdp_enabled and its siblings.
flash_sdp_enabled, enable_flash_sdp = FLASH.enabled, FLASH.enable
mem_efficient_sdp_enabled = MEMORY_EFFICIENT.enabled
enable_mem_efficient_sdp = MEMORY_EFFICIENT.enable
math_sdp_enabled, enable_math_sdp = MATH.enabled, MATH.enable
cudnn_sdp_enabled, enable_cudnn_sdp = CUDNN.enabled, CUDNN.enable
