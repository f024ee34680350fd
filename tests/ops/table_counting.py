"""Rows of jtorch/ops/histogram.py and functions/counting.py, calculus.py, ranges.py."""

from __future__ import annotations

import numpy as np

from .harness import case

NAN = np.array([0.5, np.nan, 1.0, 2.0], np.float32)

case(
    "bincount",
    lambda t: [
        t(np.array([1, 4, 1, 0])),
        t(np.array([1, 4, 1, 0], np.uint8), t.constant(t.float(4))),
        t(np.array([1, 2]), weights=t.int(2), minlength=5),
        t(np.zeros(0, np.int64), minlength=2),
    ],
    out=False,
    errors=lambda t: [
        (t(np.array([1, -1])), "1-d non-negative integral inputs"),
        (t(t.int(2, 2)), "1-d non-negative integral inputs"),
        (t(t.float(2)), "not implemented for 'Float'"),
        (t(np.array([1]), minlength=-1), "minlength should be >= 0"),
        (t(np.array([1]), t.float(2)), "weights should be 1-d"),
    ],
)
case(
    "histogram",
    lambda t: [
        t(t.float(2, 10), 4),
        t(t.double(20), np.array([-1.0, 0.0, 0.5, 2.0])),
        t(t.float(20), bins=3, range=(-1.0, 1.0), density=True),
        t(t.double(5), 2, weight=t.double(5)),
        t(np.array([1.0, 1.0], np.float32), 2),
        t(np.zeros(0, np.float32), 2),
        t(NAN, np.array([0.0, 1.0, 2.0], np.float32)),
    ],
    gradients=False,
    errors=lambda t: [
        (t(t.float(3), 0), "bins must be > 0"),
        (t(t.float(3), 2, range=(1.0, 0.0)), "min should not exceed max"),
        (t(t.float(3), 2, range=(0.0, np.inf)), "is not finite"),
        (t(t.float(3), t.double(3)), "should have the same dtype"),
        (t(t.float(3), 2, weight=t.float(2)), "should have the same shape as the input tensor"),
        (t(t.int(3), 2), "not implemented for 'Long'"),
    ],
)
case(
    "histogramdd",
    lambda t: [
        t(t.float(10, 2), 3),
        t(t.double(10, 2), [2, 3], range=[-1.0, 1.0, -2.0, 2.0], density=True),
        t(t.float(2, 5, 1), [np.array([-1.0, 0.0, 1.0], np.float32)], weight=t.float(2, 5)),
    ],
    gradients=False,
    out=False,
    errors=lambda t: [
        (t(t.float(3), 2), "at least 2 dimensions"),
        (t(t.float(3, 2), [2]), "equal to the innermost dimension"),
        (t(t.float(3, 2), 2, range=[0.0, 1.0]), "range should have 4 elements"),
    ],
)
case(
    "unravel_index",
    lambda t: [
        t(np.array([[1, 5], [7, -1]]), (2, 3)),
        t(np.array(3, np.int32), 7),
        t(np.array([0]), ()),
    ],
    out=False,
    errors=lambda t: [
        (t(t.float(2), (2, 3)), "to be integer dtype"),
        (t(np.array([1]), (2, -1)), "cannot have negative values"),
    ],
)
case(
    "nonzero_static",
    lambda t: [
        t(np.array([[1, 0], [2, 3]]), size=2),
        t(np.array([[1, 0], [2, 3]]), size=5, fill_value=7),
        t(t.float(), size=2),
        t(t.float(0, 2), size=2),
    ],
    out=False,
    errors=lambda t: [(t(t.float(2), size=-1), "must be an non-negative integer")],
)
case("nonzero", lambda t: [t(t.bool(3, 4)), t(t.float()), t(t.int(3), as_tuple=True)], out=False)
case(
    "hash_tensor",
    lambda t: [
        t(t.float(3, 4)),
        t(t.int(3, 4), 1),
        t(t.double(2, 3), (0, 1), keepdim=True),
        t(t.bool(3)),
        t(t.float(3, dtype="float16"), 0),
    ],
    gradients=False,
    errors=lambda t: [
        (t(t.float(0)), "Expected reduction dim to be specified"),
        (t(t.float(2), mode=1), "Unknown hash_tensor mode: 1"),
    ],
)
case(
    "gradient",
    lambda t: [
        t(t.double(4, 5)),
        t(t.double(4, 5), spacing=2.0, dim=1, edge_order=2),
        t(t.double(4, 3), spacing=[0.5, 2.0]),
        t(t.double(4), spacing=(np.array([0.0, 1.0, 3.0, 4.5]),)),
        t(t.double(5), spacing=(np.array([0.0, 1.0, 3.0, 4.5, 5.0]),), dim=0, edge_order=2),
        t(t.int(5)),
        t(t.complex(4)),
    ],
    out=False,
    errors=lambda t: [
        (t(t.float(1)), "at least edge_order+1"),
        (t(t.float(3), edge_order=3), "edge_order=1 and edge_order=2"),
        (t(t.float(3, 3), spacing=[1.0]), "a list of length"),
        (t(t.bool(3)), "with two bool tensors is not supported"),
    ],
)
for _name in ("tril_indices", "triu_indices"):
    case(
        _name,
        lambda t: [t(3, 4), t(3, 2, -1, dtype=t.dtype("int32")), t(2, 2, 5), t(0, 3)],
        out=False,
        errors=lambda t: [
            (t(-1, 3), "row must be non-negative"),
            (t(3, 3, dtype=t.dtype("float32")), "not implemented for 'Float'"),
        ],
    )
case(
    "arange",
    lambda t: [
        t(5),
        t(1.0, 5.5, 2.0, dtype=t.dtype("int64")),
        t(0, 3.5, 1.5, dtype=t.dtype("int32")),
        t(1.5, -2, -0.5),
    ],
    out=False,
    errors=lambda t: [(t(0, 3, 0), "step must be nonzero"), (t(0, -3), "inconsistent")],
)
for _name in ("linspace", "logspace"):
    case(
        _name,
        lambda t: [
            t(-2.0, 3.0, 5),
            t(4.3, -3, 6, dtype=t.dtype("int64")),
            t(0, 1, 1),
            t(0, 1, 0),
            t(0.0, 1.0, 4, dtype=t.dtype("complex64")),
        ],
        out=False,
        errors=lambda t: [
            (t(0, 1, -1), "number of steps must be non-negative"),
            (t(0, 3, 1.0), "invalid combination of arguments"),
        ],
    )
case("range", lambda t: [t(0, 3), t(1, 6, 2, dtype=t.dtype("int64"))], out=False)
case(
    "fill",
    lambda t: [t(t.double(2, 3), 2.5), t(t.strided(t.int(2, 3)), 3.7), t(t.double(2), t.double())],
    errors=lambda t: [
        (t(t.float(2), t.float(1)), "only supports 0-dimension value tensor"),
        (t(t.float(2), 1j), "without overflow"),
    ],
)
case("constant_pad_nd", lambda t: [t(t.double(2, 3), (1, -1)), t(t.int(2, 3), (0, 1, 2, 0), 7)])
