"""Derivatives of sampled functions: `torch.gradient`. Integrals are rows in ops/cumulative.py."""

from __future__ import annotations

from typing import Any

from .. import _expose
from .._core.record import record
from .._core.tensor import Tensor
from ..ops._shapes import wrap_dims

GRADIENT = _expose.ROWS["_gradient"]


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """The derivatives of a sampled function along dims, of second order inside and of `edge_order`
    at the ends. spacing: a distance, or for each dim a distance or the places of the samples.
    See torch.gradient."""
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    every = dim is None
    spacing = 1 if spacing is None else spacing
    dims = wrap_dims(None if every else dim, input.dim()) if every or dim != [] else ()
    if not isinstance(spacing, (list, tuple)):
        spacing = [spacing] * len(dims)
    elif len(spacing) != len(dims):
        reason = (
            f"equal to 'self.dim() = {input.dim()}', since dim argument was not given"
            if every
            else f"equal to 'dim.size() = {len(dims)}'"
        )
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length "
            f"{reason}, but got a list of length {len(spacing)}"
        )
    return tuple(
        record(GRADIENT, input, step, at, edge_order)
        for step, at in zip(spacing, dims, strict=True)
    )


FUNCTIONS = [gradient]
METHODS: dict[str, Any] = {}
