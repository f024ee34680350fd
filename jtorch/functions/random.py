"""Random Tensors and the state of the generators: `rand`, `randn`, `randint`, `manual_seed`, ...

For a seed the numbers are those of PyTorch's CPU generator, on every device: they are drawn on the
host when the function is called, and enter the trace as a leaf. Draws by given chances are in
chances.py, methods that fill a Tensor in place in random_fill.py, the rules in _core/samplers.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .._core import samplers
from .._core.alias import cell_of
from .._core.device import canonical
from .._core.dtype import BOOL, COMPLEX, TITLES, dtype, int64
from .._core.generator import Generator, default_generator, manual_seed
from .._core.tensor import Tensor, from_cell
from .._core.trace import Aval, Cell
from ._drawing import drawn_like, values_of
from ._random_arguments import (
    check_implemented,
    check_range,
    check_std,
    check_tensor,
    generator_of,
    integer_of,
    number_of,
    shape_of,
)
from ._random_results import Draw, check_can_grow, check_options, grown, kind_of, new
from .chances import FUNCTIONS as CHANCES
from .chances import bernoulli, multinomial
from .random_fill import METHODS as FILLS


def seed() -> int:
    """Seed the default generator with a number of the system, and return it. See torch.seed."""
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

    devices and options are accepted: there is one generator for all devices.
    See torch.random.fork_rng.
    """
    if not enabled:
        yield
        return
    state = default_generator.state_bytes()
    try:
        yield
    finally:
        default_generator.load_bytes(state)


def rand(
    *shape: Any, size: Any = None, generator: Generator | None = None, **options: Any
) -> Tensor:
    """Uniforms of [0, 1), of a shape given as numbers or as a sequence.

    Options: out, dtype, layout, device, requires_grad, pin_memory. See torch.rand.
    """
    check_options("rand", options)
    source = generator_of(generator)
    sizes = shape_of("rand", shape, size)
    kind = kind_of(options)
    check_implemented(kind, "check_uniform_bounds", complex=True)
    return new(lambda s, d: samplers.uniform(source, s, d), sizes, kind, options)


def randn(
    *shape: Any, size: Any = None, generator: Generator | None = None, **options: Any
) -> Tensor:
    """Standard normals. Options as for `rand`. See torch.randn."""
    check_options("randn", options)
    source = generator_of(generator)
    sizes = shape_of("randn", shape, size)
    kind = kind_of(options)
    check_implemented(kind, "normal_kernel_cpu", complex=True)
    return new(lambda s, d: samplers.normal(source, s, d), sizes, kind, options)


def randint(
    *arguments: Any,
    low: Any = None,
    high: Any = None,
    size: Any = None,
    generator: Generator | None = None,
    **options: Any,
) -> Tensor:
    """Integers of [low, high): `randint(high, size)` or `randint(low, high, size)`.

    int64 by default; options as for `rand`. See torch.randint.
    """
    check_options("randint", options)
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
    kind = kind_of(options, int64)
    if options.get("requires_grad"):
        check_can_grow(kind)
    sizes = shape_of("randint", (), tuple(size))
    check_range(start, end, kind)
    return new(lambda s, d: samplers.integers(source, s, d, start, end), sizes, kind, options)


def _bounds(name: str, given: list, low: Any, high: Any) -> tuple[int, int]:
    """The two bounds, of up to two positional arguments and the keywords."""
    given = [b for b in (low, *given, high) if b is not None]
    if not 1 <= len(given) <= 2:
        raise TypeError(f"{name}() received an invalid combination of arguments")
    names = [("high", 1)] if len(given) == 1 else [("low", 1), ("high", 2)]
    found = [integer_of(name, *n, value) for n, value in zip(names, given, strict=True)]
    return (0, found[0]) if len(found) == 1 else (found[0], found[1])


def randperm(n: int, *, generator: Generator | None = None, **options: Any) -> Tensor:
    """A random permutation of 0 ... n-1, int64 by default. See torch.randperm."""
    check_options("randperm", options)
    n = integer_of("randperm", "n", 1, n)
    source = generator_of(generator)
    kind = kind_of(options, int64)
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if kind.category in (BOOL, COMPLEX):
        raise NotImplementedError(f"\"randperm\" not implemented for '{TITLES[kind]}'")
    digits = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}.get(kind.name)
    if digits and n > 2**digits + 1:
        raise RuntimeError(f"n cannot be greater than {2**digits + 1} for {TITLES[kind]} type.")
    if not digits and n > 0 and n > np.iinfo(kind.numpy).max:
        raise RuntimeError(f"value cannot be converted to type {kind.name}_t without overflow")

    def draw(shape: tuple[int, ...], d: np.dtype) -> np.ndarray:
        rows = [samplers.permutation(source, n, d) for _ in range(int(np.prod(shape[:-1])))]
        return np.stack(rows).reshape(shape)

    return new(draw, (n,), kind, options)


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
    check_options("normal", options)
    source = generator_of(generator)
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        if not isinstance(size, (tuple, list)):
            raise TypeError(
                "normal() received an invalid combination of arguments - numbers for mean and std "
                "need a size, a tuple of ints"
            )
        mean, std = number_of("normal", "mean", 1, mean), number_of("normal", "std", 2, std)
        check_std(std)
        kind = kind_of(options)
        check_implemented(kind, "normal_kernel_cpu", complex=True)
        sizes = shape_of("normal", (), size)
        return new(lambda s, d: samplers.normal(source, s, d, mean, std), sizes, kind, options)
    if size is not None:
        raise TypeError("normal() received an invalid combination of arguments - size with Tensors")
    return _normal_of(mean, std, source, options)


def _normal_of(
    mean: float | Tensor, std: float | Tensor, source: Generator, options: dict[str, Any]
) -> Tensor:
    """Normals where mean or std (or both) is a Tensor: standard ones, times std, plus mean."""
    first: Any = mean if isinstance(mean, Tensor) else std
    kind = first.dtype
    shape = _broadcast(*(tuple(v.shape) if isinstance(v, Tensor) else () for v in (mean, std)))
    spread = values_of(std, len(shape)) if isinstance(std, Tensor) else None
    centre = values_of(mean, len(shape)) if isinstance(mean, Tensor) else kind.numpy.type(mean)
    if spread is None:
        check_std(number_of("normal", "std", 2, std))
    elif spread.size and not (spread >= 0).all():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    check_implemented(kind, "normal_kernel_cpu", complex=True)

    def draw(sizes: tuple[int, ...], d: np.dtype) -> np.ndarray:
        if spread is None:
            drawn = samplers.normal(source, sizes, d, 0.0, float(std))
        else:
            drawn = (samplers.normal(source, sizes, d) * spread).astype(d)
        return (drawn + centre).astype(d)

    return new(draw, shape, kind, {"device": first.device, **options})


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


# ------------------------------------------------------------------------- like another Tensor


def _like(name: str, input: Tensor, draw: Draw, options: dict[str, Any], kind: dtype) -> Tensor:
    """A Tensor of another's shape and order of dimensions."""
    check_options(name, options)
    aval = cell_of(input).aval
    where = canonical(options.get("device") or aval.device)
    made = drawn_like(lambda s: draw(s, kind.numpy), aval, where)
    order = samplers.order_of(aval.shape, aval.strides)
    if order is not None and cell_of(made).array is not None:
        made = from_cell(_with_order(cell_of(made), order))
    return grown(made, options)


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
    return options.get("dtype") or check_tensor(name, input)


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
    """Integers of [low, high) in another Tensor's shape and dtype. See torch.randint_like."""
    source = generator_of(generator)
    kind = _likeness("randint_like", input, options)
    start, end = _bounds("randint_like", list(arguments), low, high)
    if options.get("requires_grad"):
        check_can_grow(kind)
    check_range(start, end, kind)

    def draw(shape: tuple[int, ...], d: np.dtype) -> np.ndarray:
        return samplers.integers(source, shape, d, start, end)

    return _like("randint_like", input, draw, options, kind)


FUNCTIONS = (
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
    *CHANCES,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
METHODS = {method.__name__: method for method in (*FILLS, bernoulli, multinomial)}
__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    "FUNCTIONS",
    "METHODS",
    "Generator",
    "default_generator",
    "fork_rng",
    *(function.__name__ for function in FUNCTIONS),
]
