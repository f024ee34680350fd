"""Layers that compare two inputs: PairwiseDistance and CosineSimilarity."""

from __future__ import annotations

from .._core.tensor import Tensor
from . import functional as F
from .module import Module


class PairwiseDistance(Module):
    """d = || x1 - x2 + eps ||_p over the last dimension. See torch.nn.PairwiseDistance.

    Shapes: x1, x2 (N, D) or (D), d (N) or a scalar; with `keepdim`, (N, 1) or (1).
    """

    __constants__ = ["norm", "eps", "keepdim"]
    norm: float
    eps: float
    keepdim: bool

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """x1 . x2 / max(|x1| |x2|, eps) over dimension `dim`. See torch.nn.CosineSimilarity.

    Shapes: x1, x2 (*, D, *) of equal or broadcastable shape, result without dimension `dim`.
    """

    __constants__ = ["dim", "eps"]
    dim: int
    eps: float

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


__all__ = ["CosineSimilarity", "PairwiseDistance"]
