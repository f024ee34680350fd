"""The functions that distributions are written with, besides the methods of Tensor."""

from __future__ import annotations

from .._core.grad_mode import enable_grad, no_grad
from .._core.tensor import Tensor
from .._expose import row
from ..functions.chances import (
    _sample_dirichlet,
    _standard_gamma,
    bernoulli,
    binomial,
    multinomial,
    poisson,
)
from ..functions.checks import can_wait, frozen, require
from ..functions.creation import (
    as_tensor,
    empty,
    full,
    full_like,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from ..functions.embedding import one_hot
from ..functions.facts import broadcast_shapes, finfo
from ..functions.random import normal, rand, randn
from ..functions.ranges import arange, eye
from ..functions.selection import where
from ..functions.shaping import broadcast_tensors

binary_cross_entropy_with_logits = row("binary_cross_entropy_with_logits")
cat = row("cat")
cholesky = row("linalg_cholesky")
cholesky_ex = row("linalg_cholesky_ex")
eigvalsh = row("linalg_eigvalsh")
gammainc = row("special_gammainc")
logsigmoid = row("logsigmoid")
pad = row("pad")
slogdet = row("linalg_slogdet")
softplus = row("softplus")
solve_triangular = row("linalg_solve_triangular")
stack = row("stack")

__all__ = [
    "Tensor",
    "_sample_dirichlet",
    "_standard_gamma",
    "arange",
    "as_tensor",
    "bernoulli",
    "binary_cross_entropy_with_logits",
    "binomial",
    "broadcast_shapes",
    "broadcast_tensors",
    "can_wait",
    "cat",
    "cholesky",
    "cholesky_ex",
    "eigvalsh",
    "empty",
    "enable_grad",
    "eye",
    "finfo",
    "frozen",
    "full",
    "full_like",
    "gammainc",
    "logsigmoid",
    "multinomial",
    "no_grad",
    "normal",
    "one_hot",
    "ones",
    "ones_like",
    "pad",
    "poisson",
    "rand",
    "randn",
    "require",
    "slogdet",
    "softplus",
    "solve_triangular",
    "stack",
    "tensor",
    "where",
    "zeros",
    "zeros_like",
]
