"""`torch.sparse`: products, sums and softmax of sparse Tensors. See functions/sparse."""

from ._core.errors import absent
from .functions.sparse import SPARSE

globals().update(SPARSE)
__all__ = sorted(SPARSE)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
