"""Custom functions: a forward and a backward in the user's own words. See torch.autograd.Function.

The backward runs as Python when `backward()` does, and what it computes is recorded into the same
program as everything else. The engine's part is in _core/function.py.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from .._core.alias import cell_of
from .._core.device import TRACING
from .._core.function import Application
from .._core.function import apply as _apply
from .._core.grad_mode import is_grad_enabled, no_grad
from .._core.tensor import Tensor, require_grad
from .._core.trace import local
from .._core.traced_function import apply_traced
from ._mapped_function import MUST_SPLIT, is_mapped_by_user, through_vmap

TWICE = "trying to differentiate twice a function that was marked with @once_differentiable"


class FunctionCtx:
    """What forward and backward of one application share: `ctx`.

    It takes any attributes. See torch.autograd.function.FunctionCtx.
    """

    _application: Application
    needs_input_grad: tuple[bool, ...]
    saved_for_forward: tuple[Tensor | None, ...] | None = None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep Tensors, or None, for the backward: there they are `saved_tensors`.

        TypeError for anything else. See torch.autograd.function.FunctionCtx.save_for_backward.
        """
        for k, tensor in enumerate(tensors):
            if not (tensor is None or isinstance(tensor, Tensor)):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {k} is of type "
                    f"{type(tensor).__name__}"
                )
        self._application.to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep Tensors for `jvp`: there they are `saved_for_forward`."""
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Tensor) -> None:
        """Say that the forward has written to these inputs, which it returns."""
        _check_tensors("mark_dirty can only accept variables, but argument ", args)
        self._application.written = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Say that these results have no gradient."""
        _check_tensors("mark_non_differentiable only accepts variable arguments, but got ", args)
        self._application.constant = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether the backward gets zeros (the default) or None for results without a gradient."""
        self._application.materializes = bool(value)

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What `save_for_backward` kept. RuntimeError where it was freed."""
        application = self._application
        if application.pushes and self.saved_for_forward is not None:
            return self.saved_for_forward
        return application.to_save if application.node is None else application.node.saved_tensors


def _check_tensors(message: str, values: tuple) -> None:
    for value in values:
        if not isinstance(value, Tensor):
            raise RuntimeError(f"{message}of type {type(value).__name__}")


class Function:
    """A function with a gradient of its own: `forward` and `backward` are static methods, and
    `apply` calls it.

    forward(ctx, *args) -> results; or forward(*args) with setup_context(ctx, inputs, output).
    backward(ctx, *gradients of the results) -> the gradient, or None, of each argument.
    `vmap` and `jvp` say how to transform it; `generate_vmap_rule` that it transforms as it stands.
    See torch.autograd.Function.
    """

    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The results. See torch.autograd.Function.forward."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        """What a forward without `ctx` keeps for the backward."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments. See torch.autograd.Function.backward."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of the results. See torch.autograd.Function.jvp."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *args: Any) -> Any:
        """The results for arguments with a batch dimension. See torch.autograd.Function.vmap."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap static method "
            "or set generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the function. Its forward runs without gradients."""
        if kwargs:
            args = _positional(cls, args, kwargs)
        context = local.context
        if context.transforms and not _splits(cls):
            raise RuntimeError(MUST_SPLIT)
        cells = [cell_of(value) for value in args if isinstance(value, Tensor)]
        records = is_grad_enabled() and any(cell.aval.requires_grad for cell in cells)
        traced = any(cell.aval.device is TRACING for cell in cells)
        if traced and not records and not context.bodies:
            return apply_traced(functools.partial(_begin, cls), _forward, args)
        application = _begin(cls, args)
        body = next((body for body in reversed(context.bodies) if body.maps), None)
        if body is not None and is_mapped_by_user(cls):
            return _apply(application, lambda *values: _mapped(application, values, body), args)
        return _apply(application, lambda *values: _forward(application, values), args)


def _begin(function: type[Function], args: tuple) -> Application:
    """The application of a function to arguments, with a `ctx` of a class of its name."""
    ctx = _class_of(function)()
    application = ctx._application = Application(function, ctx, args)
    ctx.needs_input_grad = application.needs
    return application


@functools.cache
def _class_of(function: type[Function]) -> type[FunctionCtx]:
    return type(f"{function.__name__}Backward", (FunctionCtx,), {"__module__": __name__})


def _forward(application: Application, args: tuple) -> Any:
    function, ctx = application.function, application.ctx
    if not _splits(function):
        return function.forward(ctx, *args)
    with no_grad():
        output = function.forward(*args)
        function.setup_context(ctx, args, output)
    return output


def _mapped(application: Application, args: tuple, body: Any) -> Any:
    """What the user's vmap gives for one example."""
    function = application.function
    with no_grad():
        output = through_vmap(function, args, body)
        function.setup_context(application.ctx, args, output)
    return output


def _splits(function: type[Function]) -> bool:
    """Whether its forward takes no `ctx`."""
    return function.setup_context is not Function.setup_context


def _positional(function: type[Function], args: tuple, kwargs: dict) -> tuple:
    """All arguments in the order of forward's parameters."""
    before = () if _splits(function) else (None,)
    bound = inspect.signature(function.forward).bind(*before, *args, **kwargs)
    return bound.args[len(before) :]


def once_differentiable(fn: Callable) -> Callable:
    """Decorate a backward that records no gradients itself: a second derivative raises an error.

    See torch.autograd.function.once_differentiable.
    """

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        with no_grad():
            found = fn(ctx, *args)
        if not (is_grad_enabled() and any(isinstance(a, Tensor) and a.requires_grad for a in args)):
            return found
        values = found if isinstance(found, tuple) else (found,)
        marked = tuple(
            _Once.apply(require_grad(v.detach(), True)) if isinstance(v, Tensor) else v
            for v in values
        )
        return marked if isinstance(found, tuple) else marked[0]

    return wrapper


class _Once(Function):
    """The identity on a gradient that cannot be differentiated again."""

    generate_vmap_rule = True

    @staticmethod
    def forward(gradient: Tensor) -> Tensor:
        return gradient

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise RuntimeError(TWICE)


class InplaceFunction(Function):
    """A Function that remembers whether it works in place. See torch.autograd.function."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


__all__ = ["Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]
