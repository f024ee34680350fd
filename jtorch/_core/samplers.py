"""Samplers on the host: what PyTorch's CPU generator makes of its words, in NumPy.

Each takes a MersenneTwister, a shape and a NumPy dtype, returns an array, and leaves the generator
where PyTorch would. All rules were found and are tested by comparison with PyTorch 2.13. Integers
and uniforms are equal bit for bit, in float32 and half types all others too (see normals.py); in
float64 the others differ by a bit or two where NumPy's functions differ from the C library's.
Arguments are checked by the callers in functions/random.py. Samplers by rejection are in
rejection.py. Read normals.py next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import ml_dtypes
import numpy as np

from .normals import fused_multiply_add, normal, standard_normals_in_turn
from .rng import MersenneTwister

Shape = tuple[int, ...]
CHUNK = 1 << 16  # elements worked on at a time, so that the temporaries stay in the cache
# From this range on PyTorch draws 64 bits for an integer, to keep the skew of the remainder small.
WIDE_RANGE = 2**28
MASK24 = np.uint32(2**24 - 1)
MASK53 = np.uint64(2**53 - 1)
_FLOAT64 = np.dtype(np.float64)
_FLOAT32 = np.dtype(np.float32)
_HALVES = (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))
# `random_()` without bounds: the largest value, and whether it takes a 64-bit word.
_DIGITS = {_FLOAT64: 53, _FLOAT32: 24, _HALVES[0]: 11, _HALVES[1]: 8}


def _chunks(n: int) -> Iterator[slice]:
    for start in range(0, n, CHUNK):
        yield slice(start, min(start + CHUNK, n))


def in_memory_order(
    draw: Callable[[Shape], np.ndarray], shape: Shape, strides: tuple[int, ...]
) -> np.ndarray:
    """`draw(shape)`, its numbers laid out as a tensor of these strides has them in memory.

    PyTorch fills a transposed tensor (and what `empty_like` makes of one) in that order.
    """
    order = order_of(shape, strides)
    if order is None:
        return draw(shape)
    drawn = draw(tuple(shape[d] for d in order))
    return np.ascontiguousarray(drawn.transpose(np.argsort(order)))


def order_of(shape: Shape, strides: tuple[int, ...]) -> Shape | None:
    """The dimensions from the slowest to the fastest in memory; None if that is their own order."""
    counted = [stride for stride, size in zip(strides, shape, strict=True) if size > 1]
    if counted == sorted(counted, reverse=True) or 0 in counted:
        return None
    # Dimensions of size 1 may stand anywhere.
    rank = [stride if size > 1 else 0 for stride, size in zip(strides, shape, strict=True)]
    return tuple(sorted(range(len(shape)), key=lambda d: -rank[d]))


def cast(values: np.ndarray, to: np.dtype) -> np.ndarray:
    """float64 values in another dtype; half types by way of float32, as PyTorch casts."""
    if to in _HALVES and values.dtype == _FLOAT64:
        values = values.astype(np.float32)
    with np.errstate(over="ignore"):
        return values.astype(to, copy=False)


def uniform32(generator: MersenneTwister, n: int) -> np.ndarray:
    """n float32 uniforms of [0, 1): the low 24 bits of a word each."""
    result = np.empty(n, np.float32)
    for part in _chunks(n):
        words = generator.words(part.stop - part.start)
        words &= MASK24
        piece = result[part]
        piece[...] = words.view(np.int32)
        piece *= np.float32(2.0**-24)
    return result


def uniform64(generator: MersenneTwister, n: int) -> np.ndarray:
    """n float64 uniforms of [0, 1): the low 53 bits of two words each."""
    result = np.empty(n, np.float64)
    for part in _chunks(n):
        words = generator.words64(part.stop - part.start)
        words &= MASK53
        piece = result[part]
        piece[...] = words.view(np.int64)
        piece *= 2.0**-53
    return result


def uniform(
    generator: MersenneTwister, shape: Shape, dtype: np.dtype, low: float = 0.0, high: float = 1.0
) -> np.ndarray:
    """Uniforms of [low, high).

    Scaled by one fused multiply-add in the dtype (half types: in float32); a value that rounding
    lifted to `high` becomes `low`. Complex numbers are pairs of reals.
    """
    if dtype.kind == "c":
        real = uniform(generator, (*shape, 2), real_of(dtype), low, high)
        return real.view(dtype).reshape(shape)
    n = math.prod(shape)
    wide = dtype == _FLOAT64
    result = uniform64(generator, n) if wide else uniform32(generator, n)
    if (low, high) != (0.0, 1.0):
        result = fused_multiply_add(result, *_span(low, high, result.dtype.type))
        result[result == result.dtype.type(high)] = low
    if dtype in _HALVES:
        result = result.astype(dtype)
        result[result == dtype.type(high)] = dtype.type(low)
    return result.reshape(shape)


def _span(low: float, high: float, kind: type) -> tuple[np.floating, np.floating]:
    start = kind(low)
    return kind(high) - start, start


def real_of(dtype: np.dtype) -> np.dtype:
    """The dtype of the parts of a complex dtype."""
    return np.dtype(f"f{dtype.itemsize // 2}")


def integers(
    generator: MersenneTwister, shape: Shape, dtype: np.dtype, low: int, high: int
) -> np.ndarray:
    """Integers of [low, high): a word modulo the range, 64 bits wide from a range of 2**28 on.

    low is at least -2**63 and high at most 2**63; all of that is a 64-bit word as it is.
    """
    n = math.prod(shape)
    size = high - low
    result = np.empty(n, np.int64)
    for part in _chunks(n):
        count = part.stop - part.start
        if size >= WIDE_RANGE:
            words = generator.words64(count)
            if size < 2**64:
                words %= np.uint64(size)
        else:
            words = generator.words(count)
            words %= np.uint32(size)
        piece = result[part]
        piece[...] = words.view(np.int64) if words.dtype.itemsize == 8 else words
        if size < 2**64:
            piece += np.int64(low)
    return cast_integers(result, dtype).reshape(shape)


def cast_integers(values: np.ndarray, to: np.dtype) -> np.ndarray:
    """int64 values in another dtype; half types by way of float32, as PyTorch casts."""
    if to in _HALVES:
        values = values.astype(np.float32)
    return values.astype(to, copy=False)


def integers_of_dtype(generator: MersenneTwister, shape: Shape, dtype: np.dtype) -> np.ndarray:
    """`random_()` without bounds: all non-negative integers of the dtype, or all it can count."""
    if dtype.kind == "b":
        return integers(generator, shape, dtype, 0, 2)
    size = 2 ** _DIGITS[dtype] + 1 if dtype in _DIGITS else int(np.iinfo(dtype).max) + 1
    if size >= 2**32:
        values = generator.words64(math.prod(shape)) % np.uint64(size)
    else:
        values = generator.words(math.prod(shape)) % np.uint32(size)
    return cast_integers(values.astype(np.int64), dtype).reshape(shape)


def permutation(generator: MersenneTwister, n: int, dtype: np.dtype) -> np.ndarray:
    """A permutation of 0 ... n-1: item i swapped with item i + word % (n - i), i rising."""
    items = np.arange(n, dtype=np.int64)
    if n > 1:
        steps = np.arange(n - 1)
        partners = generator.words(n - 1) % (n - steps).astype(np.uint32) + steps
        done = _swap_in_batches(items, partners)
        rest = items[done:].tolist()
        for here, there in enumerate((partners[done:] - done).tolist()):
            rest[here], rest[there] = rest[there], rest[here]
        items[done:] = rest
    return cast_integers(items, dtype)


def _swap_in_batches(items: np.ndarray, partners: np.ndarray) -> int:
    """Swap items[i] with items[partners[i]] for i rising, while it pays; return how many are done.

    A batch of swaps that touch no item twice can be done at once: among n items, about sqrt(n).
    (A list is faster for fewer than about 30,000 items, five times slower for a million.)
    """
    n = len(items)
    done = 0
    while n - done > 30_000:
        size = int(0.6 * math.sqrt(n - done))
        batch = partners[done : done + size]
        order = np.argsort(batch, kind="stable")
        again = order[1:][np.diff(batch[order]) == 0]
        within = np.flatnonzero(batch < done + size)
        clash = min(again.min(initial=size), within.min(initial=size))
        if clash:
            there = batch[:clash]
            here = items[done : done + clash].copy()
            items[done : done + clash] = items[there]
            items[there] = here
        else:
            clash = 1
            items[[done, batch[0]]] = items[[batch[0], done]]
        done += int(clash)
    return done


def bernoulli(
    generator: MersenneTwister, shape: Shape, dtype: np.dtype, p: float = 0.5
) -> np.ndarray:
    """Ones with probability p, else zeros: a float64 uniform below p."""
    n = math.prod(shape)
    result = np.empty(n, np.bool_)
    # u < p for u = k / 2**53 means k < ceil(p * 2**53); nearly always the first word decides.
    bound = math.ceil(p * 2**53)
    high, low = divmod(bound, 2**32)
    for part in _chunks(n):
        pairs = generator.words(2 * (part.stop - part.start)).view("<u8")
        first = pairs & np.uint64(2**21 - 1)  # the word drawn first lies in the low half
        piece = result[part]
        np.less(first, np.uint64(high), out=piece)
        ties = np.flatnonzero(first == np.uint64(high))
        piece[ties] = (pairs[ties] >> np.uint64(32)) < low
    return result.astype(dtype, copy=False).reshape(shape)


def bernoulli_of(
    generator: MersenneTwister, probabilities: np.ndarray, dtype: np.dtype
) -> np.ndarray:
    """Ones with the given probabilities: uniforms below them, float64 if they are, else float32."""
    flat = probabilities.reshape(-1)
    if flat.dtype == _FLOAT64:
        below = uniform64(generator, flat.size) < flat
    else:
        below = uniform32(generator, flat.size) < flat.astype(np.float32)
    return below.astype(dtype).reshape(probabilities.shape)


def exponential(
    generator: MersenneTwister, shape: Shape, dtype: np.dtype, rate: float = 1.0
) -> np.ndarray:
    """-log(1 - u) / rate of float64 uniforms."""
    values = uniform64(generator, math.prod(shape))
    np.negative(values, out=values)
    np.log1p(values, out=values)
    values *= -1.0 / rate
    return cast(values, dtype).reshape(shape)


def geometric(generator: MersenneTwister, shape: Shape, dtype: np.dtype, p: float) -> np.ndarray:
    """The trial of the first success: ceil(log(u) / log(1 - p)) of float64 uniforms."""
    values = uniform64(generator, math.prod(shape))
    with np.errstate(divide="ignore", invalid="ignore"):
        np.log(values, out=values)
        values /= math.log1p(-p)
        np.ceil(values, out=values)
        if dtype.kind in "iu":
            return values.astype(np.int64).astype(dtype).reshape(shape)
        return cast(values, dtype).reshape(shape)


def cauchy(
    generator: MersenneTwister,
    shape: Shape,
    dtype: np.dtype,
    median: float = 0.0,
    sigma: float = 1.0,
) -> np.ndarray:
    """median + sigma * tan(pi * (u - 1/2)) of float64 uniforms."""
    values = uniform64(generator, math.prod(shape))
    values -= 0.5
    values *= math.pi
    np.tan(values, out=values)
    values = fused_multiply_add(values, np.float64(sigma), np.float64(median))
    return cast(values, dtype).reshape(shape)


def log_normal(
    generator: MersenneTwister,
    shape: Shape,
    dtype: np.dtype,
    mean: float = 1.0,
    std: float = 2.0,
) -> np.ndarray:
    """exp of normals drawn one after the other in float64."""
    values = standard_normals_in_turn(generator, math.prod(shape))
    values = fused_multiply_add(values, np.float64(std), np.float64(mean))
    with np.errstate(over="ignore"):
        np.exp(values, out=values)
    return cast(values, dtype).reshape(shape)


def truncated_normal(
    generator: MersenneTwister,
    shape: tuple[int, ...],
    dtype: np.dtype,
    mean: float,
    std: float,
    low: float,
    high: float,
) -> np.ndarray:
    """Normals of [low, high], by rejection: each round draws all and takes those still missing.

    Where less than 0.3 of the normal lies within, uniforms are drawn instead, and accepted with the
    normal's density relative to its largest within. This is `torch.nn.init.trunc_normal_` of
    PyTorch 2.13; earlier versions inverted the distribution function.
    """
    inside = _below((high - mean) / std) - _below((low - mean) / std)
    result = np.empty(shape, dtype)
    missing = np.ones(shape, np.bool_)
    peak = (min(max(mean, low), high) - mean) / std
    while missing.any():
        if inside < 0.3:
            drawn = uniform(generator, shape, dtype, low, high)
            chance = uniform(generator, shape, dtype)
            distance = (drawn - dtype.type(mean)) / dtype.type(std)
            taken = chance <= np.exp(0.5 * (peak * peak - distance * distance))
        else:
            drawn = normal(generator, shape, dtype, mean, std)
            taken = (drawn >= low) & (drawn <= high)
        taken &= missing
        result[taken] = drawn[taken]
        missing &= ~taken
    return result


def _below(x: float) -> float:
    """The standard normal's distribution function."""
    return (1 + math.erf(x / math.sqrt(2))) / 2


def multinomial(
    generator: MersenneTwister, probabilities: np.ndarray, count: int, replacement: bool
) -> np.ndarray:
    """`count` indices drawn per row of `probabilities` (..., categories), as int64.

    Without replacement, or a single one: the largest p / q with q exponential. With replacement:
    the place of float64 uniforms in the running sum.
    """
    if not replacement or count == 1:
        q = exponential(generator, probabilities.shape, probabilities.dtype)
        with np.errstate(divide="ignore", invalid="ignore"):
            race = probabilities / q
        if count == 1:
            return np.argmax(race, -1, keepdims=True).astype(np.int64)
        order = np.argsort(-race.astype(np.float64), -1, kind="stable")
        return np.ascontiguousarray(order[..., :count]).astype(np.int64)
    rows = probabilities.reshape(-1, probabilities.shape[-1])
    result = np.empty((len(rows), count), np.int64)
    draws = uniform64(generator, result.size).reshape(result.shape)
    for row, draw, into in zip(rows, draws, result, strict=True):
        sums = np.add.accumulate(row, dtype=row.dtype)
        sums = sums / sums[-1]
        sums[-1] = 1
        into[...] = np.searchsorted(sums.astype(np.float64), draw, side="left")
    return result.reshape(*probabilities.shape[:-1], count)


__all__ = [
    "bernoulli",
    "bernoulli_of",
    "cast",
    "cast_integers",
    "cauchy",
    "exponential",
    "geometric",
    "in_memory_order",
    "integers",
    "integers_of_dtype",
    "log_normal",
    "multinomial",
    "normal",
    "order_of",
    "permutation",
    "truncated_normal",
    "uniform",
]
