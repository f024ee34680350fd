"""Rows of jtorch/functions/masked.py: torch.masked."""

from __future__ import annotations

import numpy as np

from .harness import case

HALF = np.array([[True, False, True, False], [True, True, False, False], [False] * 4])
ROW = np.array([True, False, True, True])
NO_VALUES = np.array([[False], [True], [True]])


def _wrong_mask(t, *args):
    return (t(t.float(4), *args, mask=t.bool(1, 4)), "mask dimensionality higher than of the input")


for _name in ("sum", "prod", "amax", "amin", "mean", "var", "std"):
    case(
        f"masked.{_name}",
        lambda t: [
            t(t.double(3, 4), 1, mask=HALF),
            t(t.double(2, 3, 4), (0, 2), keepdim=True, mask=NO_VALUES),
            t(t.float(3, 4), mask=ROW, dtype=t.dtype("float64")),
            t(t.float()),
        ],
        out=False,
        strides=False,
        tolerance=4,
        errors=lambda t: [_wrong_mask(t), (t(t.float(3, 4), (1, 1), mask=ROW), "multiple times")],
    )
for _name in ("sum", "prod", "amax", "amin"):
    case(
        f"masked.{_name}_of_integers",
        lambda t: [t(t.int(3, 4, dtype=np.int8), 1, mask=HALF), t(t.int(3, 4), mask=ROW)],
        function=lambda library, *args, name=_name, **kwargs: getattr(library.masked, name)(
            *args, **kwargs
        ),
    )
for _name in ("argmax", "argmin"):
    case(
        f"masked.{_name}",
        lambda t: [
            t(t.float(3, 4), 1, mask=HALF),
            t(t.int(3, 4), mask=ROW),
            t(t.float(3, 4), 0, keepdim=True, dtype=t.dtype("int32")),
        ],
        out=False,
    )
for _name in ("cumsum", "cumprod", "softmax", "log_softmax", "softmin"):
    case(
        f"masked.{_name}",
        lambda t: [
            t(t.double(3, 4), 1, mask=HALF[:2].repeat(2, 0)[:3]),
            t(t.double(3, 4), -2, mask=ROW),
            t(t.float(3, 4), 0, dtype=t.dtype("float64")),
        ],
        gradients=_name != "log_softmax",
        out=False,
        strides=False,
        errors=lambda t: [_wrong_mask(t, 0)],
    )
case(
    "masked.logsumexp",
    lambda t: [t(t.double(3, 4), 1, mask=ROW), t(t.complex(3)), t(t.float(3, 4), keepdim=True)],
    out=False,
)
case(
    "masked.median",
    lambda t: [
        t(t.double(3, 4), mask=HALF),
        t(t.int(3, 4), 0, keepdim=True, mask=NO_VALUES),
    ],
    out=False,
    errors=lambda t: [(t(t.int(3, 4), 1, mask=HALF), "no fully masked out rows")],
)
case(
    "masked.logaddexp",
    lambda t: [
        t(t.double(3, 4), t.double(3, 4), input_mask=ROW),
        t(t.double(3, 4), t.double(4), other_mask=ROW, dtype=t.dtype("float32")),
    ],
    out=False,
)
case(
    "masked.norm",
    lambda t: [
        t(t.double(3, 4), 2.0, 1, mask=HALF),
        t(t.double(3, 4), -np.inf, 0, keepdim=True, mask=ROW),
        t(t.float(3, 4), 3.0, dtype=t.dtype("float64")),
    ],
    out=False,
)
case(
    "masked.normalize",
    lambda t: [t(t.double(3, 4), 2.0, 1, mask=HALF), t(t.double(3, 4), 1.0, 0, eps=3.0)],
    out=False,
)
