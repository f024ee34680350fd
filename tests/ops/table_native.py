"""Rows of the op table: what torch has beside nn.functional (native.py, functions/normalisation.py,
...); multi_head_attention_forward and linear_cross_entropy. See harness.py."""

from __future__ import annotations

import numpy as np

from .harness import case

F = "nn.functional."


def signs(t, *shape):
    return t.constant(np.asarray(t.int(*shape, low=0, high=2) * 2 - 1, np.float32))


def statistics(t):
    """weight, bias, running mean and variance of four channels."""
    return (t.float(4), t.float(4), t.constant(t.float(4)), t.constant(t.positive(4)))


# ----------------------------------------------------------------- losses with a number for a name

case(
    "kl_div",
    lambda t: [t(t.float(2, 3), t.constant(t.positive(2, 3))), t(t.float(4), t.float(4), 1)],
    out=False,
)
case(
    "binary_cross_entropy_with_logits",
    lambda t: [
        t(t.float(2, 3), t.unit(2, 3), None, t.constant(t.positive(3)), 1),
        t(t.float(3), t.unit(3)),
    ],
    out=False,
)
case(
    "hinge_embedding_loss",
    lambda t: [t(t.float(4), signs(t, 4), 0.4), t(t.int(4), signs(t, 4), 1.7, 2)],
    errors=lambda t: [(t(t.bool(3), signs(t, 3)), "with two bool tensors is not supported")],
    out=False,
)
case(
    "margin_ranking_loss",
    lambda t: [t(t.float(4), t.float(4), signs(t, 4), 0.3, 1), t(t.int(4), t.int(4), t.int(4))],
    out=False,
)
case(
    "cosine_embedding_loss",
    lambda t: [
        t(t.float(3, 4), t.float(3, 4), signs(t, 3), 0.1, 2),
        t(t.int(3, 4), t.int(3, 4), t.int(3)),
        t(t.float(2, 4, dtype=np.float16), t.int(2, 4), t.constant(t.double(2))),
    ],
    out=False,
    tolerance=2,
)
case(
    "triplet_margin_loss",
    lambda t: [
        t(t.float(3, 4), t.float(3, 4), t.float(3, 4), 1.0, 2.0, 1e-6, True, 1),
        t(t.int(3, 4), t.int(3, 4), t.int(3, 4)),
    ],
    out=False,
)
case(
    "poisson_nll_loss",
    lambda t: [t(t.float(4), t.constant(t.positive(4)), True, False, 1e-8, 1)],
    out=False,
)
case(
    "ctc_loss",
    lambda t: [
        t(np.log(t.unit(4, 2, 3)), t.constant(np.array([[1, 2], [2, 1]])), [4, 3], [2, 1], 0, 1)
    ],
    gradients=False,
    out=False,
)

# ------------------------------------------------------------------------------------------- norms

case(
    "native_layer_norm",
    lambda t: [t(t.float(2, 3), [3], t.float(3), None, 1e-5)],
    gradients=False,
    out=False,
)
case(
    "native_group_norm",
    lambda t: [t(t.float(2, 4, 3), t.float(4), None, 2, 4, 3, 2, 1e-5)],
    gradients=False,
    out=False,
)
case(
    "native_batch_norm",
    lambda t: [
        t(t.float(2, 4, 3), *statistics(t), True, 0.1, 1e-5),
        t(t.float(2, 4, 3), *statistics(t), False, 0.1, 1e-5),
    ],
    gradients=False,
    out=False,
)
case(
    "batch_norm",
    lambda t: [
        t(t.float(2, 4, 3), *statistics(t), True, 0.1, 1e-5, False),
        t(t.float(2, 4, 3), *statistics(t), False, 0.1, 1e-5, False),
    ],
    tolerance=3,
    out=False,
)
case(
    "instance_norm",
    lambda t: [t(t.float(2, 4, 3), *statistics(t), True, 0.1, 1e-5, False)],
    tolerance=3,
    out=False,
)

# -------------------------------------------------------------------------- convolutions and images

case(
    "convolution",
    lambda t: [
        t(t.float(1, 2, 5), t.float(4, 2, 2), None, [2], [1], [1], False, [0], 1),
        t(
            t.float(1, 2, 3, 3),
            t.float(2, 2, 2, 2),
            t.float(2),
            [2, 1],
            [0, 0],
            [1, 1],
            True,
            [1, 0],
            1,
        ),
    ],
    out=False,
)
case(
    F + "conv_tbc",
    lambda t: [t(t.float(4, 2, 3), t.float(2, 3, 5), t.float(5), 1)],
    out=False,
)
case(
    "constant_pad_nd",
    lambda t: [t(t.float(2, 3), [1, -1, 2, 0], 1.5), t(t.int(3), [1, 1])],
    out=False,
)
case("affine_grid_generator", lambda t: [t(t.float(1, 2, 3), [1, 1, 2, 3], True)], out=False)
case(
    "grid_sampler",
    lambda t: [
        t(t.float(1, 2, 3, 3), t.float(1, 2, 2, 2), 0, 1, True),
        t(t.float(1, 2, 3, 3), t.float(1, 2, 2, 2), 2, 2, False),
    ],
    tolerance=5,
    out=False,
)
case("adaptive_max_pool1d", lambda t: [t(t.distinct(2, 3, 5), 2)], out=False)
case(F + "adaptive_max_pool2d_with_indices", lambda t: [t(t.distinct(2, 4, 5), (2, 3))], out=False)
case("native_channel_shuffle", lambda t: [t(t.float(1, 4, 2), 2)], gradients=False, out=False)
case(
    "embedding",
    lambda t: [t(t.float(5, 3), np.array([[1, 2], [1, 4]])), t(t.float(5, 3), np.array([1, 2]), 2)],
    errors=lambda t: [(t(t.float(5, 3), np.array([5])), "index out of range in self")],
    out=False,
)

# ------------------------------------------------------------------------------ larger compositions


def projections(t, size):
    """The weights of multi_head_attention_forward, by its names."""
    return {
        "in_proj_weight": t.float(3 * size, size),
        "in_proj_bias": t.float(3 * size),
        "bias_k": t.float(1, 1, size),
        "bias_v": t.float(1, 1, size),
        "add_zero_attn": True,
        "dropout_p": 0.0,
        "out_proj_weight": t.float(size, size),
        "out_proj_bias": t.float(size),
    }


case(
    F + "multi_head_attention_forward",
    lambda t: [
        t(
            *(t.float(n, 2, 4) for n in (3, 5, 5)),
            4,
            2,
            **projections(t, 4),
            key_padding_mask=np.array([[False] * 5, [True] + [False] * 4]),
            attn_mask=t.constant(t.float(3, 5)),
        ),
        t(
            *(t.float(n, 4) for n in (3, 5, 5)),
            4,
            2,
            **projections(t, 4),
            need_weights=False,
            attn_mask=t.bool(2, 3, 5),
        ),
        t(
            *(t.float(3, 1, 4) for _ in range(3)),
            4,
            1,
            **(projections(t, 4) | {"add_zero_attn": False}),
            average_attn_weights=False,
            use_separate_proj_weight=True,
            q_proj_weight=t.float(4, 4),
            k_proj_weight=t.float(4, 4),
            v_proj_weight=t.float(4, 4),
        ),
    ],
    errors=lambda t: [
        (
            t(*(t.float(3, 1, 4) for _ in range(3)), 4, 3, **projections(t, 4)),
            "not divisible by num_heads 3",
        ),
        (
            t(*(t.float(3, 1, 4) for _ in range(3)), 5, 2, **projections(t, 4)),
            "expecting embedding dimension of 5",
        ),
        (
            t(*(t.float(4) for _ in range(3)), 4, 2, **projections(t, 4)),
            "unbatched 2D or batched 3D",
        ),
        (
            t(
                *(t.float(3, 1, 4) for _ in range(3)),
                4,
                2,
                **projections(t, 4),
                attn_mask=t.float(2, 2),
            ),
            "shape of the 2D attn_mask",
        ),
    ],
    tolerance=10,
    out=False,
)


def by_pieces(library, *args, **kwargs):
    options = library.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    return library.nn.functional.linear_cross_entropy(*args, **kwargs, options=options)


def classes(t, *shape):
    return t.constant(t.int(*shape, low=0, high=4))


case(
    F + "linear_cross_entropy",
    lambda t: [
        t(t.float(5, 3), t.float(4, 3), classes(t, 5), linear_bias=t.float(4), ignore_index=1),
        t(t.float(3), t.float(4, 3), classes(t), reduction="none"),
        t(t.float(5, 3), t.float(4, 2, 3), classes(t, 5, 2), label_smoothing=0.1),
        t(t.float(2, 3), t.float(4, 3), t.unit(2, 4)),
    ],
    errors=lambda t: [
        (
            t(t.float(2, 3), t.float(2, 4), t.float(2, 2)),
            "last dimensions (in_features), got 3 and 4",
        ),
        (t(t.float(3), t.float(2, 4, 3), t.float(2, 4)), "requires batched input, (N, 3)"),
        (t(t.float(2, 3), t.float(4, 3), np.array([4, 0])), "Target 4 is out of bounds"),
    ],
    tolerance=3,
    out=False,
)
case(
    "linear_cross_entropy by pieces",
    lambda t: [
        t(t.float(5, 3), t.float(4, 3), classes(t, 5), weight=t.constant(t.positive(4))),
        t(t.float(5, 3), t.float(4, 3), classes(t, 5), linear_bias=t.float(4), reduction="none"),
        t(t.float(3), t.float(4, 3), classes(t), reduction="sum"),
    ],
    function=by_pieces,
    tolerance=3,
    out=False,
)
