"""Samplers that draw as often as it takes: counts of Poisson and binomial laws, gammas.

They go through the elements one by one, as PyTorch's CPU does, for a value that is refused costs
words of the generator; so they run at the pace of Python, about 2 µs an element. The rules were
found and are tested by comparison with PyTorch 2.13. Whatever takes as many words for each element
is in samplers.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .rng import MersenneTwister
from .samplers import cast, uniform64

# Hoermann's correction of Stirling's formula for log(k!), k = 0 ... 9.
_STIRLING_TAILS = (
    0.0810614667953272,
    0.0413406959554092,
    0.0276779256849983,
    0.02079067210376509,
    0.0166446911898211,
    0.0138761288230707,
    0.0118967099458917,
    0.0104112652619720,
    0.00925546218271273,
    0.00833056343336287,
)
_THIRD = float(np.float32(1) / np.float32(3))
_SQUEEZE = float(np.float32(0.0331))


class _Supply:
    """float64 uniforms and normals one by one, drawn in chunks.

    used: how many uniforms were handed out: `close` leaves the generator after those.
    """

    def __init__(self, generator: MersenneTwister) -> None:
        self.generator = generator
        self.start = generator.state_bytes()
        self.spare = generator.spare_normal
        self.used = 0
        self.stock: list[float] = []

    def uniform(self) -> float:
        if not self.stock:
            self.stock = uniform64(self.generator, 1024)[::-1].tolist()
        self.used += 1
        return self.stock.pop()

    def normal(self) -> float:
        """The cosine of a pair, then its sine (see normals.py)."""
        if self.spare is not None:
            value, self.spare = self.spare, None
            return value
        angle = 2 * math.pi * self.uniform()
        radius = math.sqrt(-2.0 * math.log1p(-self.uniform()))
        self.spare = radius * math.sin(angle)
        return radius * math.cos(angle)

    def close(self) -> None:
        self.generator.load_bytes(self.start)
        self.generator.words(2 * self.used)
        self.generator.spare_normal = self.spare


def _each(
    generator: MersenneTwister, draw: Callable[..., float], *parameters: np.ndarray
) -> np.ndarray:
    """draw(*numbers, supply) for each element of parameters of one shape, as float64."""
    supply = _Supply(generator)
    columns = [p.reshape(-1).astype(np.float64).tolist() for p in parameters]
    drawn = [draw(*numbers, supply) for numbers in zip(*columns, strict=True)]
    supply.close()
    return np.array(drawn, np.float64).reshape(parameters[0].shape)


# ------------------------------------------------------------------------------------------ Poisson


def poisson(generator: MersenneTwister, rates: np.ndarray) -> np.ndarray:
    """Poisson counts of the given rates.

    Below a rate of 10 by multiplying uniforms (Knuth), else by Hoermann's transformed rejection
    (PTRS, 1993).
    """
    return cast(_each(generator, _poisson_count, rates), rates.dtype)


def _poisson_count(rate: float, supply: _Supply) -> int:
    if rate == 0:
        return 0
    if rate < 10:
        floor = math.exp(-rate)
        count = 0
        product = supply.uniform()
        while product > floor:
            count += 1
            product *= supply.uniform()
        return count
    root = math.sqrt(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = supply.uniform() - 0.5
        v = supply.uniform()
        us = 0.5 - abs(u)
        if us == 0:
            continue
        count = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= v_r:
            return count
        if count < 0 or (us < 0.013 and v > us):
            continue
        accept = math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if accept <= -rate + count * math.log(rate) - math.lgamma(count + 1):
            return count


# ----------------------------------------------------------------------------------------- binomial


def binomial(generator: MersenneTwister, counts: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Successes among `counts` trials of the given chances, two arrays of one dtype and shape.

    By geometric waiting times where fewer than 10 are expected, else by Hoermann's transformed
    rejection (BTRS, 1993).
    """
    kind = chances.dtype.type

    def draw(count: float, chance: float, supply: _Supply) -> float:
        if count <= 0 or chance <= 0:
            return 0.0
        if chance >= 1:
            return count
        if math.isnan(chance):
            return math.nan
        rare = kind(chance) if chance <= 0.5 else kind(1.0 - chance)
        few = float(kind(count) * rare) < 10
        found = (_few_successes if few else _many_successes)(kind(count), rare, supply)
        return found if chance <= 0.5 else count - found

    return cast(_each(generator, draw, counts, chances), chances.dtype)


def _few_successes(count: np.floating, chance: np.floating, supply: _Supply) -> float:
    scale = float(np.log1p(-chance))
    trials = 0.0
    successes = -1
    while trials <= count:
        u = supply.uniform()
        trials += math.ceil(math.log(u) / scale) if u else math.inf
        successes += 1
    return float(successes)


def _many_successes(count: np.floating, chance: np.floating, supply: _Supply) -> float:
    # As far as PyTorch's kernel does, in the dtype of the arguments; from there on in float64.
    deviation = float(np.sqrt(count * chance * (1 - chance)))
    middle = float(np.floor((count + 1) * chance))
    odds = float(chance / (1 - chance))
    centre = float(count * chance) + 0.5
    n = float(count)
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * float(chance)
    v_r = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * deviation
    while True:
        u = supply.uniform() - 0.5
        v = supply.uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + centre) if us else -1
        if not 0 <= k <= n:
            continue
        if us >= 0.07 and v <= v_r:
            return float(k)
        bound = (
            (middle + 0.5) * math.log((middle + 1) / (odds * (n - middle + 1)))
            + (n + 1) * math.log((n - middle + 1) / (n - k + 1))
            + (k + 0.5) * math.log(odds * (n - k + 1) / (k + 1))
            + _stirling_tail(middle)
            + _stirling_tail(n - middle)
            - _stirling_tail(k)
            - _stirling_tail(n - k)
        )
        v *= alpha / (a / (us * us) + b)
        if v == 0 or math.log(v) <= bound:
            return float(k)


def _stirling_tail(k: float) -> float:
    """log(k!) less Stirling's approximation of it."""
    if k < len(_STIRLING_TAILS):
        return _STIRLING_TAILS[int(k)]
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)


# -------------------------------------------------------------------------------------------- gamma


def gamma(generator: MersenneTwister, concentrations: np.ndarray) -> np.ndarray:
    """Gammas of the given concentrations and rate 1, none below the smallest normal number."""
    drawn = cast(_gammas(generator, concentrations), concentrations.dtype)
    return np.fmax(drawn, np.finfo(drawn.dtype).tiny.astype(drawn.dtype))


def dirichlet(generator: MersenneTwister, concentrations: np.ndarray) -> np.ndarray:
    """Points of the simplex along the last dimension: gammas of float64 divided by their sum."""
    kind = concentrations.dtype
    drawn = _gammas(generator, concentrations.astype(np.float64))
    shares = cast(drawn / drawn.sum(-1, keepdims=True), kind)
    below_one = np.nextafter(kind.type(1), kind.type(0))
    return np.clip(shares, np.finfo(kind).tiny.astype(kind), below_one)


def _gammas(generator: MersenneTwister, concentrations: np.ndarray) -> np.ndarray:
    """By the method of Marsaglia and Tsang (2000, doi:10.1145/358407.358414); below 1 boosted by a
    power of a uniform."""
    kind = np.float64 if concentrations.dtype == np.float64 else np.float32
    given = concentrations.astype(kind)
    low = given < 1
    with np.errstate(divide="ignore"):
        power = np.where(low, kind(1) / given, kind(0))
    d = np.where(low, given + kind(1), given) - kind(_THIRD)
    return _each(generator, _gamma, power, d)


def _gamma(power: float, d: float, supply: _Supply) -> float:
    """One gamma of concentration d + 1/3, times a uniform to `power` if that isn't 0."""
    if power == math.inf:
        return 0.0
    if not d > 0:  # a concentration that is none: nothing would ever be accepted
        return math.nan
    scale = (1 - supply.uniform()) ** power if power else 1.0
    c = 1 / math.sqrt(9 * d)
    while True:
        x = supply.normal()
        y = 1 + c * x
        if y <= 0:
            continue
        v = y * y * y
        u = 1 - supply.uniform()
        square = x * x
        if u < 1 - _SQUEEZE * square * square:
            return scale * d * v
        if math.log(u) < 0.5 * square + d * (1 - v + math.log(v)):
            return scale * d * v


__all__ = ["binomial", "dirichlet", "gamma", "poisson"]
