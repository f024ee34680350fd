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


class _Product:
    """A product with a Jacobian or a Hessian: the call of the function, and steps towards it.

    v is shaped as the inputs, or as the outputs if `of_outputs`. Made and used in enable_grad.
    """

    def __init__(
        self,
        name: str,
        func: Callable,
        inputs: Tensors,
        v: Tensors | None,
        create_graph: bool,
        strict: bool,
        of_outputs: bool = False,
    ) -> None:
        self.create_graph, self.strict = create_graph, strict
        self.is_inputs, given = checks.as_tuple(inputs, "inputs", name)
        self.variables = _variables(given, create_graph)
        vector = None
        if not of_outputs:
            vector = checks.vector(v, self.variables, self.is_inputs, checks.V_OF_INPUTS, name)
        self.is_outputs, self.outputs = _called(func, self.variables, name, strict)
        if of_outputs:
            vector = checks.vector(v, self.outputs, self.is_outputs, checks.V_OF_OUTPUTS, name)
        self.vector = _given(vector, create_graph)

    def gradients(
        self, of: Sequence[Tensor], at: Sequence[Tensor], vector: tuple | None, explain: Callable
    ) -> tuple[Tensor, ...]:
        """The last step: gradients, weighted with a vector."""
        found = _gradients(of, at, vector, self.create_graph)
        return _filled(found, at, self.strict, explain)

    def slopes(self, name: str) -> tuple[Tensor, ...]:
        """The gradient of the only output, for a second derivative."""
        checks.single(self.outputs, self.is_outputs, name)
        found = _gradients(self.outputs, self.variables, None, True)
        slopes = _filled(found, self.variables, self.strict, checks.independent)
        if self.strict:
            checks.check_slopes(slopes)
        return slopes

    def pushed(self, of: Sequence[Tensor], explain: Callable) -> tuple[Tensor, ...]:
        """The product of a Jacobian with the vector, as the derivative of the other product in its
        vector (the double-backward trick of J. Townsend, 2017)."""
        cotangents = tuple(zeros_like(t.detach()).requires_grad_() for t in of)
        found = _gradients(of, self.variables, cotangents, True)
        back = _filled(found, self.variables, self.strict, explain)
        return self.gradients(back, cotangents, self.vector or _ones(back), explain)

    def results(self, found: Sequence[Tensor], is_tuple: bool) -> tuple[Any, Any]:
        """What the function gave, and the product."""
        return (
            _finished(self.outputs, self.is_outputs, self.create_graph),
            _finished(found, is_tuple, self.create_graph),
        )


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
        made = _Product("vjp", func, inputs, v, create_graph, strict, of_outputs=True)
        found = made.gradients(made.outputs, made.variables, made.vector, checks.independent)
    return made.results(found, made.is_inputs)


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
        made = _Product("jvp", func, inputs, v, create_graph, strict)
        found = made.pushed(made.outputs, checks.independent)
    return made.results(found, made.is_outputs)


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
        made = _Product("vhp", func, inputs, v, create_graph, strict)
        slopes = made.slopes("vhp")
        weights = made.vector or _ones(slopes)
        found = made.gradients(slopes, made.variables, weights, checks.independent_slope)
    return made.results(found, made.is_inputs)


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
        made = _Product("hvp", func, inputs, v, create_graph, strict)
        found = made.pushed(made.slopes("hvp"), checks.independent_slope)
    return made.results(found, made.is_inputs)


def _ones(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(ones_like(t.detach()) for t in tensors)


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
