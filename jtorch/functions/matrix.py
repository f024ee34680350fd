"""Functions of matrices that are more than one op: approximations of low rank, which draw random
numbers, `lu` and `linalg.diagonal`. The rows are in ops/linalg.py, ops/decomposition.py and
ops/lu.py."""

from __future__ import annotations

import warnings

from .._core.tensor import Tensor
from .._expose import row
from .random import randn

_diagonal, _qr, _svd = row("diagonal"), row("linalg_qr"), row("linalg_svd")
_lu_with_info = row("_lu_with_info")


def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonals of matrices. See torch.linalg.diagonal."""
    return _diagonal(A, offset, dim1, dim2)


def _basis(A: Tensor, q: int, steps: int) -> Tensor:
    """q orthonormal columns that nearly span A's: algorithm 4.4 of Halko, Martinsson and Tropp,
    Finding structure with randomness, 2009."""
    Q = _qr(A @ randn(A.shape[-1], q, dtype=A.dtype, device=A.device)).Q
    for _ in range(steps):
        Q = _qr(A.mH @ Q).Q
        Q = _qr(A @ Q).Q
    return Q


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """U, S, V with U diag(S) V^H near A (near A - M), of rank q: algorithm 5.1 of Halko et al.
    See torch.svd_lowrank."""
    if M is not None:
        A = A - M.broadcast_to(A.shape)
    wide = A.shape[-2] < A.shape[-1]
    tall = A.mH if wide else A
    Q = _basis(tall, 6 if q is None else q, 2 if niter is None else niter)
    U, S, Vh = _svd(Q.mH @ tall, full_matrices=False)
    U, V = Q @ U, Vh.mH
    return (V, S, U) if wide else (U, S, V)


def pca_lowrank(
    A: Tensor, q: int | None = None, center: bool = True, niter: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """svd_lowrank of A, less the mean of its rows if `center`. See torch.pca_lowrank."""
    most = min(A.shape[-2:])
    if q is None:
        q = min(6, most)
    elif not 0 <= q <= most:
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={most}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean((-2,), True) if center else A, q, niter)


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> tuple[Tensor, ...]:
    """L and U in one matrix, the row swaps, and if `get_infos` where U has a zero on its diagonal.
    Deprecated: linalg.lu_factor. See torch.lu."""
    warnings.warn(
        "torch.lu is deprecated in favor of torch.linalg.lu_factor / torch.linalg.lu_factor_ex and "
        "will be removed in a future PyTorch release.",
        stacklevel=2,
    )
    found = _lu_with_info(A, pivot=pivot, check_errors=not get_infos)
    return found if get_infos else found[:2]


def lu_method(self: Tensor, pivot: bool = True, get_infos: bool = False) -> tuple[Tensor, ...]:
    """L and U in one matrix, and the row swaps. See torch.Tensor.lu."""
    return tuple(lu(self, pivot, get_infos))


FUNCTIONS = [lu, svd_lowrank, pca_lowrank]
METHODS = {"lu": lu_method}
LINALG = {"diagonal": linalg_diagonal}
