"""What a Tensor says of itself without being computed: shape, dtype, device, strides.

All of it is read off the aval of its cell. Read tensor.py next.
"""

from __future__ import annotations

from typing import Any

from .alias import cell_of
from .device import device
from .dtype import dtype
from .size import Size, strided
from .strides import FORMATS, is_contiguous


class Attributes:
    """The attributes of Tensor that its aval tells."""

    __slots__ = ()

    @property
    def shape(self) -> Size:
        return Size(cell_of(self).aval.shape)

    @property
    def dtype(self) -> dtype:
        return cell_of(self).aval.dtype

    @property
    def device(self) -> device:
        return cell_of(self).aval.device

    @property
    def ndim(self) -> int:
        return len(cell_of(self).aval.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return cell_of(self).aval.nbytes

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def is_cpu(self) -> bool:
        return self.device.type == "cpu"

    @property
    def layout(self) -> Any:
        return strided

    is_sparse = is_quantized = is_meta = is_mps = is_xpu = is_nested = False
    is_mkldnn = is_sparse_csr = is_xla = is_vulkan = is_ipu = is_maia = is_mtia = False
    names: tuple = ()

    def stride(self, dim: int | None = None) -> Any:
        """The strides in elements that PyTorch would report. See `torch.Tensor.stride`."""
        strides = cell_of(self).aval.strides
        if dim is None:
            return strides
        self.size(dim)  # IndexError for a dimension out of range
        return strides[dim]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in row-major order, or that of a memory format.

        See `torch.Tensor.is_contiguous`.
        """
        aval = cell_of(self).aval
        return is_contiguous(aval.shape, aval.strides, FORMATS.get(str(memory_format)[6:]))

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension. See `torch.Tensor.size`."""
        if dim is None:
            return self.shape
        shape = cell_of(self).aval.shape
        if not -len(shape) <= dim < len(shape):
            low, high = (-len(shape), len(shape) - 1) if shape else (-1, 0)
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{low}, {high}], but got "
                f"{dim})"
            )
        return shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return len(cell_of(self).aval.shape)

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self.shape.numel()

    nelement = numel

    def element_size(self) -> int:
        """The bytes of one element."""
        return self.dtype.itemsize

    def is_floating_point(self) -> bool:
        """Whether the dtype is a float type."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether the dtype is complex."""
        return self.dtype.is_complex

    def is_signed(self) -> bool:
        """Whether the dtype has negative values."""
        return self.dtype.is_signed

    def get_device(self) -> int:
        """The index of the accelerator that holds this Tensor; -1 on the CPU."""
        return -1 if self.is_cpu else self.device.index or 0

    def is_inference(self) -> bool:
        """Whether this Tensor was made in inference mode. Such Tensors are ordinary ones here."""
        return False

    def is_shared(self) -> bool:
        """Whether the storage lies in shared memory: never, buffers are JAX's."""
        return False

    def is_pinned(self, device: Any = None) -> bool:
        """Whether the storage lies in page-locked memory: JAX decides about that, so False."""
        return False
