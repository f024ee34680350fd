"""Hooks of a Module: registering them, and the call that runs them around `forward`.

`Module.__call__` comes here only where a hook exists. Hooks for every module
(`register_module_...`) live in `global_hooks`. The hooks of state_dict are in _state.py; how
gradients are caught is in _backward_hooks.py.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..utils.hooks import RemovableHandle
from ._backward_hooks import GradientGate

_HOOK_DICTS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)
_MIXED = (
    "Cannot use both regular backward hooks and full backward hooks on a single Module. "
    "Please use only one of them."
)
_MIXED_GLOBALLY = (
    "Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
    "Please use only one of them."
)


def new_hook_dicts() -> dict[str, Any]:
    """The attributes of a module which has no hooks.

    `_has_call_hooks` is set when the first hook around calls is registered, and stays: reading one
    flag in `Module.__call__` instead of four dictionaries saves 90 of 350 ns.
    """
    hooks: dict[str, Any] = {name: OrderedDict() for name in _HOOK_DICTS}
    hooks["_is_full_backward_hook"] = None
    hooks["_has_call_hooks"] = False
    return hooks


class GlobalHooks:
    """The hooks of all modules. `around_calls` has an entry for each that concerns calls."""

    def __init__(self) -> None:
        self.around_calls: OrderedDict[int, bool] = OrderedDict()
        self.backward: OrderedDict[int, Callable] = OrderedDict()
        self.backward_pre: OrderedDict[int, Callable] = OrderedDict()
        self.forward: OrderedDict[int, Callable] = OrderedDict()
        self.forward_always_called: OrderedDict[int, bool] = OrderedDict()
        self.forward_pre: OrderedDict[int, Callable] = OrderedDict()
        self.forward_with_kwargs: OrderedDict[int, bool] = OrderedDict()
        self.is_full_backward: bool | None = None
        self.registration: dict[str, OrderedDict[int, Callable]] = {
            kind: OrderedDict() for kind in ("parameter", "buffer", "module")
        }


global_hooks = GlobalHooks()


class Hooks:
    """The side of a Module that concerns hooks."""

    _backward_hooks: OrderedDict[int, Callable]
    _backward_pre_hooks: OrderedDict[int, Callable]
    _forward_hooks: OrderedDict[int, Callable]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_pre_hooks: OrderedDict[int, Callable]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; what it returns replaces the arguments.

        With `with_kwargs`, `hook(module, args, kwargs)`. See
        torch.nn.Module.register_forward_pre_hook.
        """
        marks = ((self._forward_pre_hooks_with_kwargs, with_kwargs),)
        self._has_call_hooks = True
        return _register(self._forward_pre_hooks, hook, prepend, marks)

    def register_forward_hook(
        self,
        hook: Callable,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; what it returns replaces the output.

        With `with_kwargs`, `hook(module, args, kwargs, output)`; with `always_call`, also when
        forward raises. See torch.nn.Module.register_forward_hook.
        """
        marks = (
            (self._forward_hooks_with_kwargs, with_kwargs),
            (self._forward_hooks_always_called, always_call),
        )
        self._has_call_hooks = True
        return _register(self._forward_hooks, hook, prepend, marks)

    def register_full_backward_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the gradients of the inputs are computed.

        What it returns replaces grad_output. See torch.nn.Module.register_full_backward_pre_hook.
        """
        self._has_call_hooks = True
        return _register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are known.

        What it returns replaces grad_input. See torch.nn.Module.register_full_backward_hook.
        """
        if self._is_full_backward_hook is False:
            raise RuntimeError(_MIXED)
        self._is_full_backward_hook = True
        self._has_call_hooks = True
        return _register(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """Deprecated in favour of `register_full_backward_hook`, as which it behaves here.

        PyTorch's passes what the last operation of forward knows, which is less.
        See torch.nn.Module.register_backward_hook.
        """
        if self._is_full_backward_hook is True:
            raise RuntimeError(_MIXED)
        self._is_full_backward_hook = False
        self._has_call_hooks = True
        return _register(self._backward_hooks, hook)

    def _get_backward_hooks(self) -> tuple[list[Callable], list[Callable]]:
        kinds: tuple[list[Callable], list[Callable]] = ([], [])
        kinds[global_hooks.is_full_backward is False].extend(global_hooks.backward.values())
        kinds[self._is_full_backward_hook is False].extend(self._backward_hooks.values())
        return kinds

    def _get_backward_pre_hooks(self) -> list[Callable]:
        return [*global_hooks.backward_pre.values(), *self._backward_pre_hooks.values()]


def call_with_hooks(module: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """What `Module.__call__` does where hooks exist, or the calls are compiled."""
    compiled = module.__dict__.get("_compiled_call_impl")
    if compiled is not None:
        return compiled(*args, **kwargs)
    return run_with_hooks(module, *args, **kwargs)


def run_with_hooks(module: Any, *args: Any, **kwargs: Any) -> Any:
    """`forward`, with the hooks around it."""
    called: set[int] = set()
    result = None
    try:
        args, kwargs = _run_pre_hooks(module, args, kwargs)
        full, legacy = module._get_backward_hooks()
        backward_hooks = full + legacy
        backward_pre_hooks = module._get_backward_pre_hooks()
        gate = None
        if backward_hooks or backward_pre_hooks:
            gate = GradientGate(module, backward_hooks, backward_pre_hooks)
            args = gate.inputs(args)
        result = module.forward(*args, **kwargs)
        for key, hook, with_kwargs, _ in _forward_hooks(module):
            called.add(key)
            result = _run_hook(module, hook, with_kwargs, args, kwargs, result)
        return result if gate is None else gate.outputs(result)
    except Exception:
        _run_always_called(module, called, args, kwargs, result)
        raise


def _run_pre_hooks(module: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict]:
    own = module._forward_pre_hooks.items()
    for key, hook in (*global_hooks.forward_pre.items(), *own):
        if key in module._forward_pre_hooks_with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is None:
                continue
            if not (isinstance(changed, tuple) and len(changed) == 2):
                raise RuntimeError(
                    "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                    f"but got {changed}."
                )
            args, kwargs = changed
        else:
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    return args, kwargs


def _forward_hooks(module: Any) -> list[tuple[int, Callable, bool, bool]]:
    """The forward hooks in order: (key, hook, with_kwargs, always_call)."""
    everywhere = (
        global_hooks.forward,
        global_hooks.forward_with_kwargs,
        global_hooks.forward_always_called,
    )
    own = (
        module._forward_hooks,
        module._forward_hooks_with_kwargs,
        module._forward_hooks_always_called,
    )
    return [
        (key, hook, key in with_kwargs, key in always)
        for hooks, with_kwargs, always in (everywhere, own)
        for key, hook in hooks.items()
    ]


def _run_hook(
    module: Any, hook: Callable, with_kwargs: bool, args: tuple, kwargs: dict, result: Any
) -> Any:
    changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
    return result if changed is None else changed


def _run_always_called(
    module: Any, called: set[int], args: tuple, kwargs: dict, result: Any
) -> None:
    """After an error in forward or a hook: the hooks registered with `always_call` still run."""
    for key, hook, with_kwargs, always in _forward_hooks(module):
        if not always or key in called:
            continue
        try:
            result = _run_hook(module, hook, with_kwargs, args, kwargs, result)
        except Exception as error:
            place = "global module" if key in global_hooks.forward else "module"
            warnings.warn(
                f"{place} forward hook with ``always_call=True`` raised an exception that was "
                f"silenced as another error was raised in forward: {error}",
                stacklevel=3,
            )


def _register(
    hooks: OrderedDict, hook: Callable, prepend: bool = False, marks: tuple = ()
) -> RemovableHandle:
    """Put a hook into `hooks`, and its key into each dictionary of `marks` whose flag is set."""
    handle = RemovableHandle(hooks, extra_dict=[marked for marked, _ in marks])
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    for marked, flag in marks:
        if flag:
            marked[handle.id] = True
    return handle


def call_registration_hooks(kind: str, module: Any, name: str, member: Any) -> Any:
    """What the global registration hooks make of a parameter, buffer or module being added."""
    for hook in global_hooks.registration[kind].values():
        changed = hook(module, name, member)
        if changed is not None:
            member = changed
    return member


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """`register_forward_pre_hook` on all modules. See torch.nn.modules.module."""
    return _register(global_hooks.forward_pre, hook, marks=((global_hooks.around_calls, True),))


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """`register_forward_hook` on all modules. See torch.nn.modules.module."""
    marks = (
        (global_hooks.around_calls, True),
        (global_hooks.forward_with_kwargs, with_kwargs),
        (global_hooks.forward_always_called, always_call),
    )
    return _register(global_hooks.forward, hook, marks=marks)


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """`register_full_backward_pre_hook` on all modules. See torch.nn.modules.module."""
    return _register(global_hooks.backward_pre, hook, marks=((global_hooks.around_calls, True),))


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """`register_full_backward_hook` on all modules. See torch.nn.modules.module."""
    return _register_global_backward(hook, full=True)


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """Deprecated: `register_backward_hook` on all modules. See torch.nn.modules.module."""
    return _register_global_backward(hook, full=False)


def _register_global_backward(hook: Callable, full: bool) -> RemovableHandle:
    if global_hooks.is_full_backward is (not full):
        raise RuntimeError(_MIXED_GLOBALLY)
    global_hooks.is_full_backward = full
    return _register(global_hooks.backward, hook, marks=((global_hooks.around_calls, True),))


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, name, param)` whenever a parameter is added.

    See torch.nn.modules.module.
    """
    return _register(global_hooks.registration["parameter"], hook)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, name, buffer)` whenever a buffer is added. See torch.nn.modules.module."""
    return _register(global_hooks.registration["buffer"], hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, name, child)` whenever a module is added. See torch.nn.modules.module."""
    return _register(global_hooks.registration["module"], hook)
