"""Optimizer: PyTorch's interface around one op a step, whose rule is an optax chain.

`step()` records one node a param group: (parameters, gradients, state, hyper-parameters) ->
(parameters, state), and materialises. The state is PyTorch's, one dict of Tensors a parameter, so
`state_dict()` has PyTorch's layout. Hyper-parameters are inputs of the program: a scheduler
compiles nothing. A subclass says its rule (sgd.py, adam.py).
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import wraps
from itertools import chain
from typing import Any

import numpy as np

from .._core.capture import stop
from .._core.events import materialises
from .._core.grad_mode import enable_grad
from .._core.program import materialise_all
from .._core.tensor import Tensor, from_array
from ..utils.hooks import RemovableHandle
from ._step import Step, record_step, share_counters
from ._update import plan_each

ParamsT = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Optimizer:
    """Base class of all optimizers.

    params: Tensors, (name, Tensor) pairs, or dicts with "params" and options of that group.
    TypeError for a single Tensor or what is no Tensor, ValueError for an empty list or a Tensor
    that is no leaf. See torch.optim.Optimizer.

    A subclass provides `rule(hyper, options)`, the optax transformation of one group; the fields of
    its state have PyTorch's names. Or it has a `step` of its own, which may be written in Python.
    """

    # The numbers of a group that enter the program, in the order of `hyper`; other options are
    # static.
    hyper_names: tuple[str, ...] = ()
    # Whether `step` can be skipped in its program, by a Tensor `found_inf` that is not zero.
    takes_found_inf = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "step" in cls.__dict__:
            cls.step = _hooked(cls.__dict__["step"])
            cls.takes_found_inf = cls.__dict__.get("takes_found_inf", False)

    @materialises("optimizer", "an optimizer is made: the initial weights are computed")
    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._steps: dict[tuple, Step] = {}
        self._hooks = _no_hooks()
        stop("an optimizer is made")
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or "
                "dicts, but got " + params.type()
            )
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(dict(group))
        # The initial weights run now: the first step is then the program of all others.
        materialise_all()

    # ------------------------------------------------------------------------------------- the rule

    @staticmethod
    def rule(hyper: dict[str, Any], options: dict[str, Any]) -> Any:
        """The optax transformation of a group. hyper: name -> number in the program, or a list of
        them.  options: the static ones. It knows no optimizer: all of a class share their programs.
        """
        raise NotImplementedError

    def hyper(self, group: dict[str, Any]) -> tuple:
        """The values of `hyper_names` in a group, those of a tuple one by one."""
        values: list[Any] = []
        for name in self.hyper_names:
            value = group[name]
            values.extend(value) if isinstance(value, (tuple, list)) else values.append(value)
        return tuple(values)

    def names_in(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The name of each value of `hyper`: that of a tuple as often as it has values."""
        sizes = [(n, group[n]) for n in self.hyper_names]
        return tuple(
            n for n, v in sizes for _ in range(len(v) if isinstance(v, (tuple, list)) else 1)
        )

    def options(self, group: dict[str, Any], params: list[Tensor]) -> dict[str, Any]:
        """The static options of some parameters of a group: what decides about the form of the
        rule."""
        lr = group.get("lr")
        return {
            "lr": lr.dtype.numpy if isinstance(lr, Tensor) and lr.is_floating_point() else None,
            "maximize": group.get("maximize", False),
            "weight_decay": bool(group.get("weight_decay", 0) != 0),
            "decoupled": group.get("decoupled_weight_decay", False),
        }

    def parts(self, group: dict[str, Any], params: list[Tensor]) -> list[list[Tensor]]:
        """The parameters of a group with gradients, as lists of those with the same options."""
        return [params]

    def gradients(self, params: list[Tensor]) -> list[Any]:
        """What the rule takes as gradients. RuntimeError for sparse ones, unless a subclass knows
        what to do with them."""
        gradients: list[Any] = [p._grad for p in params]
        if any([g.is_sparse for g in gradients]):
            raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")
        return gradients

    def plan(
        self, group: dict[str, Any], params: list[Tensor], options: dict[str, Any]
    ) -> tuple[Any, list[Any], list[tuple[str, ...]]]:
        """The op that updates parameters, the keys of `state` it needs, and the names there."""
        return plan_each(self, group, params, options)

    # ------------------------------------------------------------------------------------- the step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have gradients, and run everything recorded.

        closure: evaluates the model again and returns the loss, which is returned. If the program
        fails, parameters and state are as they were before.
        """
        loss = None if closure is None else _enabled(closure)
        record_step(self)
        return loss

    def can_skip(self) -> bool:
        """Whether a GradScaler may give the next step an attribute `found_inf`: a Tensor that, if
        it isn't zero, leaves everything as it was. Hooks want to know before."""
        return self.takes_found_inf and not (self._hooks["step_pre"] or self._hooks["step_post"])

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; or set them to zero."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param._grad = None
                elif param._grad is not None:
                    param._grad.detach_().zero_()

    # ----------------------------------------------------------------------------------- the groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group with its own options.

        ValueError for a parameter that is in a group already.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, (set, frozenset)):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of "
                "tensors in sets will change between runs. Please use a list instead."
            )
        params = [params] if isinstance(params, Tensor) else list(params)
        if params and isinstance(params[0], tuple):
            param_group["param_names"] = [name for name, _ in params]
            params = [param for _, param in params]
        named = "param_names" in param_group
        if any(("param_names" in group) != named for group in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if named else 'without'} names to the optimizer"
            )
        for param in params:
            _check_param(param)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if not known.isdisjoint(map(id, params)):
            raise ValueError("some parameters appear in more than one parameter group")
        if len({id(p) for p in params}) != len(params):
            raise ValueError("some parameters appear more than once in one parameter group")
        param_group["params"] = params
        self.param_groups.append({"params": params, **param_group})

    # ---------------------------------------------------------------------------------- state dicts

    def state_dict(self) -> dict[str, Any]:
        """The state in PyTorch's layout: {"state": {index: ...}, "param_groups": [...]}."""
        for hook in self._hooks["save_pre"].values():
            hook(self)
        order = {id(p): k for k, p in enumerate(self._params())}
        groups = []
        for group in self.param_groups:
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [order[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {order[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        found: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._hooks["save"].values():
            found = hook(self, found) or found
        return found

    @materialises("load_state_dict()", "a state is loaded")
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state in PyTorch's layout.

        ValueError where the groups don't match; then nothing changes.
        """
        state_dict = dict(state_dict)
        for hook in self._hooks["load_pre"].values():
            state_dict = hook(self, state_dict) or state_dict
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        for mine, theirs in zip(self.param_groups, saved, strict=True):
            if len(mine["params"]) != len(theirs["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    "optimizer's group"
                )
        order = dict(
            zip(chain.from_iterable(g["params"] for g in saved), self._params(), strict=True)
        )
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            param = order.get(key)
            state[key if param is None else param] = self._adapted(param, value)
        groups = []
        for mine, theirs in zip(self.param_groups, saved, strict=True):
            added = {k: v for k, v in mine.items() if k not in theirs}
            groups.append({**added, **theirs, "params": mine["params"]})
        share_counters(state.values())
        self.state = state
        self.param_groups = groups
        for hook in self._hooks["load"].values():
            hook(self)
        materialise_all()

    def _adapted(self, param: Tensor | None, value: Any, name: Any = None) -> Any:
        """A loaded state with the dtype and device of its parameter; step counts stay float32."""
        if isinstance(value, dict):
            return {k: self._adapted(param, v, k) for k, v in value.items() if v is not None}
        if isinstance(value, (list, tuple)):
            return type(value)([self._adapted(param, v, name) for v in value])
        if hasattr(value, "detach") and not isinstance(value, Tensor):
            value = from_array(value.detach().cpu().numpy())
        if name == "step" and isinstance(value, (int, float)):  # as PyTorch saved it before 1.12
            value = from_array(np.float32(value))
        if isinstance(value, Tensor) and param is not None and name != "step":
            return value.to(param.device, self._kind(param, value))
        return value

    def _kind(self, param: Tensor, value: Tensor) -> Any:
        """The dtype that a loaded state gets."""
        return param.dtype if param.is_floating_point() else value.dtype

    def start(self, group: dict[str, Any]) -> None:
        """Make the state of a group before its first step."""
        for params in self.parts(group, group["params"]):
            Step(self, group, params, self.options(group, params)).states(self, group)

    def _params(self) -> Iterable[Tensor]:
        return (p for group in self.param_groups for p in group["params"])

    # ---------------------------------------------------------------------------------------- hooks

    def _register(self, name: str, hook: Callable, prepend: bool = False) -> RemovableHandle:
        handle = RemovableHandle(self._hooks[name])
        self._hooks[name][handle.id] = hook
        if prepend:
            self._hooks[name].move_to_end(handle.id, last=False)
        return handle

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) before each step; a pair that it returns are the
        arguments instead."""
        return self._register("step_pre", hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) after each step."""
        return self._register("step_post", hook)

    def register_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(optimizer) before state_dict() begins."""
        return self._register("save_pre", hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(optimizer, state_dict) on what state_dict() returns."""
        return self._register("save", hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(optimizer, state_dict) before a state is loaded."""
        return self._register("load_pre", hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(optimizer) after a state was loaded."""
        return self._register("load", hook, prepend)

    # ------------------------------------------------------------------------------ copies and text

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_steps",)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._hooks = _no_hooks()  # for a pickle of PyTorch's, which has none
        self.__dict__.update(state)
        self._steps = {}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for k, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {k}")
            lines.extend(f"    {name}: {group[name]}" for name in sorted(group) if name != "params")
        return "\n".join(lines) + "\n)"


def _check_param(param: Any) -> None:
    if not isinstance(param, Tensor):
        raise TypeError(
            f"optimizer can only optimize Tensors, but one of the params is {type(param)}"
        )
    if not param.is_leaf:
        raise ValueError("can't optimize a non-leaf Tensor")


def _no_hooks() -> dict[str, OrderedDict]:
    names = ("step_pre", "step_post", "save_pre", "save", "load_pre", "load")
    return {name: OrderedDict() for name in names}


def _hooked(step: Callable) -> Callable:
    """A method `step` with the hooks before and after it."""

    @wraps(step)
    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        hooks = self._hooks
        for hook in tuple(hooks["step_pre"].values()):
            given = hook(self, (self, *args), kwargs)
            if given is not None:
                if not isinstance(given, tuple) or len(given) != 2:
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), but got "
                        f"{given}."
                    )
                (self, *rest), kwargs = given
                args = tuple(rest)
        result = step(self, *args, **kwargs)
        for hook in tuple(hooks["step_post"].values()):
            hook(self, (self, *args), kwargs)
        return result

    return hooked


Optimizer.step = _hooked(Optimizer.step)


def _enabled(closure: Callable[[], Any]) -> Any:
    with enable_grad():
        return closure()
