"""Rows of jtorch/ops/reduction.py and cumulative.py: sums, extrema, spread, running sums."""

from __future__ import annotations

import numpy as np

from .harness import case

RANGE = "Dimension out of range (expected to be in range of [-2, 1], but got 5)"
TIES = np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 2.0]])
NANS = np.array([[1.0, np.nan, 3.0], [2.0, 0.0, 2.0]])


def _sums(t):
    return [
        t(t.double(3, 4)),
        t(t.double(3, 4), 1),
        t(t.strided(t.float(2, 3, 4)), (0, -1), keepdim=True),
        t(t.float(3, 4), dim=-2, keepdim=True),
        t(t.float(), 0),
        t(t.double(0, 3), 0),
        t(NANS, 1),
        t(t.float(3), dtype=t.dtype("float64")),
        t(t.float(3, dtype="float16")),
    ]


DIM_ERRORS = {"errors": lambda t: [(t(t.float(2, 3), 5), RANGE)]}
DIMS_ERRORS = {
    "errors": lambda t: [
        (t(t.float(2, 3), 5), RANGE),
        (t(t.float(2, 3), (0, 0)), "appears multiple times in the list of dims"),
    ]
}

case(
    "sum",
    lambda t: [
        *_sums(t),
        t(t.int(3, 4), 0),
        t(t.bool(5)),
        t(t.int(3, dtype="uint8", low=0)),
        t(t.float(2, 3), ()),
    ],
    **DIMS_ERRORS,
)
case("nansum", lambda t: [*_sums(t)[:3], t(NANS), t(NANS, 1), t(t.int(3))])
case(
    "mean",
    lambda t: [*_sums(t), t(t.int(3), dtype=t.dtype("float32"))],
    errors=lambda t: [
        (t(t.int(3)), "could not infer output dtype. Input dtype must be either a floating point"),
        (t(t.float(2, 3), 5), RANGE),
    ],
)
case("nanmean", lambda t: [t(NANS), t(NANS, 1), t(t.float(2, 3), (0, 1), True)])
case(
    "prod",
    lambda t: [
        t(t.double(3, 4)),
        t(t.double(3, 4), 1),
        t(np.array([[0.0, 2.0], [0.0, 0.0], [3.0, 4.0]]), 1, keepdim=True),
        t(t.int(4)),
        t(t.bool(3)),
        t(t.bool(2, 3), 1, dtype=t.dtype("bool")),
        t(t.float(0)),
        t(t.float(), 0),
    ],
    **DIM_ERRORS,
)
EMPTY = "Expected reduction dim to be specified for input.numel() == 0"
for _name in ("max", "min"):
    case(
        _name,
        lambda t: [
            t(TIES),
            t(NANS),
            t(NANS, 1),
            t(t.distinct(3, 4), 0),
            t(t.strided(t.distinct(2, 3, 4)), -1, True),
            t(t.distinct(2, 3), dim=1, keepdim=True),
            t(t.int(3, 4)),
            t(t.int(3, 4), 1),
            t(t.bool(4)),
            t(t.float(), 0),
            t(t.double(3, 4), t.double(4)),
            t(t.float(3), other=t.float(3)),
        ],
        errors=lambda t: [
            (t(t.float(0)), EMPTY),
            (t(t.float(2, 0), 1), "to have non-zero size"),
            (t(t.float(2, 3), 5), RANGE),
        ],
    )
for _name in ("amax", "amin"):
    case(
        _name,
        lambda t: [
            t(TIES),
            t(TIES, 1),
            t(NANS, 1),
            t(t.distinct(2, 3, 4), (0, 2), True),
            t(t.int(3, 4), 0),
        ],
        errors=lambda t: [
            (t(t.float(2, 3), 5), RANGE),
            (t(t.float(0, 3), 0), "to have non-zero size"),
        ],
    )
case(
    "aminmax",
    lambda t: [
        t(t.distinct(3, 4)),
        t(t.distinct(3, 4), dim=1),
        t(TIES, dim=1, keepdim=True),
        t(t.int(3)),
    ],
)
for _name in ("argmax", "argmin"):
    case(
        _name,
        lambda t: [
            t(TIES),
            t(NANS, 1),
            t(t.float(3, 4), dim=0, keepdim=True),
            t(t.int(3, 4), -1),
            t(t.float()),
            t(t.float(2, 3), keepdim=True),
        ],
        errors=lambda t: [(t(t.float(2, 3), 5), RANGE), (t(t.float(0)), "to be specified")],
    )
for _name in ("any", "all"):
    case(
        _name,
        lambda t: [
            t(t.bool(3, 4)),
            t(t.bool(3, 4), 1),
            t(t.bool(2, 3, 4), (0, 1)),
            t(t.int(3, 4, low=0, high=2), 0, keepdim=True),
            t(t.float(0)),
            t(NANS),
            t(t.int(4, low=0, high=2, dtype="uint8")),
        ],
        **DIM_ERRORS,
    )
case(
    "count_nonzero",
    lambda t: [t(t.int(3, 4, low=0, high=2)), t(t.int(3, 4, low=0, high=2), 1), t(t.special())],
)

NOT_FLOAT = "only support floating point and complex dtypes"
for _name in ("var", "std"):
    case(
        _name,
        lambda t: [
            t(t.double(3, 4)),
            t(t.double(3, 4), 1),
            t(t.float(2, 3, 4), (0, 2), correction=0, keepdim=True),
            t(t.double(3, 4), 1, False),
            t(t.double(4), False),
            t(t.double(3, 4), dim=0, unbiased=True, keepdim=True),
            t(np.array([[2.0, 2.0], [1.0, 3.0]]), 1),
            t(t.constant(t.float(1))),
        ],
        errors=lambda t: [(t(t.int(3)), NOT_FLOAT), (t(t.float(2, 3), 5), RANGE)],
    )
for _name in ("var_mean", "std_mean"):
    case(
        _name,
        lambda t: [
            t(t.double(3, 4)),
            t(t.double(3, 4), 1, keepdim=True),
            t(t.float(3, 4), 0, correction=0),
        ],
    )
case(
    "logsumexp",
    lambda t: [
        t(t.double(3, 4), 1),
        t(t.float(2, 3, 4), (0, 2), True),
        t(t.int(3, 4), 0),
        t(np.array([[-np.inf, 1.0], [np.inf, 2.0]]), 1),
    ],
    **DIM_ERRORS,
)

for _name in ("cumsum", "cumprod"):
    case(
        _name,
        lambda t: [
            t(t.double(3, 4), 0),
            t(t.strided(t.float(3, 4)), -1),
            t(t.int(3, 4), 1),
            t(t.bool(4), 0),
            t(np.array([2.0, 0.0, 3.0, 0.0, 1.0]), 0),
            t(t.float(3), 0, dtype=t.dtype("float64")),
            t(t.float(), 0),
        ],
        inplace=False,
        **DIM_ERRORS,
    )
case("cumsum", lambda t: [t(t.double(3, 4), 0)], gradients=False).family = "reduction-inplace"
case(
    "logcumsumexp",
    lambda t: [t(t.double(3, 4), 0), t(t.float(5), 0), t(t.complex(5, 3), 0)],
    **DIM_ERRORS,
)
for _name in ("cummax", "cummin"):
    case(
        _name,
        lambda t: [t(TIES, 1), t(t.distinct(3, 4), 0), t(NANS, 1), t(t.int(6), 0)],
        **DIM_ERRORS,
    )
case(
    "diff",
    lambda t: [
        t(t.double(3, 4)),
        t(t.double(3, 4), 2, 0),
        t(t.int(5), prepend=np.array([1]), append=np.array([2, 3])),
        t(t.bool(5)),
        t(t.float(2), n=3),
    ],
)
case(
    "trapezoid",
    lambda t: [
        t(t.double(3, 4)),
        t(t.double(3, 4), dx=0.5, dim=0),
        t(t.double(3, 4), t.double(4)),
        t(t.double(3, 4), t.double(3, 4)),
        t(t.int(4)),
    ],
)
case(
    "cumulative_trapezoid",
    lambda t: [t(t.double(3, 4)), t(t.double(3, 4), t.double(4)), t(t.double(3, 4), dx=2.0, dim=0)],
)
case(
    "sum_to_size",
    lambda t: (
        [t(t.double(3, 4), (1, 4)), t(t.float(2, 3, 4), (4,)), t(t.int(3, 2), 3, 1)]
        + [t(t.bool(2, 2), (2, 2)), t(t.bool(2, 2), (1, 2)), t(t.bool(), ())]
    ),
    errors=lambda t: [(t(t.float(2, 3), (2, 2)), "is not expandable to size")],
)
