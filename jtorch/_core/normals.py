"""Normal deviates as PyTorch's CPU makes them, and the fused multiply-add they need.

PyTorch has three ways: 16 or more at once in float32 go through Box-Muller in single precision with
the Cephes polynomials and fused multiply-adds (AVX2); in float64 through Box-Muller with the C
library; fewer than 16, or a tensor that isn't contiguous, one after the other in double precision.
The first is followed step by step, so that every bit agrees: to add to the float64 product of two
float32 and round once is to fuse. The other samplers are in samplers.py.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import ml_dtypes
import numpy as np

from .rng import MersenneTwister

# Words per piece of work, a multiple of 16: the temporaries of 2**15 stay in a cache of 1 MiB.
_PIECE = 1 << 15
_HALVES = (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))
_FLOAT32 = np.float32


def _float32s(*values: float) -> tuple[np.ndarray, ...]:
    """Constants of float32 as float64 without dimensions, which NumPy adds faster than numbers."""
    return tuple(np.array(_FLOAT32(v), np.float64) for v in values)


# Cephes' logf: log(1 + x) = x - x**2 / 2 + x**3 * P(x) on [sqrt(1/2) - 1, sqrt(2) - 1].
_LOG = _float32s(
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_LN2_LOW = _FLOAT32(-2.12194440e-4)
_LN2_HIGH = _FLOAT32(0.693359375)
_SQRT_HALF_BITS = np.int32(0x3F3504F3)
_ONE_BITS = np.int32(0x3F800000)

# Cephes' sinf and cosf on [-pi/4, pi/4], and pi/4 in three parts.
_SIN = _float32s(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = _float32s(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_PI_4 = tuple(map(_FLOAT32, (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)))
_FOUR_OVER_PI = _FLOAT32(1.27323954473516)


def fused_multiply_add(x: np.ndarray, scale: np.floating, shift: np.floating) -> np.ndarray:
    """x * scale + shift, rounded once, in x's dtype (float32 or float64)."""
    if x.dtype == np.float32:
        wide = x.astype(np.float64)
        wide *= np.float64(scale)
        wide += np.float64(shift)
        return wide.astype(np.float32)
    product = x * scale
    if shift == 0 or scale == 1:
        return product + shift
    # Dekker's exact product and Knuth's exact sum: the errors are added before the last rounding.
    split = 134217729.0
    high = x * split
    high -= high - x
    low = x - high
    scale_high = scale * split
    scale_high -= scale_high - scale
    scale_low = scale - scale_high
    error = ((high * scale_high - product) + high * scale_low + low * scale_high) + low * scale_low
    total = product + shift
    added = total - product
    error += (product - (total - added)) + (shift - added)
    return total + error


def _polynomial(coefficients: tuple, x: np.ndarray, work: np.ndarray) -> np.ndarray:
    """Horner's rule with a rounding to float32 after each fused step. x: float64."""
    result = np.empty(x.shape, _FLOAT32)
    np.multiply(x, coefficients[0], work)
    np.add(work, coefficients[1], work)
    result[...] = work
    for coefficient in coefficients[2:]:
        work[...] = result
        np.multiply(work, x, work)
        np.add(work, coefficient, work)
        result[...] = work
    return result


def _fused(x: np.ndarray, y: np.ndarray, z: np.ndarray, work: np.ndarray) -> np.ndarray:
    """x * y + z of float32 arrays, rounded once; overwrites x."""
    work[...] = x
    work *= y
    work += z
    x[...] = work
    return x


def _log(x: np.ndarray, work: np.ndarray) -> np.ndarray:
    """Cephes' logf of positive normal float32; overwrites x."""
    bits = x.view(np.int32)
    bits += _ONE_BITS - _SQRT_HALF_BITS
    exponent = ((bits >> 23) - np.int32(127)).astype(_FLOAT32)
    bits &= np.int32(0x7FFFFF)
    bits += _SQRT_HALF_BITS
    x -= _FLOAT32(1)
    result = _polynomial(_LOG, x.astype(np.float64), work)
    result *= x
    square = x * x
    _fused(result, square, exponent * _LN2_LOW, work)
    # Halves and the products with the short _LN2_HIGH are exact, so these need no fusing.
    square *= _FLOAT32(0.5)
    result -= square
    result += x
    exponent *= _LN2_HIGH
    result += exponent
    return result


def _sine_cosine(x: np.ndarray, work: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cephes' sinf and cosf of float32 in [0, 2 pi]; overwrites x."""
    octant = (x * _FOUR_OVER_PI).astype(np.int32)
    octant += 1
    octant &= ~np.int32(1)
    turns = octant.astype(_FLOAT32)
    x += turns * _PI_4[0]
    x += turns * _PI_4[1]
    work[...] = turns
    work *= float(_PI_4[2])
    work += x
    x[...] = work
    square = x * x
    square64 = square.astype(np.float64)
    cosine = _polynomial(_COS, square64, work)
    cosine *= square
    half = square * _FLOAT32(-0.5)
    _fused(cosine, square, half, work)
    cosine += _FLOAT32(1)
    sine = _polynomial(_SIN, square64, work)
    sine *= square
    _fused(sine, x, x, work)
    # In octants 2, 3, 6, 7 the two change places; then the signs.
    sine_bits = sine.view(np.int32)
    cosine_bits = cosine.view(np.int32)
    change = sine_bits ^ cosine_bits
    change &= -((octant >> 1) & 1)
    sine_bits ^= change
    cosine_bits ^= change
    sine_bits ^= (octant & 4) << 29
    cosine_bits ^= ((octant + 2) & 4) << 29
    return sine, cosine


def _box_muller(words: np.ndarray, result: np.ndarray) -> None:
    """Standard normals of float32 from as many words, which it overwrites.

    16 by 16: radii come from the first 8 words, angles from the other 8.
    """
    words &= np.uint32(2**24 - 1)
    pairs = words.view(np.int32).reshape(-1, 2, 8)
    work = np.empty((len(pairs), 8), np.float64)
    # 1 - u, exact because u has 24 bits.
    radius = (np.int32(2**24) - pairs[:, 0]).astype(_FLOAT32)
    radius *= _FLOAT32(2.0**-24)
    radius = _log(radius, work)
    radius *= _FLOAT32(-2)
    np.sqrt(radius, out=radius)
    angle = pairs[:, 1].astype(_FLOAT32)
    angle *= _FLOAT32(2.0**-24)
    angle *= _FLOAT32(2 * math.pi)
    sine, cosine = _sine_cosine(angle, work)
    into = result.reshape(-1, 2, 8)
    np.multiply(radius, cosine, out=into[:, 0])
    np.multiply(radius, sine, out=into[:, 1])


_pool: ThreadPoolExecutor | None = None


def _workers() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1), "jtorch-normals")
    return _pool


def _forget_workers() -> None:
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    # A forked process (a DataLoader's worker) has the pool but none of its threads.
    os.register_at_fork(after_in_child=_forget_workers)


def _many32(generator: MersenneTwister, n: int, drop: int) -> np.ndarray:
    """n (at least 16) standard normals of float32. A last partial block is the last 16, drawn anew.

    drop: how many words PyTorch draws for the partial block before it draws that block anew.
    """
    result = np.empty(n, _FLOAT32)
    whole = n // 16 * 16
    if n <= _PIECE and whole < n:
        # One transformation for both: for small n the number of NumPy calls is what takes time.
        words = generator.words(whole + drop + 16)
        words = np.concatenate([words[:whole], words[-16:]])
        drawn = np.empty(words.size, _FLOAT32)
        _box_muller(words, drawn)
        result[:whole] = drawn[:whole]
        result[n - 16 :] = drawn[whole:]
        return result
    if whole <= 4 * _PIECE:
        for start in range(0, whole, _PIECE):
            stop = min(start + _PIECE, whole)
            _box_muller(generator.words(stop - start), result[start:stop])
    else:
        # NumPy lets go of the interpreter in its loops: the words are drawn here, in order, while
        # other threads transform those drawn before.
        jobs = []
        for start in range(0, whole, _PIECE):
            stop = min(start + _PIECE, whole)
            words = generator.words(stop - start)
            jobs.append(_workers().submit(_box_muller, words, result[start:stop]))
        for job in jobs:
            job.result()
    if whole < n:
        generator.words(drop)
        _box_muller(generator.words(16), result[n - 16 :])
    return result


def _many64(generator: MersenneTwister, n: int) -> np.ndarray:
    """n (at least 16) standard normals of float64, by the same scheme."""
    result = np.empty(n, np.float64)
    whole = n // 16 * 16
    for start in range(0, whole, _PIECE):
        stop = min(start + _PIECE, whole)
        _box_muller64(generator, result[start:stop])
    if whole < n:
        generator.words(2 * (n - whole))
        _box_muller64(generator, result[n - 16 :])
    return result


def _box_muller64(generator: MersenneTwister, result: np.ndarray) -> None:
    words = generator.words64(result.size) & np.uint64(2**53 - 1)
    uniforms = words.view(np.int64).reshape(-1, 2, 8) * 2.0**-53
    radius = 1 - uniforms[:, 0]
    np.log(radius, out=radius)
    radius *= -2
    np.sqrt(radius, out=radius)
    angle = uniforms[:, 1] * (2 * math.pi)
    into = result.reshape(-1, 2, 8)
    np.multiply(radius, np.cos(angle), out=into[:, 0])
    np.multiply(radius, np.sin(angle), out=into[:, 1])


def standard_normals_in_turn(generator: MersenneTwister, n: int) -> np.ndarray:
    """n standard normals of float64 one after the other.

    The cosine of a pair, then its sine; an odd one is kept for the next call.
    """
    if n < 16:
        return np.array([_next_normal(generator) for _ in range(n)], np.float64)
    kept = [] if generator.spare_normal is None else [generator.spare_normal]
    pairs = (n - len(kept) + 1) // 2
    words = generator.words64(2 * pairs) & np.uint64(2**53 - 1)
    uniforms = words.view(np.int64).reshape(-1, 2) * 2.0**-53
    radius = np.sqrt(-2.0 * np.log1p(-uniforms[:, 1]))
    angle = uniforms[:, 0] * (2 * math.pi)
    drawn = np.empty((pairs, 2), np.float64)
    drawn[:, 0] = radius * np.cos(angle)
    drawn[:, 1] = radius * np.sin(angle)
    result = np.concatenate([np.array(kept, np.float64), drawn.reshape(-1)])
    if result.size > n:
        # The spare by the C library, as PyTorch makes it: it is part of the saved state.
        generator.spare_normal = _pair(*uniforms[-1].tolist())[1]
    else:
        generator.spare_normal = None
    return result[:n]


def _next_normal(generator: MersenneTwister) -> float:
    spare = generator.spare_normal
    if spare is not None:
        generator.spare_normal = None
        return spare
    first, second = (generator.words64(2) & np.uint64(2**53 - 1)).tolist()
    value, generator.spare_normal = _pair(first * 2.0**-53, second * 2.0**-53)
    return value


def _pair(first: float, second: float) -> tuple[float, float]:
    """Two standard normals of two uniforms."""
    radius = math.sqrt(-2.0 * math.log1p(-second))
    angle = 2 * math.pi * first
    return radius * math.cos(angle), radius * math.sin(angle)


def normal(
    generator: MersenneTwister,
    shape: tuple[int, ...],
    dtype: np.dtype,
    mean: float = 0.0,
    std: float = 1.0,
    in_turn: bool = False,
) -> np.ndarray:
    """Normals of the given mean and standard deviation.

    in_turn: one after the other, as for a tensor that isn't contiguous.
    """
    if dtype.kind == "c":
        real = np.dtype(f"f{dtype.itemsize // 2}")
        parts = normal(generator, (*shape, 2), real, mean, std * math.sqrt(0.5), in_turn)
        return parts.view(dtype).reshape(shape)
    n = math.prod(shape)
    if n < 16 or in_turn:
        result = standard_normals_in_turn(generator, n)
    elif dtype == np.float64:
        result = _many64(generator, n)
    else:
        result = _many32(generator, n, 0 if dtype in _HALVES else n % 16)
    if (mean, std) != (0.0, 1.0):
        kind = result.dtype.type
        result = fused_multiply_add(result, kind(std), kind(mean))
    if dtype in _HALVES:
        result = result.astype(_FLOAT32, copy=False)
    return result.astype(dtype, copy=False).reshape(shape)
