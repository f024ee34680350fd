"""Dropout and its family: the functions of torch and nn.functional that draw random masks.

The masks are PyTorch's on the CPU for the same seed: bernoulli(1 - p) of the default generator in
the order of the input's memory. They are drawn on the host when the function is called and enter
the trace as booleans, a quarter of the bytes of the input. On accelerators they are JAX's, drawn
inside the program (_core/device_random.py). Read nn/functional.py next.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from .._core import samplers
from .._core.alias import cell_of
from .._core.device import CPU, TRACING, device
from .._core.device_random import bernoulli_mask, has_key
from .._core.draws import dealt, drawn_sizes
from .._core.dtype import FLOAT, TITLES, bool_
from .._core.generator import default_generator
from .._core.op import ROWS
from .._core.program import host
from .._core.record import record, record_inplace
from .._core.tensor import Tensor, from_array, from_cell
from .._core.trace import local
from ._drawing import drawn, drawn_like
from .creation import ones_like


def _check_probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(input: Tensor, p: float, by_feature: bool) -> Tensor:
    """Booleans, each true with probability 1 - p: one per element, or one per channel."""
    aval = cell_of(input).aval
    shape = (*aval.shape[:2], *(1 for _ in aval.shape[2:])) if by_feature else aval.shape
    if has_key() or (aval.device is not CPU and aval.device is not TRACING):
        return _on_device(shape, 1 - p, aval.device)

    def draw(sizes: tuple[int, ...]) -> np.ndarray:
        return samplers.bernoulli(default_generator, sizes, np.dtype(np.bool_), 1 - p)

    where = None if aval.device is TRACING else aval.device
    return drawn(draw, shape, where) if by_feature else drawn_like(draw, aval, where)


def _on_device(shape: tuple[int, ...], p: float, where: device) -> Tensor:
    """Booleans drawn inside the program, whose random state lives outside of all bodies."""
    context = local.context
    if not context.bodies:
        return bernoulli_mask(shape, p, where)
    sizes = drawn_sizes(context)
    with context.bodies[0].outside():
        made = bernoulli_mask((*sizes, *shape), p, where)
    return from_cell(dealt(context, cell_of(made)))


def _drop(input: Tensor, p: float, by_feature: bool, alpha: bool, inplace: bool) -> Tensor:
    """What all kinds of dropout do in training."""
    if p == 0 or not input.numel():
        return input
    if by_feature and input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    kind = input.dtype
    if kind.category < FLOAT:
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {TITLES[kind]}"
        )
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    args = (input, _kept(input, p, by_feature), p)
    entry = ROWS["_alpha_dropout" if alpha else "_dropout"]
    return record_inplace(entry, args, {}) if inplace else record(entry, *args)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element is 0 with probability p, else divided by 1 - p.

    See torch.nn.functional.dropout."""
    _check_probability(p)
    return _drop(input, p, False, False, inplace) if training else input


def dropout_packed(input: Tensor, p: float, places: np.ndarray) -> Tensor:
    """dropout of a packed batch that lies padded, (T, N, *): PyTorch draws for the rows of the
    sequences alone, which are at `places` among the T * N rows."""
    aval = cell_of(input).aval
    if p == 1 or aval.device is not CPU or has_key():
        return dropout(input, p)
    rows = (*places.shape, *aval.shape[2:])
    kept = np.ones((aval.shape[0] * aval.shape[1], *aval.shape[2:]), np.bool_)
    kept[places] = samplers.bernoulli(default_generator, rows, np.dtype(np.bool_), 1 - p)
    mask = from_array(kept.reshape(aval.shape), aval.device)
    return record(ROWS["_dropout"], input, mask, p)


def _feature_dropout(
    input: Tensor, p: float, training: bool, inplace: bool, unbatched: bool
) -> Tensor:
    if not training:
        return input
    if not unbatched:
        return _drop(input, p, True, False, inplace)
    found = _drop(input.unsqueeze(0), p, True, False, inplace)
    return input if inplace else found.squeeze(0)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """dropout of whole channels of (N, C, L) or (C, L). See torch.nn.functional.dropout1d."""
    _check_probability(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that "
            "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _feature_dropout(input, p, training, inplace, input.dim() == 2)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """dropout of whole channels of (N, C, H, W). See torch.nn.functional.dropout2d."""
    _check_probability(p)
    if input.dim() not in (3, 4):
        _warn_of_dims("dropout2d", input.dim(), "2 spatial dimensions", "3D or 4D")
    if input.dim() == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. This behavior will change in a future release to interpret the input as one "
            "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
            "dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _feature_dropout(input, p, training, inplace, False)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """dropout of whole channels of (N, C, D, H, W). See torch.nn.functional.dropout3d."""
    _check_probability(p)
    if input.dim() not in (4, 5):
        _warn_of_dims("dropout3d", input.dim(), "3 spatial dimensions", "4D or 5D")
    return _feature_dropout(input, p, training, inplace, input.dim() == 4)


def _warn_of_dims(name: str, ndim: int, spatial: str, expected: str) -> None:
    warnings.warn(
        f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an "
        "error in a future release. To retain the behavior and silence this warning, please use "
        f"dropout instead. Note that {name} exists to provide channel-wise dropout on inputs with "
        f"{spatial}, a channel dimension, and an optional batch dimension (i.e. {expected} "
        "inputs).",
        stacklevel=3,
    )


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean 0 and variance 1: what is dropped is SELU's limit, then scaled.

    See torch.nn.functional.alpha_dropout."""
    _check_probability(p)
    return _drop(input, p, False, True, inplace) if training else input


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """alpha_dropout of whole channels. See torch.nn.functional.feature_alpha_dropout."""
    _check_probability(p)
    return _drop(input, p, True, True, inplace) if training else input


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """input where positive, a * input elsewhere: a drawn from [lower, upper) for each element, or
    their mean outside training. Training materialises the input: PyTorch draws only for elements
    that are not positive. See torch.nn.functional.rrelu."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        entry, slope = ROWS["leaky_relu"], (lower + upper) / 2
        if inplace:
            return record_inplace(entry, (input, slope), {})
        return record(entry, input, slope)
    aval = cell_of(input).aval
    values = host(cell_of(input))
    order = samplers.order_of(aval.shape, aval.strides) or tuple(range(values.ndim))
    inward = values.transpose(order)
    slopes = np.ones(inward.shape, aval.dtype.numpy)
    negative = inward <= 0
    drawn = samplers.uniform64(default_generator, int(negative.sum()))
    slopes[negative] = drawn * (upper - lower) + lower
    slopes = np.ascontiguousarray(slopes.transpose(np.argsort(order))).reshape(values.shape)
    factors = from_array(slopes, None if aval.device is TRACING else aval.device)
    return input.mul_(factors) if inplace else input * factors


def rrelu_(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False
) -> Tensor:
    """rrelu written to input. See torch.nn.functional.rrelu_."""
    return rrelu(input, lower, upper, training, inplace=True)


# ------------------------------------------------------------------- under torch, by other names


def _short(name: str, by_feature: bool, alpha: bool) -> list[Callable[..., Tensor]]:
    """torch.<name>(input, p, train), and the one that writes to its argument."""

    def plain(input: Tensor, p: float, train: bool) -> Tensor:
        _check_probability(p)
        return _drop(input, p, by_feature, alpha, False) if train else input

    def written(input: Tensor, p: float, train: bool) -> Tensor:
        _check_probability(p)
        return _drop(input, p, by_feature, alpha, True) if train else input

    for function, ending in ((plain, ""), (written, "_")):
        function.__name__ = function.__qualname__ = name + ending
        function.__doc__ = f"nn.functional's dropout of this kind. See torch.{name}{ending}."
    return [plain, written]


def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """dropout, and the mask of what was kept. See torch.native_dropout."""
    if train is False or not input.numel():
        return input.clone(), ones_like(input, dtype=bool_)
    kept = _kept(input, p, False)
    return (input * 0 if p == 1 else record(ROWS["_dropout"], input, kept, p)), kept


FUNCTIONS = [
    *_short("dropout", False, False),
    *_short("feature_dropout", True, False),
    *_short("alpha_dropout", False, True),
    *_short("feature_alpha_dropout", True, True),
    native_dropout,
    rrelu,
    rrelu_,
]
