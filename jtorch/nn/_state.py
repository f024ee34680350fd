"""state_dict and load_state_dict: a Module's parameters and buffers by dotted name.

The format and the messages are PyTorch's. One thing is stricter: where loading raises, the module
is as it was before, nothing half loaded. Files are not read or written here.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from .._core.events import materialises
from .._core.grad_mode import no_grad
from .._core.program import materialise_all
from .._core.tensor import Tensor
from ..utils.hooks import RemovableHandle
from .parameter import Parameter, is_lazy

EXTRA_STATE = "_extra_state"
_ASSIGN = "assign_to_params_buffers"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` returns: two lists of keys."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class StateDict:
    """The side of a Module that concerns saving and loading."""

    _load_state_dict_post_hooks: OrderedDict[int, Callable]
    _load_state_dict_pre_hooks: OrderedDict[int, Any]
    _modules: dict[str, Any]
    _state_dict_hooks: OrderedDict[int, Callable]
    _state_dict_pre_hooks: OrderedDict[int, Callable]
    _version: int

    # Saving.

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """Parameters and persistent buffers by dotted name, detached unless `keep_vars`.

        The tensors share storage with the module's. See torch.nn.Module.state_dict.
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. Refer to "
                "https://pytorch.org/docs/main/generated/torch.nn.Module.html"
                "#torch.nn.Module.state_dict for details.",
                FutureWarning,
                stacklevel=2,
            )
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            changed = hook(self, destination, prefix, local_metadata)
            if changed is not None and getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            if changed is not None:
                destination = changed
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Write this module's own entries, not those of the modules below."""
        for name, tensor in _state_of(self).items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if _overrides(self, "get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def get_extra_state(self) -> Any:
        """What else to save; override it together with `set_extra_state`."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called: "
            "a class with extra state overrides it."
        )

    def set_extra_state(self, state: Any) -> None:
        """Receives what `get_extra_state` returned when it was saved."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called: "
            "a class with extra state overrides it."
        )

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict` collects."""
        return _register(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)`; it may change the state_dict."""
        hook._from_public_api = True
        return _register(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        """The same, where what the hook returns replaces the state_dict."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was "
                "previously registered via register_state_dict_post_hook"
            )
        return _register(self._state_dict_hooks, hook)

    # Loading.

    @materialises("load_state_dict()", "a state is loaded")
    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy a state_dict into the parameters and buffers; with `assign`, put its tensors there.

        RuntimeError where shapes differ or, if `strict`, keys; then nothing has changed (PyTorch
        keeps what it had copied so far). See torch.nn.Module.load_state_dict.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        before = None if _fits(self, state_dict) else _Snapshot(self)
        loading = _Loading(getattr(state_dict, "_metadata", None), assign)
        try:
            loading.load(self, _copied(state_dict), "")
            errors = loading.errors
            if strict:
                errors = _key_errors(loading.result) + errors
            if errors:
                details = "\n\t".join(errors)
                raise RuntimeError(
                    f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{details}"
                )
        except BaseException:
            if before is not None:
                before.restore()
            raise
        materialise_all()  # the copies are no part of the next step's program
        return loading.result

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load this module's own entries; the lists receive what is wrong with them."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(
                self,
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        own = _state_of(self)
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                assign = local_metadata.get(_ASSIGN, False)
                _load_one(self, name, tensor, key, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)
        extra_key = prefix + EXTRA_STATE
        if _overrides(self, "set_extra_state"):
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra_key:
                    name, dot, _ = key[len(prefix) :].partition(".")
                    if name not in (self._modules if dot else own):
                        unexpected_keys.append(key)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable, with_module: bool = False
    ) -> RemovableHandle:
        """Call `hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)` before loading; with `with_module`, the module comes first."""
        return _register(self._load_state_dict_pre_hooks, _LoadPreHook(hook, with_module))

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, ...)` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; it may change the two lists."""
        return _register(self._load_state_dict_post_hooks, hook)


class _LoadPreHook:
    """A hook before loading, told the module only if it asked for it."""

    def __init__(self, hook: Callable, with_module: bool) -> None:
        self.hook = hook
        self.with_module = with_module

    def __call__(self, module: Any, *args: Any) -> Any:
        return self.hook(module, *args) if self.with_module else self.hook(*args)


class _Loading:
    """One `load_state_dict`: the walk, and what was found wrong."""

    def __init__(self, metadata: Mapping[str, Any] | None, assign: bool) -> None:
        self.metadata = {} if metadata is None else metadata
        self.assign = assign
        self.result = _IncompatibleKeys([], [])
        self.errors: list[str] = []

    def load(self, module: Any, state_dict: Any, prefix: str) -> None:
        local_metadata = dict(self.metadata.get(prefix[:-1], {}))
        if self.assign:
            local_metadata[_ASSIGN] = True
        module._load_from_state_dict(
            state_dict, prefix, local_metadata, True, *self.result, self.errors
        )
        for name, child in module._modules.items():
            if child is not None:
                below = f"{prefix}{name}."
                entries = {k: v for k, v in state_dict.items() if k.startswith(below)}
                self.load(child, entries, below)
        for hook in module._load_state_dict_post_hooks.values():
            assert hook(module, self.result) is None, (
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to "
                "return new values, if incompatible_keys need to be modified, it should be done "
                "inplace."
            )


class _Snapshot:
    """All tensors of a module and their values, to be put back if loading fails."""

    def __init__(self, module: Any) -> None:
        self.saved = []
        for below in module.modules():
            for members in (below._parameters, below._buffers):
                for name, tensor in members.items():
                    values = None
                    if tensor is not None and not is_lazy(tensor):
                        values = tensor.detach().clone()
                    self.saved.append((members, name, tensor, values))

    def restore(self) -> None:
        with no_grad():
            for members, name, tensor, values in self.saved:
                members[name] = tensor
                if values is not None:
                    tensor.copy_(values)


def _load_one(
    module: Any,
    name: str,
    tensor: Tensor,
    key: str,
    value: Any,
    assign: bool,
    error_msgs: list[str],
) -> None:
    """Copy or assign one entry; what is wrong with it goes to `error_msgs`."""
    if not isinstance(value, Tensor):
        error_msgs.append(
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
            f"object from checkpoint but received {type(value)}"
        )
        return
    if is_lazy(tensor) and is_lazy(value) and not assign:
        return
    if tensor.dim() == 0 and value.dim() == 1:  # checkpoints from before PyTorch had 0-d tensors
        value = value[0]
    if not is_lazy(tensor) and value.shape != tensor.shape:
        error_msgs.append(
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
            f"the shape in current model is {tensor.shape}."
        )
        return
    try:
        with no_grad():
            if assign:
                _assign(module, name, tensor, value)
            else:
                tensor.copy_(value)
    except Exception as error:
        error_msgs.append(
            f'While copying the parameter named "{key}", whose dimensions in the model are '
            f"{tensor.size()} and whose dimensions in the checkpoint are {value.size()}, "
            f"an exception occurred : {error.args}."
        )


def _assign(module: Any, name: str, tensor: Tensor, value: Tensor) -> None:
    """Make the checkpoint's own tensor the member; a parameter keeps its requires_grad."""
    if isinstance(tensor, Parameter):
        if isinstance(value, Parameter):
            value.requires_grad_(tensor.requires_grad)
        else:
            value = Parameter(value, requires_grad=tensor.requires_grad)
    setattr(module, name, value)


def _state_of(module: Any) -> dict[str, Tensor]:
    """The module's own parameters and persistent buffers."""
    transient = module._non_persistent_buffers_set
    state = {name: p for name, p in module._parameters.items() if p is not None}
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in transient:
            state[name] = buffer
    return state


def _overrides(module: Any, method: str) -> bool:
    return getattr(type(module), method) is not getattr(StateDict, method)


def _fits(module: Any, state_dict: Mapping[str, Any]) -> bool:
    """Whether there is nothing to complain of: exactly the module's keys, each with its shape."""
    own = {}
    for path, below in module.named_modules(remove_duplicate=False):
        if _overrides(below, "set_extra_state"):
            return False
        own.update({f"{path}.{k}" if path else k: t for k, t in _state_of(below).items()})
    return own.keys() == state_dict.keys() and all(
        isinstance(value, Tensor)
        and not (is_lazy(value) or is_lazy(own[key]))
        and value.shape == own[key].shape
        for key, value in state_dict.items()
    )


def _copied(state_dict: Mapping[str, Any]) -> OrderedDict:
    copied: Any = OrderedDict(state_dict)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is not None:
        copied._metadata = metadata
    return copied


def _key_errors(result: _IncompatibleKeys) -> list[str]:
    errors = []
    for kind, keys in zip(("Missing", "Unexpected"), result, strict=True):
        if keys:
            listed = ", ".join(f'"{key}"' for key in keys)
            errors.append(f"{kind} key(s) in state_dict: {listed}. ")
    return errors


def _register(hooks: OrderedDict, hook: Callable) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
