"""Rows of the op table: losses over classes (jtorch/ops/cross_entropy.py, distance.py).

How a row is written: harness.py."""

from __future__ import annotations

import numpy as np

from .harness import case

F = "nn.functional."


def again(name):
    """A second row of the same name, with other options."""
    return lambda library, *args, **kwargs: getattr(library.nn.functional, name)(*args, **kwargs)


def classes(t, *shape, high=3):
    return t.int(*shape, low=0, high=high)


def ignored(t, *shape, high=3):
    """Targets of which some are -100."""
    found = classes(t, *shape, high=high)
    found.flat[0] = -100
    return found


def chances(t, *shape):
    found = t.positive(*shape)
    return found / found.sum(1, keepdims=True)


def log_chances(t, *shape):
    found = np.exp(t.float(*shape))
    return np.log(found / found.sum(-1, keepdims=True))


def class_samples(t):
    x = t.float(3, 4) * 3
    weight = t.constant(t.positive(4))
    return [
        t(x, classes(t, 3)),
        t(x, ignored(t, 3), reduction="sum"),
        t(x, ignored(t, 3), weight),
        t(x, ignored(t, 3), weight, reduction="none"),
        t(x, classes(t, 3), ignore_index=1),
        t(x, classes(t, 3), size_average=False),
        t(x, classes(t, 3).astype(np.uint8)),
        t(t.float(2, 4, 3), ignored(t, 2, 3)),
        t(t.float(2, 4, 3, 2), ignored(t, 2, 3, 2), weight, reduction="none"),
        t(t.float(2, 4, 2, 1, 2), classes(t, 2, 2, 1, 2), reduction="sum"),
        t(t.float(4), classes(t)),
        t(t.float(0, 4), classes(t, 0)),
        t(x, np.full(3, -100)),
        t(t.float(3, 4, dtype=np.float16), classes(t, 3)),
    ]


def class_errors(t):
    return [
        (t(t.float(2, 3), classes(t, 3)), "to match target batch_size (3)"),
        (t(t.float(2, 3), t.float(2)), "expected target dtype to be Long or Byte"),
        (t(t.float(2, 3), t.int(2, low=0, high=2, dtype=np.int32)), "Long or Byte, but got Int"),
        (t(t.int(2, 3), classes(t, 2)), "not implemented for 'Long'"),
        (
            t(t.float(2, 3), classes(t, 2), t.constant(t.float(4))),
            "for all 3 classes or no classes",
        ),
        (t(t.float(2, 3, 4), classes(t, 2, 5)), "Expected target size [2, 4], got [2, 5]"),
        (t(t.float(2, 3, 4, 5), classes(t, 2, 4, 6)), "size mismatch"),
        (t(t.float(2, 3, 4, 5), classes(t, 2, 4)), "only batches of spatial targets"),
        (t(t.float(4), classes(t, 1), reduction="none"), "size mismatch"),
        (t(t.float(2, 3), classes(t, 2, 1)), "multi-target not supported"),
        (t(t.float(2, 3), classes(t, 2), reduction="no"), "not a valid value for reduction"),
    ]


case(F + "nll_loss", class_samples, errors=class_errors, out=False)
case(F + "cross_entropy", class_samples, errors=class_errors, out=False)
case(
    F + "cross_entropy",
    lambda t: [
        t(t.double(3, 4) * 50, classes(t, 3)),
        t(t.double(3, 4), ignored(t, 3), label_smoothing=0.1),
        t(t.double(3, 4), t.constant(chances(t, 3, 4))),
    ],
    twice=True,
    function=again("cross_entropy"),
)
case(
    F + "cross_entropy",
    lambda t: [
        t(t.float(3, 4), ignored(t, 3), t.constant(t.positive(4)), label_smoothing=0.2),
        t(t.float(3, 4), ignored(t, 3), label_smoothing=0.2, reduction="none"),
        t(t.float(2, 4, 3), ignored(t, 2, 3), t.constant(t.positive(4)), None, label_smoothing=1.0),
        t(t.float(3, 4), chances(t, 3, 4)),
        t(t.float(3, 4), chances(t, 3, 4), t.constant(t.positive(4)), reduction="none"),
        t(t.float(3, 4, 2), chances(t, 3, 4, 2), label_smoothing=0.3),
        t(t.float(3, 4), chances(t, 3, 4).astype(np.float64), reduction="sum"),
        t(t.float(4), chances(t, 1, 4)[0]),
        t(np.array([[0.0, -np.inf, 1.0]], np.float32), classes(t, 1, high=1)),
        t(np.array([[1e4, 1e4 + 1, 1e4 - 1]], np.float32), classes(t, 1, high=3)),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), classes(t, 2, 3)), "target with class probabilities, got Long"),
        (t(t.float(2, 3), t.float(2, 3), ignore_index=1), "not supported for floating point"),
        (t(t.float(2, 3), classes(t, 2), label_smoothing=2.0), "between 0.0 and 1.0"),
    ],
    function=again("cross_entropy"),
)
case(
    F + "binary_cross_entropy",
    lambda t: [
        t(t.unit(3, 4), t.constant(t.unit(3, 4))),
        t(t.unit(3, 4), t.unit(3, 4), t.constant(t.positive(4)), reduction="none"),
        t(np.array([0.0, 1.0, 0.0, 1.0], np.float32), t.constant(np.float32([0, 1, 1, 0]))),
    ],
    errors=lambda t: [
        (t(t.unit(2), t.unit(3)), "is deprecated. Please ensure they have the same size"),
        (t(t.unit(2), classes(t, 2)), "Found dtype Long but expected Float"),
    ],
    out=False,
)
case(
    F + "binary_cross_entropy_with_logits",
    lambda t: [
        t(t.float(3, 4), t.unit(3, 4)),
        t(t.float(3, 4), t.unit(3, 4), t.constant(t.positive(4)), reduction="none"),
        t(t.float(3, 4), t.unit(3, 4), pos_weight=t.constant(t.positive(4)), reduction="sum"),
        t(t.float(3) * 100, t.constant(t.unit(3, dtype=np.float64))),
    ],
    errors=lambda t: [
        (t(t.float(2), t.unit(3)), "must be the same as input size"),
        (t(t.float(2), classes(t, 2)), "can't be cast to the desired output type Long"),
        (t(t.int(2), classes(t, 2)), "not implemented for 'Long'"),
    ],
    twice=True,
    out=False,
)
case(
    F + "kl_div",
    lambda t: [
        t(t.float(3, 4), chances(t, 3, 4)),
        t(t.float(3, 4), chances(t, 3, 4), reduction="batchmean"),
        t(t.float(3, 4), t.float(3, 4), reduction="sum", log_target=True),
        t(t.float(3), t.constant(np.float32([0, 0.5, 0.5])), reduction="none"),
    ],
    errors=lambda t: [(t(t.float(2), classes(t, 2)), "Integral inputs not supported")],
    out=False,
)
case(
    F + "multi_margin_loss",
    lambda t: [
        t(t.float(3, 4), classes(t, 3)),
        t(t.float(3, 4), classes(t, 3), 2, 0.7, t.constant(t.positive(4)), reduction="none"),
        t(t.float(4), classes(t, 1), reduction="sum"),
        t(t.float(), np.array(0), reduction="none"),
        t(t.float(4), classes(t, 1), reduction="none"),
    ],
    errors=lambda t: [
        (t(t.float(2, 0), classes(t, 2)), "Expected non-empty vector or matrix"),
        (t(t.float(2, 3), classes(t, 3)), "target tensor should be 1-D"),
        (t(t.float(2, 3), classes(t, 2), p=3), "only p == 1 and p == 2 supported"),
    ],
    out=False,
)
case(
    F + "multilabel_margin_loss",
    lambda t: [
        t(t.float(2, 4), np.array([[3, 0, -1, 1], [-1, 1, 2, 3]])),
        t(t.float(4), np.array([1, 2, 3, 0]), reduction="none"),
    ],
    errors=lambda t: [(t(t.float(2, 3), classes(t, 2, 4)), "inconsistent target size")],
    out=False,
)
case(
    F + "multilabel_soft_margin_loss",
    lambda t: [
        t(t.float(3, 4), t.constant(t.unit(3, 4))),
        t(t.float(3, 4), t.unit(3, 4), t.constant(t.positive(4)), reduction="none"),
    ],
    errors=lambda t: [(t(t.float(2, 3), t.unit(2, 4)), "must match the size")],
    out=False,
)
case(
    F + "ctc_loss",
    lambda t: [
        t(log_chances(t, 6, 2, 4), classes(t, 2, 3, high=3) + 1, (6, 5), (3, 2)),
        t(
            log_chances(t, 6, 2, 4),
            np.array([[1, 1, 2], [3, 2, 1]]),
            np.array([6, 4]),
            np.array([3, 1]),
        ),
        t(log_chances(t, 6, 2, 4), np.array([1, 1, 2, 3]), (6, 6), (3, 1), reduction="none"),
        t(
            log_chances(t, 3, 2, 4),
            np.array([[1, 1, 1], [3, 2, 1]]),
            (3, 3),
            (3, 2),
            0,
            "sum",
            True,
        ),
        t(log_chances(t, 6, 1, 4)[:, 0], np.array([1, 2]), (6,), (2,), 3),
    ],
    tolerance=5,
    out=False,
)
