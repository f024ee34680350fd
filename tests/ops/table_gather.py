"""Rows of jtorch/ops/gather.py: reading and writing at given indices."""

from __future__ import annotations

import numpy as np

from .harness import case

RANGE = "Dimension out of range (expected to be in range of [-2, 1], but got 5)"


def _unique(t, rows, columns, size):
    """Indices into `size` that differ within a column."""
    return np.stack([t.random.permutation(size)[:rows] for _ in range(columns)], 1)


case(
    "gather",
    lambda t: [
        t(t.double(3, 4), 0, t.int(2, 3, low=0, high=3)),
        t(t.double(3, 4), 1, t.int(3, 6, low=0, high=4)),
        t(t.strided(t.float(2, 3, 4)), -1, t.int(2, 3, 1, low=0, high=4)),
        t(t.int(5), 0, t.int(7, low=0, high=5)),
        t(t.float(3), 0, np.zeros(0, np.int64)),
    ],
    errors=lambda t: [
        (
            t(t.float(2, 3), 0, t.int(3, low=0, high=2)),
            "must have the same number of dimensions as input tensor",
        ),
        (
            t(t.float(2, 3), 0, t.int(2, 4, low=0, high=2)),
            "Size does not match at dimension 1 expected index",
        ),
        (t(t.float(2, 3), 5, t.int(2, 3, low=0, high=2)), RANGE),
        (t(t.float(2, 3), 0, t.float(2, 3)), "index"),
    ],
)
case(
    "take_along_dim",
    lambda t: [
        t(t.double(3, 4), t.int(2, 4, low=0, high=3), 0),
        t(t.double(3, 4), t.int(3, 1, low=0, high=4), dim=1),
        t(t.double(3, 4), t.int(5, low=0, high=12)),
    ],
)
case(
    "take",
    lambda t: [
        t(t.double(3, 4), t.int(2, 3, low=0, high=12)),
        t(t.int(5), t.int(2, low=-5, high=5)),
    ],
)
case(
    "put",
    lambda t: [
        t(t.double(3, 4), np.array([1, 5, 7]), t.double(3)),
        t(t.double(3, 4), np.array([1, 1, 7]), t.double(3), accumulate=True),
        t(t.bool(3, 4), np.array([1, 1, 7]), t.bool(3), accumulate=True),
    ],
)

SCATTER_SAMPLES = lambda t: [  # noqa: E731
    t(t.double(5, 3), 0, _unique(t, 2, 3, 5), t.double(2, 3)),
    t(t.double(5, 3), -2, _unique(t, 2, 3, 5), t.constant(t.double(4, 5))),
    t(t.int(5, 3), 0, _unique(t, 2, 3, 5), t.int(2, 3)),
]
SCATTER_ERRORS = lambda t: [  # noqa: E731
    (t(t.float(5, 3), 5, t.int(2, 3, low=0, high=3), t.float(2, 3)), RANGE),
    (
        t(t.float(5, 3), 0, t.int(2, 3, low=0, high=3), t.double(2, 3)),
        "self.dtype to be equal to src.dtype",
    ),
    (t(t.float(5, 3), 0, t.int(2, 4, low=0, high=3), t.float(2, 4)), "to be no larger than self"),
]
case(
    "scatter",
    lambda t: [
        *SCATTER_SAMPLES(t),
        t(t.double(5, 3), 0, t.int(2, 3, low=0, high=5), 0.5),
        t(t.float(3, 4), 1, t.int(3, 1, low=0, high=4), value=1),
        t(t.float(5), 0, t.int(3, low=0, high=5), t.float(3), reduce="add"),
        t(t.bool(5), 0, t.int(3, low=0, high=5), t.bool(3), reduce="add"),
    ],
    errors=SCATTER_ERRORS,
    gradients=False,
)
case("scatter", SCATTER_SAMPLES, inplace=False).family = "scatter-gradient"
case(
    "scatter_add",
    lambda t: [
        *SCATTER_SAMPLES(t),
        t(t.double(4), 0, t.int(9, low=0, high=4), t.double(9)),
        t(t.float(4, 3), 0, t.int(6, 3, low=0, high=4), t.float(6, 3)),
        t(t.bool(4), 0, t.int(9, low=0, high=4), t.bool(9)),
    ],
    errors=SCATTER_ERRORS,
)
for _name in ("scatter_reduce", "index_reduce"):
    _reductions = ("prod", "mean", "amax", "amin")
    if _name == "scatter_reduce":
        case(
            _name,
            lambda t: (
                [
                    t(
                        t.double(4, 2),
                        0,
                        t.int(6, 2, low=0, high=4),
                        t.double(6, 2),
                        reduce,
                        include_self=own,
                    )
                    for reduce in ("sum", "prod", "mean", "amax", "amin")
                    for own in (True, False)
                ]
                + [
                    t(t.bool(4), 0, t.int(6, low=0, high=4), t.bool(6), reduce, include_self=own)
                    for reduce in ("sum", "prod", "amax", "amin")
                    for own in (True, False)
                ]
            ),
            tolerance=10,
        )
    else:
        case(
            _name,
            lambda t: [
                t(
                    t.double(4, 2),
                    0,
                    t.int(6, low=0, high=4),
                    t.double(6, 2),
                    reduce,
                    include_self=own,
                )
                for reduce in ("prod", "mean", "amax", "amin")
                for own in (True, False)
            ],
            tolerance=10,
        )
case(
    "index_select",
    lambda t: [
        t(t.double(3, 4), 0, t.int(5, low=0, high=3)),
        t(t.strided(t.float(3, 4)), -1, t.int(2, low=0, high=4)),
        t(t.int(5), 0, np.array(2)),
        t(t.float(3, 4), 1, t.int(2, low=0, high=4, dtype="int32")),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), 5, np.array([0])), RANGE),
        (t(t.float(2, 3), 0, t.float(2)), "Expected dtype int32 or int64 for index"),
        (t(t.float(2, 3), 0, np.array([[0]])), "Index is supposed to be a vector"),
    ],
)
case(
    "index_add",
    lambda t: [
        t(t.double(3, 4), 0, np.array([0, 2, 0]), t.double(3, 4)),
        t(t.float(3, 4), 1, np.array([1, 3]), t.float(3, 2), alpha=2.5),
        t(t.int(5), 0, np.array([1, 1]), t.int(2), alpha=2),
        t(t.bool(5), 0, np.array([1, 1]), t.bool(2)),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), 5, np.array([0]), t.float(1, 3)), RANGE),
        (t(t.float(2, 3), 0, np.array([0]), t.double(1, 3)), "must have the same scalar type"),
    ],
)
case(
    "index_copy",
    lambda t: [
        t(t.double(3, 4), 0, np.array([0, 2]), t.double(2, 4)),
        t(t.int(5), 0, np.array([3, 1]), t.int(2)),
    ],
)
case(
    "index_fill",
    lambda t: [
        t(t.double(3, 4), 0, np.array([0, 2, 0]), 0.5),
        t(t.int(5), 0, np.array([3, 1]), 7),
        t(t.double(3, 4), 1, np.array([0]), t.double()),
    ],
)
case(
    "masked_scatter",
    lambda t: [
        t(t.double(3, 4), t.bool(3, 4), t.double(12)),
        t(t.float(3, 4), t.bool(4), t.float(5, 3)),
        t(t.int(3), t.bool(3), t.int(3)),
    ],
    errors=lambda t: [(t(t.float(3), t.int(3), t.float(3)), "boolean masks")],
)
