"""Rows of jtorch/ops/arithmetic.py: sums, products, quotients, powers of two or three tensors."""

from __future__ import annotations

from .harness import case

MISMATCH = "must match the size"

for _name in ("add", "sub", "mul", "div"):
    case(
        _name,
        lambda t: [
            t(t.double(3, 4), t.double(4)),
            t(t.float(3, 1), t.float(2, 1, 4)),
            t(t.strided(t.float(3, 2)), 2.5),
            t(t.int(3), t.int(3, low=1)),
            t(t.int(3), 2),
            t(t.int(3), 1.5),
            t(t.float(2, 2), t.double()),
            t(t.int(3, dtype="int32"), t.int(3, low=1)),
            t(t.int(3), t.float()),
            t(t.float(0, 3), t.float(3)),
            t(t.complex(3), t.float(3)),
        ],
        errors=lambda t: [(t(t.float(2, 3), t.float(2, 4)), MISMATCH)],
    )
case(
    "add",
    lambda t: [
        t(t.float(3), t.float(3), alpha=2.5),
        t(t.int(3), t.int(3), alpha=3),
        t(t.bool(4), t.bool(4)),
        t(t.bool(4), 1),
        t(t.float(3, dtype="float16"), t.float(3)),
        t(t.float(3, dtype="float16"), 2.5),
    ],
    errors=lambda t: [(t(t.int(3), t.int(3), alpha=1.5), "alpha must not be a floating point")],
).family = "arithmetic-alpha"
case(
    "sub",
    lambda t: [t(t.float(3), t.float(3), alpha=2.5), t(t.float(), 2, alpha=3)],
    errors=lambda t: [
        (t(t.bool(3), t.bool(3)), "with two bool tensors is not supported"),
        (t(t.bool(3), t.float(3)), "with a bool tensor is not supported"),
        (t(t.bool(3), 1), "with a bool tensor is not supported"),
    ],
).family = "arithmetic-alpha"
case("rsub", lambda t: [t(t.float(3), 2), t(t.int(3), t.float(3), alpha=2)])
case("multiply", lambda t: [t(t.float(3), t.float(3))])
case("subtract", lambda t: [t(t.float(3), t.float(3))])
case("divide", lambda t: [t(t.float(3), t.float(3))])
case("true_divide", lambda t: [t(t.int(3), t.int(3, low=1)), t(t.float(3), 2)])
# False * nan and False / False are NaN, whatever XLA makes of a product with a converted bool.
case(
    "mul",
    lambda t: [t(t.bool(4), t.bool(4)), t(t.bool(4), 2.5), t(t.bool(2, 11), t.special())],
).family = "arithmetic-bool"
case("div", lambda t: [t(t.bool(2, 3, 4), t.bool(3, 4))]).family = "arithmetic-bool"
case(
    "div",
    lambda t: [
        t(t.double(6, low=-9, high=9), t.double(6), rounding_mode="floor"),
        t(t.double(6, low=-9, high=9), t.double(6), rounding_mode="trunc"),
        t(t.int(20, low=-9, high=9), 4, rounding_mode="floor"),
        t(t.int(20, low=-9, high=9), -4, rounding_mode="trunc"),
        t(t.float(3), t.float(1), rounding_mode=None),
        t(t.constant(t.special()), 0.0, rounding_mode="floor"),
    ],
    errors=lambda t: [(t(t.float(3), 2, rounding_mode="up"), "rounding_mode to be one of")],
).family = "arithmetic-rounding"
case(
    "floor_divide",
    lambda t: [
        t(t.double(6, low=-9, high=9), t.double(6)),
        t(t.int(20, low=-9, high=9), -4),
        t(t.special(), 0.5),
        t(t.constant(t.special()), 0.0),
        t(t.int(5), 1.5),
    ],
    gradients=False,
)
for _name in ("remainder", "fmod"):
    case(
        _name,
        lambda t: [
            t(t.double(6, low=-9, high=9), t.double(6)),
            t(t.int(20, low=-9, high=9), -4),
            t(t.int(20, low=-9, high=9), t.int(20, low=1)),
            t(t.special(), 0.75),
            t(t.int(5), 1.5),
            t(t.float(3, 1), t.float(4)),
        ],
        errors=lambda t: [(t(t.float(3), t.float(4)), MISMATCH)],
    )
case(
    "pow",
    lambda t: [
        t(t.double(4), 2),
        t(t.double(4), 3),
        t(t.positive(4), 0.5),
        t(t.positive(4), -1.7),
        t(t.special(), -2),
        t(t.special(), 0),
        t(t.int(5), 3),
        t(t.int(5), 0),
        t(t.int(5, low=1), 0.5),
        t(2, t.double(4)),
        t(t.positive(3, 1, dtype="float64"), t.double(4)),
        t(t.constant(t.int(20)), t.int(20)),
        t(t.special(), t.special()),
        t(t.float(3), t.int(3)),
    ],
    method=False,
    inplace=False,
    errors=lambda t: [
        (t(t.int(3), -1), "Integers to negative integer powers are not allowed"),
        (t(t.float(3), t.float(4)), MISMATCH),
    ],
)
case("pow", lambda t: [t(t.positive(4), 2), t(t.positive(4), t.float(4))]).family = "pow-method"
case(
    "pow", lambda t: [t(t.double(4), 3), t(t.double(4), t.double(4))], twice=True
).family = "pow-twice"
case(
    "float_power",
    lambda t: [t(t.positive(4), 1.3), t(t.int(4), 2), t(t.positive(3), t.float(3))],
    inplace=False,
)
case(
    "addcmul",
    lambda t: [
        t(t.double(2, 3), t.double(3), t.double(2, 1)),
        t(t.float(3), t.float(3), t.float(3), value=0.5),
        t(t.int(3), t.int(3), t.int(3), value=2),
    ],
)
case(
    "addcdiv",
    lambda t: [
        t(t.double(2, 3), t.double(3), t.positive(2, 1, dtype="float64")),
        t(t.float(3), t.float(3), t.positive(3), value=0.5),
    ],
    errors=lambda t: [(t(t.int(3), t.int(3), t.int(3)), "Integer division with addcdiv")],
)
case(
    "lerp",
    lambda t: [
        t(t.double(2, 3), t.double(3), 0.3),
        t(t.float(3), t.float(3), 0.9),
        t(t.double(3), t.double(3), t.double(2, 3)),
    ],
    errors=lambda t: [(t(t.float(3), t.double(3), 0.5), "expected dtype float for `end`")],
)
case(
    "atan2",
    lambda t: [t(t.double(2, 3), t.double(3)), t(t.int(3), t.int(3)), t(t.special(), t.special())],
)
case("arctan2", lambda t: [t(t.double(3), t.double(3))])
case("hypot", lambda t: [t(t.double(2, 3), t.double(3)), t(t.float(3), t.float(3))])
case("copysign", lambda t: [t(t.double(2, 3), t.double(3)), t(t.float(3), -1.0), t(t.int(3), -1)])
case("nextafter", lambda t: [t(t.float(3), t.float(3))], gradients=False)
case("ldexp", lambda t: [t(t.float(4), t.int(4, low=0)), t(t.int(4), t.int(4, low=0))])
case("frexp", lambda t: [t(t.double(5)), t(t.float(5, low=-99, high=99))])
case("gcd", lambda t: [t(t.int(20, low=-30, high=30), t.int(20, low=-30, high=30))])
case("lcm", lambda t: [t(t.int(20, low=-30, high=30), t.int(20, low=-30, high=30))])
case(
    "polar",
    lambda t: [t(t.positive(3, dtype="float64"), t.double(3)), t(t.positive(2, 1), t.float(3))],
)
case("complex", lambda t: [t(t.double(3), t.double(3)), t(t.float(3), t.float(3))])
