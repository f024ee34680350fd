"""Rows of the op table: activations (jtorch/ops/activation.py). See harness.py."""

from __future__ import annotations

import functools

import numpy as np

from .harness import case


def again(name):
    """The function of that name: rows with it may repeat a name, with other options."""
    return lambda library, *args, **kwargs: getattr(library.nn.functional, name)(*args, **kwargs)


# Where the second derivative is zero, PyTorch may say None or zeros: those are not compared.
PIECEWISE_LINEAR = ("leaky_relu", "hardshrink", "softshrink", "relu6")


def activation(name, *args, errors=None, special=True, **kwargs):
    """A function of one tensor: plain, strided, double, half, and what breaks formulas."""

    def samples(t):
        found = [
            t(t.float(3, 4), *args, **kwargs),
            t(t.double(5, low=-6, high=6), *args, **kwargs),
            t(t.strided(t.float(2, 3)), *args, **kwargs),
            t(t.float(7, dtype=np.float16), *args, **kwargs),
            t(t.float(), *args, **kwargs),
        ]
        return found

    def wrong_dtypes(t):
        return [(t(t.int(3), *args, **kwargs), "not implemented for 'Long'")]

    twice = name not in PIECEWISE_LINEAR
    if errors == "integers":
        errors = wrong_dtypes
    case(f"nn.functional.{name}", samples, errors=errors, twice=twice, function=again(name))
    if special:
        extreme = functools.partial(one_sample, args, kwargs)
        case(f"nn.functional.{name}", extreme, function=again(name))


def one_sample(args, kwargs, t):
    """The numbers that break formulas. (PyTorch's second derivatives at kinks follow no rule.)"""
    return [t(t.special(), *args, **kwargs)]


KINKS = np.array([-6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, 7.0], np.float32)

activation("gelu", errors="integers", special=False)
activation("gelu", approximate="tanh", special=False)
activation("silu", errors="integers", special=False)
activation("mish", errors="integers", special=False)
activation("softplus", errors="integers")
activation("softplus", 2.0, 3.0)
activation("softsign", special=False)
activation("tanhshrink", special=False)
activation("logsigmoid", errors="integers")
activation("elu", errors="integers")
activation("elu", 0.7)
activation("celu", 0.7)
activation("selu", errors="integers")
activation("leaky_relu", errors="integers")
activation("leaky_relu", 0.3)
activation("hardswish", errors="integers", special=False)
activation("hardshrink", errors="integers")
activation("softshrink", errors="integers", special=False)
activation("relu6")

for kinked in (
    "relu",
    "relu6",
    "hardtanh",
    "hardswish",
    "hardsigmoid",
    "hardshrink",
    "softshrink",
    "leaky_relu",
    "elu",
    "celu",
    "selu",
):
    case(f"nn.functional.{kinked}", lambda t: [t(KINKS)], function=again(kinked))

case(
    "relu",
    lambda t: [
        t(t.float(3, 4)),
        t(t.int(4)),
        t(t.special()),
        t(t.float(0)),
        t(t.float(dtype=np.float16)),
    ],
    errors=lambda t: [(t(t.bool(3)), "Boolean inputs not supported")],
)
case("selu", lambda t: [t(t.float(3, 4))])
case(
    "celu",
    lambda t: [t(t.float(3, 4)), t(t.float(3), 2.0)],
    errors=lambda t: [(t(t.float(3), 0.0), "alpha cannot be 0")],
)
case(
    "nn.functional.hardtanh",
    lambda t: [t(t.float(3, 4)), t(t.float(5), -0.5, 0.7), t(t.int(5), -2, 3)],
    errors=lambda t: [
        (t(t.float(3), 1.0, -1.0), "min_val cannot be greater"),
        (t(t.bool(3)), "not supported"),
    ],
    out=False,
)
case(
    "threshold",
    lambda t: [t(t.float(3, 4), 0.1, 20.0), t(KINKS, 0.5, -1.0), t(t.int(5), 1, 7)],
)
case(
    "prelu",
    lambda t: [
        t(t.float(2, 3), t.float(1)),
        t(t.float(2, 3, 4), t.float(3)),
        t(t.float(4), t.float(1)),
        t(t.float(), t.float(1)),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), t.float(4)), "Mismatch of parameter numbers"),
        (t(t.float(2, 3), t.double(1)), "Type promoting not supported"),
    ],
    twice=True,
)
case(
    "nn.functional.glu",
    lambda t: [t(t.float(3, 4)), t(t.float(4, 3), 0), t(t.float(2, 2, 2), dim=1)],
    errors=lambda t: [
        (t(t.float(3)), "Halving dimension must be even"),
        (t(t.float(4), 5), "Dimension out of range"),
        (t(t.float()), "does not support scalars"),
    ],
    twice=True,
    out=False,
)
case(
    "nn.functional.rrelu",
    lambda t: [t(t.float(3, 4)), t(t.special(), 0.1, 0.3)],
    out=False,
)
case("prelu", lambda t: [t(KINKS, t.float())], function=again("prelu"))
case(
    "nn.functional.hardsigmoid",
    lambda t: [t(t.float(3, 4)), t(t.strided(t.float(2, 3) * 4)), t(t.float(3, dtype=np.float16))],
    errors=lambda t: [(t(t.int(3)), "not implemented for 'Long'")],
    out=False,
)
case(
    "nn.functional.gelu",
    lambda t: [t(t.float(3))],
    errors=lambda t: [(t(t.float(3), approximate="no"), "must be either none or tanh")],
    out=False,
)
case(
    "nn.functional.softshrink",
    lambda t: [t(t.float(3), 0.2)],
    errors=lambda t: [(t(t.float(3), -1.0), "lambda must be in range")],
    out=False,
)

for soft in ("softmax", "log_softmax"):
    case(
        soft,
        lambda t: [
            t(t.float(3, 4), 1),
            t(t.float(2, 3, 4), dim=-2),
            t(t.double(5) * 300, 0),
            t(t.float(), 0),
            t(t.float(3, 4, dtype=np.float16), -1),
            t(np.array([[0.0, -np.inf], [-np.inf, -np.inf]], np.float32), 1),
        ],
        errors=lambda t: [
            (t(t.float(3), 4), "Dimension out of range"),
            (t(t.int(3), 0), "not implemented for 'Long'"),
        ],
        twice=True,
    )
    case(
        soft,
        lambda t: [
            t(t.float(3, 4), 1, dtype=t.dtype("float64")),
            t(t.float(3, dtype=np.float16), 0, t.dtype("float32")),
            t(t.int(4), 0, t.dtype("float32")),
            t(t.float(2, 0), 1),
        ],
        function=lambda library, *args, soft=soft, **kwargs: getattr(library, soft)(
            *args, **kwargs
        ),
    )
    case(
        f"nn.functional.{soft}",
        lambda t: [
            t(t.float(3, 4), dim=1),
            t(t.float(3, 4)),
            t(t.float(3), -1, 3, t.dtype("float64")),
            t(t.float(2, 3, 4)),
        ],
        out=False,
    )
case("nn.functional.softmin", lambda t: [t(t.float(3, 4), 1), t(t.float(3))], twice=True, out=False)
