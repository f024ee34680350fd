"""Rows of jtorch/ops/matmul.py, norms.py, decomposition.py and linalg.py."""

from __future__ import annotations

import numpy as np

from .harness import case

SHAPES = "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"
DTYPES = "expected m1 and m2 to have the same dtype, but got: float != double"


def _definite(t, *shape):
    a = t.double(*shape)
    return a @ np.swapaxes(a, -1, -2) + 3 * np.eye(shape[-1])


def _regular(t, *shape):
    return t.double(*shape) + 4 * np.eye(shape[-1])


case(
    "matmul",
    lambda t: [
        t(t.double(2, 3), t.double(3, 4)),
        t(t.strided(t.float(2, 3)), t.strided(t.float(3, 4))),
        t(t.float(3), t.float(3)),
        t(t.float(3), t.float(3, 4)),
        t(t.float(2, 3), t.float(3)),
        t(t.double(2, 1, 2, 3), t.double(4, 3, 2)),
        t(t.float(2, 2, 3), t.float(3)),
        t(t.float(3), t.float(2, 3, 4)),
        t(t.float(2, 2, 3), t.float(3, 4)),
        t(t.int(2, 3), t.int(3, 2)),
        t(t.complex(2, 3), t.complex(3, 2)),
    ],
    strides=False,
    errors=lambda t: [
        (t(t.float(2, 3), t.float(4, 5)), SHAPES),
        (t(t.float(3), t.float(4, 5)), "mat1 and mat2 shapes cannot be multiplied (1x3 and 4x5)"),
        (
            t(t.float(2, 3, 4), t.float(5, 6)),
            "mat1 and mat2 shapes cannot be multiplied (6x4 and 5x6)",
        ),
        (t(t.float(2, 3), t.float(4)), "size mismatch, got input (2), mat (2x3), vec (4)"),
        (t(t.float(3), t.float(4)), "inconsistent tensor size"),
        (
            t(t.float(2, 2, 3), t.float(2, 4, 5)),
            "Expected size for first two dimensions of batch2 tensor to be: [2, 3] but got: [2, 4]",
        ),
        (t(t.float(2, 2, 3), t.float(3, 3, 5)), "must match the size of tensor b (3)"),
        (t(t.float(2, 3), t.double(3, 2)), DTYPES),
        (t(t.float(2, 3), t.float()), "both arguments to matmul need to be at least 1D"),
    ],
)
case(
    "mm",
    lambda t: [t(t.double(2, 3), t.double(3, 4)), t(t.float(0, 3), t.float(3, 2))],
    errors=lambda t: [
        (t(t.float(2, 3), t.float(4, 5)), SHAPES),
        (t(t.float(3), t.float(3, 4)), "must be a matrix"),
    ],
)
case(
    "bmm",
    lambda t: [t(t.double(2, 3, 4), t.double(2, 4, 2)), t(t.float(2, 1, 3), t.float(2, 3, 1))],
    errors=lambda t: [
        (t(t.float(2, 3, 4), t.float(2, 5, 2)), "Expected size for first two dimensions of batch2"),
        (t(t.float(3, 4), t.float(2, 5, 2)), "batch1 must be a 3D tensor"),
    ],
)
case(
    "mv",
    lambda t: [t(t.double(2, 3), t.double(3))],
    errors=lambda t: [(t(t.float(2, 3), t.float(4)), "size mismatch")],
)
case(
    "dot",
    lambda t: [t(t.double(3), t.double(3)), t(t.int(3), t.int(3))],
    errors=lambda t: [
        (t(t.float(3), t.float(4)), "inconsistent tensor size"),
        (t(t.float(2, 3), t.float(3)), "1D tensors expected"),
    ],
)
case("vdot", lambda t: [t(t.double(3), t.double(3)), t(t.complex(3), t.complex(3))])
case(
    "inner",
    lambda t: [
        t(t.double(2, 3), t.double(4, 3)),
        t(t.float(3), t.float()),
        t(t.float(3), t.float(3)),
    ],
)
case(
    "outer",
    lambda t: [t(t.double(2), t.double(3)), t(t.int(2), t.float(3))],
    errors=lambda t: [(t(t.float(2, 3), t.float(3)), "Expected 1-D argument self, but got 2-D")],
)
case("ger", lambda t: [t(t.double(2), t.double(3))])
case(
    "addmm",
    lambda t: [
        t(t.double(4), t.double(2, 3), t.double(3, 4)),
        t(t.float(2, 4), t.float(2, 3), t.float(3, 4), beta=0.5, alpha=2),
        t(t.constant(np.full((2, 4), np.nan)), t.double(2, 3), t.double(3, 4), beta=0),
    ],
    errors=lambda t: [
        (t(t.float(5), t.float(2, 3), t.float(4, 5)), SHAPES),
        (
            t(t.float(4), t.float(2, 3), t.float(3, 5)),
            "The expanded size of the tensor (5) must match the existing size (4)",
        ),
    ],
    inplace=False,
)
case("addmv", lambda t: [t(t.double(2), t.double(2, 3), t.double(3), beta=0.5, alpha=2)])
case("addr", lambda t: [t(t.double(2, 3), t.double(2), t.double(3), beta=0.5, alpha=2)])
case(
    "baddbmm",
    lambda t: [
        t(t.double(2, 3, 2), t.double(2, 3, 4), t.double(2, 4, 2), beta=0.5, alpha=2),
        t(t.float(2), t.float(2, 3, 4), t.float(2, 4, 2)),
    ],
    inplace=False,
)
case("addbmm", lambda t: [t(t.double(3, 2), t.double(2, 3, 4), t.double(2, 4, 2), alpha=2)])
case(
    "einsum",
    lambda t: [
        t("ij,jk->ik", t.double(2, 3), t.double(3, 4)),
        t("bhid,bhjd->bhij", t.float(2, 2, 3, 4), t.float(2, 2, 3, 4)),
        t("ij,jk", t.float(2, 3), t.float(3, 4)),
        t("ii->i", t.double(3, 3)),
        t("ii", t.double(3, 3)),
        t("...ij,...jk->...ik", t.float(2, 2, 3), t.float(2, 3, 2)),
        t("i,j,k->ijk", [t.float(2), t.float(3), t.float(2)]),
        t("ij -> ji", t.int(2, 3)),
    ],
    strides=False,
    out=False,
    errors=lambda t: [
        (
            t("ij,jk->ik", t.float(2, 3), t.float(4, 5)),
            "does not broadcast with previously seen size",
        ),
        (
            t("ij,jk->ik", t.float(2, 3)),
            "fewer operands were provided than specified in the equation",
        ),
        (t("ijk->i", t.float(2, 3)), "the number of subscripts in the equation (3)"),
    ],
)
case(
    "einsum",
    lambda t: [t(t.double(2, 3), t.double(3, 4))],
    function=lambda library, a, b: library.einsum(a, [0, 1], b, [1, 2], [0, 2]),
).family = "einsum-sublists"
case(
    "tensordot",
    lambda t: [
        t(t.double(2, 3, 4), t.double(3, 4, 5)),
        t(t.double(2, 3, 4), t.double(4, 3), dims=([2, 1], [0, 1])),
        t(t.float(2), t.float(3), dims=0),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), t.float(4, 5), dims=1), "contracted dimensions need to match")
    ],
)
case(
    "kron",
    lambda t: [
        t(t.double(2, 3), t.double(2, 2)),
        t(t.int(2), t.float(2, 2)),
        t(t.bool(2), t.bool(3)),
    ],
)
case(
    "cross",
    lambda t: [
        t(t.double(4, 3), t.double(4, 3)),
        t(t.float(3, 2), t.float(3, 2), dim=0),
        t(t.double(4, 3), t.double(1, 3), dim=1),
    ],
)
case(
    "linalg.cross",
    lambda t: [t(t.double(4, 3), t.double(4, 3)), t(t.double(4, 3), t.double(1, 3))],
    errors=lambda t: [(t(t.float(2), t.float(2)), "must have length 3")],
)
case(
    "linalg.vecdot",
    lambda t: [t(t.double(4, 3), t.double(4, 3)), t(t.double(4, 3), t.double(1, 3), dim=0)],
)
case("linalg.matmul", lambda t: [t(t.double(4, 3), t.double(3, 2))])
case("chain_matmul", lambda t: [t(t.double(4, 3), t.double(3, 2), t.double(2, 5))], strides=False)
case(
    "linalg.multi_dot",
    lambda t: [t([t.double(4, 3), t.double(3, 2), t.double(2, 5)])],
    strides=False,
)

ZEROS = np.zeros((2, 3))
case(
    "norm",
    lambda t: [
        t(t.double(3, 4)),
        t(t.double(3, 4), 1),
        t(t.double(3, 4), p=3, dim=1),
        t(t.double(3, 4), float("inf"), 0, True),
        t(t.double(3, 4), -np.inf, (0, 1)),
        t(t.constant(t.double(3, 4)), 0, 1),
        t(t.float(3, 4), "fro", dim=(0, 1)),
        t(t.float(3, 4), 2, -1),
        t(ZEROS, dim=1),
        t(ZEROS, 1.5, dim=1),
        t(t.complex(3, 2)),
    ],
    errors=lambda t: [(t(t.float(2, 3), 2, 5), "Dimension out of range")],
)
case(
    "norm", lambda t: [t(t.double(3, 4), dim=1), t(t.double(4), 3)], twice=True, out=False
).family = "norm-twice"
case(
    "linalg.vector_norm",
    lambda t: [
        t(t.double(3, 4)),
        t(t.double(3, 4), 3, 1, True),
        t(t.float(3), dtype=t.dtype("float64")),
        t(t.double(4), -1.5),
    ],
)
case(
    "linalg.norm",
    lambda t: [
        t(t.double(3, 4)),
        t(t.double(3, 4), "fro"),
        t(t.double(4), 3),
        t(t.double(3, 4), 1),
        t(t.double(3, 4), 2),
        t(t.double(2, 3, 4), 2, 1),
        t(np.zeros((2, 3)), 2),
        t(t.constant(t.double(0, 3)), 2),
        t(np.zeros(3), -0.5),
    ],
    tolerance=10,
    errors=lambda t: [(t(t.double(0, 3), -2), "Expected reduction dim -1 to have non-zero size")],
)
case(
    "linalg.matrix_norm",
    lambda t: [
        t(t.double(2, 3, 4)),
        t(t.double(3, 4), "nuc"),
        t(t.double(3, 4), -2),
        t(t.double(3, 4), np.inf),
        t(t.double(3, 4), -1, keepdim=True),
    ],
    tolerance=10,
)
case("dist", lambda t: [t(t.double(3, 4), t.double(4)), t(t.float(3), t.float(3), 1)])
case(
    "cdist",
    lambda t: [
        t(t.double(3, 4), t.double(2, 4)),
        t(t.double(2, 3, 4), t.double(1, 2, 4), 1.0),
        t(t.double(3, 4), t.double(2, 4), p=np.inf),
    ],
    tolerance=100,
)
case("renorm", lambda t: [t(t.double(3, 4), 2, 0, 1.0)], tolerance=100)

NOT_SQUARE = "must be batches of square matrices"
for _name in ("det", "linalg.det", "logdet", "inverse", "linalg.inv", "slogdet", "linalg.slogdet"):
    case(
        _name,
        lambda t: [t(_regular(t, 3, 3)), t(_definite(t, 2, 3, 3))],
        errors=lambda t: [(t(t.float(2, 3)), NOT_SQUARE), (t(t.float(3)), "at least 2 dimensions")],
        tolerance=10,
        strides=False,
    )
case("linalg.inv_ex", lambda t: [t(_regular(t, 3, 3))], tolerance=10, strides=False)
case(
    "cholesky",
    lambda t: [t(_definite(t, 3, 3)), t(_definite(t, 2, 3, 3), upper=True)],
    tolerance=10,
    strides=False,
)
case(
    "linalg.cholesky",
    lambda t: [t(_definite(t, 3, 3)), t(_definite(t, 2, 3, 3), upper=True)],
    errors=lambda t: [(t(t.float(2, 3)), NOT_SQUARE)],
    tolerance=10,
    strides=False,
)
case("linalg.cholesky_ex", lambda t: [t(_definite(t, 3, 3))], tolerance=10, strides=False)
case(
    "cholesky_solve",
    lambda t: [
        t(t.double(3, 2), np.linalg.cholesky(_definite(t, 3, 3))),
        t(t.double(3, 2), np.linalg.cholesky(_definite(t, 3, 3)).T.copy(), upper=True),
    ],
    tolerance=10,
    strides=False,
    gradients=False,
)
case(
    "cholesky_inverse",
    lambda t: [t(np.linalg.cholesky(_definite(t, 3, 3)))],
    tolerance=10,
    strides=False,
    gradients=False,
)
case(
    "linalg.solve",
    lambda t: [
        t(_regular(t, 3, 3), t.double(3)),
        t(_regular(t, 2, 3, 3), t.double(3, 2)),
        t(_regular(t, 2, 3, 3), t.double(2, 3)),
        t(_regular(t, 3, 3), t.double(2, 3), left=False),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), t.float(2)), NOT_SQUARE),
        (t(t.float(3, 3), t.float(4, 2)), "Incompatible shapes"),
    ],
    tolerance=10,
    strides=False,
)
case("linalg.solve_ex", lambda t: [t(_regular(t, 3, 3), t.double(3))], tolerance=10, strides=False)
case(
    "linalg.solve_triangular",
    lambda t: [
        t(_regular(t, 3, 3), t.double(3, 2), upper=True),
        t(_regular(t, 3, 3), t.double(3, 2), upper=False, unitriangular=True),
        t(_regular(t, 3, 3), t.double(2, 3), upper=True, left=False),
    ],
    tolerance=10,
    strides=False,
)
case(
    "triangular_solve",
    lambda t: [
        t(t.double(3, 2), _regular(t, 3, 3)),
        t(t.double(3, 2), _regular(t, 3, 3), upper=False, transpose=True),
    ],
    tolerance=10,
    strides=False,
    gradients=False,
)
for _name in ("qr", "linalg.qr"):
    case(_name, lambda t: [t(t.double(4, 3)), t(t.double(3, 3))], tolerance=10, strides=False)
case(
    "linalg.qr",
    lambda t: [t(t.double(4, 3), "complete"), t(t.double(4, 3), mode="r")],
    tolerance=10,
    strides=False,
    gradients=False,
).family = "linalg-qr-modes"


def _svd_product(library, a, full):
    u, s, vh = library.linalg.svd(a, full_matrices=full)
    return (u[..., : s.shape[-1]] * s[..., None, :]) @ vh[..., : s.shape[-1], :], s


case(
    "linalg.svd",
    lambda t: [t(t.double(4, 3), False), t(t.double(2, 3, 4), False)],
    function=_svd_product,
    tolerance=100,
)
case(
    "linalg.svd",
    lambda t: [t(t.double(4, 3), True)],
    function=_svd_product,
    tolerance=100,
    gradients=False,
).family = "linalg-svd-full"
case(
    "svd",
    lambda t: [t(t.double(4, 3))],
    function=lambda library, a: (lambda u, s, v: (u * s) @ v.mT)(*library.svd(a)),
    tolerance=100,
)
case("linalg.svdvals", lambda t: [t(t.double(4, 3)), t(t.double(2, 3, 3))], tolerance=100)
case(
    "linalg.eigh",
    lambda t: [t(_definite(t, 3, 3))],
    function=lambda library, a: (lambda w, v: (w, (v * w) @ v.mT))(*library.linalg.eigh(a)),
    tolerance=100,
    strides=False,
)
case(
    "linalg.eigvalsh",
    lambda t: [t(_definite(t, 3, 3)), t(_definite(t, 2, 3, 3), UPLO="U")],
    tolerance=100,
)
case(
    "linalg.eigvals",
    lambda t: [t(t.double(3, 3))],
    function=lambda library, a: library.linalg.eigvals(a).abs().sort()[0],
    tolerance=100,
    gradients=False,
)
case(
    "linalg.pinv", lambda t: [t(t.double(4, 3)), t(t.double(2, 2, 3))], tolerance=100, strides=False
)
case("pinverse", lambda t: [t(t.double(4, 3))], tolerance=100, strides=False)
case(
    "linalg.matrix_rank",
    lambda t: [t(t.double(4, 3)), t(np.outer(np.arange(3.0), np.ones(4)))],
    gradients=False,
)
for _name in ("matrix_power", "linalg.matrix_power"):
    case(
        _name,
        lambda t: [t(t.double(3, 3), 3), t(t.double(2, 2, 2), 0), t(_regular(t, 3, 3), -2)],
        tolerance=10,
        strides=False,
    )
for _name in ("matrix_exp", "linalg.matrix_exp"):
    case(_name, lambda t: [t(t.double(2, 2, 2))], tolerance=100, strides=False)
case(
    "linalg.cond",
    lambda t: [t(_regular(t, 3, 3)), t(t.constant(_regular(t, 3, 3)), 1)],
    tolerance=100,
)
case(
    "linalg.lstsq",
    lambda t: [t(t.double(5, 3), t.double(5, 2))],
    function=lambda library, a, b: library.linalg.lstsq(a, b).solution,
    tolerance=100,
    strides=False,
)
case("linalg.lu_factor", lambda t: [t(_regular(t, 3, 3))], tolerance=10, strides=False)
case("linalg.lu", lambda t: [t(t.double(3, 3))], tolerance=10, strides=False)
case(
    "linalg.lu_solve",
    lambda t: [t(_regular(t, 3, 3), t.double(3, 2))],
    function=lambda library, a, b: library.linalg.lu_solve(*library.linalg.lu_factor(a), b),
    tolerance=10,
    strides=False,
)
case("linalg.vander", lambda t: [t(t.double(3)), t(t.double(2, 3), N=2)], strides=False)
case("linalg.lu_factor_ex", lambda t: [t(_regular(t, 3, 3))], tolerance=10, strides=False)
