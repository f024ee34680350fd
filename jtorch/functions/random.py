"""Random Tensors and the state of the generators: `rand`, `randn`, `randint`, `manual_seed` and their siblings.

For a seed the numbers are those of PyTorch's CPU generator, on every device: they are drawn on the host when the
function is called, and enter the trace as a leaf. Methods that fill a Tensor in place are in random_fill.py,
the rules in _core/samplers.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .._core import samplers
from .._core.alias import cell_of
from .._core.device import canonical
from .._core.dtype import BOOL, COMPLEX, FLOAT, TITLES, dtype, get_default_dtype, int64
from .._core.generator import Generator, default_generator, manual_seed
from .._core.program import host
from .._core.tensor import Tensor, from_array, from_cell
from .._core.trace import Aval, Cell
from ._random_arguments import (
    check_implemented,
    check_range,
    check_std,
    generator_of,
    integer_of,
    number_of,
    shape_of,
)
from .random_fill import METHODS, probabilities

Draw = Callable[[tuple[int, ...], np.dtype], np.ndarray]


def seed() -> int:
    """Seed the default generator with a number of the operating system, and return it. See torch.seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator. See torch.initial_seed."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator, byte for byte PyTorch's. See torch.get_rng_state."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Take over a state of `get_rng_state`, jtorch's or PyTorch's. See torch.set_rng_state."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **options: Any) -> Iterator[None]:
    """Give the default generator back, after the `with` block, the state it had before.

    devices and options are accepted: there is one generator for all devices. See torch.random.fork_rng.
    """
    if not enabled:
        yield
        return
    state = default_generator.state_bytes()
    try:
        yield
    finally:
        default_generator.load_bytes(state)


# ------------------------------------------------------------------------------------------ new Tensors


def _new(draw: Draw, shape: tuple[int, ...], kind: dtype, options: dict[str, Any]) -> Tensor:
    """A Tensor of drawn numbers, or `out` filled with them."""
    out = options.get("out")
    if out is None:
        drawn = draw(shape, kind.numpy)
        return _grown(from_array(drawn, canonical(options.get("device"))), options)
    if out.requires_grad:
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    drawn = from_array(draw(shape, kind.numpy), out.device)
    if out.shape == shape:
        return out.copy_(drawn)
    out.data = drawn
    return out


def _grown(made: Tensor, options: dict[str, Any]) -> Tensor:
    """The Tensor, as a leaf that requires grad if that is asked for."""
    if not options.get("requires_grad"):
        return made
    _check_can_grow(made.dtype)
    return made.requires_grad_()


def _check_can_grow(kind: dtype) -> None:
    if kind.category < FLOAT:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")


def _kind(options: dict[str, Any], otherwise: dtype | None = None) -> dtype:
    """The dtype of the result, from `dtype=` and `out=`."""
    kind = options.get("dtype")
    out = options.get("out")
    if kind is not None and not isinstance(kind, dtype):
        raise TypeError(f"argument 'dtype' must be torch.dtype, not {type(kind).__name__}")
    if out is None:
        return kind or otherwise or get_default_dtype()
    if kind is not None and kind is not out.dtype:
        raise RuntimeError(
            f"dtype {TITLES[kind]} does not match dtype of out parameter ({TITLES[out.dtype]})"
        )
    return out.dtype


_OPTIONS = {"out", "dtype", "layout", "device", "requires_grad", "pin_memory", "memory_format"}


def _check_options(name: str, options: dict[str, Any]) -> None:
    unknown = options.keys() - _OPTIONS
    if unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument '{min(unknown)}'")


def rand(
    *shape: Any, size: Any = None, generator: Generator | None = None, **options: Any
) -> Tensor:
    """Uniforms of [0, 1). Options: out, dtype, layout, device, requires_grad, pin_memory. See torch.rand."""
    _check_options("rand", options)
    source = generator_of(generator)
    sizes = shape_of("rand", shape, size)
    kind = _kind(options)
    check_implemented(kind, "check_uniform_bounds", complex=True)
    return _new(lambda s, d: samplers.uniform(source, s, d), sizes, kind, options)


def randn(
    *shape: Any, size: Any = None, generator: Generator | None = None, **options: Any
) -> Tensor:
    """Standard normals. Options as for `rand`. See torch.randn."""
    _check_options("randn", options)
    source = generator_of(generator)
    sizes = shape_of("randn", shape, size)
    kind = _kind(options)
    check_implemented(kind, "normal_kernel_cpu", complex=True)
    return _new(lambda s, d: samplers.normal(source, s, d), sizes, kind, options)


def randint(
    *arguments: Any,
    low: Any = None,
    high: Any = None,
    size: Any = None,
    generator: Generator | None = None,
    **options: Any,
) -> Tensor:
    """Integers of [low, high): `randint(high, size)` or `randint(low, high, size)`; int64 by default.

    Options as for `rand`. See torch.randint.
    """
    _check_options("randint", options)
    bounds = list(arguments)
    if size is None:
        size = bounds.pop() if len(bounds) > (1 if high is None else 0) else None
        if not isinstance(size, (tuple, list)):
            raise TypeError(
                "randint(): argument 'size' must be tuple of ints, not "
                f"{type(size).__name__}; expected randint(high, size) or randint(low, high, size)"
            )
    start, end = _bounds("randint", bounds, low, high)
    source = generator_of(generator)
    kind = _kind(options, int64)
    if options.get("requires_grad"):
        _check_can_grow(kind)
    sizes = shape_of("randint", (), tuple(size))
    check_range(start, end, kind)
    return _new(lambda s, d: samplers.integers(source, s, d, start, end), sizes, kind, options)


def _bounds(name: str, given: list, low: Any, high: Any) -> tuple[int, int]:
    """The two bounds, of up to two positional arguments and the keywords."""
    given = [b for b in (low, *given, high) if b is not None]
    if not 1 <= len(given) <= 2:
        raise TypeError(f"{name}() received an invalid combination of arguments")
    names = [("high", 1)] if len(given) == 1 else [("low", 1), ("high", 2)]
    found = [integer_of(name, *n, value) for n, value in zip(names, given, strict=True)]
    return (0, found[0]) if len(found) == 1 else (found[0], found[1])


def randperm(n: int, *, generator: Generator | None = None, **options: Any) -> Tensor:
    """A random permutation of 0 ... n-1, int64 by default. Options as for `rand`. See torch.randperm."""
    _check_options("randperm", options)
    n = integer_of("randperm", "n", 1, n)
    source = generator_of(generator)
    kind = _kind(options, int64)
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if kind.category in (BOOL, COMPLEX):
        raise NotImplementedError(f"\"randperm\" not implemented for '{TITLES[kind]}'")
    digits = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}.get(kind.name)
    if digits and n > 2**digits + 1:
        raise RuntimeError(f"n cannot be greater than {2**digits + 1} for {TITLES[kind]} type.")
    if not digits and n > 0 and n > np.iinfo(kind.numpy).max:
        raise RuntimeError(f"value cannot be converted to type {kind.name}_t without overflow")
    return _new(lambda s, d: samplers.permutation(source, n, d), (n,), kind, options)


def normal(
    mean: float | Tensor,
    std: float | Tensor = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    **options: Any,
) -> Tensor:
    """Normals of a mean and a standard deviation: numbers with a `size`, or Tensors that broadcast.

    No gradient reaches mean or std. See torch.normal.
    """
    _check_options("normal", options)
    source = generator_of(generator)
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        if not isinstance(size, (tuple, list)):
            raise TypeError(
                "normal() received an invalid combination of arguments - numbers for mean and std "
                "need a size, a tuple of ints"
            )
        mean, std = number_of("normal", "mean", 1, mean), number_of("normal", "std", 2, std)
        check_std(std)
        kind = _kind(options)
        check_implemented(kind, "normal_kernel_cpu", complex=True)
        sizes = shape_of("normal", (), size)
        return _new(lambda s, d: samplers.normal(source, s, d, mean, std), sizes, kind, options)
    if size is not None:
        raise TypeError("normal() received an invalid combination of arguments - size with Tensors")
    return _normal_of(mean, std, source, options)


def _normal_of(
    mean: float | Tensor, std: float | Tensor, source: Generator, options: dict[str, Any]
) -> Tensor:
    """Normals where mean or std (or both) is a Tensor: standard ones, times std, plus mean."""
    first = mean if isinstance(mean, Tensor) else std
    kind = first.dtype
    spread = host(cell_of(std)) if isinstance(std, Tensor) else None
    centre = host(cell_of(mean)) if isinstance(mean, Tensor) else kind.numpy.type(mean)
    if spread is None:
        check_std(number_of("normal", "std", 2, std))
    elif spread.size and not (spread >= 0).all():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    check_implemented(kind, "normal_kernel_cpu", complex=True)
    shape = first.shape if spread is None else _broadcast(np.shape(centre), np.shape(spread))

    def draw(sizes: tuple[int, ...], d: np.dtype) -> np.ndarray:
        if spread is None:
            drawn = samplers.normal(source, sizes, d, 0.0, float(std))
        else:
            drawn = (samplers.normal(source, sizes, d) * spread).astype(d)
        return (drawn + centre).astype(d)

    return _new(draw, tuple(shape), kind, {"device": first.device, **options})


def _broadcast(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(first, second)
    except ValueError:
        pairs = zip(reversed(first), reversed(second), strict=False)
        offset = next(k for k, (a, b) in enumerate(pairs) if a != b and 1 not in (a, b))
        dim = max(len(first), len(second)) - 1 - offset
        a, b = first[-1 - offset], second[-1 - offset]
    raise RuntimeError(
        f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton "
        f"dimension {dim}"
    )


# ------------------------------------------------------------------------------------- like another Tensor


def _like(name: str, input: Tensor, draw: Draw, options: dict[str, Any], kind: dtype) -> Tensor:
    """A Tensor of another's shape and order of dimensions."""
    _check_options(name, options)
    aval = cell_of(input).aval
    array = samplers.in_memory_order(lambda s: draw(s, kind.numpy), aval.shape, aval.strides)
    made = from_array(array, canonical(options.get("device") or aval.device))
    order = samplers.order_of(aval.shape, aval.strides)
    if order is not None:
        made = from_cell(_with_order(cell_of(made), order))
    return _grown(made, options)


def _with_order(cell: Cell, order: tuple[int, ...]) -> Cell:
    """The cell with the strides of a dense tensor whose dimensions lie in that order."""
    strides = [1] * len(order)
    step = 1
    for dim in reversed(order):
        strides[dim] = step
        step *= max(cell.aval.shape[dim], 1)
    aval = cell.aval
    return Cell(cell.array, Aval(aval.shape, aval.dtype, aval.device, tuple(strides)))


def _likeness(name: str, input: Any, options: dict[str, Any]) -> dtype:
    if not isinstance(input, Tensor):
        raise TypeError(
            f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    return options.get("dtype") or input.dtype


def rand_like(input: Tensor, *, generator: Generator | None = None, **options: Any) -> Tensor:
    """Uniforms of [0, 1) in another Tensor's shape, dtype and device. See torch.rand_like."""
    source = generator_of(generator)
    kind = _likeness("rand_like", input, options)
    check_implemented(kind, "check_uniform_bounds", complex=True)
    return _like("rand_like", input, lambda s, d: samplers.uniform(source, s, d), options, kind)


def randn_like(input: Tensor, *, generator: Generator | None = None, **options: Any) -> Tensor:
    """Standard normals in another Tensor's shape, dtype and device. See torch.randn_like."""
    source = generator_of(generator)
    kind = _likeness("randn_like", input, options)
    check_implemented(kind, "normal_kernel_cpu", complex=True)
    aval = cell_of(input).aval
    in_turn = samplers.order_of(aval.shape, aval.strides) is not None

    def draw(shape: tuple[int, ...], d: np.dtype) -> np.ndarray:
        return samplers.normal(source, shape, d, in_turn=in_turn)

    return _like("randn_like", input, draw, options, kind)


def randint_like(
    input: Tensor,
    *arguments: Any,
    low: Any = None,
    high: Any = None,
    generator: Generator | None = None,
    **options: Any,
) -> Tensor:
    """Integers of [low, high) in another Tensor's shape, dtype and device. See torch.randint_like."""
    source = generator_of(generator)
    kind = _likeness("randint_like", input, options)
    start, end = _bounds("randint_like", list(arguments), low, high)
    if options.get("requires_grad"):
        _check_can_grow(kind)
    check_range(start, end, kind)

    def draw(shape: tuple[int, ...], d: np.dtype) -> np.ndarray:
        return samplers.integers(source, shape, d, start, end)

    return _like("randint_like", input, draw, options, kind)


# --------------------------------------------------------------------------------------- by given chances


def bernoulli(
    input: Tensor,
    p: float | None = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Ones with the probabilities `input` (or all with probability p), else zeros. See torch.bernoulli."""
    kind = _likeness("bernoulli", input, {})
    source = generator_of(generator)
    if p is not None:
        p = number_of("bernoulli", "p", 2, p)
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    chances = probabilities(input) if p is None else None

    def draw(shape: tuple[int, ...], d: np.dtype) -> np.ndarray:
        if chances is None:
            return samplers.bernoulli(source, shape, d, p)
        return samplers.bernoulli_of(source, chances, d)

    target = kind if out is None else out.dtype
    return _new(draw, input.shape, target, {"device": input.device, "out": out})


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson counts of the rates `input`. See torch.poisson."""
    kind = _likeness("poisson", input, {})
    source = generator_of(generator)
    check_implemented(kind, "poisson_cpu")
    rates = host(cell_of(input))
    if not (rates >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    return from_array(samplers.poisson(source, rates), input.device)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """`num_samples` indices per row of weights `input`, (categories) or (rows, categories), as int64.

    Weights need not add up to one. See torch.multinomial.
    """
    _likeness("multinomial", input, {})
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

    return _new(draw, shape, int64, {"device": input.device, "out": out})


def _check_weights(input: Tensor, count: int, replacement: bool) -> None:
    if not 1 <= input.dim() <= 2:
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{TITLES[input.dtype]}"
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


FUNCTIONS = (
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
    bernoulli,
    multinomial,
    normal,
    poisson,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
__all__ = [
    "FUNCTIONS",
    "METHODS",
    "Generator",
    "default_generator",
    "fork_rng",
    *(function.__name__ for function in FUNCTIONS),
]
