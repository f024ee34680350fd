"""Loops and branches over arrays whose dimensions are longer than what they hold.

What goes around a loop has standard dimensions. A loop over an open dimension goes on to its end,
and keeps what it had where nothing is held. See rules.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from .padded import Padded, Sizes, of_standard, standard_arrays
from .rules import NESTED, run
from .template import Equation, Template


def _function(sizes: Sizes, template: Template, givens: Sequence[Padded]) -> Callable[..., list]:
    """A template as a function of arrays with standard dimensions."""

    def function(*arrays: Any) -> list[Any]:
        outputs = run(sizes, template, givens, of_standard(sizes, arrays, template.inputs))
        return standard_arrays(sizes, outputs, template.shapes)

    return function


def branches(
    sizes: Sizes, equation: Equation, givens: Sequence[Padded], operands: list[Padded]
) -> list[Padded]:
    arrays = standard_arrays(sizes, operands, equation.in_shapes)
    functions = [_function(sizes, t, givens) for t in equation.params["branches"]]
    results = lax.switch(arrays[0].astype("int32"), functions, *arrays[1:])
    return of_standard(sizes, results, equation.shapes)


def while_(
    sizes: Sizes, equation: Equation, givens: Sequence[Padded], operands: list[Padded]
) -> list[Padded]:
    params = equation.params
    arrays = standard_arrays(sizes, operands, equation.in_shapes)
    count, more = params["cond_nconsts"], params["body_nconsts"]
    of_cond, of_body = arrays[:count], arrays[count : count + more]
    condition = _function(sizes, params["cond_jaxpr"], givens)
    body = _function(sizes, params["body_jaxpr"], givens)
    results = lax.while_loop(
        lambda carry: condition(*of_cond, *carry)[0],
        lambda carry: body(*of_body, *carry),
        arrays[count + more :],
    )
    return of_standard(sizes, results, equation.shapes)


def scan(
    sizes: Sizes, equation: Equation, givens: Sequence[Padded], operands: list[Padded]
) -> list[Padded]:
    params = equation.params
    arrays = standard_arrays(sizes, operands, equation.in_shapes)
    first, carried = params["num_consts"], params["num_carry"]
    constants, carry = arrays[:first], arrays[first : first + carried]
    body = _function(sizes, params["jaxpr"], givens)
    length = params["length"]

    def step(state: tuple, inputs: list) -> tuple[tuple, list]:
        index, carry = state
        results = body(*constants, *carry, *inputs)
        new = results[:carried]
        if not isinstance(length, int):
            held = index < sizes.true(length)
            new = [jnp.where(held, n, c) for n, c in zip(new, carry, strict=True)]
        return (index + (-1 if params["reverse"] else 1), new), results[carried:]

    start = jnp.int32(sizes.pad(length) - 1 if params["reverse"] else 0)
    (_, carry), ys = lax.scan(
        step,
        (start, carry),
        arrays[first + carried :],
        length=sizes.pad(length),
        reverse=params["reverse"],
        unroll=params["unroll"],
    )
    return of_standard(sizes, [*carry, *ys], equation.shapes)


def linear_solve(
    sizes: Sizes, equation: Equation, givens: Sequence[Padded], operands: list[Padded]
) -> list[Padded]:
    """What solves the system; how it is differentiated is no concern."""
    counts, templates = equation.params["const_lengths"], equation.params["jaxprs"]
    first = counts.matvec + counts.vecmat
    last = first + counts.solve + counts.transpose_solve
    given = operands[first : first + counts.solve] + operands[last:]
    return run(sizes, templates.solve, givens, given)


NESTED.update(
    {"cond": branches, "custom_linear_solve": linear_solve, "scan": scan, "while": while_}
)
