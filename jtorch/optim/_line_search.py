"""The line search of L-BFGS: a step that fulfils the strong Wolfe conditions.

Everything here are numbers; the Tensors of a point are carried along. They are Python floats, or
NumPy scalars of the parameters' dtype where PyTorch has 0-d Tensors: so both round alike, and try
the same points. Read lbfgs.py next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9


class Point(NamedTuple):
    """A point of the line: where, the loss, its slope along the line, and the gradient."""

    t: Any
    loss: float
    slope: Any
    gradient: Any


def interpolated(a: Point, b: Point, low: Any = None, high: Any = None) -> Any:
    """Where the cubic through two points, with their slopes, is smallest: Nocedal and Wright 2006,
    formula 3.59, between the bounds; without bounds, between the points."""
    if low is None:
        low, high = (a.t, b.t) if a.t <= b.t else (b.t, a.t)
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    radicand = d1**2 - a.slope * b.slope
    if not radicand >= 0:
        return (low + high) / 2.0
    d2 = np.sqrt(radicand)
    left, right = (a, b) if a.t <= b.t else (b, a)
    ratio = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2)
    return min(max(right.t - (right.t - left.t) * ratio, low), high)


def strong_wolfe(
    evaluate: Callable[[Any], Point],
    start: Point,
    t: Any,
    largest: Any,
    tolerance: float,
    max_evaluations: int,
) -> tuple[Point, int]:
    """A point that fulfils the strong Wolfe conditions, or the best that was found, and how often
    `evaluate` was called: Nocedal and Wright 2006, algorithms 3.5 and 3.6.

    largest: the largest element of the direction; the search ends where a bracket is smaller than
    tolerance / largest.
    """
    with np.errstate(all="ignore"):
        bracket, tried = _bracket(evaluate, start, t, max_evaluations)
        calls = tried + 1
        if len(bracket) == 2 and tried < max_evaluations:
            found = _zoom(evaluate, start, bracket, largest, tolerance, max_evaluations - tried)
            calls += found
        return min(bracket, key=lambda point: point.loss), calls


def _too_high(point: Point, start: Point) -> bool:
    limit = start.loss + SUFFICIENT_DECREASE * point.t * start.slope
    return bool(point.loss > limit)


def _flat(point: Point, start: Point) -> bool:
    return bool(abs(point.slope) <= -CURVATURE * start.slope)


def _bracket(
    evaluate: Callable[[Any], Point], start: Point, t: Any, max_evaluations: int
) -> tuple[list[Point], int]:
    """Two points with a good one in between, or a good one alone; and how many were tried after the
    first."""
    before, point = start, evaluate(t)
    for tried in range(max_evaluations):
        if _too_high(point, start) or (tried > 1 and point.loss >= before.loss):
            return [before, point], tried
        if _flat(point, start):
            return [point], tried
        if point.slope >= 0:
            return [before, point], tried
        nearest = point.t + 0.01 * (point.t - before.t)
        t = interpolated(before, point, nearest, point.t * 10)
        before, point = point, evaluate(t)
    return [start, point], max_evaluations


def _zoom(
    evaluate: Callable[[Any], Point],
    start: Point,
    bracket: list[Point],
    largest: Any,
    tolerance: float,
    max_evaluations: int,
) -> int:
    """Make a bracket smaller, in place, until one of its points is good; how many were tried."""
    low, high = _ordered(bracket)
    stuck = False
    for tried in range(max_evaluations):
        if abs(bracket[1].t - bracket[0].t) * largest < tolerance:
            return tried
        t, stuck = _inside(interpolated(*bracket), bracket, stuck)
        point = evaluate(t)
        if _too_high(point, start) or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = _ordered(bracket)
            continue
        good = _flat(point, start)
        if not good and point.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
        if good:
            bracket[:] = [point]
            return tried + 1
    return max_evaluations


def _ordered(bracket: list[Point]) -> tuple[int, int]:
    """Which point of a bracket is the lower one, and which the other."""
    return (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)


def _inside(t: Any, bracket: list[Point], stuck: bool) -> tuple[Any, bool]:
    """A trial kept a tenth of the bracket away from its ends, if it was close to one the last time
    too, or is beyond; and whether it is close now."""
    low, high = sorted((bracket[0].t, bracket[1].t))
    margin = 0.1 * (high - low)
    if not min(high - t, t - low) < margin:
        return t, False
    if not (stuck or t >= high or t <= low):
        return t, True
    return (high - margin if abs(t - high) < abs(t - low) else low + margin), False
