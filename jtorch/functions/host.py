"""Python functions applied to each element: `apply_`, `map_`, `map2_`.

They read the Tensors and run on the host: slow, as in PyTorch, and without gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.alias import cell_of, check_writable
from .._core.program import host
from .._core.tensor import Tensor, from_array
from .shaping import broadcast_to


def _map(name: str, self: Tensor, others: tuple[Tensor, ...], callable: Callable) -> Tensor:
    if any(t.requires_grad for t in (self, *others)):
        raise TypeError(f"Can't call {name}() on Variable that requires grad. Use detach()")
    check_writable(self)
    for other in others:
        if other.dtype is not self.dtype:
            raise TypeError(f"{name}: expected a tensor of {self.dtype} but got {other.dtype}")
    columns = [self, *(broadcast_to(other, self.shape) for other in others)]
    values = [host(cell_of(c)).reshape(-1).tolist() for c in columns]
    found = [callable(*row) for row in zip(*values, strict=True)]
    kind = self.dtype.numpy
    array = np.array(found, dtype=kind).reshape(tuple(self.shape))
    return self.copy_(from_array(array, self.device))


def apply_(self: Tensor, callable: Callable) -> Tensor:
    """callable(x) for each element x, in place. See torch.Tensor.apply_."""
    return _map("apply_", self, (), callable)


def map_(self: Tensor, tensor: Tensor, callable: Callable) -> Tensor:
    """callable(x, y) for each pair of elements, in place. See torch.Tensor.map_."""
    return _map("map_", self, (tensor,), callable)


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable) -> Tensor:
    """callable(a, b, c) for each three elements, in place. See torch.Tensor.map2_."""
    return _map("map2_", self, (x, y), callable)


FUNCTIONS: list[Any] = []
METHODS = {f.__name__: f for f in (apply_, map_, map2_)}
