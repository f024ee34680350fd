"""Discrete Fourier transforms: the rows of `torch.fft`.

The one- and n-dimensional forms are one table over jax.numpy.fft; what is written out is how
PyTorch reads `n`, `s` and `dim`, and how its results lie in memory. A name `fft_x` is exposed as
`torch.fft.x`. Not here: short-time transforms (spectrogram.py). `fftfreq` gets its public signature
in functions/windows.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from .._core.dtype import bfloat16, dtype, float16
from .._core.op import Array, cast, op
from .._core.strides import contiguous, is_dense
from ._checks import dtype_of
from ._layout import CONTIGUOUS
from ._promotion import is_complex, title, to_inexact
from ._shapes import Dims, wrap_dim

ONLY_FFT = ("fft",)
Plan = tuple[tuple[int, ...], tuple[int, ...]]  # the dims to transform, and their sizes


def _hfftn(input: Array, s: tuple[int, ...], axes: tuple[int, ...], norm: str) -> Array:
    if axes[1:]:
        input = jnp.fft.fftn(input, s[:-1], axes[:-1], norm)
    return jnp.fft.hfft(input, s[-1], axes[-1], norm)


def _ihfftn(input: Array, s: tuple[int, ...], axes: tuple[int, ...], norm: str) -> Array:
    result = jnp.fft.ihfft(input, s[-1], axes[-1], norm)
    return jnp.fft.ifftn(result, s[:-1], axes[:-1], norm) if axes[1:] else result


# name: (function, from real numbers, to real numbers, formula)
TRANSFORMS: dict[str, tuple[Callable, bool, bool, str]] = {
    "fft": (jnp.fft.fftn, False, False, "sum_k input[k] exp(-2 pi i j k / n)"),
    "ifft": (jnp.fft.ifftn, False, False, "1/n sum_k input[k] exp(2 pi i j k / n)"),
    "rfft": (jnp.fft.rfftn, True, False, "fft of real numbers, without its redundant half"),
    "irfft": (jnp.fft.irfftn, False, True, "the inverse of rfft, n real numbers"),
    "hfft": (_hfftn, False, True, "fft of half of a signal with input[-k] = conj(input[k])"),
    "ihfft": (_ihfftn, True, False, "the inverse of hfft, the half with k >= 0"),
}


# ------------------------------------------------------------------------- what is transformed


def _dim_of(dim: int, ndim: int) -> int:
    if ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, ndim)


def _check_sizes(sizes: Sequence[int]) -> None:
    for size in sizes:
        if size < 1:
            raise RuntimeError(f"Invalid number of data points ({size}) specified")


def _plan_one(name: str, shape: tuple[int, ...], n: int | None, dim: int) -> Plan:
    """The dim, and n or how many points there are."""
    dim = _dim_of(dim, len(shape))
    if n is None:
        n = 2 * (shape[dim] - 1) if TRANSFORMS[name][2] else shape[dim]
    elif not isinstance(n, int):
        kind = type(n).__name__
        raise TypeError(f"fft_{name}(): argument 'n' (position 2) must be int, not {kind}")
    _check_sizes((n,))
    return (dim,), (n,)


def _plan_many(name: str, shape: tuple[int, ...], s: Dims, dim: Dims) -> Plan:
    """The dims (all, or the last ones if only sizes are given), and their sizes: those of `s`, in
    which -1 means what there is."""
    s = (s,) if isinstance(s, int) else s
    dim = (dim,) if isinstance(dim, int) else dim
    _, from_real, to_real, _ = TRANSFORMS[name]
    if dim is not None:
        dims = tuple(_dim_of(d, len(shape)) for d in dim)
        if len(set(dims)) < len(dims):
            raise RuntimeError("FFT dims must be unique")
        if s is not None and len(s) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    else:
        count = len(shape) if s is None else len(s)
        if count > len(shape):
            raise RuntimeError(
                f"Got shape with {count} values but input tensor only has {len(shape)} dimensions."
            )
        dims = tuple(range(len(shape) - count, len(shape)))
    if not dims and (from_real or to_real):
        raise RuntimeError(f"{name}n must transform at least one axis")
    there = [shape[d] for d in dims]
    if to_real:
        there[-1] = 2 * (there[-1] - 1)
    sizes = tuple(
        size if wanted == -1 else wanted for size, wanted in zip(there, s or there, strict=True)
    )
    _check_sizes(sizes)
    return dims, sizes


# ----------------------------------------------------------------------------- how results lie


def _lay_out(shape: tuple[int, ...], strides: tuple[int, ...], dims: Sequence[int]) -> tuple:
    """Dense strides with `dims` innermost, in that order, the others before by their strides."""
    others = [d for d in range(len(shape)) if d not in dims]
    order = [*sorted(others, key=lambda d: -strides[d]), *dims]
    result = [0] * len(shape)
    step = 1
    for d in reversed(order):
        result[d] = step
        step *= max(shape[d], 1)
    return tuple(result)


def _strides(name: str, plan: Callable) -> Callable:
    """The rule of a transform. PyTorch makes one plan for all dims of rfft and of the complex
    transforms, two for those from or to half of a Hermitian signal."""
    to_real = TRANSFORMS[name][2]

    def rule(avals: tuple, shape: tuple[int, ...], call: Any, k: int) -> tuple[int, ...]:
        aval = avals[0]
        given = call.op.signature.bind(*call.args, **call.kwargs)
        given.apply_defaults()
        dims, sizes = plan(name, aval.shape, *given.args[1:3])
        if to_real:
            sizes = (*sizes[:-1], sizes[-1] // 2 + 1)
        padded = any(n > aval.shape[d] for d, n in zip(dims, sizes, strict=True))
        dense = is_dense(aval.shape, aval.strides)
        strides = aval.strides if dense and not padded else contiguous(aval.shape)
        stages = [dims]
        if name in ("irfft", "hfft"):
            stages = [dims[:-1], dims[-1:]]
        elif name == "ihfft":
            stages = [dims[-1:], dims[:-1]]
        for stage in filter(None, stages):
            last = stage[-1:] if name == "rfft" else ()
            first = sorted(stage[: len(stage) - len(last)], key=lambda d: -strides[d])
            strides = _lay_out(shape, strides, [*first, *last])
        return strides

    return rule


# ------------------------------------------------------------------------------------- the rows


def _transform(name: str, input: Array, dims: tuple, sizes: tuple, norm: str | None) -> Array:
    function, from_real, _, _ = TRANSFORMS[name]
    if norm not in (None, "backward", "ortho", "forward"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if dtype_of(input) in (float16, bfloat16):
        raise RuntimeError(f"Unsupported dtype {title(input)}")
    if from_real and is_complex(input):
        raise RuntimeError(f"{name} expects a real-valued input tensor, but got {title(input)}")
    input = to_inexact(input)
    if not from_real:
        input = cast(input, dtype_of(input).to_complex())
    return function(input, sizes, dims, norm or "backward") if dims else input


def _declare(name: str) -> None:
    """The rows fft_x, fft_xn and fft_x2 of one transform."""
    formula = TRANSFORMS[name][3]
    facts: dict = {"public": ONLY_FFT, "saves": ("input",) if TRANSFORMS[name][1] else ()}

    @op(f"fft_{name}", strides=_strides(name, _plan_one), **facts)
    def one(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Array:
        return _transform(name, input, *_plan_one(name, input.shape, n, dim), norm)

    @op(f"fft_{name}n", strides=_strides(name, _plan_many), **facts)
    def many(input: Array, s: Dims = None, dim: Dims = None, norm: str | None = None) -> Array:
        return _transform(name, input, *_plan_many(name, input.shape, s, dim), norm)

    @op(f"fft_{name}2", strides=_strides(name, _plan_many), **facts)
    def two(input: Array, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None) -> Array:
        return _transform(name, input, *_plan_many(name, input.shape, s, dim), norm)

    one.__doc__ = f"Along dim, cut or padded with zeros to n: {formula}. See torch.fft.{name}."
    many.__doc__ = f"`{name}` along several dims, of sizes s. See torch.fft.{name}n."
    two.__doc__ = f"`{name}` along two dims, of sizes s. See torch.fft.{name}2."


for _name in TRANSFORMS:
    _declare(_name)


def _shift_dims(input: Array, dim: Dims) -> tuple[int, ...]:
    if not input.ndim or (dim is not None and not isinstance(dim, int) and not len(dim)):
        raise RuntimeError("`shifts` required")
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    return tuple(wrap_dim(d, input.ndim) for d in dims)


@op("fft_fftshift", public=ONLY_FFT, strides=CONTIGUOUS)
def fftshift(input: Array, dim: Dims = None) -> Array:
    """The frequency 0 in the middle: rolled by half of each size. See torch.fft.fftshift."""
    return jnp.fft.fftshift(input, _shift_dims(input, dim))


@op("fft_ifftshift", public=ONLY_FFT, strides=CONTIGUOUS)
def ifftshift(input: Array, dim: Dims = None) -> Array:
    """The inverse of fftshift. See torch.fft.ifftshift."""
    return jnp.fft.ifftshift(input, _shift_dims(input, dim))


@op("_fftfreq", public=(), differentiable=False)
def fftfreq(n: int, d: float, real: bool, kind: dtype, device: Any) -> Array:
    """The frequencies of the n points of `fft`, or of `rfft`. See torch.fft.fftfreq."""
    k = jnp.arange(max(n // 2 + 1, 0) if real else n, dtype=jnp.float64)
    if not real:
        k = jnp.where(k < (n + 1) // 2, k, k - n)
    return (k / (n * d)).astype(kind.numpy)
