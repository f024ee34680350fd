"""Rows of jtorch/ops/internal.py and jtorch/functions/internal.py, and the namespace ops.aten."""

from __future__ import annotations

import numpy as np

from .harness import case

PLAIN = {"out": False, "strides": False}

case(
    "ops.aten._softmax_backward_data",
    lambda t: [t(t.double(3, 4), t.double(3, 4), 1, t.dtype("float64"))],
    **PLAIN,
)
case(
    "ops.aten._safe_softmax.default",
    lambda t: [
        t(np.where([[True], [False]], -np.inf, t.double(2, 3)), -1),
        t(t.int(3), 0, dtype=t.dtype("float64")),
    ],
    errors=lambda t: [(t(t.int(3), 0), "not implemented for 'Long'")],
    **PLAIN,
)
case(
    "ops.aten._upsample_bilinear2d_aa",
    lambda t: [
        t(t.double(1, 2, 4, 6), (3, 3), False),
        t(t.double(1, 2, 4, 6), (3, 3), True, 1.5, 0.5),
        t(t.double(1, 2, 4, 6), None, False, scale_factors=[0.5, 1.5]),
    ],
    **PLAIN,
)
case(
    "ops.aten.max_pool2d_with_indices_backward",
    lambda t: [t(t.double(2, 3, 5, 4))],
    function=lambda library, a: library.ops.aten.max_pool2d_with_indices_backward.default(
        *(library.ones(2, 3, 4, 3, dtype=library.float64), a, 2, [1, 1], 0, 1, False),
        library.nn.functional.max_pool2d_with_indices(a, 2, 1)[1],
    ),
    gradients=False,
    strides=False,
)
case(
    "ops.aten.native_dropout_backward.default",
    lambda t: [t(t.double(3), t.bool(3), 2.0), t(t.int(3), t.bool(3), 2.0)],
    **PLAIN,
)
case(
    "ops.aten.slice.Tensor",
    lambda t: [t(t.double(4)), t(t.double(3, 5), 1, 1, -1, 2), t(t.int(3, 5), -1, -3)],
    out=False,
    errors=lambda t: [(t(t.float(3), 1), "Dimension out of range"), (t(t.float()), "0-dim tensor")],
)
_BATCH = (2, 3, 4)
for _name in ("_native_batch_norm_legit", "ops.aten._batch_norm_with_update"):
    _options = (0.1, 1e-5) if "update" in _name else (True, 0.1, 1e-5)
    case(
        _name,
        lambda t, options=_options: [
            t(
                *(t.double(*_BATCH), t.double(3), t.double(3)),
                *(t.constant(t.double(3)), t.constant(t.positive(3, dtype=np.float64)), *options),
            ),
            t(
                *(t.float(*_BATCH), t.float(3), t.float(3)),
                *(t.constant(t.float(3)), t.constant(t.positive(3)), *options),
            ),
        ],
        **PLAIN,
    )
case(
    "_native_batch_norm_legit of two kinds",
    lambda t: [
        t(t.double(*_BATCH), t.double(3), None, True, 0.1, 1e-5),
        t(
            t.float(*_BATCH),
            None,
            None,
            t.constant(t.float(3)),
            t.constant(t.positive(3)),
            False,
            0.1,
            0.1,
        ),
    ],
    function=lambda library, *args: library._native_batch_norm_legit(*args),
    strides=False,
)
case(
    "_chunk_cat",
    lambda t: [
        t([t.float(3, 2), t.float(2, 3)], 0, 2),
        t([t.int(2, 3, 3), t.int(2, 5)], 1, 3),
        t([t.float(1, 5), t.float(1, 2)], -1, 4),
    ],
    gradients=False,
    errors=lambda t: [
        (t([t.float(2, 3), t.float(4)], -1, 3), "non-negative dim when input tensors"),
        (t([t.float(2, 3), t.float(4)], 1, 3), "dim < ndim for all input tensors"),
        (t([t.float(2, 3), t.float(4, 3)], 1, 3), "same sizes of 0,...,dim-1 dimensions"),
        (t([t.float(2)], 0, 0), "positive num_chunks"),
        (t([t.float(0)], 0, 1), "non-empty tensor"),
    ],
)
for _reduce in ("sum", "mean", "prod", "max", "min"):
    case(
        f"_segment_reduce.{_reduce}",
        lambda t: [
            t(t.double(5), lengths=np.array([2, 0, 3])),
            t(t.double(2, 4), lengths=np.array([[1, 3], [4, 0]]), axis=1, initial=1.5),
            t(t.double(5, 2), offsets=np.array([1, 3, 4])),
            t(t.constant(np.array([1.0, np.nan, 3.0, 3.0])), lengths=np.array([2, 2])),
        ],
        function=lambda library, a, reduce=_reduce, **kwargs: library._segment_reduce(
            a, reduce, **kwargs
        ),
        strides=False,
    )
case(
    "_segment_reduce",
    lambda t: [t(t.float(5), "sum", lengths=np.array([2, 0]), unsafe=True)],
    errors=lambda t: [
        (t(t.float(5), "sum", lengths=np.array([2, 0])), "Expected all rows of lengths"),
        (t(t.float(5), "sum", lengths=np.array([-2, 7])), "negative value"),
        (t(t.float(5), "other", lengths=np.array([5])), "reduce argument must be either"),
        (t(t.float(5), "sum"), "Either lengths or offsets must be defined"),
        (t(t.int(5), "sum", lengths=np.array([5])), "not implemented for 'Long'"),
    ],
    **PLAIN,
)
_AT = [np.array([[0], [-9]]), np.array([[1, 9]])]
case(
    "_unsafe_masked_index",
    lambda t: [
        t(t.double(3, 4), np.array([[True, True], [False, True]]), _AT, 7.0),
        t(t.int(5), np.array([True, False]), [np.array([1, 2])], 7.5),
        t(t.constant(np.zeros((0, 3))), np.array([True, False]), [np.array([1, 2])] * 2, 7.5),
    ],
    **PLAIN,
)
case(
    "_unsafe_masked_index_put_accumulate",
    lambda t: [
        t(t.double(3, 4), np.array([[True, True], [False, True]]), _AT, t.double(2, 2)),
        t(t.bool(3), np.array([True, True]), [np.array([1, 1])], np.array([True, True])),
    ],
    **PLAIN,
)


def _scaled(library, a, b, *scales, kind=None, of="float8_e4m3fn"):
    narrow = [m.to(getattr(library, of)) for m in (a, b.T.contiguous())]
    out = None if kind is None else getattr(library, kind)
    return library._scaled_mm(narrow[0], narrow[1].T, *scales, out_dtype=out).float()


case(
    "_scaled_mm",
    lambda t: [
        t(
            t.float(3, 16),
            t.float(16, 16),
            t.constant(np.full((), 2, np.float32)),
            t.constant(np.full((), 3, np.float32)),
        ),
        t(t.float(3, 16), t.float(16, 16), *[t.constant(np.full((), 90, np.float32))] * 2),
        t(t.float(3, 16), t.float(16, 16), t.positive(3, 1), t.positive(1, 16), kind="bfloat16"),
    ],
    function=_scaled,
    strides=False,
    gradients=False,
    errors=lambda t: [
        (
            t(t.float(3, 16), t.float(8, 16), *[np.full((), 2, np.float32)] * 2),
            "shapes cannot be multiplied",
        ),
        (t(t.float(3, 16), t.float(16, 16), t.float(2), t.float(1)), "Invalid scaling"),
    ],
)
