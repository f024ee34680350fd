"""LazyModuleMixin: modules that learn the shapes of their parameters from their first input.

Before the first call their parameters have no shape (see parameter.py). The call tells
`initialize_parameters` the input, after which the module becomes one of its ordinary class. The
layers are in lazy_layers.py.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from .._core.grad_mode import no_grad
from .parameter import is_lazy

if TYPE_CHECKING:
    from .module import Module

    _Base = Module
else:
    _Base = object


class LazyModuleMixin(_Base):
    """To be inherited before a Module class. See torch.nn.modules.lazy.LazyModuleMixin.

    Subclasses write `initialize_parameters(*args, **kwargs)`, which is told the input of the first
    call and materializes every parameter and buffer. `cls_to_become`: the class afterwards.
    """

    cls_to_become: type[Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize all parameters and buffers for this input."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(map(is_lazy, self._own_tensors().values()))

    def _own_tensors(self) -> dict[str, Any]:
        return dict(itertools.chain(self._parameters.items(), self._buffers.items()))

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """What has no shape is saved as it is: it can't be detached."""
        transient = self._non_persistent_buffers_set
        for name, tensor in self._own_tensors().items():
            if tensor is not None and name not in transient:
                keeps = keep_vars or is_lazy(tensor)
                destination[prefix + name] = tensor if keeps else tensor.detach()

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """Take the shapes of what is about to be loaded."""
        for name, tensor in self._own_tensors().items():
            given = state_dict.get(prefix + name)
            if is_lazy(tensor) and given is not None and not is_lazy(given):
                with no_grad():
                    tensor.materialize(given.shape)

    def _infer_parameters(self, module: Any, args: tuple, kwargs: dict[str, Any]) -> None:
        """Before the first call: become an ordinary module."""
        module.initialize_parameters(*args, **kwargs)
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook
        del module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self) -> Any:
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. "
            "Run a dummy forward pass to correctly initialize the modules"
        )


__all__ = ["LazyModuleMixin"]
