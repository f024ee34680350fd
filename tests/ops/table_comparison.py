"""Rows of jtorch/ops/comparison.py: comparisons, logic, bits, extrema of two, choices."""

from __future__ import annotations

import numpy as np

from .harness import case

MISMATCH = "must match the size"

for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    case(
        _name,
        lambda t: [
            t(t.int(3, 4, low=0, high=3), t.int(4, low=0, high=3)),
            t(t.special(), 1),
            t(t.special(), t.special()[::-1].copy()),
            t(t.int(3), 0.5),
            t(t.bool(3), t.bool(3)),
            t(t.float(3), t.double()),
        ],
        errors=lambda t: [(t(t.float(3), t.float(4)), MISMATCH)],
    )
for _name in ("not_equal", "less", "less_equal", "greater", "greater_equal"):
    case(_name, lambda t: [t(t.int(5, low=0, high=3), 1)])

for _name in ("logical_and", "logical_or", "logical_xor"):
    case(
        _name,
        lambda t: [
            t(t.bool(3, 4), t.bool(4)),
            t(t.int(5, low=0, high=2), t.float(5)),
            t(t.special(), t.bool(1)),
        ],
        errors=lambda t: [(t(t.bool(3), t.bool(4)), MISMATCH)],
    )
case("logical_not", lambda t: [t(t.bool(4)), t(t.int(5, low=0, high=2)), t(t.special())])
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    case(
        _name,
        lambda t: [
            t(t.int(3, 4), t.int(4)),
            t(t.bool(4), t.bool(4)),
            t(t.int(4), 3),
            t(t.int(4), t.bool(4)),
        ],
        errors=lambda t: [(t(t.float(3), t.float(3)), "not implemented for 'Float'")],
    )
case("bitwise_not", lambda t: [t(t.int(4)), t(t.bool(4)), t(t.int(4, low=0, dtype="uint8"))])
for _name in ("bitwise_left_shift", "bitwise_right_shift"):
    case(_name, lambda t: [t(t.int(4), t.int(4, low=0)), t(t.int(4), 2)])

for _name in ("isnan", "isinf", "isfinite", "isposinf", "isneginf", "isreal"):
    case(_name, lambda t: [t(t.special()), t(t.int(3)), t(t.float(2, 3))])
case(
    "isclose",
    lambda t: [
        t(t.special(), t.special()),
        t(t.special(), t.special(), equal_nan=True),
        t(np.array([1.0, 2.0]), np.array([1.0 + 1e-6, 2.1])),
        t(np.array([1.0, 2.0]), np.array([1.3, 2.1]), rtol=0.1, atol=0.01),
        t(t.int(4), t.int(4)),
    ],
    errors=lambda t: [(t(t.float(3), t.double(3)), "did not match")],
)
case(
    "isin",
    lambda t: [
        t(t.int(3, 4), t.int(3)),
        t(t.int(4), t.int(2), invert=True),
        t(t.float(3), 1.0),
        t(2, t.int(5)),
    ],
)
case(
    "where",
    lambda t: [
        t(t.bool(3, 4), t.double(4), t.double(3, 1)),
        t(t.bool(3), t.float(3), 0.0),
        t(t.bool(3), 1, t.int(3)),
        t(t.bool(3), t.int(3), 0.5),
        t(t.bool(3), 1.0, 0.0),
        t(t.bool(3), 1, 0),
        t(t.bool(2, 2), t.float(2, 2), t.double()),
    ],
    method=False,
    errors=lambda t: [
        (t(t.float(3), t.float(3), t.float(3)), "expected condition to be a boolean tensor"),
        (t(t.bool(3), t.float(4), t.float(3)), MISMATCH),
    ],
)
case(
    "where",
    lambda t: [t(t.float(3), t.bool(3), t.float(3)), t(t.float(3, 1), t.bool(4), 0.5)],
    function=lambda library, input, condition, other: input.where(condition, other),
).family = "where-method"
for _name in ("maximum", "minimum", "fmax", "fmin"):
    case(
        _name,
        lambda t: [
            t(t.double(3, 4), t.double(4)),
            t(t.special(), t.special()),
            t(t.special(), t.special()[::-1].copy()),
            t(t.int(4), t.int(4)),
            t(t.int(4), t.float(4)),
        ],
        errors=lambda t: [(t(t.float(3), t.float(4)), MISMATCH)],
    )
case(
    "heaviside",
    lambda t: [t(t.special(), t.float(1)), t(t.int(5, low=-1, high=2), t.int(1))],
    gradients=False,
)
case(
    "masked_fill",
    lambda t: [
        t(t.double(3, 4), t.bool(4), 0.5),
        t(t.float(3), t.bool(2, 3), -np.inf),
        t(t.int(3), t.bool(3), 7),
        t(t.int(3), t.bool(3), 1.5),
        t(t.float(3), t.bool(3), t.float()),
        t(t.bool(3), t.bool(3), True),
        t(t.strided(t.float(3, 2)), t.bool(3, 2), 1),
    ],
    errors=lambda t: [
        (t(t.float(3), t.int(3), 1.0), "only supports boolean masks"),
        (t(t.int(3), t.bool(3), 1j), "without overflow"),
    ],
)
