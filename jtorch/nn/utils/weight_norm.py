"""Weight norm as a hook before each call, as it was before parametrizations.

w = g v / |v|: Salimans and Kingma (2016), "Weight normalization". The module has the parameters
`weight_g` and `weight_v`, and `weight` is computed from them. See parametrizations.weight_norm.
"""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from ..._core.tensor import Tensor
from ..._expose import row
from ..module import Module
from ..parameter import Parameter, is_lazy

norm_except_dim = row("norm_except_dim")

AnyModule = TypeVar("AnyModule", bound=Module)


def weight_of(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """g v / |v|, the norm over all dims but one."""
    return v * (g / norm_except_dim(v, 2, dim))


class WeightNorm:
    """The hook: it computes the weight. See torch.nn.utils.weight_norm."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """g v / |v| of the module's parameters."""
        v = getattr(module, f"{self.name}_v")
        return weight_of(v, getattr(module, f"{self.name}_g"), self.dim)

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> WeightNorm:
        """Replace a parameter of the module by the two it is computed from."""
        warnings.warn(
            "`torch.nn.utils.weight_norm` is deprecated in favor of "
            "`torch.nn.utils.parametrizations.weight_norm`.",
            FutureWarning,
            stacklevel=3,
        )
        if _hook_of(module, name) is not None:
            raise RuntimeError(
                f"Cannot register two weight_norm hooks on the same parameter {name}"
            )
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `WeightNorm` can't have uninitialized parameters. "
                "Make sure to run the dummy forward before applying weight normalization"
            )
        del module._parameters[name]
        length = norm_except_dim(weight.detach(), 2, hook.dim)
        module.register_parameter(f"{name}_g", Parameter(length))
        module.register_parameter(f"{name}_v", Parameter(weight.data))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Module) -> None:
        """Make the present weight an ordinary parameter."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[f"{self.name}_g"]
        del module._parameters[f"{self.name}_v"]
        setattr(module, self.name, Parameter(weight.data))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: AnyModule, name: str = "weight", dim: int | None = 0) -> AnyModule:
    """Compute a parameter as g v / |v| before each call. Deprecated in favour of
    parametrizations.weight_norm. See torch.nn.utils.weight_norm."""
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: AnyModule, name: str = "weight") -> AnyModule:
    """Undo `weight_norm`. See torch.nn.utils.remove_weight_norm."""
    found = _hook_of(module, name)
    if found is None:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    key, hook = found
    hook.remove(module)
    del module._forward_pre_hooks[key]
    return module


def _hook_of(module: Module, name: str) -> tuple[int, WeightNorm] | None:
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            return key, hook
    return None


__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]
