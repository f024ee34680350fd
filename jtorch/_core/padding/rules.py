"""What the primitives of JAX do to arrays whose dimensions are longer than what they hold.

A rule takes (sizes, equation, operands) and gives the outputs. Here are the table, the walk through
a template, and the primitives that keep elements apart; the files beside have the others. What has
no rule is `Unpaddable`, as soon as an open dimension meets it. Read family.py next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeAlias

import jax
import numpy as np
from jax import lax

from ..layout import ELEMENTWISE as COMMON
from ..layout import alone
from .padded import Axis, Factor, Padded, Sizes, Unpaddable, aligned, of_standard
from .template import CALLS, Atom, Constant, Equation, Given, Template

Rule: TypeAlias = Callable[[Sizes, Equation, list[Padded]], list[Padded]]
RULES: dict[str, Rule] = {}

ELEMENTWISE = COMMON | frozenset(
    (
        *("acos", "acosh", "asin", "asinh", "atan", "atanh", "bessel_i0e", "bessel_i1e", "clz"),
        *("complex", "conj", "cosh", "digamma", "eq_to", "igamma", "igamma_grad_a", "igammac"),
        *("imag", "population_count", "random_gamma_grad", "real"),
        *("le_to", "lt_to", "mulhi", "polygamma"),
        *("reduce_precision", "regularized_incomplete_beta", "shift_left", "sinh", "zeta"),
        *("shift_right_arithmetic", "shift_right_logical", "threefry2x32"),
    )
)


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Put a function into the table, under the names of its primitives."""

    def put(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return put


def run(
    sizes: Sizes, template: Template, givens: Sequence[Padded], inputs: Sequence[Padded]
) -> list[Padded]:
    """The outputs of a template, given its inputs."""
    values = list(inputs)

    def value_of(atom: Atom) -> Padded:
        if isinstance(atom, int):
            return values[atom]
        return givens[atom.index] if isinstance(atom, Given) else constant(atom)

    values += map(value_of, template.constants)
    for equation in template.equations:
        operands = list(map(value_of, equation.inputs))
        name = str(equation.source.source_info.name_stack)  # what profiles show
        with jax.named_scope(name) if name else nullcontext():
            values += _outputs(sizes, equation, givens, operands)
    return list(map(value_of, template.outputs))


def _outputs(
    sizes: Sizes, equation: Equation, givens: Sequence[Padded], operands: list[Padded]
) -> list[Padded]:
    name = equation.source.primitive.name
    if not (equation.varies or any(operand.open for operand in operands)):
        return closed(sizes, equation, [operand.array for operand in operands])
    if name in CALLS:
        (template,) = equation.params.values()
        return run(sizes, template, givens, operands)
    if name in ELEMENTWISE:
        return elementwise(sizes, equation, operands)
    if name in NESTED:
        return NESTED[name](sizes, equation, givens, operands)
    if name not in RULES:
        raise Unpaddable(name)
    return RULES[name](sizes, equation, operands)


# Rules of primitives that have templates of their own; they get the constants, too.
NESTED: dict[str, Callable[[Sizes, Equation, Sequence[Padded], list[Padded]], list[Padded]]] = {}


def constant(atom: Constant) -> Padded:
    """The value of a constant that doesn't differ."""
    return Padded(atom.value, tuple([(Factor(n),) for n in np.shape(atom.value)]))


def closed(sizes: Sizes, equation: Equation, arrays: list[Any]) -> list[Padded]:
    """The outputs of an equation in which nothing is open."""
    return of_standard(sizes, alone(equation.within, equation.source, arrays), equation.shapes)


def bind(equation: Equation, arrays: Sequence[Any], **params: Any) -> Any:
    """Run the primitive of an equation on other arrays."""
    return equation.source.primitive.bind(*arrays, **{**equation.source.params, **params})


def axes_of(value: Padded, dims: Sequence[int]) -> tuple[Axis, ...]:
    """Some of the dimensions of an array."""
    return tuple(value.axes[k] for k in dims)


# ------------------------------------------------------------------------------- element by element


def elementwise(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    """Each element of the outputs comes of one element of each operand."""
    values, axes = aligned(sizes, operands)
    results = bind(equation, [v.array for v in values])
    if not equation.source.primitive.multiple_results:
        results = [results]
    return [Padded(result, axes) for result in results]


@rule("bitcast_convert_type")
def bitcast(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    if equation.in_shapes[0] != equation.shapes[0]:
        raise Unpaddable("a dtype of another width")
    return elementwise(sizes, equation, operands)


@rule("random_bits")
def random_bits(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    """Of a key of JAX, whose numbers follow the length of the dimensions: others, as random."""
    (shape,), (key,) = equation.shapes, operands
    drawn = sizes.lengths_of(shape[len(key.axes) :])
    return [Padded(bind(equation, [key.array], shape=drawn), sizes.axes(shape))]


@rule("optimization_barrier")
def barrier(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    results = bind(equation, [v.array for v in operands])
    return [Padded(r, v.axes) for r, v in zip(results, operands, strict=True)]


@rule("iota")
def iota(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    (shape,), params = equation.shapes, equation.params
    lengths = sizes.lengths_of(shape)
    array = lax.broadcasted_iota(params["dtype"], lengths, params["dimension"])
    return [Padded(array, sizes.axes(shape))]
