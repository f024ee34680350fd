"""Channels last for convolutions on the CPU: a pass over a program before XLA sees it.

PyTorch's images are (N, C, H, W). XLA's CPU convolutions want channels last and transpose around
each one; measured on two cores, a digits CNN takes 1.3 times as long so. Here values downstream of
a convolution are kept with their dimensions in another physical order, and element-wise ops,
reductions and poolings are run in that order; what has no rule gets its operands in the logical
order again. On GPU and TPU XLA assigns layouts itself, and the pass is off. Nothing depends on this
file but building.py; results are the same values.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.core import eval_jaxpr

ELEMENTWISE = frozenset(
    (
        *("abs", "add", "add_any", "and", "atan2", "cbrt", "ceil", "clamp", "copy", "cos", "div"),
        *("convert_element_type", "eq", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "floor"),
        *("ge", "gt", "integer_pow", "is_finite", "le", "lgamma", "log", "log1p", "logistic", "lt"),
        *("max", "min", "mul", "ne", "neg", "nextafter", "not", "or", "pow", "rem", "round"),
        *("rsqrt", "select_n", "sign", "sin", "sqrt", "square", "stop_gradient", "sub", "tan"),
        *("tanh", "xor"),
    )
)
REDUCTIONS = frozenset(("reduce_sum", "reduce_max", "reduce_min", "reduce_prod"))
_WINDOW = ("window_dimensions", "window_strides", "padding", "base_dilation", "window_dilation")
# Primitives with a parameter for each dimension: those parameters.
WINDOWS = {
    "reduce_window_sum": _WINDOW,
    "reduce_window_max": _WINDOW,
    "reduce_window_min": _WINDOW,
    "select_and_scatter_add": _WINDOW[:3],
    "pad": ("padding_config",),
    "rev": (),
}
# Nothing is differentiated any more when the pass runs: rules of differentiation are of no
# interest.
CALLS = ("pjit", "jit", "custom_jvp_call", "custom_vjp_call")
Order = tuple[int, ...]


class Laid:
    """An array in another order of dimensions: physical = logical.transpose(order)."""

    def __init__(self, array: Any, order: Order) -> None:
        self.array = array
        self.order = order

    def logical(self) -> Any:
        return lax.transpose(self.array, np.argsort(self.order))


class Broadcast:
    """A broadcast that waits until its consumer tells the order it wants."""

    def __init__(self, operand: Any, shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
        self.operand, self.shape, self.dims = operand, shape, dims

    def logical(self) -> Any:
        return lax.broadcast_in_dim(self.operand, self.shape, self.dims)

    def ordered(self, order: Order) -> Any:
        places = [order.index(d) for d in self.dims]
        turn = np.argsort(places)
        operand = lax.transpose(self.operand, turn) if len(places) > 1 else self.operand
        return lax.broadcast_in_dim(
            operand, tuple(self.shape[d] for d in order), tuple(sorted(places))
        )


def has_convolutions(jaxpr: Any) -> bool:
    """Whether the pass has anything to do."""
    return any(
        eqn.primitive.name == "conv_general_dilated"
        or ("jaxpr" in eqn.params and has_convolutions(_inner(eqn.params["jaxpr"])))
        for eqn in jaxpr.eqns
    )


def _inner(jaxpr: Any) -> Any:
    return getattr(jaxpr, "jaxpr", jaxpr)


def evaluate(jaxpr: Any, consts: Sequence[Any], *arrays: Any) -> list[Any]:
    """As `jax.core.eval_jaxpr`, with the pass applied."""
    return [plain(value) for value in _evaluate(jaxpr, consts, arrays, _leaving(jaxpr))]


def _leaving(jaxpr: Any) -> set[Any]:
    """The variables from which only element-wise ops lead to the outputs, the gradients of filters
    above all: an update of parameters that lie in the logical order is best computed in it."""
    staying = set()
    for eqn in reversed(jaxpr.eqns):
        if not _is_elementwise(eqn) or not staying.isdisjoint(eqn.outvars):
            staying.update(v for v in eqn.invars if not hasattr(v, "val"))
    return {v for eqn in jaxpr.eqns for v in eqn.outvars} - staying


def _is_elementwise(eqn: Any) -> bool:
    called = called_by(eqn)
    if called is not None:
        return all(_is_elementwise(inner) for inner in called.jaxpr.eqns)
    return eqn.primitive.name in ELEMENTWISE


def plain(value: Any) -> Any:
    """A value in the logical order."""
    return value.logical() if isinstance(value, (Laid, Broadcast)) else value


def ordered(value: Any, order: Order) -> Any:
    """The physical array of a value in an order; numbers as they are."""
    if isinstance(value, Laid) and value.order == order:
        return value.array
    if isinstance(value, Broadcast):
        return value.ordered(order)
    array = plain(value)
    return lax.transpose(array, order) if np.ndim(array) == len(order) else array


def _evaluate(
    jaxpr: Any, consts: Sequence[Any], arrays: Sequence[Any], leaving: Collection[Any] = ()
) -> list[Any]:
    """The outputs. leaving: variables that are wanted in the logical order."""
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    values.update(zip(jaxpr.invars, arrays, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if hasattr(atom, "val") else values[atom]

    for eqn in jaxpr.eqns:
        operands = [read(atom) for atom in eqn.invars]
        for var, value in zip(eqn.outvars, _run(jaxpr, eqn, operands), strict=True):
            values[var] = plain(value) if var in leaving else value
    return [read(atom) for atom in jaxpr.outvars]


def _run(jaxpr: Any, eqn: Any, operands: list[Any]) -> list[Any]:
    name = str(eqn.source_info.name_stack)  # what profiles show
    with jax.named_scope(name) if name else nullcontext():
        results = _in_some_order(eqn, operands)
    return alone(jaxpr, eqn, [plain(o) for o in operands]) if results is None else results


def _in_some_order(eqn: Any, operands: list[Any]) -> list[Any] | None:
    """The results of an equation that the pass has something to say about; None of others."""
    name, params = eqn.primitive.name, eqn.params
    called = called_by(eqn)
    if called is not None and has_layout(operands):
        return _evaluate(called.jaxpr, called.consts, operands)
    if name == "conv_general_dilated":
        return [_convolve(operands, params)]
    if name == "broadcast_in_dim" and len(params["shape"]) >= 4 and len(operands) == 1:
        return [Broadcast(plain(operands[0]), params["shape"], params["broadcast_dimensions"])]
    laid = next((o for o in operands if isinstance(o, Laid)), None)
    return None if laid is None else _in_order(eqn, operands, laid.order)


def called_by(eqn: Any) -> Any:
    """The closed jaxpr that an equation calls; None of another one."""
    name = eqn.primitive.name
    if name not in CALLS:
        return None
    return eqn.params["jaxpr" if name in ("pjit", "jit") else "call_jaxpr"]


def alone(jaxpr: Any, eqn: Any, arrays: list[Any]) -> list[Any]:
    """One equation, run by JAX's own evaluator: primitives with functions inside need its help."""
    given = [(v, a) for v, a in zip(eqn.invars, arrays, strict=True) if not hasattr(v, "val")]
    names = ("",) * len(given)
    about = jaxpr.debug_info._replace(arg_names=names, result_paths=("",) * len(eqn.outvars))
    small = jaxpr.replace(
        constvars=[],
        invars=[v for v, _ in given],
        eqns=[eqn],
        outvars=list(eqn.outvars),
        debug_info=about,
    )
    return eval_jaxpr(small, (), *[a for _, a in given])


def has_layout(operands: list[Any]) -> bool:
    return any(isinstance(o, (Laid, Broadcast)) for o in operands)


def _in_order(eqn: Any, operands: list[Any], order: Order) -> list[Any] | None:
    """The result of an equation run in a physical order; None where there is no rule."""
    name, params = eqn.primitive.name, eqn.params
    if name in ELEMENTWISE:
        return [Laid(eqn.primitive.bind(*[ordered(o, order) for o in operands], **params), order)]
    if name in REDUCTIONS:
        return [_reduce(eqn, operands[0], params)]
    if name in WINDOWS and len(eqn.outvars) == 1:
        turned = {k: tuple(params[k][d] for d in order) for k in WINDOWS[name]}
        if name == "rev":
            turned = {"dimensions": tuple(order.index(d) for d in params["dimensions"])}
        arrays = [ordered(o, order) for o in operands]
        return [Laid(eqn.primitive.bind(*arrays, **{**params, **turned}), order)]
    if name == "transpose":
        return [_transposed(operands[0], params["permutation"])]
    if name == "reshape":
        turned = params["dimensions"]  # a transposition before it, in JAX's rules of convolutions
        operand = operands[0] if turned is None else _transposed(operands[0], turned)
        return _reshape(operand, params["new_sizes"])
    return None


def _transposed(operand: Laid, permutation: Sequence[int]) -> Laid:
    places = list(permutation)
    return Laid(operand.array, tuple(places.index(d) for d in operand.order))


def _convolve(operands: list[Any], params: dict[str, Any]) -> Any:
    """A convolution whose operands and result are (batch, spatial..., feature) physically."""
    numbers = params["dimension_numbers"]
    left, right = operands
    if not isinstance(left, Laid):
        batch, feature, *spatial = numbers.lhs_spec
        order = (batch, *spatial, feature)
        left = Laid(ordered(left, order), order)
    if not isinstance(right, Laid):
        right = Laid(plain(right), tuple(range(len(numbers.rhs_spec))))
    batch, feature, *spatial = numbers.out_spec
    order = (batch, *spatial, feature)
    specs = lax.ConvDimensionNumbers(
        tuple(left.order.index(d) for d in numbers.lhs_spec),
        tuple(right.order.index(d) for d in numbers.rhs_spec),
        tuple(order.index(d) for d in numbers.out_spec),
    )
    given = {**params, "dimension_numbers": specs}
    result = lax.conv_general_dilated_p.bind(left.array, right.array, **given)
    return Laid(result, order)


def _reduce(eqn: Any, operand: Laid, params: dict[str, Any]) -> Any:
    axes = params["axes"]
    places = tuple(sorted(operand.order.index(d) for d in axes))
    result = eqn.primitive.bind(operand.array, **{**params, "axes": places})
    left = [d for d in operand.order if d not in axes]
    names = sorted(left)
    order = tuple(names.index(d) for d in left)
    return result if order == tuple(range(len(order))) else Laid(result, order)


def _reshape(operand: Laid, sizes: tuple[int, ...]) -> list[Any] | None:
    """A reshape that splits or merges dimensions which also lie side by side physically."""
    shape = tuple(operand.array.shape[operand.order.index(d)] for d in range(len(operand.order)))
    groups = _groups(shape, sizes)
    if groups is None:
        return None
    order: list[int] = []
    physical: list[int] = []
    rest = list(operand.order)
    while rest:
        old, new = next(g for g in groups if rest[0] in g[0])
        if rest[: len(old)] != list(old):
            return None
        rest = rest[len(old) :]
        order.extend(new)
        physical.extend(sizes[d] for d in new)
    return [Laid(lax.reshape(operand.array, physical), tuple(order))]


def _groups(shape: Sequence[int], sizes: Sequence[int]) -> list[tuple[list[int], list[int]]] | None:
    """Pairs of old and new dimensions of equal product, in order; None where some size is 0 or 1
    left over."""
    groups = []
    i = j = 0
    while i < len(shape) and j < len(sizes):
        old, new = [i], [j]
        a, b = shape[i], sizes[j]
        i, j = i + 1, j + 1
        while a != b:
            if a < b and i < len(shape):
                old.append(i)
                a, i = a * shape[i], i + 1
            elif b < a and j < len(sizes):
                new.append(j)
                b, j = b * sizes[j], j + 1
            else:
                return None
        groups.append((old, new))
    return groups if i == len(shape) and j == len(sizes) else None
