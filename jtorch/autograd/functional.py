"""`torch.autograd.functional`: products with Jacobians and Hessians, and these themselves.

They are made of autograd.grad, and of torch.func.vmap where there are many rows. torch.func has the
same as functions of functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._core import backward
from .._core.grad_mode import enable_grad
from .._core.tensor import Tensor
from ..func import jacfwd, jacrev, vmap
from ..functions.creation import ones_like, zeros_like
from ..functions.ranges import eye
from . import _functional_checks as checks

Tensors = Tensor | tuple[Tensor, ...]


def _variables(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """What the function is called with: with create_graph, gradients flow on to the inputs."""
    return tuple(
        x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_()
        for x in inputs
    )


def _given(v: tuple[Tensor, ...] | None, create_graph: bool) -> tuple[Tensor, ...] | None:
    """A vector to multiply with: with create_graph, gradients flow on to it."""
    if v is None or create_graph:
        return v
    return tuple(x.detach() for x in v)


def _finished(tensors: Sequence[Tensor], is_tuple: bool, create_graph: bool) -> Any:
    """Results as the caller gave the inputs, without history unless it is asked for."""
    found = tuple(tensors) if create_graph else tuple(t.detach() for t in tensors)
    return found if is_tuple else found[0]


def _gradients(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    cotangents: Sequence[Tensor | None] | None,
    create_graph: bool,
) -> tuple[Tensor | None, ...]:
    """autograd.grad, None where an input isn't used, of the outputs that have a history."""
    cotangents = cotangents or (None,) * len(outputs)
    pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    roots, given = [o for o, _ in pairs], [c for _, c in pairs]
    return backward.grad(roots, inputs, given, True, create_graph, allow_unused=True)


def _filled(
    gradients: Sequence[Tensor | None], like: Sequence[Tensor], strict: bool, explain: Callable
) -> tuple[Tensor, ...]:
    """Gradients with zeros where there are none; explain(k): the error of the k-th if `strict`."""
    found = []
    for k, (gradient, x) in enumerate(zip(gradients, like, strict=True)):
        if gradient is None and strict:
            raise RuntimeError(explain(k))
        found.append(zeros_like(x.detach()) if gradient is None else gradient)
    return tuple(found)


def _called(func: Callable, inputs: tuple, name: str, strict: bool) -> tuple[bool, tuple]:
    is_tuple, outputs = checks.as_tuple(
        func(*inputs), "outputs of the user-provided function", name
    )
    if strict:
        checks.check_depends(outputs, 0)
    return is_tuple, outputs


def vjp(
    func: Callable,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(func(*inputs), the product of v with its Jacobian). v may be left out for a scalar.

    strict: RuntimeError where an output doesn't depend on an input. See
    torch.autograd.functional.vjp.
    """
    with enable_grad():
        is_inputs, given = checks.as_tuple(inputs, "inputs", "vjp")
        variables = _variables(given, create_graph)
        is_outputs, outputs = _called(func, variables, "vjp", strict)
        vector = checks.vector(v, outputs, is_outputs, checks.V_OF_OUTPUTS, "vjp")
        vector = _given(vector, create_graph)
        found = _gradients(outputs, variables, vector, create_graph)
        found = _filled(found, variables, strict, checks.independent)
    return (
        _finished(outputs, is_outputs, create_graph),
        _finished(found, is_inputs, create_graph),
    )


def _pushed(
    outputs: tuple, variables: tuple, vector: tuple | None, create_graph: bool, strict: bool
) -> tuple[tuple[Tensor | None, ...], tuple[Tensor | None, ...]]:
    """The product of a Jacobian with a vector, as the derivative of the other product in its
    vector (the double-backward trick of J. Townsend, 2017); and that other product."""
    cotangents = tuple(zeros_like(o.detach()).requires_grad_() for o in outputs)
    back = _gradients(outputs, variables, cotangents, True)
    back = _filled(back, variables, strict, checks.independent)
    return _gradients(back, cotangents, vector, create_graph), back


def jvp(
    func: Callable,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(func(*inputs), the product of its Jacobian with v). v may be left out for a single number.

    strict: RuntimeError where an output doesn't depend on an input. See
    torch.autograd.functional.jvp.
    """
    with enable_grad():
        is_inputs, given = checks.as_tuple(inputs, "inputs", "jvp")
        variables = _variables(given, create_graph)
        vector = checks.vector(v, variables, is_inputs, checks.V_OF_INPUTS, "jvp")
        vector = _given(vector, create_graph)
        is_outputs, outputs = _called(func, variables, "jvp", strict)
        found, _ = _pushed(outputs, variables, vector, create_graph, strict)
        found = _filled(found, outputs, strict, checks.independent)
    return (
        _finished(outputs, is_outputs, create_graph),
        _finished(found, is_outputs, create_graph),
    )


def jacobian(
    func: Callable,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian: (*output shape, *input shape), or tuples of them over outputs and inputs.

    vectorize: rows are computed together in any case. strategy: "forward-mode", which needs
    vectorize, or "reverse-mode". See torch.autograd.functional.jacobian.
    """
    checks.check_strategy(strategy, create_graph, strict, vectorize)
    if strategy == "forward-mode":
        return _forward(func, inputs)
    with enable_grad():
        is_inputs, given = checks.as_tuple(inputs, "inputs", "jacobian")
        variables = _variables(given, create_graph)
        is_outputs, outputs = _called(func, variables, "jacobian", strict)
        rows = []
        for k, output in enumerate(outputs):
            found = _rows(output, variables, create_graph)
            if strict:
                checks.check_rows(found, k, create_graph)
            row = [
                zeros_like(x.detach()).expand((*output.shape, *x.shape)).clone() if r is None else r
                for r, x in zip(found, variables, strict=True)
            ]
            rows.append(_finished(row, is_inputs, create_graph))
    return tuple(rows) if is_outputs else rows[0]


def _rows(output: Tensor, variables: tuple, create_graph: bool) -> list[Tensor | None]:
    """The block of a Jacobian for one output and each input: (*output shape, *input shape)."""
    if not output.requires_grad:
        return [None] * len(variables)
    size, used = output.numel(), []

    def row(cotangent: Tensor) -> tuple:
        gradients = _gradients([output], variables, [cotangent], create_graph)
        used[:] = [g is not None for g in gradients]
        return tuple(g for g in gradients if g is not None)

    basis = eye(size, dtype=output.dtype, device=output.device).reshape((size, *output.shape))
    blocks = iter(vmap(row)(basis))
    return [
        next(blocks).reshape((*output.shape, *x.shape)) if is_used else None
        for is_used, x in zip(used, variables, strict=True)
    ]


def _forward(func: Callable, inputs: Tensors) -> Any:
    is_inputs, given = checks.as_tuple(inputs, "inputs", "jacobian")
    is_outputs = False

    def called(*variables: Tensor) -> tuple:
        nonlocal is_outputs
        is_outputs, outputs = _called(func, variables, "jacobian", False)
        return outputs

    found = jacfwd(called, tuple(range(len(given))))(*(x.detach() for x in given))
    rows = [_finished(row, is_inputs, False) for row in found]
    return tuple(rows) if is_outputs else rows[0]


def hessian(
    func: Callable,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function to a single number: (*input shape, *input shape), or
    tuples of tuples of them. See torch.autograd.functional.hessian."""
    is_inputs, given = checks.as_tuple(inputs, "inputs", "hessian")
    checks.check_outer_strategy(outer_jacobian_strategy)

    def single(*variables: Tensor) -> Tensor:
        is_outputs, outputs = checks.as_tuple(
            func(*variables), "outputs of the user-provided function", "hessian"
        )
        if strict:
            checks.check_depends(outputs, 0)
        return checks.single(outputs, is_outputs, "hessian")

    if outer_jacobian_strategy == "forward-mode":
        checks.check_strategy(outer_jacobian_strategy, create_graph, strict, vectorize)
        places = tuple(range(len(given)))
        found = jacfwd(jacrev(single, places), places)(*(x.detach() for x in given))
        return found if is_inputs else found[0][0]

    def slopes(*variables: Tensor) -> tuple:
        found = jacobian(single, variables, create_graph=True)
        if strict:
            checks.check_slopes(found)
        return found

    found = jacobian(slopes, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if is_inputs else found[0][0]


def _slopes(
    func: Callable, inputs: Tensors, v: Tensors | None, create_graph: bool, strict: bool, name: str
) -> tuple:
    """What vhp and hvp begin with: is_inputs, is_outputs, the variables, the vector, the outputs,
    and the gradient of the only one."""
    is_inputs, given = checks.as_tuple(inputs, "inputs", name)
    variables = _variables(given, create_graph)
    vector = checks.vector(v, variables, is_inputs, checks.V_OF_INPUTS, name)
    vector = _given(vector, create_graph)
    is_outputs, outputs = _called(func, variables, name, strict)
    checks.single(outputs, is_outputs, name)
    found = _gradients(outputs, variables, None, True)
    slopes = _filled(found, variables, strict, checks.independent)
    if strict:
        checks.check_slopes(slopes)
    return is_inputs, is_outputs, variables, vector, outputs, slopes


def vhp(
    func: Callable,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(func(*inputs), a single number, and the product of v with its Hessian).

    See torch.autograd.functional.vhp.
    """
    with enable_grad():
        parts = _slopes(func, inputs, v, create_graph, strict, "vhp")
        is_inputs, is_outputs, variables, vector, outputs, slopes = parts
        found = _gradients(slopes, variables, vector or _ones(slopes), create_graph)
        found = _filled(found, variables, strict, checks.independent_slope)
    return (
        _finished(outputs, is_outputs, create_graph),
        _finished(found, is_inputs, create_graph),
    )


def hvp(
    func: Callable,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(func(*inputs), a single number, and the product of its Hessian with v).

    See torch.autograd.functional.hvp.
    """
    with enable_grad():
        parts = _slopes(func, inputs, v, create_graph, strict, "hvp")
        is_inputs, is_outputs, variables, vector, outputs, slopes = parts
        cotangents = tuple(zeros_like(s.detach()).requires_grad_() for s in slopes)
        back = _gradients(slopes, variables, cotangents, True)
        back = _filled(back, variables, strict, checks.independent_slope)
        found = _gradients(back, cotangents, vector or _ones(back), create_graph)
        found = _filled(found, variables, strict, checks.independent_slope)
    return (
        _finished(outputs, is_outputs, create_graph),
        _finished(found, is_inputs, create_graph),
    )


def _ones(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(ones_like(t.detach()) for t in tensors)


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
