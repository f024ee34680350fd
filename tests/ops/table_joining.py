"""Rows of jtorch/ops/joining.py: joining, repeating, rearranging."""

from __future__ import annotations

import numpy as np

from .harness import case

RANGE = "Dimension out of range (expected to be in range of [-2, 1], but got 5)"

case(
    "cat",
    lambda t: [
        t([t.double(2, 3), t.double(4, 3)]),
        t((t.float(2, 3), t.strided(t.float(2, 1))), dim=-1),
        t([t.float(2), t.int(3)], 0),
        t([t.float(0), t.float(2, 3)]),
        t([t.int(2), t.bool(2)]),
        t([t.float(3)]),
    ],
    errors=lambda t: [
        (
            t([t.float(2, 3), t.float(2, 4)]),
            "except in dimension 0. Expected size 3 but got size 4 for tensor number 1",
        ),
        (t([t.float(2, 3), t.float(2)]), "Tensors must have same number of dimensions"),
        (t([t.float(2, 3)], 5), RANGE),
        (t([]), "non-empty list of Tensors"),
        (t([t.float(), t.float()]), "cannot be concatenated"),
    ],
)
case("concat", lambda t: [t([t.float(2), t.float(3)])])
case("concatenate", lambda t: [t([t.float(2), t.float(3)])])
case(
    "stack",
    lambda t: [
        t([t.double(2, 3), t.double(2, 3)]),
        t((t.float(2, 3), t.int(2, 3)), dim=-1),
        t([t.float(), t.float()], 0),
    ],
    errors=lambda t: [
        (
            t([t.float(3), t.float(4)]),
            "stack expects each tensor to be equal size, but got [3] at entry 0 and [4] at entry 1",
        ),
        (t([]), "non-empty TensorList"),
    ],
)
for _name in ("hstack", "vstack", "dstack", "column_stack", "row_stack"):
    case(
        _name,
        lambda t: [
            t([t.float(2), t.float(2)]),
            t([t.double(2, 3), t.double(2, 3)]),
            t((t.float(), t.float())),
        ],
    )
case(
    "block_diag",
    lambda t: [t(t.double(2, 3), t.double(1, 2), t.double(3)), t(t.float(2, 2), t.float())],
)
case(
    "repeat",
    lambda t: [
        t(t.double(2, 3), 2, 1),
        t(t.float(3), (2, 2)),
        t(t.int(2), 0),
        t(t.float(2, 3), 2, 1, 3),
    ],
    errors=lambda t: [(t(t.float(2, 3), 2), "can not be smaller than number of dimensions")],
)
case("tile", lambda t: [t(t.double(2, 3), (2,)), t(t.float(3), (2, 2)), t(t.int(2, 2), (1, 2))])
case(
    "repeat_interleave",
    lambda t: [
        t(t.double(2, 3), 2),
        t(t.double(2, 3), 3, dim=1),
        t(t.float(2, 3), np.array([2, 1]), dim=0, output_size=3),
        t(t.int(3), np.array([1, 0, 2]), output_size=3),
    ],
)
for _name in ("tril", "triu"):
    case(
        _name,
        lambda t: [
            t(t.double(3, 4)),
            t(t.double(2, 3, 3), 1),
            t(t.int(3, 3), diagonal=-1),
            t(t.bool(3, 3)),
        ],
        errors=lambda t: [(t(t.float(3)), "must have at least 2 dimensions")],
    )
case(
    "roll",
    lambda t: [
        t(t.double(3, 4), 2),
        t(t.double(3, 4), 1, 0),
        t(t.float(3, 4), (1, -2), (0, 1)),
        t(t.int(5), -7, dims=0),
    ],
    errors=lambda t: [(t(t.float(3), (1, 2), 0), "shifts and dimensions must align")],
)
case(
    "flip",
    lambda t: [t(t.double(3, 4), (0,)), t(t.float(2, 3, 4), (0, -1)), t(t.int(5), [0])],
    errors=lambda t: [
        (t(t.float(2, 3), (5,)), RANGE),
        (t(t.float(3), (0, 0)), "appears multiple times"),
    ],
)
case("fliplr", lambda t: [t(t.float(2, 3))])
case("flipud", lambda t: [t(t.float(2, 3))])
case(
    "rot90",
    lambda t: [
        t(t.double(2, 3)),
        t(t.float(2, 3, 4), 3, (1, 2)),
        t(t.float(2, 3), 2),
        t(t.float(2, 3), -1, [0, 1]),
    ],
    strides=False,
)
case(
    "diag",
    lambda t: [t(t.double(3)), t(t.double(3, 4)), t(t.float(3), 1), t(t.float(3, 4), -1)],
    strides=False,
)
case("diagflat", lambda t: [t(t.double(2, 2)), t(t.float(2), 1)])
case(
    "diag_embed",
    lambda t: [t(t.double(2, 3)), t(t.float(2, 3), 1), t(t.float(2, 3), -2, 0, 2)],
    strides=False,
)
case(
    "trace",
    lambda t: [t(t.double(3, 4)), t(t.int(3, 3))],
    errors=lambda t: [(t(t.float(3)), "expected a matrix")],
)
case(
    "meshgrid",
    lambda t: [
        t(t.double(2), t.double(3)),
        t(t.float(2), t.float(3), indexing="xy"),
        t([t.int(2), t.int(3), t.int(2)], indexing="ij"),
    ],
    strides=False,
)
case("cartesian_prod", lambda t: [t(t.double(2), t.double(3)), t(t.int(3))])
case("combinations", lambda t: [t(t.double(4)), t(t.int(3), 3), t(t.float(3), 2, True)])
case(
    "select_scatter",
    lambda t: [t(t.double(3, 4), t.double(4), 0, 1), t(t.float(3, 4), t.float(3), 1, -1)],
)
case(
    "slice_scatter",
    lambda t: [
        t(t.double(5, 2), t.double(2, 2), 0, 1, 3),
        t(t.float(6, 2), t.float(3, 2), start=0, step=2),
    ],
)
case(
    "fill_diagonal",
    lambda t: [
        t(t.float(3, 3), 1.0),
        t(t.float(3, 2), 2.0),
        t(t.float(7, 2), 2.0, wrap=True),
        t(t.float(3, 3, 3), 1.0),
    ],
    function=lambda library, input, *args, **kwargs: (
        input.detach().clone().fill_diagonal_(*args, **kwargs)
    ),
)
case(
    "diagonal_scatter",
    lambda t: [t(t.double(3, 4), t.double(3)), t(t.float(2, 3, 4), t.float(2, 3), 1, 1, 2)],
    strides=False,
)
case(
    "vander",
    lambda t: [t(t.double(3)), t(t.int(3), 4, increasing=True)],
    strides=False,
    gradients=False,
)
