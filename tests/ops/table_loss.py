"""Rows of the op table: losses between numbers (loss.py, distance.py). See harness.py."""

from __future__ import annotations

import numpy as np

from .harness import case

F = "nn.functional."


def signs(t, *shape):
    """Targets 1 and -1, which take no gradient."""
    return t.constant(np.asarray(t.int(*shape, low=0, high=2) * 2 - 1, np.float32))


def pairs(*arguments, **options):
    """Two tensors of one shape under every reduction, and both spellings of it."""

    def samples(t):
        x, y = t.float(3, 4), t.float(3, 4)
        return [
            t(x, y, *arguments, **options),
            t(x, y, *arguments, reduction="sum", **options),
            t(x, y, *arguments, reduction="none", **options),
            t(t.double(5), t.double(5), *arguments, **options),
            t(x, y[0], *arguments, **options),
        ]

    return samples


case(
    F + "mse_loss",
    lambda t: [
        *pairs()(t),
        t(t.float(3), t.constant(t.int(3))),
        t(t.float(4, 2), t.float(4, 2), weight=t.constant(t.positive(4, 2))),
        t(t.float(4, 2), t.float(4, 2), None, None, "sum", t.constant(t.positive(4, 2))),
        t(t.float(3), t.float(3), size_average=False),
        t(t.float(3), t.float(3), reduce=False),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), t.float(2)), "must match the size of tensor b"),
        (t(t.int(2, 3), t.int(2, 3)), "not implemented for 'Long'"),
        (t(t.float(3), t.float(3), reduction="no"), "no is not a valid value for reduction"),
        (t(t.float(3), t.float(3), weight=t.float(1)), "must have the same size"),
    ],
    twice=True,
    out=False,
)
case(
    F + "l1_loss",
    lambda t: [
        *pairs()(t),
        t(t.int(3), t.int(3), reduction="none"),
        t(np.array([1.0, 2.0], np.float32), np.array([1.0, 3.0], np.float32)),
        t(t.float(4, 2), t.float(4, 2), weight=t.constant(t.positive(4, 2))),
    ],
    errors=lambda t: [(t(t.int(2, 3), t.int(2, 3)), "could not infer output dtype")],
    out=False,
)
case(
    F + "smooth_l1_loss",
    lambda t: [*pairs()(t), *pairs(beta=0.3)(t), t(t.float(4), t.float(4), beta=0)],
    errors=lambda t: [
        (t(t.float(3), t.float(3), beta=-1.0), "does not support negative values for beta"),
        (t(t.int(3), t.int(3)), "not implemented for 'Long'"),
    ],
    out=False,
)
case(
    F + "huber_loss",
    lambda t: [
        *pairs()(t),
        t(t.float(4), t.float(4), "sum", 0.4),
        t(t.float(4, 2), t.float(4, 2), weight=t.constant(t.positive(4, 2))),
    ],
    errors=lambda t: [
        (t(t.float(3), t.float(3), delta=value), "non-positive values for delta")
        for value in (0.0, -1.0, -2.0)  # after the second it would be an input of the program
    ],
    out=False,
)
case(
    F + "soft_margin_loss",
    lambda t: [t(t.float(3, 4), signs(t, 3, 4)), t(t.float(4), signs(t, 4), reduction="none")],
    errors=lambda t: [(t(t.float(2), t.constant(t.float(3))), "must match the size")],
    out=False,
)
case(
    F + "hinge_embedding_loss",
    lambda t: [
        t(t.float(3, 4), signs(t, 3, 4)),
        t(t.float(4), signs(t, 4), 0.4, reduction="none"),
        t(t.float(4), t.constant(t.int(4, low=-1, high=2)), reduction="sum"),
    ],
    out=False,
)
case(
    F + "margin_ranking_loss",
    lambda t: [
        t(t.float(4), t.float(4), signs(t, 4)),
        t(t.float(4), t.float(4), signs(t, 4), 0.4, reduction="none"),
    ],
    errors=lambda t: [
        (t(t.float(2), t.float(2), t.float(2, 2)), "should have same dimension"),
    ],
    out=False,
)
case(
    F + "poisson_nll_loss",
    lambda t: [
        t(t.float(3, 4), t.constant(t.positive(3, 4))),
        t(t.positive(4), t.constant(t.positive(4)), False, True),
        t(t.float(4), t.constant(t.int(4, low=0)), True, True, reduction="none"),
    ],
    errors=lambda t: [(t(t.float(3), t.float(3), reduction="no"), "not a valid value")],
    out=False,
)
case(
    F + "gaussian_nll_loss",
    lambda t: [
        t(t.float(3, 4), t.float(3, 4), t.positive(3, 4)),
        t(t.float(3, 4), t.float(3, 4), t.positive(3), True, reduction="none"),
        t(t.float(3, 4), t.float(3, 4), t.positive(3, 1), eps=1.0, reduction="sum"),
        t(t.float(3, 4), t.float(3, 4), 1.5),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), t.float(2, 3), -1.0), "negative entry"),
        (t(t.float(2, 3), t.float(2, 3), t.positive(3)), "var is of incorrect size"),
    ],
    out=False,
)
case(
    F + "cosine_similarity",
    lambda t: [
        t(t.float(3, 4), t.float(3, 4)),
        t(t.float(3, 4), t.float(4), dim=-1),
        t(t.float(2, 3, 4), t.float(3, 4), 0),
        t(t.float(3, 4), t.float(3, 4), 1, 2.0),
        t(np.zeros((2, 3), np.float32), t.float(2, 3)),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), t.float(4)), "must match the size"),
        (t(t.int(2, 3), t.int(2, 3)), "expected common dtype to be floating point"),
        (t(t.float(2, 3), t.float(2, 3), 3), "Dimension out of range"),
    ],
    out=False,
)
case(
    F + "pairwise_distance",
    lambda t: [
        t(t.float(3, 4), t.float(3, 4)),
        t(t.float(3, 4), t.float(4), 1.0, keepdim=True),
        t(t.float(3, 4), t.float(3, 4), 3.0, 0.1),
        t(t.float(3, 4), t.float(3, 4), float("inf")),
    ],
    errors=lambda t: [(t(t.float(2, 3), t.float(4, 3)), "must match the size")],
    out=False,
)
case(
    F + "pdist",
    lambda t: [t(t.float(4, 3)), t(t.float(3, 2), 1.0)],
    errors=lambda t: [(t(t.float(3)), "only supports 2D tensors")],
    out=False,
)
case(
    F + "cosine_embedding_loss",
    lambda t: [
        t(t.float(4, 3), t.float(4, 3), signs(t, 4)),
        t(t.float(4, 3), t.float(4, 3), signs(t, 4), -0.5, reduction="none"),
        t(t.float(3), t.float(3), signs(t)),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), t.float(2, 3), t.float(2, 3)), "multi-target not supported"),
    ],
    out=False,
)
case(
    F + "triplet_margin_loss",
    lambda t: [
        t(t.float(4, 3), t.float(4, 3), t.float(4, 3)),
        t(t.float(4, 3), t.float(4, 3), t.float(4, 3), 2.0, 1, swap=True, reduction="none"),
        t(t.float(3), t.float(3), t.float(3), reduction="sum"),
    ],
    errors=lambda t: [
        (t(t.float(2), t.float(2), t.float(2, 2)), "same number of dimensions"),
        (t(t.float(2), t.float(2), t.float(2), margin=-1), "must be greater than 0"),
    ],
    out=False,
)
case(
    F + "triplet_margin_with_distance_loss",
    lambda t: [
        t(t.float(4, 3), t.float(4, 3), t.float(4, 3)),
        t(t.float(4, 3), t.float(4, 3), t.float(4, 3), margin=2.0, swap=True, reduction="none"),
    ],
    errors=lambda t: [(t(t.float(2), t.float(2), t.float(2), margin=-1), "greater than 0")],
    out=False,
)
