"""`torch.backends.cuda`: matrix products on an NVIDIA GPU."""

from __future__ import annotations

from .. import cuda
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
