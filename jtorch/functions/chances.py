"""Random Tensors whose chances are the values of a Tensor: `bernoulli`, `multinomial`, `poisson`.

They read those values, so what they depend on is computed first. See random.py.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .. import _expose
from .._core import rejection, samplers
from .._core.alias import cell_of
from .._core.dtype import TITLES, dtype, float32, float64, int64
from .._core.generator import Generator
from .._core.program import host
from .._core.tensor import Tensor, from_array
from ._drawing import values_of
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
from .shaping import broadcast_tensors

_drawn = _expose.row("_drawn")
_gamma_drawn, _dirichlet_drawn = _expose.row("_gamma_drawn"), _expose.row("_dirichlet_drawn")


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
    made = from_array(rejection.poisson(source, rates), input.device)
    return _drawn(made, input) if input.requires_grad else made


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Successes among `count` trials of chance `prob`; the two broadcast. See torch.binomial."""
    for place, (name, value) in enumerate((("count", count), ("prob", prob)), 1):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"binomial(): argument '{name}' (position {place}) must be Tensor, not "
                f"{type(value).__name__}"
            )
        if not value.dtype.is_floating_point:
            raise ValueError(
                f"binomial only supports floating-point dtypes for {name}, got: "
                f"{TITLES[value.dtype]}"
            )
    source = generator_of(generator)
    if prob.dtype is not count.dtype:
        raise RuntimeError(f"Found dtype {TITLES[prob.dtype]} but expected {TITLES[count.dtype]}")
    counts, chances = broadcast_tensors(count, prob)
    _check_wide(count.dtype, "binomial_cpu")
    drawn = rejection.binomial(source, host(cell_of(counts)), host(cell_of(chances)))
    return _drawn(from_array(drawn, count.device), count + prob)


def _standard_gamma(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Gammas of the concentrations `input` and rate 1. The gradient is the implicit one of
    `_standard_gamma_grad`. See torch.distributions.Gamma."""
    kind = check_tensor("_standard_gamma", input)
    source = generator_of(generator)
    _check_wide(kind, "gamma_cpu")
    made = from_array(rejection.gamma(source, host(cell_of(input))), input.device)
    return _gamma_drawn(made, input) if input.requires_grad else made


def _sample_dirichlet(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Points of the simplex along the last dimension, of the concentrations `input`. The gradient
    is the implicit one of `_dirichlet_grad`. See torch.distributions.Dirichlet."""
    kind = check_tensor("_sample_dirichlet", input)
    source = generator_of(generator)
    _check_wide(kind, "dirichlet")
    values = host(cell_of(input))
    drawn = rejection.dirichlet(source, values.reshape(values.shape or (1,)))
    made = from_array(drawn.reshape(values.shape), input.device)
    return _dirichlet_drawn(made, input) if input.requires_grad else made


def _check_wide(kind: dtype, kernel: str) -> None:
    """NotImplementedError for what is neither float32 nor float64."""
    if kind not in (float32, float64):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{TITLES[kind]}'")


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
    weights = values_of(input)
    shape = (*input.shape[:-1], num_samples)
    if weights.size:
        _check_values(weights, num_samples == 1 or not replacement)

    def draw(sizes: tuple[int, ...], d: np.dtype) -> np.ndarray:
        if not weights.size:
            return np.empty(sizes, d)
        rows = weights.reshape(-1, weights.shape[-1]) if weights.ndim > 2 else weights
        return samplers.multinomial(source, rows, num_samples, replacement).reshape(sizes)

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


FUNCTIONS = (_sample_dirichlet, _standard_gamma, bernoulli, binomial, multinomial, poisson)
