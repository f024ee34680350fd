"""Module: the base class of every layer. See torch.nn.Module.

What a Module holds (attributes, registration, train and eval, repr) and what calling it does. Its
other sides are one file each: _members.py the three dictionaries, _tree.py walking and finding
members, _hooks.py hooks and the call that runs them, _state.py state_dict, _placement.py dtypes and
devices.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self

from .._compile.options import compile_function
from .._core.changes import Changes
from .._core.scope import runs_module
from .._core.tensor import Tensor
from ._hooks import (
    Hooks,
    call_registration_hooks,
    call_with_hooks,
    global_hooks,
    new_hook_dicts,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
    run_with_hooks,
)
from ._members import SLOTS, Members, adopt, without_repeats
from ._placement import Placement
from ._state import StateDict, _IncompatibleKeys
from ._tree import Tree
from .parameter import Buffer, Parameter

_PARAMETERS, _BUFFERS, _MODULES = SLOTS


class Module(Hooks, StateDict, Tree, Placement):
    """A function with parameters, buffers and further modules. See torch.nn.Module.

    Subclasses write `__init__`, which calls `super().__init__()` first and then assigns parameters
    and modules to attributes, and `forward`. Calling the module runs `forward` and the hooks around
    it.
    """

    _version: int = 1
    """Version of this class's entries in a state_dict; `_load_from_state_dict` is told it."""
    dump_patches: bool = False
    training: bool
    call_super_init: bool = False
    """Whether `__init__` passes its arguments on to the next class of a multiple inheritance."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init:
            _refuse_arguments(type(self).__name__, args, kwargs)
        state = self.__dict__
        state["training"] = True
        state[_PARAMETERS] = Members(self, _PARAMETERS)
        state[_BUFFERS] = Members(self, _BUFFERS)
        state["_non_persistent_buffers_set"] = set()
        state.update(new_hook_dicts())
        state[_MODULES] = Members(self, _MODULES)
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # Calling.

    @runs_module
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._has_call_hooks or global_hooks.around_calls:
            return call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        return Module.__call__(self, *args, **kwargs)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Have the calls of this Module compiled from now on. See torch.nn.Module.compile.

        The options are those of `torch.compile`.
        """
        function = partial(run_with_hooks, self)
        self.__dict__["_compiled_call_impl"] = compile_function(function, *args, **kwargs)
        self._has_call_hooks = True

    def forward(self, *input: Any) -> Any:
        """What the module computes. Every subclass writes its own."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    # Attributes.

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        if isinstance(value, Parameter):
            _require_init(self, _PARAMETERS, "parameters")
            _forget(self, name, keep=_PARAMETERS)
            self.register_parameter(name, value)
        elif name in state.get(_PARAMETERS, ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as parameter '{name}' "
                    "(torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            _require_init(self, _MODULES, "module")
            _forget(self, name, keep=_MODULES)
            _set_module(self, name, value)
        elif name in state.get(_MODULES, ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as child module '{name}' "
                    "(torch.nn.Module or None expected)"
                )
            _set_module(self, name, value)
        elif isinstance(value, Buffer):
            _require_init(self, _BUFFERS, "buffer")
            _forget(self, name, keep=_BUFFERS)
            self.register_buffer(name, value, value.persistent)
        elif name in state.get(_BUFFERS, ()):
            _set_buffer(self, name, value)
        elif name in SLOTS:
            _replace_members(self, name, value)
        else:
            if state.get(name, state) is not value:
                Changes.count += 1
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        """Reached only where the ordinary lookup found nothing."""
        state = self.__dict__
        for slot in SLOTS:
            members = state.get(slot)
            if members is not None and name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for slot in SLOTS:
            if name in self.__dict__.get(slot, ()):
                del adopt(self, slot)[name]
                self._non_persistent_buffers_set.discard(name)
                return
        Changes.count += 1
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__}
        for slot in SLOTS:
            names.update(self.__dict__[slot])
        return sorted(name for name in names if not name[:1].isdigit())

    def __getstate__(self) -> dict[str, Any]:
        return without_repeats(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name, hooks in new_hook_dicts().items():
            self.__dict__.setdefault(name, hooks)
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        for slot in SLOTS:
            adopt(self, slot)

    # Registration.

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; None keeps the name without one.

        See torch.nn.Module.register_parameter.
        """
        _require_init(self, _PARAMETERS, "parameter")
        _check_name(self, "parameter", _PARAMETERS, name)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_typename(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, compute "
                "the value in the forward() method."
            )
        adopt(self, _PARAMETERS)[name] = call_registration_hooks("parameter", self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module's state and is no parameter.

        A persistent buffer is part of `state_dict()`. See torch.nn.Module.register_buffer.
        """
        _require_init(self, _BUFFERS, "buffer")
        _check_name(self, "buffer", _BUFFERS, name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_typename(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        adopt(self, _BUFFERS)[name] = call_registration_hooks("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module under a name. See torch.nn.Module.add_module."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        if not isinstance(name, str):
            raise TypeError(f"module name should be a string. Got {_typename(name)}")
        if name not in self._modules and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError('module name can\'t be empty string ""')
        _set_module(self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`. See torch.nn.Module.register_module."""
        self.add_module(name, module)

    # Training, gradients and everything that visits all modules.

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call `fn` on every module below, then on this one. See torch.nn.Module.apply."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training mode (dropout, batch statistics) here and below.

        See torch.nn.Module.train.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode: `train(False)`. See torch.nn.Module.eval."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Whether autograd records operations on the parameters.

        See torch.nn.Module.requires_grad_.
        """
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters. See torch.nn.Module.zero_grad."""
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                parameter.grad.detach_().zero_()

    # Printing.

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the brackets of this module's repr.

        See torch.nn.Module.extra_repr.
        """
        return ""

    def __repr__(self) -> str:
        text = self.extra_repr()
        extra = text.split("\n") if text else []
        children = [f"({name}): {_addindent(repr(m), 2)}" for name, m in self._modules.items()]
        if not children and len(extra) <= 1:
            return f"{self._get_name()}({text})"
        body = "".join(f"  {line}\n" for line in extra + children)
        return f"{self._get_name()}(\n{body})"


def _addindent(s_: str, numSpaces: int) -> str:  # noqa: N803 (PyTorch's name)
    """All lines but the first moved to the right. (PyTorch's name, because code imports it.)"""
    return s_.replace("\n", "\n" + " " * numSpaces)


def _typename(value: Any) -> str:
    """A value's type as PyTorch's messages name it."""
    if isinstance(value, Tensor):
        return value.type()
    kind = type(value)
    if kind.__module__ in ("", "builtins"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _refuse_arguments(cls: str, args: tuple, kwargs: dict[str, Any]) -> None:
    if kwargs:
        raise TypeError(
            f"{cls}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
        )
    if args:
        raise TypeError(
            f"{cls}.__init__() takes 1 positional argument but {len(args) + 1} were given"
        )


def _set_module(module: Module, name: str, child: Module | None) -> None:
    adopt(module, _MODULES)[name] = call_registration_hooks("module", module, name, child)


def _set_buffer(module: Module, name: str, tensor: Tensor | None) -> None:
    if tensor is not None and not isinstance(tensor, Tensor):
        raise TypeError(
            f"cannot assign '{_typename(tensor)}' as buffer '{name}' "
            "(torch.nn.Buffer, torch.Tensor or None expected)"
        )
    adopt(module, _BUFFERS)[name] = call_registration_hooks("buffer", module, name, tensor)


def _replace_members(module: Module, slot: str, value: Any) -> None:
    """`module._parameters = {...}`, as code that takes modules apart writes."""
    old = module.__dict__.get(slot)
    if isinstance(old, Members):
        old.release(module)
    module.__dict__[slot] = value
    adopt(module, slot)


def _require_init(module: Module, slot: str, kind: str) -> None:
    if slot not in module.__dict__:
        raise AttributeError(f"cannot assign {kind} before Module.__init__() call")


def _check_name(module: Module, kind: str, slot: str, name: str) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{kind} name should be a string. Got {_typename(name)}")
    if "." in name:
        raise KeyError(f'{kind} name can\'t contain "."')
    if name == "":
        raise KeyError(f'{kind} name can\'t be empty string ""')
    if hasattr(module, name) and name not in module.__dict__[slot]:
        raise KeyError(f"attribute '{name}' already exists")


def _forget(module: Module, name: str, keep: str) -> None:
    """Take a name out of every place but the one it is about to enter."""
    for slot in SLOTS:
        if slot != keep and name in module.__dict__.get(slot, ()):
            del adopt(module, slot)[name]
    if keep != _BUFFERS:
        module._non_persistent_buffers_set.discard(name)
    if name not in module.__dict__[keep]:
        module.__dict__.pop(name, None)


__all__ = [
    "Module",
    "_IncompatibleKeys",
    "_addindent",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]
