"""Fractional pooling: the maxima of windows at random places. The op is in ops/max_pool.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from .._core.tensor import Tensor
from .._expose import row
from ..functions.random import rand

Size = TypeVar("Size", int, float)

_pool = row("_fractional_max_pool")


def _each(value: Size | Sequence[Size], count: int) -> tuple[Size, ...]:
    return (value,) * count if isinstance(value, (int, float)) else tuple(value)


def _functions(spatial: int) -> tuple[Callable, Callable]:
    """The function for a number of dims, and the one that always gives indices too."""
    name = f"fractional_max_pool{spatial}d"

    def with_indices(
        input: Tensor,
        kernel_size: int | Sequence[int],
        output_size: int | Sequence[int] | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        channels = input.size(-spatial - 1)
        if input.dim() not in (spatial + 1, spatial + 2):
            raise RuntimeError(
                f"{name}(): Expected {spatial + 1}D or {spatial + 2}D tensor, but got: "
                f"{list(input.shape)}"
            )
        inputs = input.shape[-spatial:]
        if output_size is None:
            if output_ratio is None:
                raise ValueError(
                    f"{name} requires specifying either an output_size or an output_ratio"
                )
            ratios = _each(output_ratio, spatial)
            output_size = [int(n * r) for n, r in zip(inputs, ratios, strict=True)]
        kernel, outputs = _each(kernel_size, spatial), _each(output_size, spatial)
        for n, m, k in zip(inputs, outputs, kernel, strict=True):
            if m + k - 1 > n:
                raise RuntimeError(f"{name}(): pool size {k} too large relative to input size {n}")
        batch = input.shape[0] if input.dim() == spatial + 2 else 1
        if _random_samples is None:
            _random_samples = rand(
                (batch, channels, spatial), dtype=input.dtype, device=input.device
            )
        return _pool(input, _random_samples[:batch], kernel, outputs)

    def pool(
        input: Tensor,
        kernel_size: int | Sequence[int],
        output_size: int | Sequence[int] | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        found = with_indices(input, kernel_size, output_size, output_ratio, True, _random_samples)
        return found if return_indices else found[0]

    shapes = f"({'N, C, H, W' if spatial == 2 else 'N, C, D, H, W'})"
    pool.__doc__ = (
        f"The maxima of windows of {shapes} at places drawn at random, `output_size` of them in "
        f"each dim. See torch.nn.functional.{name}."
    )
    with_indices.__doc__ = f"{name}, and where the maxima stand. See torch.nn.functional.{name}."
    pool.__name__ = pool.__qualname__ = name
    with_indices.__name__ = with_indices.__qualname__ = f"{name}_with_indices"
    return pool, with_indices


fractional_max_pool2d, fractional_max_pool2d_with_indices = _functions(2)
fractional_max_pool3d, fractional_max_pool3d_with_indices = _functions(3)
