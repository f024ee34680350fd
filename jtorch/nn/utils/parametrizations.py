"""Ready-made parametrizations: orthogonal matrices, weight norm, spectral norm.

How they are registered is in parametrize.py, to be read first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core.dtype import int32
from ..._core.grad_mode import no_grad
from ..._core.tensor import Tensor
from ..._expose import row
from ...functions.creation import zeros_like
from ...functions.random import randn
from ...functions.ranges import eye
from ..functional import normalize
from ..module import Module
from ._power_iteration import as_matrix, default_dim, left, right, singular_value, start
from .parametrize import register_parametrization
from .weight_norm import norm_except_dim, weight_of

_cat, _where = row("cat"), row("where")
_geqrf, _householder = row("geqrf"), row("linalg_householder_product")
_matrix_exp, _solve = row("linalg_matrix_exp"), row("linalg_solve")

_MAPS = ("matrix_exp", "cayley", "householder")


# -------------------------------------------------------------------------------------- orthogonal


class _Orthogonal(Module):
    """A matrix X of free numbers -> one with orthonormal columns, or rows if they are fewer.

    From the skew-symmetric A = tril(X) - tril(X)^H: exp(A), or the Cayley transform
    (I - A/2)^-1 (I + A/2); from Householder reflections, whose vectors are X's columns. With a
    `base` the result is multiplied by it (Lezcano-Casado, 2019, "Trivializations for
    gradient-based optimization on manifolds"), so that it starts at the given matrix.
    """

    base: Any

    def __init__(
        self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True
    ) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        transposed = X.size(-2) < X.size(-1)
        X = X.mT if transposed else X
        Q = _reflected(X) if self.orthogonal_map == "householder" else self._rotation(X)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if transposed else Q

    def _rotation(self, X: Tensor) -> Tensor:
        rows, columns = X.size(-2), X.size(-1)
        lower = X.tril()
        if rows != columns:
            fill = lower.new_zeros(rows, rows - columns)
            lower = _cat([lower, fill.expand(*lower.shape[:-2], -1, -1)], -1)
        A = lower - lower.mH
        if self.orthogonal_map == "matrix_exp":
            Q = _matrix_exp(A)
        else:
            identity = eye(rows, dtype=A.dtype, device=A.device)
            Q = _solve(identity - 0.5 * A, identity + 0.5 * A)
        return Q[..., :columns] if rows != columns else Q

    def right_inverse(self, Q: Tensor) -> Tensor:
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. "
                f"Got a tensor of shape {Q.shape}."
            )
        with no_grad():
            return self._free_numbers(Q)

    def _free_numbers(self, Q: Tensor) -> Tensor:
        """X for a given Q; with a base, which takes Q over, X is -I."""
        transposed = Q.size(-2) < Q.size(-1)
        tall = Q.mT if transposed else Q
        if hasattr(self, "base"):
            self.base = _completed(tall)
            X = zeros_like(Q)
            X.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return X
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley "
                "parametrizations when use_trivialization=False."
            )
        A, tau = _geqrf(tall)
        diagonal = A.diagonal(dim1=-2, dim2=-1)
        signs = diagonal.sign()
        diagonal.copy_(_where(tau == 0.0, -signs, signs))
        return A.mT if transposed else A


def _reflected(X: Tensor) -> Tensor:
    """The product of Householder reflections by X's columns below the diagonal; the diagonal has
    the signs."""
    A = X.tril(diagonal=-1)
    tau = 2.0 / (1.0 + (A * A).sum(dim=-2))
    return _householder(A, tau) * X.diagonal(dim1=-2, dim2=-1).to(int32).unsqueeze(-2)


def _completed(Q: Tensor) -> Tensor:
    """A square orthogonal matrix that begins with the columns of Q."""
    rows, columns = Q.size(-2), Q.size(-1)
    if rows != columns:
        more = randn(*Q.size()[:-2], rows, rows - columns, dtype=Q.dtype, device=Q.device)
        Q = _cat([Q, more], -1)
    elif _is_orthogonal(Q):
        return Q.clone()
    X, tau = _geqrf(Q)
    return _householder(X, tau) * X.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def _is_orthogonal(Q: Tensor) -> bool:
    identity = eye(Q.size(-1), dtype=Q.dtype, device=Q.device)
    epsilon = float(np.finfo(Q.dtype.numpy).eps)
    return bool((Q.mH @ Q).allclose(identity, atol=10.0 * Q.size(-2) * epsilon))


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Let a matrix, or each of a batch, be orthogonal; columns or rows orthonormal if not square.

    orthogonal_map: "matrix_exp", "cayley" or "householder"; by default the first for square or
    complex matrices, else the last. See torch.nn.utils.parametrizations.orthogonal.
    """
    weight = _tensor_of(module, name)
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)


# ------------------------------------------------------------------------------------- weight norm


class _WeightNorm(Module):
    """w = g v / |v|, the norm over all dims but one."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_of(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Let a weight be g v / |v|: `original0` is its length g, `original1` its direction v.

    Salimans and Kingma (2016), "Weight normalization". One length for each entry of dim, or one
    altogether if dim is None. See torch.nn.utils.parametrizations.weight_norm.
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename_old(state_dict: Any, prefix: str, *rest: Any) -> None:
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in old):
            for number, key in enumerate(old):
                new = f"{prefix}parametrizations.{name}.original{number}"
                state_dict[new] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename_old)
    return module


# ----------------------------------------------------------------------------------- spectral norm


class _SpectralNorm(Module):
    """w / (largest singular value of w), which power iteration follows in training."""

    _u: Tensor
    _v: Tensor

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(
                "Dimension out of range (expected to be in range of "
                f"[-{ndim}, {ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but "
                f"got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            with no_grad():
                matrix = as_matrix(weight, self.dim)
                u, v = start(matrix, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)
            self._power_method(matrix, 15)

    def _power_method(self, weight_mat: Tensor, n_power_iterations: int) -> None:
        with no_grad():
            for _ in range(n_power_iterations):
                self._u.copy_(left(weight_mat, self._v, self.eps))
                self._v.copy_(right(weight_mat, self._u, self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # The buffers may be written to before the backward of what is made here.
        return weight / singular_value(matrix, self._u.clone(), self._v.clone())

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Let a weight be divided by its largest singular value, as a matrix of one row for each entry
    of dim (0, or 1 for transposed convolutions).

    Miyato et al. (2018), "Spectral normalization for generative adversarial networks".
    See torch.nn.utils.parametrizations.spectral_norm.
    """
    weight = _tensor_of(module, name)
    dim = default_dim(module) if dim is None else dim
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, made)


def _tensor_of(module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


__all__ = ["orthogonal", "spectral_norm", "weight_norm"]
