"""Gradients of sparse Tensors where PyTorch lets a whole sparse gradient pass: autograd.grad,
hooks.

The walk of a backward knows the values only, so a gradient has the pattern of its Tensor. PyTorch's
passes through sums and multiples as it is: entries of a given cotangent that lie beyond the pattern
arrive at the inputs too. `grad` adds them, along what a sparse Tensor notes of its sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..._core import backward
from ..._core.alias import cell_of
from ..._core.overrides import overridable
from ..._core.tensor import Tensor, from_cell
from ..._expose import row
from ..creation import ones, zeros_like
from .kind import LOOKUP, SparseTensor, implements, pattern_of, values_of, with_pattern
from .pattern import same_places

where = row("where")


@implements(overridable(backward.grad))
def grad(outputs: Any, inputs: Any, grad_outputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """As for dense Tensors, with the entries of cotangents that lie beyond the outputs'
    patterns."""
    outputs, inputs = _listed(outputs), _listed(inputs)
    given = [grad_outputs] * len(outputs) if grad_outputs is None else _listed(grad_outputs)
    found = list(backward.grad(outputs, inputs, given, *args, **kwargs))
    for output, cotangent in zip(outputs, given, strict=True):
        if pattern_of(output) is None or pattern_of(cotangent) is None:
            continue
        if same_places(pattern_of(output), pattern_of(cotangent)):
            continue
        beyond = _beyond(cotangent, output)
        for source, factor in _sources(output):
            for k, tensor in enumerate(inputs):
                if tensor is source and found[k] is not None:
                    found[k] = found[k] + beyond * factor
    return tuple(found)


def _listed(value: Any) -> Sequence[Any]:
    return [value] if isinstance(value, Tensor) else list(value)


def _beyond(gradient: Any, tensor: Any) -> SparseTensor:
    """A sparse gradient with zeros where the Tensor has entries."""
    own, pattern = pattern_of(gradient), pattern_of(tensor)
    count = ones(pattern.indices.shape[1], device=own.device)
    here = LOOKUP(count, pattern.positions(), own.positions()) != 0
    values = values_of(gradient)
    here = here.reshape(-1, *(1,) * (values.dim() - 1))
    return with_pattern(where(here, zeros_like(values), values), own)


def _sources(tensor: Any, factor: Any = 1) -> Iterator[tuple[Any, Any]]:
    """The sparse Tensors of which this one is a sum of multiples, itself among them, and the
    factors of its gradient."""
    yield tensor, factor
    for source, own in tensor.__dict__.get("_sources", ()):
        turned = own.conj() if isinstance(own, Tensor) else own.conjugate()
        yield from _sources(source, factor * turned)


@implements(overridable(backward.register_hook))
def register_hook(self: Any, hook: Callable[[Tensor], Tensor | None]) -> Any:
    """The hook gets and gives gradients of this layout."""
    like = with_pattern(values_of(self).detach(), pattern_of(self))

    def on_values(gradient: Tensor) -> Tensor | None:
        found = hook(like._to_gradient(cell_of(gradient)))
        return None if found is None else from_cell(like._from_gradient(found))

    return backward.register_hook(self, on_values)
