"""Rows of the op table: embedding, attention, images (jtorch/ops/image.py, resample.py, ...).

How a row is written: harness.py."""

from __future__ import annotations

import numpy as np

from .harness import case

F = "nn.functional."


def again(name):
    """A second row of the same name, with other options."""
    return lambda library, *args, **kwargs: getattr(library.nn.functional, name)(*args, **kwargs)


def embedding_renorm(library, input, weight, *arguments):
    """With max_norm the weight itself changes."""
    weight = weight.detach()
    return library.nn.functional.embedding(input, weight, None, *arguments), weight


case(
    F + "embedding",
    lambda t: [
        t(t.int(2, 3, low=0, high=5), t.float(5, 4)),
        t(np.array([1, 2, 1, 4]), t.float(5, 4), 1),
        t(np.array([1, 2, 1, 4]), t.float(5, 4), -1, scale_grad_by_freq=True),
        t(t.int(2, low=0, high=5, dtype=np.int32), t.float(5, 4)),
        t(t.int(0), t.float(5, 4)),
    ],
    errors=lambda t: [
        (t(t.float(2), t.float(4, 3)), "one of the following scalar types: Long, Int"),
        (t(t.int(2, low=0), t.float(4)), "must be 2-D"),
        (t(t.int(2, low=0), t.float(4, 3), 5), "Padding_idx must be within num_embeddings"),
    ],
    out=False,
)
case(
    F + "embedding",
    lambda t: [
        t(np.array([1, 2, 1]), t.float(5, 4), 0.5),
        t(np.array([3]), t.float(5, 4), 2.0, 1.0),
    ],
    function=embedding_renorm,
    gradients=False,
)
case(
    F + "embedding_bag",
    lambda t: [
        t(t.int(3, 4, low=0, high=5), t.float(5, 2)),
        t(t.int(3, 4, low=0, high=5), t.float(5, 2), mode="max"),
        t(t.int(6, low=0, high=5), t.float(5, 2), np.array([0, 2, 2, 5]), mode="sum"),
        t(t.int(6, low=0, high=5), t.float(5, 2), np.array([0, 2, 2, 5]), mode="mean"),
        t(
            t.int(3, 2, low=0, high=5),
            t.float(5, 2),
            mode="sum",
            per_sample_weights=t.float(3, 2),
        ),
        t(
            np.array([0, 1, 2, 1]),
            t.float(5, 2),
            np.array([0, 3, 4]),
            padding_idx=1,
            include_last_offset=True,
        ),
    ],
    errors=lambda t: [
        (t(t.int(6, low=0), t.float(5, 2)), "offsets has to be a 1D Tensor"),
        (t(t.int(2, 2, low=0), t.float(5, 2), mode="no"), "mode has to be one of"),
    ],
    out=False,
)
case(
    F + "one_hot",
    lambda t: [
        t(t.int(2, 3, low=0, high=4), 4),
        t(np.array([0, 2, 1])),
        t(np.array(2), num_classes=5),
    ],
    errors=lambda t: [
        (t(t.float(2), 3), "only applicable to index tensor"),
        (t(t.int(2, dtype=np.int32), 3), "only applicable to index tensor"),
        (t(np.array([0, 1]), 0), "must be smaller than num_classes"),
        (t(t.int(0)), "Can not infer total number of classes"),
        (t(np.array([-1, 1])), "must be non-negative"),
    ],
    out=False,
)
case(
    F + "scaled_dot_product_attention",
    lambda t: [
        t(t.float(2, 3, 4), t.float(2, 5, 4), t.float(2, 5, 6)),
        t(t.float(2, 3, 4), t.float(2, 2, 5, 4), t.float(2, 2, 5, 4)),
        t(t.float(2, 2, 3, 4), t.float(2, 2, 3, 4), t.float(2, 2, 3, 4), is_causal=True),
        t(t.float(2, 3, 4), t.float(2, 5, 4), t.float(2, 5, 6), scale=0.3, is_causal=True),
        t(t.float(2, 3, 4), t.float(2, 5, 4), t.float(2, 5, 6), t.constant(t.float(3, 5))),
        t(t.float(2, 2, 3, 4), t.float(2, 2, 5, 4), t.float(2, 2, 5, 4), t.bool(2, 1, 3, 5)),
        t(t.float(1, 2, 4), t.float(1, 3, 4), t.float(1, 3, 4), np.zeros((2, 3), bool)),
        t(t.float(2, 4, 3, 4), t.float(2, 2, 5, 4), t.float(2, 2, 5, 4), enable_gqa=True),
        t(t.float(3, 4), t.float(5, 4), t.float(5, 4)),
        t(
            t.float(2, 3, 4, dtype=np.float16),
            t.float(2, 5, 4, dtype=np.float16),
            t.float(2, 5, 4, dtype=np.float16),
        ),
    ],
    errors=lambda t: [
        (t(t.float(2, 3, 4), t.float(2, 5, 3), t.float(2, 5, 6)), "Expected size for first two"),
        (t(t.float(2, 3, 4), t.float(2, 5, 4), t.float(2, 6, 6)), "Expected size for first two"),
        (
            t(t.float(2, 3, 4), t.float(2, 5, 4), t.float(2, 5, 6), t.bool(3, 5), 0.0, True),
            "should not be set when",
        ),
        (t(t.float(2, 3, 4), t.double(2, 5, 4), t.float(2, 5, 6)), "to have the same dtype"),
        (t(t.float(4), t.float(4), t.float(4)), "at least 2 dimensional"),
        (
            t(t.float(2, 3, 4), t.float(2, 5, 4), t.float(2, 5, 6), t.int(3, 5)),
            "attn_mask dtype to be bool",
        ),
        (t(t.float(2, 3, 4), t.float(2, 3, 4), t.float(2, 3, 4), None, 2.0), "between 0 and 1"),
    ],
    tolerance=3,
    out=False,
)
case(
    F + "pixel_shuffle",
    lambda t: [
        t(t.float(1, 8, 2, 3), 2),
        t(t.float(9, 2, 3), 3),
        t(t.constant(t.float(0, 4, 2, 2)), 2),  # its gradient fails in PyTorch
    ],
    errors=lambda t: [
        (t(t.float(3, 4, 4), 2), "is not divisible by 4"),
        (t(t.float(4, 4), 2), "at least 3 dimensions"),
        (t(t.float(4, 4, 4), 0), "positive upscale_factor"),
    ],
    out=False,
)
case(
    F + "pixel_unshuffle",
    lambda t: [t(t.float(1, 2, 4, 6), 2), t(t.float(1, 3, 6), 3)],
    errors=lambda t: [(t(t.float(3, 3, 4), 2), "expects height to be divisible")],
    out=False,
)
case(F + "channel_shuffle", lambda t: [t(t.float(1, 6, 2, 2), 3)], out=False)
case(
    F + "unfold",
    lambda t: [
        t(t.float(2, 3, 5, 6), 2),
        t(t.float(3, 5, 6), (3, 2), (1, 2), 1, (2, 1)),
    ],
    errors=lambda t: [(t(t.float(1, 1, 4, 4), 5), "components must be at least one")],
    out=False,
)
case(
    F + "fold",
    lambda t: [
        t(t.float(2, 12, 20), (5, 6), 2),
        t(t.float(18, 9), (5, 6), (3, 2), (1, 2), 1, (2, 2)),
    ],
    errors=lambda t: [
        (t(t.float(1, 4, 5), (3, 3), 2), "number of sliding blocks 2 * 2 = 4"),
        (t(t.float(1, 3, 4), (3, 3), 2), "divisible by the product of kernel_size"),
    ],
    out=False,
)
case(
    F + "pad",
    lambda t: [
        t(t.float(2, 3), (1, 2)),
        t(t.float(2, 3, 4), (1, 0, -1, 2), "constant", 1.5),
        t(t.int(2, 3), (1, 1), value=1.5),
        t(t.float(2, 4), (3, 1), "reflect"),
        t(t.float(2, 3, 4), (2, 1, 1, 2), "replicate"),
        t(t.float(2, 3, 4), (2, 1, 3, 0), mode="circular"),
        t(t.float(1, 2, 3, 2, 3), (1, 1, 0, 1, 2, 1), mode="reflect"),
        t(t.float(2, 3, 4), (-1, 1), mode="replicate"),
    ],
    errors=lambda t: [
        (t(t.float(2, 3), (1,)), "Padding length must be divisible by 2"),
        (t(t.float(2, 3), (1, 1, 1, 1, 1, 1)), "two times the input dimension"),
        (t(t.float(2, 3), (1, 1), "no"), "Unrecognised padding mode no"),
        (t(t.float(3), (1, 1), "reflect"), "is not supported for 1D input"),
        (t(t.float(2, 3), (3, 1), "reflect"), "should be less than the corresponding input"),
        (t(t.float(2, 3), (4, 1), "circular"), "wrapping around more than once"),
        (t(t.float(2, 3), (1, 1), "reflect", 1.0), "doesn't take in value argument"),
    ],
    out=False,
)
case(
    F + "interpolate",
    lambda t: [
        t(t.float(1, 2, 4, 3), scale_factor=2),
        t(t.float(1, 2, 4, 3), (7, 2)),
        t(t.float(2, 2, 5), scale_factor=1.7, mode="nearest-exact"),
        t(t.float(2, 2, 5), scale_factor=1.7, mode="linear"),
        t(t.float(2, 2, 5), 9, mode="linear", align_corners=True),
        t(t.float(1, 2, 4, 3), scale_factor=(2, 1.5), mode="bilinear"),
        t(t.float(1, 2, 4, 3), (3, 7), mode="bilinear", align_corners=True),
        t(t.float(1, 2, 4, 5), scale_factor=1.3, mode="bilinear", recompute_scale_factor=True),
        t(t.float(1, 2, 4, 3), (6, 2), mode="bicubic"),
        t(t.float(1, 2, 4, 3), scale_factor=2.5, mode="bicubic", align_corners=True),
        t(t.float(1, 1, 2, 3, 4), (4, 2, 5), mode="trilinear"),
        t(t.float(1, 2, 5, 6), (2, 4), mode="area"),
        t(t.float(1, 2, 7, 8), (3, 5), mode="bilinear", antialias=True),
        t(t.float(1, 2, 7, 8), (3, 11), mode="bicubic", antialias=True),
    ],
    errors=lambda t: [
        (t(t.float(1, 1, 4, 4)), "either size or scale_factor should be defined"),
        (t(t.float(1, 1, 4, 4), 2, 2), "only one of size or scale_factor"),
        (t(t.float(1, 1, 4, 4), (2, 2, 2)), "same number of spatial dimensions"),
        (t(t.float(1, 1, 4, 4), None, (2, 2, 2)), "same number of spatial dimensions"),
        (t(t.float(1, 1, 4, 4), 2, mode="linear"), "linear mode needs 3D input"),
        (t(t.float(4, 4), 2), "Only 3D, 4D and 5D input"),
        (t(t.float(1, 1, 4, 4), 2, align_corners=True), "align_corners option can only be set"),
        (t(t.float(1, 1, 4, 4), 2, mode="no"), "(got no)"),
        (t(t.float(1, 1, 4, 4), 0, mode="bilinear"), "should be greater than 0"),
        (t(t.int(1, 1, 4, 4), 2), "not implemented for 'Long'"),
        (t(t.float(1, 1, 4, 4), 2, antialias=True), "Anti-alias option is restricted"),
    ],
    tolerance=5,
    strides=False,
    out=False,
)
case(
    F + "interpolate",
    lambda t: [
        t(t.int(2, 3, 7, 9, low=0, high=256, dtype="uint8"), (5, 20), mode=mode, **options)
        for mode, options in (
            ("nearest", {}),
            ("nearest-exact", {}),
            ("bilinear", {}),
            ("bilinear", {"align_corners": True}),
            ("bilinear", {"antialias": True}),
            ("bicubic", {}),
            ("bicubic", {"antialias": True}),
        )
    ],
    errors=lambda t: [
        (t(t.int(1, 1, 4, dtype="uint8", low=0), 2, mode="linear"), "not implemented for 'Byte'"),
    ],
    strides=False,
    out=False,
    function=again("interpolate"),
)
for mode in ("bilinear", "nearest", "bicubic"):
    for padding in ("zeros", "border", "reflection"):
        case(
            F + "grid_sample",
            lambda t, mode=mode, padding=padding: [
                t(
                    t.float(2, 2, 4, 5),
                    t.float(2, 3, 3, 2, low=-1.6, high=1.6),
                    mode,
                    padding,
                    corners,
                )
                for corners in (True, False)
            ],
            tolerance=10,
            function=again("grid_sample"),
        )
case(
    F + "grid_sample",
    lambda t: [
        t(t.float(1, 2, 3, 4, 5), t.float(1, 2, 2, 3, 3, low=-1.2, high=1.2), mode, "border", True)
        for mode in ("bilinear", "nearest")
    ],
    errors=lambda t: [
        (t(t.float(1, 1, 4, 4), t.float(2, 2, 2, 2)), "to have same batch size"),
        (t(t.float(1, 1, 4, 4), t.float(1, 2, 2, 3)), "to have size 2 in last dimension"),
        (t(t.float(1, 1, 4, 4), t.float(1, 2, 2, 2), "no"), "expected mode to be"),
    ],
    tolerance=10,
    out=False,
)
case(
    F + "affine_grid",
    lambda t: [
        t(t.float(2, 2, 3), (2, 1, 4, 3), False),
        t(t.float(2, 2, 3), (2, 1, 4, 3), True),
        t(t.float(1, 3, 4), (1, 1, 2, 3, 4), align_corners=False),
    ],
    errors=lambda t: [(t(t.float(2, 2, 3), (3, 1, 4, 4)), "Expected size for first two dim")],
    tolerance=3,
    out=False,
)
case(
    F + "max_unpool2d",
    lambda t: [
        t(t.float(1, 1, 2, 2), np.array([[[[0, 3], [8, 15]]]]), 2),
        t(t.float(1, 1, 2, 2), np.array([[[[0, 3], [8, 15]]]]), 2, output_size=(5, 5)),
    ],
    out=False,
)
