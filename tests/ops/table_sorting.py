"""Rows of jtorch/ops/sorting.py and statistics.py: order, medians, quantiles, covariance."""

from __future__ import annotations

import numpy as np

from .harness import case

RANGE = "Dimension out of range (expected to be in range of [-2, 1], but got 5)"
NANS = np.array([[1.0, np.nan, 3.0, -1.0], [2.0, 0.0, -2.0, 5.0]])

case(
    "sort",
    lambda t: [
        t(t.distinct(3, 4)),
        t(t.distinct(3, 4), 0, True),
        t(t.strided(t.distinct(2, 5)), descending=True),
        t(NANS),
        t(NANS, 1, True),
        t(t.int(9, low=0, high=3), stable=True),
        t(t.int(9, low=0, high=3), descending=True, stable=True, dim=0),
        t(t.float()),
    ],
    errors=lambda t: [(t(t.float(2, 3), 5), RANGE)],
)
case(
    "argsort",
    lambda t: [
        t(t.distinct(3, 4)),
        t(t.distinct(3, 4), 0, True),
        t(NANS, 1),
        t(t.int(9, low=0, high=3), stable=True),
    ],
)
case("msort", lambda t: [t(t.distinct(4, 3))])
case(
    "topk",
    lambda t: [
        t(t.distinct(3, 5), 2),
        t(t.distinct(3, 5), 2, 0),
        t(t.distinct(3, 5), 3, largest=False),
        t(NANS, 2),
        t(t.distinct(7, dtype="int64"), 3),
        t(t.float(3), 0),
    ],
    errors=lambda t: [(t(t.float(3), 4), "out of range"), (t(t.float(2, 3), 1, 5), RANGE)],
)
SORTED = np.array([-1.0, 0.0, 0.0, 2.0, 3.0])
case(
    "searchsorted",
    lambda t: [
        t(SORTED, t.double(2, 3)),
        t(SORTED, np.array([0.0, 2.0, 9.0]), right=True),
        t(SORTED, np.array([0.0, 2.0, 9.0]), side="right", out_int32=True),
        t(np.sort(t.float(2, 5), -1), t.float(2, 3)),
        t(np.sort(t.float(2, 5), -1), t.float(2, 3), right=True),
        t(SORTED, 1.0),
        t(np.array([3, 1, 2]), np.array([2]), sorter=np.array([1, 2, 0])),
    ],
    gradients=False,
    errors=lambda t: [(t(t.float(2, 3), t.float(3, 3)), "torch.searchsorted()")],
)
case(
    "bucketize",
    lambda t: [
        t(t.double(2, 3), SORTED),
        t(np.array([0.0, 2.0]), SORTED, right=True),
        t(1.0, SORTED),
    ],
    gradients=False,
)

for _name in ("median", "nanmedian"):
    case(
        _name,
        lambda t: [
            t(t.distinct(3, 4)),
            t(t.distinct(3, 4), 1),
            t(t.distinct(5, 2), dim=0, keepdim=True),
            t(NANS),
            t(NANS, 1),
            t(np.array([1.0, 2.0, 2.0, 3.0])),
            t(t.int(5)),
        ],
        errors=lambda t: [(t(t.float(2, 3), 5), RANGE)],
    )
case(
    "mode",
    lambda t: [t(np.array([[1, 2, 2, 1, 3], [4, 0, 4, 2, 4]])), t(t.distinct(3, 4), 0, True)],
)
case(
    "kthvalue",
    lambda t: [t(t.distinct(3, 4), 2), t(t.distinct(3, 4), 1, 0, True), t(t.distinct(5), 5)],
    errors=lambda t: [(t(t.float(3), 4), "selected number k out of range")],
)
for _name in ("quantile", "nanquantile"):
    case(
        _name,
        lambda t: [
            t(t.double(3, 4), 0.3),
            t(t.double(3, 4), t.constant(np.array([0.1, 0.5, 1.0])), 1),
            t(t.double(3, 4), t.constant(np.array([0.2])), 0, True),
            t(NANS, 0.4, 1),
            t(t.distinct(3, 4), 0.4, interpolation="nearest"),
            t(t.distinct(3, 4), 0.4, 1, interpolation="lower"),
            t(t.distinct(3, 4), 0.4, 1, interpolation="higher"),
            t(t.distinct(3, 4), 0.4, 1, interpolation="midpoint"),
        ],
        errors=lambda t: [(t(t.int(3), 0.5), "must be either float or double")],
        strides=False,
    )
case(
    "histc",
    lambda t: [
        t(t.float(50), 5),
        t(t.float(50), bins=4, min=-1, max=1),
        t(t.double(20), 3, 0.0, 1.5),
    ],
    gradients=False,
)
case(
    "cov",
    lambda t: [
        t(t.double(3, 5)),
        t(t.double(6)),
        t(t.double(3, 5), correction=0),
        t(t.double(2, 3), fweights=np.array([1, 2, 3])),
    ],
)
case("corrcoef", lambda t: [t(t.double(3, 5)), t(t.float(2, 6))])
