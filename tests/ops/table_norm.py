"""Rows of the op table: normalisation (jtorch/ops/norm.py). See harness.py."""

from __future__ import annotations

import numpy as np

from .harness import case

F = "nn.functional."


def again(name):
    """A second row of the same name, with other options."""
    return lambda library, *args, **kwargs: getattr(library.nn.functional, name)(*args, **kwargs)


def batch_norm(library, input, *arguments, **options):
    """The output and what the running statistics are afterwards."""
    mean, variance = library.zeros(input.shape[1]), library.ones(input.shape[1])
    output = library.nn.functional.batch_norm(input, mean, variance, *arguments, **options)
    return output, mean, variance


def instance_norm(library, input, *arguments, **options):
    """The same for instance_norm."""
    mean, variance = library.zeros(input.shape[1]), library.ones(input.shape[1])
    output = library.nn.functional.instance_norm(input, mean, variance, *arguments, **options)
    return output, mean, variance


case(
    F + "batch_norm",
    lambda t: [
        t(t.float(5, 3), t.float(3), None, True),
        t(t.float(2, 3, 4), t.float(3), t.constant(t.float(3)), True, 0.3, 1e-3),
        t(t.float(2, 3, 4, 2), None, None, training=True),
        t(t.float(2, 3, 4, 2) + 100, training=True),
        t(t.float(4, 3), t.float(3), None, False),
    ],
    function=batch_norm,
    twice=True,
    tolerance=5,
)
case(
    F + "batch_norm",
    lambda t: [
        t(t.float(5, 3), None, None, training=True),
        t(t.double(5, 3), None, None, t.double(3), t.double(3), True),
        t(t.float(5, 3), t.constant(t.float(3)), t.constant(t.positive(3))),
    ],
    errors=lambda t: [
        (t(t.float(1, 3), None, None, training=True), "more than 1 value per channel"),
        (t(t.float(1, 3, 1, 1), None, None, training=True), "more than 1 value per channel"),
        (t(t.float(2, 3), None, None), "must be defined in evaluation mode"),
        (t(t.float(2, 3), t.float(4), t.float(4)), "should contain 3 elements not 4"),
        (t(t.float(2, 3), None, None, t.float(4), training=True), "weight should contain 3"),
        (t(t.double(2, 3), t.constant(t.float(3)), t.constant(t.positive(3))), "mixed dtype (CPU)"),
        (t(t.int(2, 3), None, None, training=True), "not implemented for 'Long'"),
    ],
    out=False,
)
case(
    F + "instance_norm",
    lambda t: [
        t(t.float(2, 3, 4), t.float(3), t.float(3)),
        t(t.float(2, 3, 4, 2), momentum=0.4),
        t(t.float(2, 3, 4, 2), use_input_stats=False),
    ],
    function=instance_norm,
    tolerance=5,
)
case(
    F + "instance_norm",
    lambda t: [t(t.float(2, 3, 4))],
    errors=lambda t: [
        (t(t.float(2, 3, 1)), "more than 1 spatial element"),
        (t(t.float(2, 3)), "more than 1 spatial element"),
    ],
    tolerance=5,
    out=False,
)
case(
    F + "layer_norm",
    lambda t: [
        t(t.float(2, 5), (5,), t.float(5), t.float(5)),
        t(t.float(2, 3, 4), (3, 4)),
        t(t.float(2, 3, 4), [4], t.float(4), None, 1e-2),
        t(t.double(3, 4) + 1e4, (4,)),
        t(t.float(2, 6, dtype=np.float16), (6,)),
        t(t.float(0, 4), (4,)),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), (4,)), "Given normalized_shape=[4], expected input with shape"),
        (t(t.float(2, 3), ()), "at least 1-dimensional"),
        (t(t.float(2, 3), (3,), t.float(4)), "Expected weight to be of same shape"),
        (t(t.int(2, 3), (3,)), "not implemented for 'Long'"),
        (t(t.float(2, 3), (3,), t.double(3)), "mixed dtype (CPU)"),
    ],
    tolerance=5,
    out=False,
)
case(
    F + "layer_norm",
    lambda t: [t(t.double(2, 5), (5,), t.double(5))],
    twice=True,
    function=again("layer_norm"),
)
case(
    F + "rms_norm",
    lambda t: [
        t(t.complex(2, 3), [3], t.complex(3)),
        t(t.float(2, 5), (5,), t.float(5)),
        t(t.float(2, 3, 4), (3, 4)),
        t(t.float(2, 3, 4), (4,), None, 1e-2),
        t(t.float(2, 6, dtype=np.float16), (6,)),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), (4,)), "Given normalized_shape=[4], expected input with shape"),
        (t(t.int(2, 3), (3,)), "not implemented for 'Long'"),
    ],
    twice=True,
    tolerance=5,
    out=False,
)
case(
    F + "group_norm",
    lambda t: [
        t(t.float(2, 4, 3), 2, t.float(4), t.float(4)),
        t(t.float(2, 4, 3, 2), 4),
        t(t.float(2, 4), 2),
        t(t.float(2, 4, 3), 1, t.float(4), None, 1e-2),
        t(t.float(0, 4), 2, t.float(4)),
    ],
    errors=lambda t: [
        (t(t.float(2, 3, 4), 2), "divisible by num_groups"),
        (t(t.float(1, 4), 4), "more than 1 value per channel"),
        (t(t.float(2, 4, 2), 2, t.float(3)), "Expected weight to be a vector"),
    ],
    tolerance=5,
    out=False,
)
case(
    F + "local_response_norm",
    lambda t: [
        t(t.float(2, 5, 4), 3),
        t(t.float(2, 5, 2, 2), 2, 0.3, 0.6, 1.5),
        t(t.int(1, 5, 3), 2, 3, 2),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), 2), "3D or higher dimensionality"),
        (t(t.int(2, 3, 4, dtype=np.int32), 2), "not implemented for 'Int'"),
    ],
    tolerance=3,
    out=False,
)
case(
    F + "normalize",
    lambda t: [
        t(t.float(3, 4)),
        t(t.float(3, 4), 1.0, 0),
        t(t.float(2, 3, 2), dim=-1, eps=3.0),
    ],
    errors=lambda t: [(t(t.int(2, 3)), "Expected a floating point or complex")],
    twice=True,
    out=False,
)
case(
    F + "normalize",
    lambda t: [t(np.array([[0.0, 0.0], [3.0, 4.0]], np.float32))],
    function=again("normalize"),
)
case(
    "native_layer_norm",
    lambda t: [
        t(t.double(2, 3, 4), (3, 4), t.double(3, 4), t.double(3, 4), 1e-5),
        t(t.float(2, 4, dtype="float16"), (4,), None, None, 1e-5),
    ],
    out=False,
)
case(
    "native_group_norm",
    lambda t: [
        t(t.double(2, 4, 3), t.double(4), t.double(4), 2, 4, 3, 2, 1e-5),
        t(t.float(0, 4, 3), None, None, 0, 4, 3, 2, 1e-5),
    ],
    out=False,
    gradients=False,
)
case(
    "native_batch_norm",
    lambda t: [
        t(t.double(4, 3, 2), t.double(3), None, None, None, True, 0.1, 1e-5),
        t(t.float(4, 3), None, None, t.constant(t.float(3)), np.ones(3, "f"), False, 0.1, 1e-5),
    ],
    out=False,
    gradients=False,
)
