"""Rows of the op table: linear maps and convolutions (jtorch/ops/conv.py). See harness.py."""

from __future__ import annotations

import numpy as np

from .harness import case

F = "nn.functional."

case(
    F + "linear",
    lambda t: [
        t(t.float(2, 3), t.float(4, 3), t.float(4)),
        t(t.float(2, 5, 3), t.float(4, 3)),
        t(t.float(3), t.float(4, 3), t.float(4)),
        t(t.float(2, 3), t.float(3)),
        t(t.int(2, 3), t.int(4, 3)),
        t(t.strided(t.float(2, 3)), t.strided(t.float(4, 3)), t.float(4)),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), t.float(4, 5)), "cannot be multiplied (2x3 and 5x4)"),
        (t(t.float(2, 2, 3), t.float(4, 5)), "cannot be multiplied (4x3 and 5x4)"),
        (t(t.float(2, 3), t.double(4, 3)), "same dtype"),
        (t(t.float(2, 3), t.float(4, 3), t.float(5)), "must match the existing size (5)"),
        (t(t.float(2, 3), t.float(4, 3, 1)), "2 dimensions"),
        (t(t.float(), t.float(3)), "at least 1D"),
    ],
    twice=True,
    out=False,
)
case(
    F + "bilinear",
    lambda t: [
        t(t.float(2, 3), t.float(2, 4), t.float(5, 3, 4), t.float(5)),
        t(t.float(2, 2, 3), t.float(2, 2, 4), t.float(5, 3, 4)),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), t.float(2, 4), t.float(5, 3, 5)), "input2 size does not match"),
    ],
    out=False,
)
case(
    F + "conv1d",
    lambda t: [
        t(t.float(2, 3, 8), t.float(4, 3, 3), t.float(4)),
        t(t.float(3, 8), t.float(4, 3, 3), t.float(4), 2, 1),
        t(t.float(2, 4, 8), t.float(4, 2, 2), None, 1, "same", 2, 2),
    ],
    errors=lambda t: [(t(t.float(1, 1, 3, 8), t.float(4, 3, 3)), "Expected 2D (unbatched)")],
    out=False,
)
case(
    F + "conv2d",
    lambda t: [
        t(t.float(2, 3, 6, 5), t.float(4, 3, 3, 3), t.float(4), padding=1),
        t(t.float(3, 6, 5), t.float(4, 3, 3, 2), None, (2, 1), (1, 0)),
        t(t.float(2, 4, 7, 7), t.float(4, 2, 3, 3), t.float(4), 2, 2, 2, 2),
        t(t.float(1, 4, 5, 5), t.float(4, 1, 3, 3), t.float(4), 1, "same", 1, 4),
        t(t.float(1, 2, 5, 5), t.float(3, 2, 2, 4), t.float(3), padding="same"),
        t(t.float(1, 2, 5, 5), t.float(3, 2, 2, 4), padding="valid"),
        t(t.int(1, 2, 4, 4), t.int(3, 2, 2, 2)),
    ],
    errors=lambda t: [
        (t(t.float(1, 3, 8, 8), t.float(4, 2, 3, 3)), "to have 2 channels, but got 3 channels"),
        (t(t.float(8, 8), t.float(4, 2, 3, 3)), "Expected 3D (unbatched) or 4D (batched)"),
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3, 3), t.float(5)), "expected bias to be"),
        (t(t.float(1, 3, 8, 8), t.double(4, 3, 3, 3)), "but found Double"),
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3, 3), t.double(4)), "bias type (double)"),
        (t(t.float(1, 3, 2, 2), t.float(4, 3, 3, 3)), "Kernel size can't be greater"),
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3, 3), stride=0), "non-positive stride"),
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3, 3), stride=(1, 1, 1)), "expected stride to be"),
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3, 3), padding=-1), "negative padding"),
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3, 3), padding="no"), "Invalid padding string"),
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3, 3), None, 2, "same"), "not supported for strided"),
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3)), "expected stride to be"),
        (t(t.float(1, 3, 8, 8), t.float(4, 1, 3, 3), groups=3), "to be divisible by 3"),
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3, 3), groups=0), "non-positive groups"),
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3, 3), dilation=0), "greater than zero"),
    ],
    tolerance=3,
    out=False,
)
case(
    F + "conv2d",
    lambda t: [t(t.double(2, 2, 5, 5), t.double(3, 2, 3, 3), t.double(3), 2, 1)],
    twice=True,
    out=False,
)
case(
    F + "conv3d",
    lambda t: [
        t(t.float(1, 2, 4, 5, 4), t.float(3, 2, 2, 3, 2), t.float(3), 1, 1),
        t(t.float(2, 4, 5, 4), t.float(3, 2, 2, 3, 2), None, (2, 1, 1)),
    ],
    tolerance=3,
    out=False,
)
case(
    F + "conv_transpose1d",
    lambda t: [
        t(t.float(2, 3, 5), t.float(3, 4, 3), t.float(4), 2, 1, 1),
        t(t.float(4, 5), t.float(4, 2, 3), None, 1, 0, 0, 2, 2),
    ],
    tolerance=3,
    out=False,
)
case(
    F + "conv_transpose2d",
    lambda t: [
        t(t.float(2, 3, 4, 5), t.float(3, 4, 3, 2), t.float(4)),
        t(t.float(2, 3, 4, 5), t.float(3, 4, 4, 4), t.float(4), 2, 1),
        t(t.float(4, 4, 5), t.float(4, 2, 3, 3), t.float(4), (2, 3), 1, (1, 2), 2),
        t(t.float(1, 2, 4, 4), t.float(2, 2, 3, 3), None, 3, 2, 2, 1, (2, 3)),
    ],
    errors=lambda t: [
        (t(t.float(1, 3, 8, 8), t.float(4, 2, 3, 3)), "to have 4 channels, but got 3"),
        (t(t.float(1, 3, 8, 8), t.float(3, 2, 3, 3), None, 1, 0, 2), "output padding must be"),
        (t(t.float(1, 3, 8, 8), t.float(3, 2, 3, 3), t.float(3)), "with 2 elements"),
        (t(t.float(1, 3, 8, 8), t.float(3, 2, 3, 3), groups=2), "to be divisible by 2"),
    ],
    tolerance=3,
    out=False,
)
case(
    F + "conv_transpose3d",
    lambda t: [t(t.float(1, 2, 3, 4, 3), t.float(2, 3, 2, 3, 2), t.float(3), 2, 1, 1)],
    tolerance=3,
    out=False,
)


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
    twice=True,
    out=False,
)
case(
    F + "max_pool3d",
    lambda t: [t(t.distinct(1, 2, 4, 4, 4), 2), t(ties(t, 2, 5, 5, 5), 3, 2, 1)],
    out=False,
)
case(
    F + "avg_pool1d",
    lambda t: [t(t.float(2, 3, 8), 2), t(t.float(3, 9), 3, 2, 1, True, False)],
    errors=lambda t: [
        (t(t.float(4), 2), "Expected 2 to 3 dimensions"),
        (t(t.float(1, 4), 5), "Output size is too small"),
    ],
    twice=True,
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
    F + "lp_pool1d", lambda t: [t(t.float(2, 3, 8), 2.0, 3, 2), t(t.float(3, 8), 3.0, 2)], out=False
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
            out=False,
        )
case(
    F + "adaptive_avg_pool2d",
    lambda t: [t(t.float(1, 2, 4, 6), (None, 2)), t(t.float(1, 2, 5, 6), (1, 3))],
    errors=lambda t: [
        (t(t.float(1, 4), 2), "Input dimension should be at least 3"),
        (t(t.float(1, 1, 4, 4), (1, 2, 3)), "output_size must be 2"),
    ],
    twice=True,
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
