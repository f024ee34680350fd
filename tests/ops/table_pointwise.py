"""Rows of jtorch/ops/pointwise.py: elementwise functions of one tensor."""

from __future__ import annotations

from .harness import case

# Defined everywhere, and smooth.
for _name in (
    "exp",
    "sin",
    "cos",
    "sinh",
    "cosh",
    "tanh",
    "atan",
    "asinh",
    "sigmoid",
    "expm1",
    "exp2",
):
    case(
        _name,
        lambda t: [t(t.double(2, 3)), t(t.strided(t.float(3, 2))), t(t.int(4)), t(t.special())],
        twice=_name in ("exp", "tanh", "sigmoid"),
        tolerance=2,
    )
for _name in ("deg2rad", "rad2deg"):
    case(_name, lambda t: [t(t.double(2, 3)), t(t.int(4))])

for _name in ("log", "log2", "log10", "log1p", "sqrt", "rsqrt"):
    case(
        _name,
        lambda t: [
            t(t.positive(2, 3, dtype="float64")),
            t(t.int(4, low=1)),
            t(t.special()),
            t(t.bool(3)),
        ],
        twice=_name == "sqrt",
    )
for _name in ("asin", "acos", "atanh"):
    case(_name, lambda t: [t(t.double(2, 3, low=-0.9, high=0.9)), t(t.special()), t(t.int(3))])
case("tan", lambda t: [t(t.double(5, low=-1.2, high=1.2)), t(t.int(3))], twice=True)
case("acosh", lambda t: [t(t.double(5, low=1.1, high=4)), t(t.special())])
case(
    "reciprocal",
    lambda t: [t(t.positive(2, 3, dtype="float64")), t(t.special()), t(t.int(3, low=1))],
)

for _name in ("arcsin", "arccos", "arctan", "arcsinh", "arctanh", "fix", "absolute", "negative"):
    case(_name, lambda t: [t(t.double(3, low=-0.9, high=0.9))])
case("arccosh", lambda t: [t(t.double(3, low=1.1, high=4))])

case("abs", lambda t: [t(t.double(2, 3)), t(t.special()), t(t.int(4))])
for _name in (
    "exp",
    "log",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "tanh",
    "tan",
    "sin",
    "square",
    "sigmoid",
):
    case(_name, lambda t: [t(t.complex(3))], tolerance=5).family = "pointwise-complex"
case("abs", lambda t: [t(t.complex(3))], inplace=False).family = "pointwise-complex"
case(
    "neg",
    lambda t: [t(t.float(2, 3)), t(t.int(4)), t(t.complex(3))],
    errors=lambda t: [(t(t.bool(3)), "on a bool tensor is not supported")],
)
case("positive", lambda t: [t(t.float(3)), t(t.int(2))])
case("square", lambda t: [t(t.double(2, 3)), t(t.int(4)), t(t.special())], twice=True)
case(
    "sign",
    lambda t: [t(t.special()), t(t.int(4)), t(t.bool(3))],
    errors=lambda t: [(t(t.complex(3)), "not intended to support complex numbers")],
)
case("sgn", lambda t: [t(t.constant(t.special())), t(t.int(4)), t(t.complex(3))])
case("signbit", lambda t: [t(t.special()), t(t.int(4)), t(t.bool(3))])
case("angle", lambda t: [t(t.special()), t(t.int(4)), t(t.complex(3))])

for _name in ("floor", "ceil", "trunc"):
    case(_name, lambda t: [t(t.special()), t(t.double(2, 3, low=-9, high=9)), t(t.int(4))])
case(
    "round",
    lambda t: [
        t(t.special()),
        t(t.double(4, low=-9, high=9)),
        t(t.int(4)),
        t(t.double(4, low=-9, high=9), decimals=2),
        t(t.double(4, low=-900, high=900), decimals=-1),
    ],
)
case("frac", lambda t: [t(t.double(4, low=-9, high=9)), t(t.strided(t.float(2, 3)))])

case(
    "nan_to_num",
    lambda t: [
        t(t.special()),
        t(t.special("float64"), nan=1.5, posinf=7.0),
        t(t.int(3)),
        t(t.special(), neginf=-2.0),
    ],
)
case(
    "clamp",
    lambda t: [
        t(t.special(), -1, 1),
        t(t.double(3, 4), min=0.5),
        t(t.float(3, 4), max=0.5),
        t(t.int(5), -1, 2),
        t(t.int(5), 0.5),
        t(t.double(3, 4), t.double(4), t.double(3, 1)),
        t(t.float(3), 1.0, -1.0),
        t(t.special(), 1.0, -1.0),
        t(t.float(), max=t.float()),
    ],
    errors=lambda t: [
        (t(t.float(3)), "At least one of 'min' or 'max' must not be None"),
        (t(t.float(3), t.float(4)), "must match the size"),
    ],
)
case("clip", lambda t: [t(t.float(5), -0.5, 0.5)])
case("clamp_min", lambda t: [t(t.float(5), 0.5), t(t.double(5), t.double(5)), t(t.int(5), 1)])
case("clamp_max", lambda t: [t(t.float(5), 0.5), t(t.double(5), t.double(5)), t(t.int(5), 1)])
case("conj_physical", lambda t: [t(t.complex(3)), t(t.float(3))])
