"""Initial values of parameters: `torch.nn.init`, with PyTorch's numbers for a seed.

Each function fills a Tensor in place, without recording a gradient, and returns it. The formulas
are those of Glorot and Bengio (2010), He et al. (2015), Saxe et al. (2013) and Martens (2010), as
PyTorch uses them. Where the random numbers come from is in functions/random_fill.py.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.dtype import TITLES
from .._core.generator import Generator
from .._core.grad_mode import no_grad
from .._core.overrides import overridable
from .._core.tensor import Tensor
from ..functions import random_fill
from ..functions.random import randn, randperm

_LINEAR = ("linear", "conv1d", "conv2d", "conv3d")
_LINEAR += ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights make up for what a nonlinearity does to the variance.

    1 for linear layers, convolutions and sigmoid; 5/3 for tanh; sqrt(2) for relu; 3/4 for selu;
    sqrt(2 / (1 + param**2)) for leaky_relu, of slope param (0.01).
    See torch.nn.init.calculate_gain.
    """
    if nonlinearity in _LINEAR or nonlinearity == "sigmoid":
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity != "leaky_relu":
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    if param is None:
        param = 0.01
    if isinstance(param, bool) or not isinstance(param, (int, float)):
        raise ValueError(f"negative_slope {param} not a valid number")
    return math.sqrt(2.0 / (1 + param**2))


# ------------------------------------------------------------------------------- without a formula


def _no_grad_uniform_(
    tensor: Tensor, a: float, b: float, generator: Generator | None = None
) -> Tensor:
    with no_grad():
        return overridable(random_fill.uniform_)(tensor, a, b, generator=generator)


def _no_grad_normal_(
    tensor: Tensor, mean: float, std: float, generator: Generator | None = None
) -> Tensor:
    with no_grad():
        return overridable(random_fill.normal_)(tensor, mean, std, generator=generator)


def _no_grad_trunc_normal_(
    tensor: Tensor,
    mean: float,
    std: float,
    a: float,
    b: float,
    generator: Generator | None = None,
) -> Tensor:
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=3,
        )
    with no_grad():
        draw = overridable(random_fill.truncated_normal_)
        return draw(tensor, mean, std, a, b, generator=generator)


def _no_grad_fill_(tensor: Tensor, val: float) -> Tensor:
    return _no_grad_values_(tensor, np.full(tuple(tensor.shape), val))


def _no_grad_zero_(tensor: Tensor) -> Tensor:
    return _no_grad_fill_(tensor, 0.0)


def _no_grad_values_(tensor: Tensor, values: np.ndarray) -> Tensor:
    cast = values.astype(tensor.dtype.numpy)
    with no_grad():
        return random_fill.write_values(tensor, cast)


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with uniforms of [a, b). See torch.nn.init.uniform_."""
    return _no_grad_uniform_(tensor, a, b, generator)


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with normals of mean `mean` and standard deviation `std`. See torch.nn.init.normal_."""
    return _no_grad_normal_(tensor, mean, std, generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normals, drawn again until they lie in [a, b]. See torch.nn.init.trunc_normal_."""
    return _no_grad_trunc_normal_(tensor, mean, std, a, b, generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value. See torch.nn.init.constant_."""
    if isinstance(val, (int, float)):
        return _no_grad_fill_(tensor, val)
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones. See torch.nn.init.ones_."""
    return _no_grad_fill_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros. See torch.nn.init.zeros_."""
    return _no_grad_zero_(tensor)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity. See torch.nn.init.eye_."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _no_grad_values_(tensor, np.eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill convolution weights so that each group passes on its input channels, as many as it can.

    tensor: (out channels, in channels / groups, *kernel). See torch.nn.init.dirac_.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    out_channels, in_channels, *kernel = tensor.shape
    if out_channels % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = out_channels // groups
    values = np.zeros(tuple(tensor.shape))
    middle = tuple(size // 2 for size in kernel)
    for group in range(groups):
        for channel in range(min(per_group, in_channels)):
            values[(group * per_group + channel, channel, *middle)] = 1
    return _no_grad_values_(tensor, values)


# ------------------------------------------------------------------------------- scaled by the fans


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """The connections into and out of a unit: weights are (out, in, *kernel)."""
    if tensor.ndim < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """The fan that a mode names, "fan_in" or "fan_out"."""
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode.lower()} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with uniforms of [-a, a), a = gain * sqrt(6 / (fan_in + fan_out)).

    See torch.nn.init.xavier_uniform_.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    bound = math.sqrt(3.0) * std
    return _no_grad_uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with normals of standard deviation gain * sqrt(2 / (fan_in + fan_out)).

    See torch.nn.init.xavier_normal_.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    return _no_grad_normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with uniforms of [-b, b), b = gain * sqrt(3 / fan). a: the slope of leaky_relu.

    See torch.nn.init.kaiming_uniform_.
    """
    if 0 in tensor.shape:
        return _nothing_to_do(tensor)
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    bound = math.sqrt(3.0) * std
    return _no_grad_uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normals of standard deviation gain / sqrt(fan). a: the slope of leaky_relu.

    See torch.nn.init.kaiming_normal_.
    """
    if 0 in tensor.shape:
        return _nothing_to_do(tensor)
    return _no_grad_normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _nothing_to_do(tensor: Tensor) -> Tensor:
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
    return tensor


# --------------------------------------------------------------------------------------- matrices


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with gain times a (semi) orthogonal matrix.

    It is the Q of a matrix of normals, signed so that R's diagonal is positive; dimensions after
    the first count as one. See torch.nn.init.orthogonal_.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    if tensor.dtype.is_floating_point and tensor.dtype.itemsize < 4:
        title = TITLES[tensor.dtype]
        raise NotImplementedError(f"\"geqrf_cpu\" not implemented for '{title}'")
    if tensor.is_complex():
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. "
            "Please use torch.sgn instead."
        )
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    drawn = randn(rows, columns, dtype=tensor.dtype, device="cpu", generator=generator).numpy()
    if rows < columns:
        drawn = drawn.T
    q, r = np.linalg.qr(drawn)
    q = q * np.sign(np.diag(r))
    if rows < columns:
        q = q.T
    return _no_grad_values_(tensor, (q * q.dtype.type(gain)).reshape(tuple(tensor.shape)))


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Fill a matrix with normals, a part `sparsity` of each column (rounded up) with zeros.

    See torch.nn.init.sparse_.
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    _no_grad_normal_(tensor, 0, std, generator)
    values = tensor.numpy(force=True)
    for column in range(columns):
        values[randperm(rows, device="cpu").numpy()[:zeros], column] = 0
    return _no_grad_values_(tensor, values)


# ------------------------------------------------------------------------- names of old times


def _make_deprecate(meth: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The name without the underscore, which warns and does the same."""
    new_name = meth.__name__
    old_name = new_name[:-1]

    @functools.wraps(meth)
    def deprecated(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old_name}` is now deprecated in favor of `nn.init.{new_name}`.",
            FutureWarning,
            stacklevel=2,
        )
        return meth(*args, **kwargs)

    deprecated.__name__ = deprecated.__qualname__ = old_name
    deprecated.__doc__ = f"Deprecated: see {new_name}."
    return deprecated


uniform = _make_deprecate(uniform_)
normal = _make_deprecate(normal_)
constant = _make_deprecate(constant_)
eye = _make_deprecate(eye_)
dirac = _make_deprecate(dirac_)
xavier_uniform = _make_deprecate(xavier_uniform_)
xavier_normal = _make_deprecate(xavier_normal_)
kaiming_uniform = _make_deprecate(kaiming_uniform_)
kaiming_normal = _make_deprecate(kaiming_normal_)
orthogonal = _make_deprecate(orthogonal_)
sparse = _make_deprecate(sparse_)

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]
