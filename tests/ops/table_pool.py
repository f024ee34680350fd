"""Rows of the op table: pooling (jtorch/ops/*pool.py). See harness.py."""

from __future__ import annotations

import numpy as np

from .harness import case

F = "nn.functional."


def again(name):
    """A second row of the same name, with other options."""
    return lambda library, *args, **kwargs: getattr(library.nn.functional, name)(*args, **kwargs)


# ReLU makes ties at zero, where the first maximum must get the gradient.
def ties(t, *shape):
    return np.maximum(t.int(*shape, low=-3, high=3), 0).astype(np.float32)


case(
    F + "max_pool1d",
    lambda t: [
        t(t.distinct(2, 3, 8), 2),
        t(ties(t, 3, 9), 3, 2, 1),
        t(t.distinct(2, 3, 8), 3, 2, 1, 1, True, True),
    ],
    errors=lambda t: [
        (t(t.float(4), 2), "Expected 2D or 3D (batch mode)"),
        (t(t.float(4, 4), 2, padding=2), "should be at most half of"),
        (t(t.float(4, 4), 5), "Invalid computed output size"),
    ],
    out=False,
)
case(
    F + "max_pool2d",
    lambda t: [
        t(t.distinct(2, 3, 6, 8), 2),
        t(ties(t, 2, 3, 6, 8), 2),
        t(ties(t, 2, 7, 7), 3, 2, 1),
        t(ties(t, 1, 2, 7, 8), (3, 2), (2, 1), (1, 0), 2),
        t(ties(t, 1, 2, 7, 8), 2, ceil_mode=True),
        t(ties(t, 1, 2, 7, 8), 3, 2, 1, return_indices=True, ceil_mode=True),
        t(t.distinct(1, 1, 14, 14), 7, 2, 3),
        t(t.int(1, 1, 4, 4), 2),
        t(np.full((1, 1, 4, 4), -np.inf, np.float32), 3, 1, 1, return_indices=True),
    ],
    errors=lambda t: [
        (t(t.float(1, 1, 4, 4), 2, padding=2), "at most half of effective kernel size"),
        (t(t.float(1, 1, 4, 4), 5), "Output size is too small"),
        (t(t.float(4, 4), 2), "non-empty 3D or 4D (batch mode) tensor expected"),
        (t(t.float(1, 1, 4, 4), 2, stride=0), "stride should not be zero"),
        (t(t.float(1, 1, 4, 4), (2, 2, 2)), "kernel_size must either be a single int"),
        (t(t.float(1, 1, 4, 4), 2, dilation=0), "greater than zero"),
    ],
    out=False,
)
case(
    F + "max_pool2d",
    lambda t: [t(t.distinct(1, 2, 6, 6), 2), t(t.distinct(1, 2, 6, 6), 3, 2, 1)],
    function=again("max_pool2d"),
)
case(
    F + "max_pool3d",
    lambda t: [
        t(t.distinct(1, 2, 4, 4, 4), 2),
        t(ties(t, 2, 5, 5, 5), 3, 2, 1),
        t(ties(t, 2, 5, 5, 5), 3, 2, 1, return_indices=True),
    ],
    errors=lambda t: [(t(t.float(0, 1, 2, 3), 1), "non-batch dimensions to have positive length")],
    out=False,
)
case(
    F + "avg_pool1d",
    lambda t: [t(t.float(2, 3, 8), 2), t(t.float(3, 9), 3, 2, 1, True, False)],
    errors=lambda t: [
        (t(t.float(4), 2), "Expected 2 to 3 dimensions"),
        (t(t.float(1, 4), 5), "Output size is too small"),
    ],
    out=False,
)
case(
    F + "avg_pool2d",
    lambda t: [
        t(t.float(2, 3, 6, 8), 2),
        t(t.float(2, 7, 7), 3, 2, 1),
        t(t.float(2, 7, 7), 3, 2, 1, True, False),
        t(t.float(1, 2, 7, 7), (3, 2), (2, 1), (1, 1), True),
        t(t.float(1, 2, 7, 7), 3, 2, 1, divisor_override=5),
        t(t.int(1, 1, 4, 4), 2),
    ],
    errors=lambda t: [
        (t(t.float(1, 1, 4, 4), 2, padding=2), "at most half of effective kernel size"),
        (t(t.float(1, 1, 4, 4), 5), "Output size is too small"),
        (t(t.float(1, 1, 4, 4), 2, divisor_override=0), "divisor must be not zero"),
    ],
    out=False,
)
case(
    F + "avg_pool3d",
    lambda t: [t(t.float(1, 2, 4, 4, 5), 2), t(t.float(2, 4, 4, 5), 3, 1, 1)],
    out=False,
)
case(
    F + "lp_pool1d",
    lambda t: [t(t.float(2, 3, 8), 2.0, 3, 2), t(t.positive(3, 8), 3.0, 2)],
    out=False,
)
case(
    F + "lp_pool2d",
    lambda t: [t(t.float(2, 3, 6, 6), 2.0, 2), t(t.positive(3, 6, 7), 1.5, (3, 2), 2, True)],
    out=False,
)
for spatial, shape in ((1, (2, 3, 7)), (2, (2, 3, 7, 6)), (3, (1, 2, 5, 4, 6))):
    for kind in ("avg", "max"):
        case(
            f"{F}adaptive_{kind}_pool{spatial}d",
            lambda t, shape=shape: [
                t(t.distinct(*shape), 1),
                t(t.distinct(*shape), 3),
                t(t.distinct(*shape[1:]), 2),
                t(t.distinct(*shape), 9),
            ],
            function=again(f"adaptive_{kind}_pool{spatial}d"),
        )
case(
    F + "adaptive_avg_pool2d",
    lambda t: [t(t.float(1, 2, 4, 6), (None, 2)), t(t.float(1, 2, 5, 6), (1, 3))],
    errors=lambda t: [
        (t(t.float(1, 4), 2), "Expected 3D or 4D tensor"),
        (t(t.float(1, 1, 4, 4), (1, 2, 3)), "output_size must be 2"),
    ],
    out=False,
)
case(
    F + "adaptive_max_pool2d",
    lambda t: [t(ties(t, 1, 2, 7, 6), 3, True), t(ties(t, 1, 2, 4, 6), (2, 4))],
    errors=lambda t: [
        (t(t.float(4, 4), 2), "Expected 3D or 4D tensor"),
        (t(t.float(1, 1, 0, 4), 2), "non-zero size for non-batch dimensions"),
    ],
    out=False,
)
