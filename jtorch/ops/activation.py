"""Activation functions: pure JAX, with PyTorch's subgradients at the kinks.

Half-precision input is computed in float32 and rounded once, as PyTorch does. sigmoid and tanh
are in pointwise.py; the in-place form (`inplace=True`) and what draws random numbers (rrelu in
training, gumbel_softmax, dropout) are in nn/functional.py. Read loss.py next.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from .._core.dtype import dtype as DType
from .._core.op import Array, Number, op
from ._checks import NO_DIFFERENCE_WITH_BOOL, number, require_floating, require_not_bool, widen
from ._layout import LIKE_INPUTS, PRESERVED
from ._promotion import is_integral, title
from ._shapes import wrap_dim

F = ("nn.functional",)
F_AND_TORCH = ("torch", "nn.functional")
EVERYWHERE = ("torch", "Tensor", "nn.functional")

# Of the self-normalising networks paper (arXiv 1706.02515), with PyTorch's digits.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def _relu_backward(cotangent: Array, output: Array) -> Array:
    return jnp.where(output <= 0, jnp.zeros_like(cotangent), cotangent)


@op(inplace=True, backward=_relu_backward, public=EVERYWHERE, lacks="complex")
def relu(input: Array) -> Array:
    """max(0, input); the gradient at 0 is 0. See torch.nn.functional.relu."""
    require_not_bool(input, "Boolean inputs not supported for relu")
    return jnp.where(input <= 0, jnp.zeros_like(input), input)


@op(strides=PRESERVED, public=F, lacks="complex")
def hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """input clamped to [min_val, max_val]; the gradient is 0 at both ends.

    See torch.nn.functional.hardtanh."""
    require_not_bool(input, "Bool inputs not supported for hardtanh")
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    low, high = number(min_val, input), number(max_val, input)
    return jnp.where(input <= low, low, jnp.where(input >= high, high, input))


@op(strides=LIKE_INPUTS, public=F, lacks="complex")
def relu6(input: Array) -> Array:
    """min(max(0, input), 6). See torch.nn.functional.relu6."""
    return hardtanh(input, 0.0, 6.0)


@op(strides=LIKE_INPUTS, public=F)
def leaky_relu(input: Array, negative_slope: Number = 0.01) -> Array:
    """input where it is positive, negative_slope * input elsewhere.

    See torch.nn.functional.leaky_relu."""
    require_floating("leaky_relu_cpu", input)
    return jnp.where(input > 0, input, input * number(negative_slope, input))


def _elu(input: Array, alpha: Number, scale: float, input_scale: Number) -> Array:
    """scale * (x where x > 0, alpha * expm1(input_scale * x) elsewhere)."""
    require_floating("elu_cpu", input)
    x = widen(input)
    # expm1 is kept away from the positive half: its derivative would be inf * 0 there.
    negative = jnp.expm1(jnp.where(x <= 0, x, jnp.zeros_like(x)) * number(input_scale, x))
    result = jnp.where(x <= 0, number(alpha, x) * scale * negative, x * scale)
    return result.astype(input.dtype)


@op(strides=LIKE_INPUTS, public=F)
def elu(input: Array, alpha: Number = 1.0) -> Array:
    """input where positive, alpha * (exp(input) - 1) elsewhere. See torch.nn.functional.elu."""
    return _elu(input, alpha, 1.0, 1.0)


@op(strides=LIKE_INPUTS, public=F_AND_TORCH)
def selu(input: Array) -> Array:
    """scale * elu(input, alpha), with the constants of self-normalising networks.

    See torch.nn.functional.selu."""
    return _elu(input, SELU_ALPHA, SELU_SCALE, 1.0)


@op(strides=LIKE_INPUTS, public=F_AND_TORCH)
def celu(input: Array, alpha: float = 1.0) -> Array:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)). See torch.nn.functional.celu."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _elu(input, alpha, 1.0, 1.0 / alpha)


@op(strides=LIKE_INPUTS, public=F)
def gelu(input: Array, *, approximate: str = "none") -> Array:
    """input * Phi(input), Phi the normal distribution function; "tanh" approximates it.

    See torch.nn.functional.gelu."""
    require_floating("GeluKernelImpl", input)
    x = widen(input)
    if approximate == "none":
        # By erf: the same by erfc takes four times as long on XLA's CPU backend.
        gate = 1 + jax.lax.erf(x * math.sqrt(0.5))
    elif approximate == "tanh":
        gate = 1 + jnp.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x)))
    else:
        raise RuntimeError("approximate argument must be either none or tanh.")
    return (0.5 * x * gate).astype(input.dtype)


@op(strides=LIKE_INPUTS, public=F)
def silu(input: Array) -> Array:
    """input * sigmoid(input). See torch.nn.functional.silu."""
    if is_integral(input):
        require_floating("silu_cpu", input)
    x = widen(input)
    return (x * jax.nn.sigmoid(x)).astype(input.dtype)


@op(strides=LIKE_INPUTS, public=F)
def mish(input: Array) -> Array:
    """input * tanh(softplus(input)). See torch.nn.functional.mish."""
    require_floating("mish_cpu", input)
    x = widen(input)
    return (x * jnp.tanh(jax.nn.softplus(x))).astype(input.dtype)


@op(strides=LIKE_INPUTS, public=F)
def softplus(input: Array, beta: Number = 1.0, threshold: Number = 20.0) -> Array:
    """log(1 + exp(beta * input)) / beta; input itself where beta * input > threshold.

    See torch.nn.functional.softplus."""
    require_floating("softplus_cpu", input)
    x = widen(input)
    scaled = x * number(beta, x)
    smooth = jax.nn.softplus(scaled) / number(beta, x)
    return jnp.where(scaled > number(threshold, x), x, smooth).astype(input.dtype)


@op(public=F)
def logsigmoid(input: Array) -> Array:
    """log(1 / (1 + exp(-input))). See torch.nn.functional.logsigmoid."""
    require_floating("log_sigmoid_cpu", input)
    return jax.nn.log_sigmoid(widen(input)).astype(input.dtype)


@op(promote="float", strides=LIKE_INPUTS, public=F, lacks="bool")
def softsign(input: Array) -> Array:
    """input / (1 + |input|). See torch.nn.functional.softsign."""
    return input / (1 + jnp.abs(input))


@op(
    promote="float",
    strides=LIKE_INPUTS,
    public=F,
    saves=(),
    lacks={"bool": NO_DIFFERENCE_WITH_BOOL},
)
def tanhshrink(input: Array) -> Array:
    """input - tanh(input). See torch.nn.functional.tanhshrink."""
    return input - jnp.tanh(input)


@op(strides=LIKE_INPUTS, public=F)
def hardsigmoid(input: Array) -> Array:
    """min(max(0, input + 3), 6) / 6; the gradient is 1/6 strictly between -3 and 3.

    See torch.nn.functional.hardsigmoid."""
    require_floating("hardsigmoid_cpu", input)
    x = widen(input)
    result = jnp.where(x <= -3, jnp.zeros_like(x), jnp.where(x >= 3, jnp.ones_like(x), (x + 3) / 6))
    return result.astype(input.dtype)


@op(strides=LIKE_INPUTS, public=F)
def hardswish(input: Array) -> Array:
    """input * hardsigmoid(input). See torch.nn.functional.hardswish."""
    require_floating("hardswish_cpu", input)
    x = widen(input)
    zero = jnp.zeros_like(x)
    inner = jnp.where(jnp.abs(x) >= 3, zero, x)
    result = jnp.where(x <= -3, zero, jnp.where(x >= 3, x, inner * (inner + 3) / 6))
    return result.astype(input.dtype)


@op(strides=LIKE_INPUTS, public=F_AND_TORCH, lacks="bool complex")
def threshold(input: Array, threshold: Number, value: Number) -> Array:
    """input where it is above threshold, value elsewhere. See torch.nn.functional.threshold."""
    return jnp.where(input <= number(threshold, input), number(value, input), input)


@op(strides=LIKE_INPUTS, public=EVERYWHERE)
def hardshrink(input: Array, lambd: Number = 0.5) -> Array:
    """input, but 0 on [-lambd, lambd]. See torch.nn.functional.hardshrink."""
    require_floating("hardshrink_cpu", input)
    bound = number(lambd, input)
    return jnp.where((input >= -bound) & (input <= bound), jnp.zeros_like(input), input)


@op(strides=LIKE_INPUTS, public=F)
def softshrink(input: Array, lambd: float = 0.5) -> Array:
    """input moved towards 0 by lambd, and 0 on [-lambd, lambd].

    See torch.nn.functional.softshrink."""
    require_floating("softshrink_check", input)
    if lambd < 0:
        limit = f"{jnp.finfo(input.dtype).max:.6g}"
        raise RuntimeError(
            f"lambda must be in range [0, {limit}] for input dtype {title(input)}, "
            f"but found {lambd:g}"
        )
    bound = number(lambd, input)
    moved = jnp.where(input < -bound, input + bound, input * 0)
    return jnp.where(input > bound, input - bound, moved)


@op(strides=LIKE_INPUTS, public=EVERYWHERE, lacks="bool integer complex")
def prelu(input: Array, weight: Array) -> Array:
    """input where positive, weight * input elsewhere; one weight, or one per channel (dim 1).

    See torch.nn.functional.prelu."""
    if input.dtype != weight.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {title(input)} and {title(weight)}"
        )
    if weight.size == 1:
        slope = weight.reshape(())
    else:
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.size != channels:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter "
                f"numbers = {weight.size} and channel size = {channels}."
            )
        if weight.ndim != 1:
            raise RuntimeError(
                "prelu: Expected `weight` to be a scalar or 1D tensor, but got: "
                f"ndim = {weight.ndim}"
            )
        slope = weight.reshape((channels,) + (1,) * (input.ndim - 2))
    return jnp.where(input > 0, input, input * slope)


@op(public=F)
def glu(input: Array, dim: int = -1) -> Array:
    """a * sigmoid(b), a and b the two halves of input along dim. See torch.nn.functional.glu."""
    if input.ndim == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    dim = wrap_dim(dim, input.ndim)
    if input.shape[dim] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim} is size {input.shape[dim]}"
        )
    require_floating("glu_cpu", input)
    first, second = jnp.split(widen(input), 2, axis=dim)
    return (first * jax.nn.sigmoid(second)).astype(input.dtype)


def _softmax_input(kernel: str, input: Array, dim: int, dtype: DType | None) -> tuple[Array, Array]:
    """The input in its target dtype, the same in the dtype of computation, at least one dim."""
    if dtype is not None:
        input = input.astype(dtype.numpy)
    wrap_dim(dim, input.ndim)
    require_floating(kernel, input)
    return input, jnp.atleast_1d(widen(input))


def _softmax(input: Array, dim: int, dtype: DType | None) -> Array:
    input, x = _softmax_input("softmax_lastdim_kernel_impl", input, dim, dtype)
    if x.size == 0:
        return input
    return jax.nn.softmax(x, axis=dim).astype(input.dtype).reshape(input.shape)


def _log_softmax(input: Array, dim: int, dtype: DType | None) -> Array:
    input, x = _softmax_input("log_softmax_lastdim_kernel_impl", input, dim, dtype)
    if x.size == 0:
        return input
    return jax.nn.log_softmax(x, axis=dim).astype(input.dtype).reshape(input.shape)


@op(public=("torch", "Tensor", "special"), saves=("output",))
def softmax(input: Array, dim: int, dtype: DType | None = None) -> Array:
    """exp(input) / sum(exp(input)) along dim. See torch.softmax."""
    return _softmax(input, dim, dtype)


@op(public=("torch", "Tensor", "special"), saves=("output",))
def log_softmax(input: Array, dim: int, dtype: DType | None = None) -> Array:
    """log(softmax(input)) along dim, computed without overflow. See torch.log_softmax."""
    return _log_softmax(input, dim, dtype)


def _softmax_backward(cotangent: Array, output: Array, dim: int) -> Array:
    g, y = widen(cotangent), widen(output)
    if y.ndim == 0:
        return jnp.zeros_like(cotangent)
    return (y * (g - jnp.sum(g * y, axis=dim, keepdims=True))).astype(cotangent.dtype)


def _log_softmax_backward(cotangent: Array, output: Array, dim: int) -> Array:
    g, y = widen(cotangent), widen(output)
    if y.ndim == 0:
        return jnp.zeros_like(cotangent)
    return (g - jnp.exp(y) * jnp.sum(g, axis=dim, keepdims=True)).astype(cotangent.dtype)


# Without a dtype argument the gradient follows from the output alone: nn.functional uses these.
@op(name="_softmax", backward=_softmax_backward, public=())
def plain_softmax(input: Array, dim: int) -> Array:
    """softmax in the dtype of input."""
    return _softmax(input, dim, None)


@op(name="_log_softmax", backward=_log_softmax_backward, public=())
def plain_log_softmax(input: Array, dim: int) -> Array:
    """log_softmax in the dtype of input."""
    return _log_softmax(input, dim, None)


@op(name="_dropout", strides=LIKE_INPUTS, public=())
def dropout(input: Array, kept: Array, p: Number) -> Array:
    """input / (1 - p) where kept (which is broadcast), 0 elsewhere."""
    scale = 1 / (1 - number(p, input))
    return input * jnp.where(kept, scale, jnp.zeros_like(scale))


@op(name="_alpha_dropout", strides=LIKE_INPUTS, public=())
def alpha_dropout(input: Array, kept: Array, p: Number) -> Array:
    """input where kept, the limit of SELU elsewhere, scaled and shifted to mean 0, variance 1."""
    p = jnp.asarray(p, jnp.float64)
    limit = SELU_ALPHA * SELU_SCALE
    scale = 1 / jnp.sqrt((limit * limit * p + 1) * (1 - p))
    shift = limit * scale * p
    factor = jnp.where(kept, scale, 0).astype(input.dtype)
    return input * factor + jnp.where(kept, shift, shift - limit * scale).astype(input.dtype)
