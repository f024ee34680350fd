"""The largest singular value of a matrix by power iteration, for the two spectral norms.

Miyato et al. (2018), "Spectral normalization for generative adversarial networks". u and v are
vectors that approach the left and right singular ones, a step at a time.
"""

from __future__ import annotations

from ..._core.tensor import Tensor
from ..._expose import row
from ..conv import _ConvTransposeNd
from ..functional import normalize
from ..module import Module

_mv, _vdot = row("mv"), row("vdot")


def default_dim(module: Module) -> int:
    """The dimension of a module's weight that counts its outputs."""
    return 1 if isinstance(module, _ConvTransposeNd) else 0


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with one row for each entry of dim."""
    if dim != 0:
        weight = weight.permute(dim, *(d for d in range(weight.dim()) if d != dim))
    return weight.reshape(weight.size(0), -1)


def start(matrix: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Random u and v of length one."""
    rows, columns = matrix.size()
    u = matrix.new_empty(rows).normal_(0, 1)
    v = matrix.new_empty(columns).normal_(0, 1)
    return normalize(u, dim=0, eps=eps), normalize(v, dim=0, eps=eps)


def left(matrix: Tensor, v: Tensor, eps: float) -> Tensor:
    """u that goes with v."""
    return normalize(_mv(matrix, v), dim=0, eps=eps)


def right(matrix: Tensor, u: Tensor, eps: float) -> Tensor:
    """v that goes with u."""
    return normalize(_mv(matrix.mH, u), dim=0, eps=eps)


def singular_value(matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """u^H M v, the largest singular value when u and v have converged."""
    return _vdot(u, _mv(matrix, v))
