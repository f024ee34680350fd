"""Rows of jtorch/ops/sparse.py, through the functions of sparse Tensors: values and gradients.

Indices and values are made sparse by the row's function, so that gradients are those of the values.
Layouts, patterns, texts and autograd of the Tensors themselves are in tests/core/test_sparse.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .harness import case

# (0, 1) comes twice, and not in order.
INDICES = np.array([[1, 0, 2, 0], [2, 1, 0, 1]])
CROW, COL = np.array([0, 2, 2, 3, 4]), np.array([0, 2, 1, 0])


def coo(t: Any, values: Any, *size: int) -> Any:
    return t.sparse_coo_tensor(t.tensor(INDICES), values, (3, 3, *size))


def csr(t: Any, values: Any) -> Any:
    return t.sparse_csr_tensor(t.tensor(CROW), t.tensor(COL), values, (4, 3))


def square(t: Any, values: Any) -> Any:
    return t.sparse_csr_tensor(t.tensor(CROW[[0, 1, 3, 4]]), t.tensor(COL), values, (3, 3))


def add(name: str, function: Callable, samples: Callable, **options: Any) -> None:
    case(name, samples, function=function, out=False, method=False, inplace=False, **options)


def of_reals(t: Any) -> list:
    return [t(t.double(4)), t(t.float(4, dtype="float16")), t(t.int(4))]


def of_values(t: Any) -> list:
    return [*of_reals(t), t(t.complex(4))]


add("coo to_dense", lambda t, v: coo(t, v).to_dense(), lambda t: [*of_values(t), t(t.bool(4))])
add("csr to_dense", lambda t, v: csr(t, v).to_dense(), of_reals)
add("coalesce", lambda t, v: coo(t, v).coalesce().values(), lambda t: [*of_values(t), t(t.bool(4))])
add(
    "hybrid to_dense",
    lambda t, v: coo(t, v, 2).coalesce().transpose(0, 1).to_dense(),
    lambda t: [t(t.double(4, 2))],
)
add(
    "coo product",
    lambda t, v, d: (t.sparse.mm(coo(t, v), d), d.t() @ coo(t, v), coo(t, v) @ d[:, 0]),
    lambda t: [
        t(t.double(4), t.double(3, 2)),
        t(t.complex(4), t.complex(3, 2)),
        t(t.int(4), t.int(3, 2)),
        t(t.float(4, dtype="float16"), t.float(3, 1, dtype="float16")),
    ],
    strides=False,
    errors=lambda t: [
        (t(t.float(4), t.double(3, 2)), "expected scalar type Float but found Double"),
        (t(t.float(4), t.float(2, 2)), "Expected dim 0 size 3, got 2"),
        (t(t.bool(4), t.bool(3, 2)), "not implemented for 'Bool'"),
    ],
)
add(
    "addmm",
    lambda t, b, v, d: t.sparse.addmm(b, coo(t, v), d, beta=0.5, alpha=2),
    lambda t: [
        t(t.double(3, 2), t.double(4), t.double(3, 2)),
        t(t.float(2), t.float(4), t.float(3, 2)),
    ],
)
add(
    "linear",
    lambda t, v, w, b: t.nn.functional.linear(coo(t, v), w, b),
    lambda t: [t(t.double(4), t.double(2, 3), t.double(2))],
)
add(
    "sparse @ sparse",
    lambda t, v, w: (
        (coo(t, v) @ coo(t, w)).to_dense(),
        (csr(t, v) @ square(t, w)).to_dense(),
    ),
    lambda t: [t(t.double(4), t.double(4))],
)
for _reduce in ("sum", "mean", "amax", "amin"):
    add(
        f"mm {_reduce}",
        lambda t, v, d, reduce=_reduce: t.sparse.mm(csr(t, v), d, reduce),
        lambda t: [
            t(t.double(4), t.double(3, 2)),
            t(
                np.array([1.0, -1.0, 2.0, 0.0]),
                np.array([[1.0, 2.0], [np.nan, 3.0], [-1.0, np.inf]]),
            ),
            t(t.float(4, dtype="float16"), t.float(3, 2, dtype="float16")),
        ],
        errors=lambda t: [
            (t(t.float(4), t.float(2, 2)), "Expected a tensor of dimension 2"),
            (t(t.int(4), t.int(3, 2)), "not implemented for 'Long'"),
        ],
    )
add(
    "sampled_addmm",
    lambda t, v, a, b: t.sparse.sampled_addmm(csr(t, v), a, b, beta=0.5, alpha=2).values(),
    lambda t: [
        t(t.double(4), t.double(4, 2), t.double(2, 3)),
        t(t.constant(t.complex(4)), t.complex(4, 2), t.complex(2, 3)),
        t(t.double(4), t.double(4, 0), t.double(0, 3)),
    ],
    errors=lambda t: [
        (t(t.float(4), t.float(4, 2), t.float(1, 3)), "shapes cannot be multiplied (4x2 and 1x3)"),
        (t(t.float(4), t.float(3, 2), t.float(2, 3)), "self.shape[-2] must match mat1.shape[-2]"),
        (t(t.float(4), t.double(4, 2), t.float(2, 3)), "same dtype, but got Double and Float"),
    ],
)
add(
    "sum",
    lambda t, v: (
        t.sparse.sum(coo(t, v)),
        t.sparse.sum(coo(t, v), 0).to_dense(),
    ),
    lambda t: [t(t.double(4)), t(t.int(4, dtype=np.int32))],
)
add(
    "hybrid sum",
    lambda t, v: [
        t.sparse.sum(coo(t, v, 2), d).to_dense() for d in (-1, (0, 2), (0, 1), (0, 1, 2))
    ],
    lambda t: [t(t.double(4, 2))],
)
add(
    "softmax",
    lambda t, v: (
        t.sparse.softmax(coo(t, v), 1).to_dense(),
        t.sparse.log_softmax(coo(t, v), -2).to_dense(),
    ),
    lambda t: [t(t.double(4)), t(np.array([1.0, 1e4, -1e4, np.inf]))],
    errors=lambda t: [(t(t.int(4)), "not implemented for 'Long'")],
)
add(
    "hybrid softmax",
    lambda t, v: [t.sparse.softmax(coo(t, v, 2), d).to_dense() for d in (0, 2)],
    lambda t: [t(t.double(4, 2))],
)
add(
    "sparse_mask",
    lambda t, d, v: (
        d.sparse_mask(coo(t, v)).to_dense(),
        coo(t, v).coalesce().sparse_mask(coo(t, v * 2).coalesce()).to_dense(),
    ),
    lambda t: [t(t.double(3, 3), t.constant(t.double(4)))],
)
add(
    "arithmetic",
    lambda t, v, w, d: [
        x.to_dense()
        for x in (
            coo(t, v) + coo(t, w) * 3,
            coo(t, v).coalesce() - coo(t, w).t().coalesce(),
            d - coo(t, v),
            t.add(d, coo(t, w), alpha=2),
            coo(t, v) * d,
            -coo(t, v) / 2,
            t.tensor(2.0) * coo(t, v),
        )
    ],
    lambda t: [
        t(t.double(4), t.double(4), t.double(3, 3)),
        t(t.float(4), t.constant(t.int(4)), t.double(3, 3)),
    ],
)
add(
    "csr arithmetic",
    lambda t, v, w, d: [
        x.to_dense()
        for x in (2 * csr(t, v) + csr(t, w), csr(t, v) * d.detach(), csr(t, v) + d, d + csr(t, w))
    ],
    lambda t: [t(t.double(4), t.double(4), t.double(4, 3))],
)
# PyTorch differentiates none of these.
add(
    "without gradients",
    lambda t, v, w: [
        coo(t, v).sum(1).to_dense(),
        (coo(t, v).coalesce() * coo(t, w).t().coalesce()).to_dense(),
        (coo(t, v) ** 2).to_dense(),
        coo(t, v).abs().sqrt().to_dense(),
        csr(t, v).sin().to_dense(),
        (coo(t, v) // 2).to_dense(),
        csr(t, v).sum(),
    ],
    lambda t: [t(t.double(4), t.double(4)), t(t.int(4), t.int(4))],
    gradients=False,
)
