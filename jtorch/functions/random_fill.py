"""Random numbers in place: `normal_`, `uniform_` and the other methods that fill a Tensor.

The numbers are drawn on the host when the method is called, in the order of the Tensor's memory, as
PyTorch draws them; they enter the trace as a leaf. New random Tensors are in random.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import samplers
from .._core.alias import cell_of, check_writable, write
from .._core.device import TRACING
from .._core.dtype import FLOAT, INTEGER, TITLES, dtype, float8_e4m3fn, float8_e5m2
from .._core.generator import Generator
from .._core.record import copy_
from .._core.strides import is_contiguous
from .._core.tensor import Tensor, from_array
from .._core.trace import Aval, Cell, local
from ._drawing import drawn_like, values_of
from ._random_arguments import (
    check_implemented,
    check_range,
    check_std,
    check_uniform,
    generator_of,
    integer_of,
    largest_drawn,
    native_name,
    number_of,
    plain,
)

_UNGIVEN = object()


def fill_with(input: Tensor, draw: Callable[[tuple[int, ...]], np.ndarray]) -> Tensor:
    """Write `draw(shape)`, of the Tensor's dtype, to a Tensor in the order of its memory."""
    aval = check_writable(input).aval
    return _replace(input, drawn_like(draw, aval, _device_for(aval)))


def write_values(input: Tensor, values: np.ndarray) -> Tensor:
    """Replace a Tensor's contents by values of its shape and dtype, in place.

    They become a leaf: no op is recorded, so that filling parameters compiles nothing.
    """
    aval = check_writable(input).aval
    return _replace(input, from_array(values, _device_for(aval)))


def _device_for(aval: Aval) -> Any:
    """Where numbers for a Tensor are put: inside a JAX transformation, on the default device."""
    return None if aval.device is TRACING else aval.device


def _replace(input: Tensor, given: Tensor) -> Tensor:
    aval = cell_of(input).aval
    if aval.requires_grad and local.context.modes.grad:
        # A value with a history: the gradient of what was there is zero, as `copy_` records it.
        return copy_(input, given)
    cell = cell_of(given)
    if cell.array is not None:
        cell = Cell(cell.array, aval.with_grad(False))
    write(input, cell)
    return input


def uniform_(
    input: Tensor,
    from_: float = 0.0,
    to: float = 1.0,
    *,
    generator: Generator | None = None,
    **by_name: Any,
) -> Tensor:
    """Fill with uniforms of [from, to). Complex numbers: both parts. See torch.Tensor.uniform_."""
    low = number_of("uniform_", "from", 1, _named_from(by_name, from_))
    high = number_of("uniform_", "to", 2, to)
    source = generator_of(generator)
    kind = input.dtype
    check_implemented(kind, "check_uniform_bounds", complex=True)
    check_uniform(low, high, kind)
    return fill_with(input, lambda shape: samplers.uniform(source, shape, kind.numpy, low, high))


def _named_from(by_name: dict[str, Any], value: Any) -> Any:
    """The value of an argument named `from`, which Python doesn't let a function declare."""
    value = by_name.pop("from", value)
    if by_name:
        raise TypeError(f"got an unexpected keyword argument '{next(iter(by_name))}'")
    return value


def normal_(
    input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with normals of mean `mean` and standard deviation `std`. See torch.Tensor.normal_."""
    mean = number_of("normal_", "mean", 1, mean)
    std = number_of("normal_", "std", 2, std)
    source = generator_of(generator)
    check_std(std)
    kind = input.dtype
    check_implemented(kind, "normal_kernel_cpu", complex=True)
    aval = cell_of(input).aval
    in_turn = not is_contiguous(aval.shape, aval.strides)
    return fill_with(
        input, lambda shape: samplers.normal(source, shape, kind.numpy, mean, std, in_turn)
    )


def bernoulli_(
    input: Tensor, p: float | Tensor = 0.5, *, generator: Generator | None = None
) -> Tensor:
    """Fill with ones of probability p, else zeros. p: a number, or a Tensor that broadcasts.

    See torch.Tensor.bernoulli_.
    """
    source = generator_of(generator)
    kind = input.dtype
    if kind.is_complex or kind in (float8_e4m3fn, float8_e5m2):
        raise NotImplementedError(f"\"bernoulli_scalar_cpu_\" not implemented for '{TITLES[kind]}'")
    if isinstance(p, Tensor):
        return _bernoulli_of(input, p, source)
    p = number_of("bernoulli_", "p", 1, p)
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={plain(p)}")
    return fill_with(input, lambda shape: samplers.bernoulli(source, shape, kind.numpy, p))


def _bernoulli_of(input: Tensor, p: Tensor, source: Generator) -> Tensor:
    aval = check_writable(input).aval
    ndim = len(aval.shape)
    chances = probabilities(p, ndim)
    lead = chances.shape[: max(chances.ndim - max(ndim, p.dim()), 0)]
    try:
        chances = np.broadcast_to(chances, (*lead, *aval.shape))
    except ValueError:
        raise RuntimeError(
            f"The expanded size of the tensor {list(aval.shape)} must match the existing size "
            f"{list(p.shape)}"
        ) from None

    order = samplers.order_of(aval.shape, aval.strides) or tuple(range(ndim))
    chances = chances.transpose((*range(len(lead)), *(len(lead) + d for d in order)))
    return fill_with(input, lambda s: samplers.bernoulli_of(source, chances, aval.dtype.numpy))


def probabilities(p: Tensor, ndim: int = 0) -> np.ndarray:
    """The values of a Tensor of probabilities, as `values_of`. RuntimeError if they aren't."""
    check_implemented(p.dtype, "bernoulli_tensor_cpu_p_")
    values = values_of(p, ndim)
    wide = values.astype(np.float32) if p.dtype.itemsize < 4 else values
    if not ((wide >= 0) & (wide <= 1)).all():
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
    return values


def random_(
    input: Tensor,
    *bounds: Any,
    to: Any = _UNGIVEN,
    generator: Generator | None = None,
    **by_name: Any,
) -> Tensor:
    """Fill with integers of [from, to): `random_()`, `random_(to)`, `random_(from, to)`.

    Without `to`: all non-negative integers of the dtype, or all that a float dtype can count
    exactly. See torch.Tensor.random_.
    """
    low = _named_from(by_name, _UNGIVEN)
    given = [v for v in (low, *bounds, to) if v is not _UNGIVEN]
    if len(given) > 2:
        raise TypeError(f"random_() takes 2 positional arguments but {len(given)} were given")
    source = generator_of(generator)
    kind = input.dtype
    _check_countable(kind)
    if not given:
        return fill_with(input, lambda s: samplers.integers_of_dtype(source, s, kind.numpy))
    start = integer_of("random_", "from", 1, given[0]) if len(given) == 2 else 0
    if given[-1] is None:
        end = largest_drawn(kind) + 1
    else:
        end = integer_of("random_", "to", len(given), given[-1])
    check_range(start, end, kind)
    return fill_with(input, lambda s: samplers.integers(source, s, kind.numpy, start, end))


def _check_countable(kind: dtype) -> None:
    unsigned = kind.category == INTEGER and not kind.is_signed and kind.itemsize > 1
    if kind.is_complex or unsigned or (kind.category == FLOAT and kind.itemsize < 2):
        raise NotImplementedError(f"\"random_kernel_cpu\" not implemented for '{TITLES[kind]}'")


def exponential_(
    input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with exponentials of rate lambd. See torch.Tensor.exponential_."""
    rate = number_of("exponential_", "lambd", 1, lambd)
    source = generator_of(generator)
    kind = input.dtype
    if not kind.is_floating_point:
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {TITLES[kind]}"
        )
    check_implemented(kind, "exponential_cpu")
    if not rate > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={plain(rate)}")
    return fill_with(input, lambda shape: samplers.exponential(source, shape, kind.numpy, rate))


def geometric_(input: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fill with the trial of the first success of chance p. See torch.Tensor.geometric_."""
    p = number_of("geometric_", "p", 1, p)
    source = generator_of(generator)
    kind = input.dtype
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={plain(p)}")
    if kind.category != INTEGER:
        check_implemented(kind, "geometric_cpu")
    return fill_with(input, lambda shape: samplers.geometric(source, shape, kind.numpy, p))


def cauchy_(
    input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with Cauchy deviates around the median, of width sigma. See torch.Tensor.cauchy_."""
    median = number_of("cauchy_", "median", 1, median)
    sigma = number_of("cauchy_", "sigma", 2, sigma)
    source = generator_of(generator)
    kind = input.dtype
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={plain(sigma)}")
    if not kind.is_floating_point:
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {native_name(kind)}"
        )
    check_implemented(kind, "cauchy_cpu")
    return fill_with(input, lambda shape: samplers.cauchy(source, shape, kind.numpy, median, sigma))


def log_normal_(
    input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with exponentials of normals of mean `mean` and standard deviation `std`.

    See torch.Tensor.log_normal_.
    """
    mean = number_of("log_normal_", "mean", 1, mean)
    std = number_of("log_normal_", "std", 2, std)
    source = generator_of(generator)
    kind = input.dtype
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={plain(std)}")
    check_implemented(kind, "log_normal_cpu")
    return fill_with(input, lambda shape: samplers.log_normal(source, shape, kind.numpy, mean, std))


def truncated_normal_(
    input: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    low: float = -2.0,
    high: float = 2.0,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normals of [low, high]. No method of Tensor: see torch.nn.init.trunc_normal_."""
    source = generator_of(generator)
    kind = input.dtype
    check_implemented(kind, "normal_kernel_cpu")
    check_uniform(low, high, kind)
    return fill_with(
        input,
        lambda shape: samplers.truncated_normal(source, shape, kind.numpy, mean, std, low, high),
    )


METHODS = (
    bernoulli_,
    cauchy_,
    exponential_,
    geometric_,
    log_normal_,
    normal_,
    random_,
    uniform_,
)
