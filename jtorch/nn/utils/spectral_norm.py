"""Spectral norm as a hook before each call, as it was before parametrizations.

The module has the parameter `weight_orig` and the buffers `weight_u` and `weight_v`, and `weight`
is computed from them. See parametrizations.spectral_norm; the arithmetic is in _power_iteration.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..._core.grad_mode import no_grad
from ..._core.tensor import Tensor
from ..._expose import row
from ..module import Module
from ..parameter import Parameter, is_lazy
from ._power_iteration import as_matrix, default_dim, left, right, singular_value, start

_multi_dot = row("linalg_multi_dot")

AnyModule = TypeVar("AnyModule", bound=Module)


class SpectralNorm:
    """The hook: it computes the weight. See torch.nn.utils.spectral_norm."""

    _version = 1
    """Of its entries in a state_dict: before 1 there was `weight` in place of `weight_v`."""

    def __init__(
        self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        self.name = name
        self.dim = dim
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but "
                f"got n_power_iterations={n_power_iterations}"
            )
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def reshape_weight_to_matrix(self, weight: Tensor) -> Tensor:
        """One row for each entry of `dim`."""
        return as_matrix(weight, self.dim)

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight divided by its largest singular value."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(right(matrix, u, self.eps))
                    u.copy_(left(matrix, v, self.eps))
                # The buffers may be written to before the backward of what is made here.
                u, v = u.clone(), v.clone()
        return weight / singular_value(matrix, u, v)

    def remove(self, module: Module) -> None:
        """Make the present weight an ordinary parameter."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    def _solve_v_and_rescale(self, matrix: Tensor, u: Tensor, target_sigma: Tensor) -> Tensor:
        """v with u^T M v = target_sigma, from u = M v up to a factor."""
        inverse = matrix.t().mm(matrix).pinverse()
        v = _multi_dot([inverse, matrix.t(), u.unsqueeze(1)]).squeeze(1)
        return v.mul_(target_sigma / singular_value(matrix, u, v))

    @staticmethod
    def apply(
        module: Module, name: str, n_power_iterations: int, dim: int, eps: float
    ) -> SpectralNorm:
        """Replace a parameter of the module by what it is computed from."""
        if _find(module._forward_pre_hooks, lambda hook: _is_norm_of(hook, name)) is not None:
            raise RuntimeError(
                f"Cannot register two spectral_norm hooks on the same parameter {name}"
            )
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `SpectralNorm` can't have uninitialized parameters. "
                "Make sure to run the dummy forward before applying spectral normalization"
            )
        with no_grad():
            u, v = start(as_matrix(weight, dim), eps)
        delattr(module, name)
        module.register_parameter(f"{name}_orig", weight)
        setattr(module, name, weight.data)
        module.register_buffer(f"{name}_u", u)
        module.register_buffer(f"{name}_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(SpectralNormStateDictHook(hook))
        module._register_load_state_dict_pre_hook(SpectralNormLoadStateDictPreHook(hook))
        return hook


class SpectralNormLoadStateDictPreHook:
    """Makes `weight_v` of the entries of version 0, which had none."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        *rest: Any,
    ) -> None:
        fn, key = self.fn, prefix + self.fn.name
        version = local_metadata.get("spectral_norm", {}).get(f"{fn.name}.version")
        if version is not None and version >= 1:
            return
        new = all(key + suffix in state_dict for suffix in ("_orig", "_u", "_v"))
        if version is None and new and key not in state_dict:
            return
        missing = [key + s for s in ("_orig", "", "_u") if key + s not in state_dict]
        if missing:
            missing_keys.extend(missing if strict else ())
            return
        with no_grad():
            original = state_dict[f"{key}_orig"]
            sigma = (original / state_dict.pop(key)).mean()
            u = state_dict[f"{key}_u"]
            matrix = as_matrix(original, fn.dim)
            state_dict[f"{key}_v"] = fn._solve_v_and_rescale(matrix, u, sigma)


class SpectralNormStateDictHook:
    """Writes the version into the metadata."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(
        self, module: Module, state_dict: Any, prefix: str, local_metadata: dict[str, Any]
    ) -> None:
        versions = local_metadata.setdefault("spectral_norm", {})
        key = f"{self.fn.name}.version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.fn._version


def spectral_norm(
    module: AnyModule,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> AnyModule:
    """Divide a parameter by its largest singular value before each call.

    parametrizations.spectral_norm is newer. See torch.nn.utils.spectral_norm.
    """
    dim = default_dim(module) if dim is None else dim
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


def remove_spectral_norm(module: AnyModule, name: str = "weight") -> AnyModule:
    """Undo `spectral_norm`. See torch.nn.utils.remove_spectral_norm."""
    key = _find(module._forward_pre_hooks, lambda hook: _is_norm_of(hook, name))
    if key is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    module._forward_pre_hooks.pop(key).remove(module)  # pyright: ignore[reportFunctionMemberAccess]
    for hooks in (module._state_dict_hooks, module._load_state_dict_pre_hooks):
        key = _find(hooks, lambda hook: _is_norm_of(_inner(hook), name))
        if key is not None:
            del hooks[key]
    return module


def _find(hooks: dict[int, Any], wanted: Callable[[Any], bool]) -> int | None:
    return next((key for key, hook in hooks.items() if wanted(hook)), None)


def _is_norm_of(hook: Any, name: str) -> bool:
    return isinstance(hook, SpectralNorm) and hook.name == name


def _inner(hook: Any) -> Any:
    """The SpectralNorm of a hook around state_dict; those before loading are wrapped once more."""
    return getattr(getattr(hook, "hook", hook), "fn", None)


__all__ = [
    "SpectralNorm",
    "SpectralNormLoadStateDictPreHook",
    "SpectralNormStateDictHook",
    "remove_spectral_norm",
    "spectral_norm",
]
