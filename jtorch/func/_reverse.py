"""Derivatives in reverse mode: grad, vjp, jacrev.

The function is recorded where the transform is called, on variables that go on from its arguments,
and autograd walks back to them: what autograd knows (no_grad, detach, custom Functions, in-place
writes) holds here too, and values can be read. Derivatives of the result with respect to something
else (outer variables, parameters that the function uses) flow through it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._core import backward
from .._core.alias import as_constant, cell_of
from .._core.dtype import FLOAT
from .._core.graph import edge_of_cell
from .._core.leaf import variable_of
from .._core.tensor import Tensor, from_cell
from .._core.trace import local
from ..functions.creation import zeros_like
from ..functions.ranges import eye
from ..functions.splitting import split_with_sizes
from ..utils._pytree import (
    TreeSpec,
    tree_flatten,
    tree_leaves,
    tree_map,
    tree_unflatten,
    treespec_pprint,
)
from ._arguments import (
    Argnums,
    check_aux,
    check_inputs,
    check_outputs,
    check_real,
    replaced,
    selected,
    transforming,
    with_aux,
)
from ._vmap import vmap

_GRAD = "grad_and_value(f)(*args)"


def _variables(leaves: list[Tensor]) -> list[Tensor]:
    """New Tensors with the values of these, in which derivatives are taken."""
    check_inputs(leaves)
    for leaf in leaves:
        if leaf.dtype.category < FLOAT:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
    return [variable_of(Tensor, cell_of(leaf)) for leaf in leaves]


def _has_outer(tensors: list[Tensor], variables: list[Tensor]) -> bool:
    """Whether Tensors depend on something that requires grad and is no variable of ours."""
    stack = [edge_of_cell(cell_of(t)) for t in tensors]
    seen = set()
    while stack:
        edge = stack.pop()
        if edge is None:
            continue
        if type(edge) is tuple:
            if edge[0] not in seen:
                seen.add(edge[0])
                stack.extend(edge[0].edges)
            continue
        target = edge()
        if target is not None and not any(target is v for v in variables):
            return True
    return False


def _surfaced(tensor: Tensor, variables: list[Tensor], recording: bool) -> Tensor:
    """A result as the world outside sees it: without a history that leads to our variables
    alone."""
    cell = cell_of(tensor)
    if not cell.aval.requires_grad or (recording and _has_outer([tensor], variables)):
        return tensor
    return from_cell(as_constant(cell))


def _gradients(
    outputs: list[Tensor], variables: list[Tensor], cotangents: list[Tensor | None], create: bool
) -> list[Tensor]:
    """The cotangents of the variables; zeros where nothing depends on them."""
    pairs = zip(outputs, cotangents, strict=True)
    real = [(o, c) for o, c in pairs if cell_of(o).aval.requires_grad]
    found: Any = (None,) * len(variables)
    if real:
        roots, given = [o for o, _ in real], [c for _, c in real]
        found = backward.grad(roots, variables, given, True, create, allow_unused=True)
    pairs = zip(found, variables, strict=True)
    return [zeros_like(v.detach()) if g is None else g for g, v in pairs]


def grad(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """The function of the gradient of `func`, which returns a scalar, with respect to arguments.

    argnums: one argument, or a tuple of them; an argument may be a nested container of Tensors.
    has_aux: func returns (output, aux), and the result is (gradient, aux). RuntimeError for another
    output. See torch.func.grad.
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def grad_and_value(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """As grad, but of (gradient, value); with has_aux, of (gradient, (value, aux)).

    See torch.func.grad_and_value.
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with transforming() as recording:
            leaves, spec = tree_flatten(selected(args, argnums))
            variables = _variables(leaves)
            given = replaced(args, argnums, tree_unflatten(variables, spec))
            output, aux = with_aux(func(*given, **kwargs), _GRAD, has_aux)
            _check_scalar(output)
            if has_aux:
                check_aux(tree_flatten(aux)[0])
            # Gradients have a history only where somebody outside may go on from them.
            create = recording and _has_outer([output, *variables], variables)
            found = _gradients([output], variables, [None], create)
            found = [_surfaced(g, variables, create) for g in found]
            surfaced = functools.partial(_surfaced, variables=variables, recording=recording)
            value = surfaced(output)
            if has_aux:
                value = value, tree_map(surfaced, aux)
        return tree_unflatten(found, spec), value

    return wrapper


def _check_scalar(output: Any) -> None:
    if not isinstance(output, Tensor):
        raise RuntimeError(f"{_GRAD}: Expected f(*args) to return a Tensor, got {type(output)}")
    if output.dim():
        raise RuntimeError(
            f"{_GRAD}: Expected f(*args) to return a scalar Tensor, got tensor with "
            f"{output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )


class _Pullback:
    """A function recorded for reverse mode: its outputs, and the way back from them.

    create: whether something outside depends on what it goes back through.
    """

    def __init__(self, func: Callable, args: tuple, argnums: Argnums | None, aux: bool) -> None:
        with transforming() as recording:
            inputs = args if argnums is None else selected(args, argnums)
            leaves, self.spec = tree_flatten(inputs)
            self.variables = _variables(leaves)
            given = tree_unflatten(self.variables, self.spec)
            given = given if argnums is None else replaced(args, argnums, given)
            api = "vjp(f, *primals)"
            output, found = with_aux(func(*given), api, aux)
            self.outputs, self.output_spec = tree_flatten(output)
            check_outputs(self.outputs, api, "f(*primals)")
            self.create = recording and _has_outer([*self.outputs, *self.variables], self.variables)
            surfaced = [_surfaced(t, self.variables, recording) for t in self.outputs]
            self.output = tree_unflatten(surfaced, self.output_spec)
            if aux:
                check_aux(tree_flatten(found)[0])
            self.aux = tree_map(lambda t: _surfaced(t, self.variables, recording), found)

    def pull(self, cotangents: list[Tensor]) -> list[Tensor]:
        """The cotangents of the inputs."""
        create = self.create or any(c.requires_grad for c in cotangents)
        create = create and local.context.modes.grad
        found = _gradients(self.outputs, self.variables, list(cotangents), create)
        return [_surfaced(g, self.variables, create) for g in found]

    def __call__(self, cotangents: Any) -> Any:
        flat, spec = tree_flatten(cotangents)
        if spec != self.output_spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {treespec_pprint(spec)}, primal output: "
                f"{treespec_pprint(self.output_spec)}"
            )
        return tree_unflatten(self.pull(flat), self.spec)


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """func(*primals), and the function from cotangents of that to a tuple of those of the primals.

    With has_aux func returns (output, aux), and aux comes third. See torch.func.vjp.
    """
    pullback = _Pullback(func, primals, None, has_aux)

    def vjp_fn(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        return pullback(cotangents)  # the graph is kept, and recorded where that matters

    if has_aux:
        return pullback.output, vjp_fn, pullback.aux
    return pullback.output, vjp_fn


def jacrev(
    func: Callable,
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable:
    """The function of the Jacobian of `func`, in reverse mode: (*output shape, *input shape) for
    each output and each input.

    chunk_size: how many rows at once. See torch.func.jacrev.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapper(*args: Any) -> Any:
        check_real("jacrev", "inputs", tree_leaves(args))
        pullback = _Pullback(func, args, argnums, has_aux)
        check_real("jacrev", "outputs", pullback.outputs)
        rows = vmap(lambda *c: tuple(pullback.pull(list(c))), chunk_size=chunk_size)
        found = rows(*basis_of(pullback.outputs))
        jacobian = _by_output(found, pullback.outputs, pullback.output_spec, pullback.spec)
        return (jacobian, pullback.aux) if has_aux else jacobian

    return wrapper


def _by_output(found: Any, outputs: list[Tensor], spec: TreeSpec, inputs: TreeSpec) -> Any:
    """Rows of a Jacobian, (all elements of all outputs, *input shape), as a tree of trees."""
    columns = [split_with_sizes(block, [o.numel() for o in outputs]) for block in found]
    trees = []
    for k, output in enumerate(outputs):
        blocks = [c[k].reshape((*output.shape, *c[k].shape[1:])) for c in columns]
        trees.append(tree_unflatten(blocks, inputs))
    return tree_unflatten(trees, spec)


def basis_of(tensors: list[Tensor]) -> list[Tensor]:
    """The standard basis of the space of all elements of some Tensors: (elements, *shape) for
    each."""
    sizes = [t.numel() for t in tensors]
    parts = split_with_sizes(eye(sum(sizes), device=tensors[0].device), sizes, 1)
    return [
        part.to(t.dtype).reshape((sum(sizes), *t.shape))
        for part, t in zip(parts, tensors, strict=True)
    ]
