"""Rows of the op table: linear maps and convolutions (jtorch/ops/conv.py). See harness.py."""

from __future__ import annotations

from .harness import case

F = "nn.functional."


def again(name):
    """A second row of the same name, with other options."""
    return lambda library, *args, **kwargs: getattr(library.nn.functional, name)(*args, **kwargs)


case(
    F + "linear",
    lambda t: [
        t(t.float(2, 3), t.float(4, 3), t.constant(t.float(4))),
        t(t.float(2, 5, 3), t.float(4, 3)),
        t(t.float(3), t.float(4, 3), t.constant(t.float(4))),
        t(t.float(2, 3), t.float(3)),
        t(t.int(2, 3), t.int(4, 3)),
        t(t.strided(t.float(2, 3)), t.strided(t.float(4, 3))),
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
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3)), "to match the convolution dim"),
        (t(t.float(1, 3, 8, 8), t.float(4, 1, 3, 3), groups=3), "to be divisible by 3"),
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3, 3), groups=0), "non-positive groups"),
        (t(t.float(1, 3, 8, 8), t.float(4, 3, 3, 3), dilation=0), "greater than zero"),
    ],
    tolerance=3,
    out=False,
)
case(
    F + "conv2d",
    lambda t: [t(t.double(2, 2, 5, 5), t.double(3, 2, 3, 3), None, 2, 1)],
    twice=True,
    function=again("conv2d"),
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
