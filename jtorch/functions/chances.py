"""Random Tensors whose chances are the values of a Tensor: `bernoulli`, `multinomial`, `poisson`.

They read those values, so what they depend on is computed first. See random.py.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .. import _expose
from .._core import samplers
from .._core.alias import cell_of
from .._core.dtype import TITLES, int64
from .._core.generator import Generator
from .._core.program import host
from .._core.tensor import Tensor, from_array
from ._random_arguments import (
    check_implemented,
    check_tensor,
    generator_of,
    integer_of,
    number_of,
    plain,
)
from ._random_results import new
from .random_fill import probabilities

_drawn = _expose.row("_drawn")


def bernoulli(
    input: Tensor,
    p: float | None = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Ones with the probabilities `input` (or all with probability p), else zeros.

    See torch.bernoulli.
    """
    kind = check_tensor("bernoulli", input)
    source = generator_of(generator)
    if p is not None:
        p = number_of("bernoulli", "p", 2, p)
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={plain(p)}")
        draw = partial(_all_alike, source, p)
    else:
        draw = partial(_each_by_its_own, source, probabilities(input))
    target = kind if out is None else out.dtype
    made = new(draw, input.shape, target, {"device": input.device, "out": out})
    return _drawn(made, input) if p is None and out is None and input.requires_grad else made


def _all_alike(source: Generator, p: float, shape: tuple[int, ...], d: np.dtype) -> np.ndarray:
    return samplers.bernoulli(source, shape, d, p)


def _each_by_its_own(
    source: Generator, chances: np.ndarray, shape: tuple[int, ...], d: np.dtype
) -> np.ndarray:
    return samplers.bernoulli_of(source, chances, d)


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson counts of the rates `input`. See torch.poisson."""
    kind = check_tensor("poisson", input)
    source = generator_of(generator)
    check_implemented(kind, "poisson_cpu")
    rates = host(cell_of(input))
    if not (rates >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    made = from_array(samplers.poisson(source, rates), input.device)
    return _drawn(made, input) if input.requires_grad else made


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """`num_samples` indices per row of the weights `input`, as int64.

    input: (categories) or (rows, categories); weights need not add up to one.
    See torch.multinomial.
    """
    check_tensor("multinomial", input)
    num_samples = integer_of("multinomial", "num_samples", 2, num_samples)
    source = generator_of(generator)
    _check_weights(input, num_samples, replacement)
    if out is not None and out.dtype is not int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {TITLES[out.dtype]}")
    weights = host(cell_of(input))
    shape = (*input.shape[:-1], num_samples)
    if weights.size:
        _check_values(weights, num_samples == 1 or not replacement)

    def draw(sizes: tuple[int, ...], d: np.dtype) -> np.ndarray:
        if not weights.size:
            return np.empty(sizes, d)
        return samplers.multinomial(source, weights, num_samples, replacement)

    return new(draw, shape, int64, {"device": input.device, "out": out})


def _check_weights(input: Tensor, count: int, replacement: bool) -> None:
    if not 1 <= input.dim() <= 2:
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {TITLES[input.dtype]}"
        )
    if count <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and count > input.shape[-1]:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )


def _check_values(weights: np.ndarray, race: bool) -> None:
    """RuntimeError for weights that are no distribution; PyTorch words it by the way it draws."""
    wide = weights.astype(np.float64)
    if race and not ((wide >= 0) & (wide < np.inf)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (wide < 0).any():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
    if not np.isfinite(wide).all():
        raise RuntimeError(
            "invalid multinomial distribution (encountering probability entry = infinity or NaN)"
        )
    if not (wide.sum(-1) > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")


FUNCTIONS = (bernoulli, multinomial, poisson)
