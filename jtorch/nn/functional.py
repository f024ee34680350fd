"""torch.nn.functional: functions on Tensors.

Most are op rows (jtorch/ops: activation, conv, pool, norm, loss, ...), which appear here by
themselves. Written out here is what a row can't be: in-place forms (`inplace=True`), what draws
random numbers or writes to its arguments; what torch has too, under other signatures, is in
jtorch/functions (dropout, embedding, normalisation).
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .._core.dtype import dtype
from .._core.errors import absent
from .._core.grad_mode import no_grad
from .._core.op import ROWS
from .._core.overrides import overridable
from .._core.tensor import Tensor
from .._expose import functions, inplace_method, public_function, row, say_where
from ..functions.creation import empty_like, zeros_like
from ..functions.ctc import ctc_loss
from ..functions.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
    rrelu,
    rrelu_,
)
from ..functions.embedding import embedding, embedding_bag, one_hot
from ..functions.normalisation import batch_norm, instance_norm
from . import _losses
from ._attention import multi_head_attention_forward, scaled_dot_product_attention
from ._linear_cross_entropy import linear_cross_entropy
from ._pool import (
    fractional_max_pool2d,
    fractional_max_pool2d_with_indices,
    fractional_max_pool3d,
    fractional_max_pool3d_with_indices,
)

globals().update(functions("nn.functional"))
globals().update(_losses.CHECKED)


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
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None
) -> Tensor:
    """exp(input) / sum(exp(input)) along dim. See torch.nn.functional.softmax."""
    if dim is None:
        dim = _implicit_dim("softmax", input.dim())
    return _softmax(input, dim) if dtype is None else _softmax(input.to(dtype), dim)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None
) -> Tensor:
    """log(softmax(input)) along dim. See torch.nn.functional.log_softmax."""
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim())
    return _log_softmax(input, dim) if dtype is None else _log_softmax(input.to(dtype), dim)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None
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


# ----------------------------------------------------------------------------- distances, the rest


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
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "gumbel_softmax",
    "instance_norm",
    "linear_cross_entropy",
    "log_softmax",
    "multi_head_attention_forward",
    "one_hot",
    "rrelu",
    "rrelu_",
    "scaled_dot_product_attention",
    "softmax",
    "softmin",
    "triplet_margin_with_distance_loss",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

_rows = functions("nn.functional")
globals().update({n: overridable(globals()[n]) for n in __all__ if n not in _rows})
_public = {*_rows, *__all__}
say_where({n: f for n, f in globals().items() if n in _public or n.endswith("_")}, __name__)


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
