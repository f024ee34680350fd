"""`torch.sparse`: products, sums and softmax of sparse Tensors. See functions/sparse."""

from ._core.errors import absent
from ._expose import say_where
from .functions.sparse import SPARSE

globals().update(SPARSE)
say_where(SPARSE, __name__)
__all__ = sorted(SPARSE)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
