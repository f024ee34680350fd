"""Rows of jtorch/ops/lu.py, ldl.py, householder.py and jtorch/functions/matrix.py."""

from __future__ import annotations

import numpy as np

from .harness import case


def _symmetric(t, *shape):
    a = t.double(*shape)
    return a + np.swapaxes(a, -1, -2)


def _hermitian(t, *shape):
    a = t.complex(*shape, dtype=np.complex128)
    return a + np.swapaxes(a, -1, -2).conj()


def _pivots(*values):
    return np.array(values, np.int32)


case(
    "lu",
    lambda t: [t(t.double(3, 3)), t(t.double(2, 2, 3), get_infos=True)],
    tolerance=10,
    strides=False,
    out=False,
    errors=lambda t: [(t(t.double(2, 2), False), "without pivoting is not implemented on the CPU")],
)
case(
    "lu_unpack",
    lambda t: [
        t(t.double(3, 3), _pivots(2, 3, 3)),
        t(t.constant(t.double(2, 3)), _pivots(1, 2), unpack_data=False),
        t(t.double(3, 2), _pivots(3, 2), unpack_pivots=False),
    ],
    strides=False,
    errors=lambda t: [
        (t(t.double(2, 2), t.int(2)), "contiguous tensor of torch.int32"),
    ],
)
case(
    "lu_solve",
    lambda t: [t(t.double(2, 2), t.double(2, 2) + 4 * np.eye(2), _pivots(2, 2))],
    tolerance=10,
    strides=False,
    errors=lambda t: [
        (t(t.double(2), t.double(2, 2), _pivots(1, 2)), "B must have at least 2 dimensions"),
        (t(t.double(3, 1), t.double(2, 2), _pivots(1, 2)), "(2x2 and 3x1)"),
        (t(t.double(2, 1), t.double(2, 2), t.int(2)), "scalar type torch.int32"),
    ],
)
case(
    "linalg.lu_factor_ex",
    lambda t: [t(np.zeros((2, 2))), t(t.double(2, 3, 3)), t(t.double(0, 3))],
    tolerance=10,
    strides=False,
    gradients=False,
)
for _name in ("ldl_factor", "ldl_factor_ex"):
    case(
        f"linalg.{_name}",
        lambda t: [
            t(_symmetric(t, 4, 4)),
            t(_symmetric(t, 2, 3, 3) * (1 - np.eye(3))),
            t(_hermitian(t, 3, 3), hermitian=True),
        ],
        function=lambda library, a, name=_name, **kwargs: [
            x.tril() if k == 0 else x
            for k, x in enumerate(getattr(library.linalg, name)(a, **kwargs))
        ],
        tolerance=10,
        gradients=False,
        errors=lambda t: [
            (t(t.double(3, 2)), "must be batches of square matrices"),
            (t(t.double(3)), "must have at least 2 dimensions"),
        ],
    )
case(
    "linalg.ldl_solve",
    lambda t: [
        t(_symmetric(t, 4, 4), t.double(4, 2)),
        t(_symmetric(t, 3, 3) * (1 - np.eye(3)), t.double(2, 3, 1)),
        t(_hermitian(t, 3, 3), t.complex(3, 1, dtype=np.complex128), hermitian=True),
    ],
    function=lambda library, a, b, **kwargs: library.linalg.ldl_solve(
        *library.linalg.ldl_factor(a, **kwargs), b, **kwargs
    ),
    tolerance=100,
    strides=False,
    gradients=False,
)
case(
    "geqrf",
    lambda t: [t(t.double(4, 3)), t(t.double(2, 2, 3))],
    tolerance=10,
    strides=False,
    gradients=False,
    errors=lambda t: [(t(t.double(3)), "input must have at least 2 dimensions")],
)
_PRODUCT = "linalg.householder_product"
case(
    _PRODUCT,
    lambda t: [
        t(t.double(4, 3), t.double(2)),
        t(t.complex(2, 3, 3, dtype=np.complex128), t.complex(2, 3, dtype=np.complex128)),
        t(t.constant(t.double(3, 2)), t.constant(t.double(0))),
    ],
    tolerance=10,
    strides=False,
    errors=lambda t: [
        (t(t.double(2, 3), t.double(3)), "input.shape[-2] must be greater than or equal to"),
        (t(t.double(3, 3), t.double(2, 3)), "Expected tau to have one dimension less"),
        (t(t.double(3, 3), t.float(3)), "tau dtype Float does not match input dtype Double"),
    ],
)
case(
    "ormqr",
    lambda t: [
        t(t.double(3, 2), t.double(2), t.double(3, 4)),
        t(t.double(3, 2), t.double(2), t.double(4, 3), left=False, transpose=True),
        t(
            *(t.complex(*s, dtype=np.complex128) for s in ((2, 3, 3), (2, 3), (2, 3, 2))),
            True,
            True,
        ),
    ],
    tolerance=10,
    strides=False,
    errors=lambda t: [
        (t(t.double(3, 2), t.double(2), t.double(4, 2)), "other.shape[-2] must be equal to"),
        (t(t.double(3), t.double(2), t.double(4, 2)), "input must have at least 2 dimensions"),
    ],
)
case("linalg.tensorinv", lambda t: [t(t.double(2, 3, 6)), t(t.double(4, 2, 2), ind=1)],
     tolerance=100, strides=False,
     errors=lambda t: [(t(t.double(2, 3)), "to satisfy the requirement")])  # fmt: skip
case(
    "linalg.tensorsolve",
    lambda t: [
        t(t.double(2, 3, 6), t.double(2, 3)),
        t(t.double(2, 6, 3), t.double(2, 3), dims=(1,)),
    ],
    tolerance=100,
    strides=False,
    errors=lambda t: [(t(t.double(2, 3, 5), t.double(2, 3)), "to satisfy the requirement")],
)
case(
    "linalg.diagonal",
    lambda t: [t(t.double(2, 3, 4)), t(t.int(3, 4, 2), offset=-1, dim1=0, dim2=1)],
    out=False,
    errors=lambda t: [
        (t(t.double(2, 3), dim1=1, dim2=1), "diagonal dimensions cannot be identical")
    ],
)


def _full_svd(library, a):
    """The vectors that go with a singular value, without their signs; the shapes of all."""
    U, S, Vh = library.linalg.svd(a)
    count = min(a.shape[-2:])
    shapes = [tuple(U.shape), tuple(Vh.shape)]
    return [S, U[..., :count].abs(), Vh[..., :count, :].abs(), shapes]


case(
    "linalg.svd",
    lambda t: [t(t.double(4, 2)), t(t.double(2, 2, 3)), t(t.double(0, 3))],
    function=_full_svd,
    tolerance=100,
    strides=False,
)
case(
    "linalg.pinv",
    lambda t: [
        t(_symmetric(t, 3, 3), hermitian=True),
        t(t.double(4, 3), 0.5),
        t(t.double(2, 3, 3), atol=t.constant(np.array([0.1, 1.5])), rtol=t.constant(np.array(0.1))),
    ],
    tolerance=1000,
    strides=False,
    out=False,
)
case(
    "linalg.matrix_rank",
    lambda t: [
        t(t.double(3, 3), hermitian=True),
        t(t.double(2, 4, 3), t.constant(np.array(1.0))),
        t(t.double(2, 4, 3), atol=t.constant(np.array([0.1, 2.0])), rtol=t.constant(np.array(0.5))),
        t(t.double(2, 0, 3)),
    ],
    gradients=False,
    out=False,
)
_LOW = {"tolerance": 1000, "strides": False, "gradients": False}


def _product(library, name, a, **kwargs):
    """The same random numbers make the same approximation; signs are free."""
    library.manual_seed(0)
    U, S, V = getattr(library, name)(a, **kwargs)
    return [S, (U * S.unsqueeze(-2)) @ V.mH]


for _name in ("svd_lowrank", "pca_lowrank"):
    case(
        _name,
        lambda t: [t(t.double(5, 4), q=2), t(t.double(2, 3, 5), q=2, niter=0)],
        function=lambda library, a, name=_name, **kwargs: _product(library, name, a, **kwargs),
        **_LOW,
    )
