"""torch.nn.functional: functions on Tensors.

Most are op rows (jtorch/ops: activation, conv, pool, norm, loss, ...), which appear here by
themselves. Written out here is what a row can't be: in-place forms (`inplace=True`), what draws
random numbers (dropout, in _dropout.py), and what writes to its arguments (batch_norm, and
embedding with max_norm, in _lookup.py).
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .._core.errors import absent
from .._core.grad_mode import no_grad
from .._core.op import ROWS
from .._core.record import record_inplace
from .._core.tensor import Tensor
from .._expose import functions, inplace_method, public_function, row
from ..functions.creation import empty_like, tensor, zeros_like
from . import _classes
from ._dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
    rrelu,
)
from ._lookup import embedding, embedding_bag, one_hot

globals().update(functions("nn.functional"))
cross_entropy, nll_loss = _classes.cross_entropy, _classes.nll_loss


# ------------------------------------------------------------------------------------- activations


def _with_inplace(name: str) -> Callable[..., Tensor]:
    """The function of a row with `inplace=False` as its last argument."""
    entry = ROWS[name]
    plain, written = public_function(entry), inplace_method(entry)
    count = len(entry.parameters)

    def function(*args: Any, **kwargs: Any) -> Tensor:
        if len(args) > count:
            args, inplace = args[:-1], args[-1]
        else:
            inplace = kwargs.pop("inplace", False)
        return written(*args, **kwargs) if inplace else plain(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = entry.doc
    parameters = list(entry.signature.parameters.values())
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    last = inspect.Parameter("inplace", kind, default=False, annotation="bool")
    function.__signature__ = entry.signature.replace(parameters=[*parameters, last])
    return function


relu = _with_inplace("relu")
relu6 = _with_inplace("relu6")
leaky_relu = _with_inplace("leaky_relu")
elu = _with_inplace("elu")
selu = _with_inplace("selu")
celu = _with_inplace("celu")
silu = _with_inplace("silu")
mish = _with_inplace("mish")
hardtanh = _with_inplace("hardtanh")
hardswish = _with_inplace("hardswish")
hardsigmoid = _with_inplace("hardsigmoid")
threshold = _with_inplace("threshold")

relu_ = inplace_method(ROWS["relu"])
leaky_relu_ = inplace_method(ROWS["leaky_relu"])
elu_ = inplace_method(ROWS["elu"])
selu_ = inplace_method(ROWS["selu"])
celu_ = inplace_method(ROWS["celu"])
hardtanh_ = inplace_method(ROWS["hardtanh"])
threshold_ = inplace_method(ROWS["threshold"])

sigmoid = row("sigmoid")
tanh = row("tanh")
_softmax = row("_softmax")
_log_softmax = row("_log_softmax")


def _implicit_dim(name: str, ndim: int) -> int:
    """The dim that PyTorch chooses where none is given, with its warning."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """exp(input) / sum(exp(input)) along dim. See torch.nn.functional.softmax."""
    if dim is None:
        dim = _implicit_dim("softmax", input.dim())
    return _softmax(input, dim) if dtype is None else _softmax(input.to(dtype), dim)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """log(softmax(input)) along dim. See torch.nn.functional.log_softmax."""
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim())
    return _log_softmax(input, dim) if dtype is None else _log_softmax(input.to(dtype), dim)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """softmax(-input) along dim. See torch.nn.functional.softmin."""
    if dim is None:
        dim = _implicit_dim("softmin", input.dim())
    negative = -input
    return _softmax(negative, dim) if dtype is None else _softmax(negative.to(dtype), dim)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax((logits + Gumbel noise) / tau); `hard` makes it one-hot with the soft gradient.

    See torch.nn.functional.gumbel_softmax."""
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -empty_like(logits).exponential_().log()
    soft = _softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.argmax(dim, keepdim=True)
    with no_grad():
        sharp = zeros_like(logits).scatter_(dim, index, 1.0)
    return sharp - soft.detach() + soft


# ----------------------------------------------------------------------------------- normalisation

_batch_norm_train = row("_batch_norm_train")
_batch_norm_eval = row("_batch_norm_eval")
_instance_norm = row("_instance_norm")


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias by channel (dim 1).

    In training, mean and variance are the batch's, and the running ones are moved by momentum.
    See torch.nn.functional.batch_norm."""
    if not training:
        for name, value in (("running_mean", running_mean), ("running_var", running_var)):
            if value is None:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
        return _batch_norm_eval(input, running_mean, running_var, weight, bias, eps)
    shape = input.shape
    if len(shape) > 1 and math.prod(shape) == shape[1]:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {shape}"
        )
    for name, value in (("running_mean", running_mean), ("running_var", running_var)):
        if value is not None and len(shape) > 1 and value.numel() != shape[1]:
            raise RuntimeError(f"{name} should contain {shape[1]} elements not {value.numel()}")
    output = _batch_norm_train(input, weight, bias, eps)
    if running_mean is not None:
        record_inplace(ROWS["_move_mean"], (running_mean, input, momentum), {})
    if running_var is not None:
        record_inplace(ROWS["_move_var"], (running_var, input, momentum, False), {})
    return output


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """batch_norm of each sample by itself. See torch.nn.functional.instance_norm."""
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when use_input_stats is false"
            )
        return _batch_norm_eval(input, running_mean, running_var, weight, bias, eps)
    if math.prod(input.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {input.shape}"
        )
    output = _instance_norm(input, weight, bias, eps)
    if running_mean is not None:
        record_inplace(ROWS["_move_mean"], (running_mean, input, momentum), {})
    if running_var is not None:
        record_inplace(ROWS["_move_var"], (running_var, input, momentum, True), {})
    return output


# ----------------------------------------------------------------------------- attention, the rest

_attention = row("_attention")
_attention_weights = row("_attention_weights")
_attention_values = row("_attention_values")


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query key^T scale + mask) value: (*, L, E), (*, S, E), (*, S, V) -> (*, L, V).

    See torch.nn.functional.scaled_dot_product_attention."""
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p:g}")
    if dropout_p == 0:
        return _attention(query, key, value, attn_mask, is_causal, scale, enable_gqa)
    weights = _attention_weights(query, key, value, attn_mask, is_causal, scale, enable_gqa)
    return _attention_values(dropout(weights, dropout_p), value, enable_gqa)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), then reduced.

    See torch.nn.functional.triplet_margin_with_distance_loss."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and "
            f"negative {negative.dim()}D inputs"
        )
    distance = row("pairwise_distance") if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    loss = (margin + near - far).clamp_min(0)
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability of all alignments of (T, N, C) with targets (N, S), then reduced.

    See torch.nn.functional.ctc_loss."""
    lengths = [
        given if isinstance(given, Tensor) else tensor(given, device=log_probs.device)
        for given in (input_lengths, target_lengths)
    ]
    return row("_ctc_loss")(log_probs, targets, *lengths, blank, reduction, zero_infinity)


def unfold(
    input: Tensor,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """Sliding blocks as columns: (N, C, H, W) -> (N, C * K * K, blocks).

    See torch.nn.functional.unfold."""
    return row("_unfold")(input, kernel_size, dilation, padding, stride)


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate` under its old name. See torch.nn.functional.upsample."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return row("interpolate")(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """`interpolate` by the nearest neighbour. See torch.nn.functional.upsample_nearest."""
    return upsample(input, size, scale_factor, mode="nearest")


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """`interpolate`, bilinear, with aligned corners. See torch.nn.functional.upsample_bilinear."""
    return upsample(input, size, scale_factor, mode="bilinear", align_corners=True)


__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    *sorted(functions("nn.functional")),
    "alpha_dropout",
    "batch_norm",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "gumbel_softmax",
    "instance_norm",
    "log_softmax",
    "one_hot",
    "rrelu",
    "scaled_dot_product_attention",
    "softmax",
    "softmin",
    "triplet_margin_with_distance_loss",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
