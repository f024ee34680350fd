"""Custom functions inside of bodies: the derivative that JAX takes of one is the user's.

What vmap, jvp and control flow record is differentiated by JAX, which would go through the forward
of a custom Function. So where a derivative may be wanted, the user's backward (or jvp, where JAX
goes forwards) is recorded at once, as a body of its own, and the node of the Function becomes a
`jax.custom_vjp` (or `custom_jvp`) with it. autograd's own walk calls the user's backward as ever.
Read function.py next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .alias import cell_of
from .append import append
from .control import Part
from .dtype import FLOAT
from .forward import check_tangent
from .op import Op, cast, unwrap
from .program import body_of
from .tensor import Tensor, from_cell
from .trace import Cell, Context, local

CAST = Op(lambda input, kind: cast(input, kind), "to")


class Rule:
    """A derivative, as a JAX function.

    forwards: whether it is a jvp, of tangents of the inputs; else a vjp, of cotangents of the
    results.  run: the body as a function of these and of what it uses besides.  places: which
    results (or inputs) it gives a tangent (or gradient).  taken: which of them it takes.  shared:
    for each value that it uses, the result that it is, or None.  error: what the user's function
    raised instead.
    """

    __slots__ = ("error", "forwards", "places", "run", "shared", "taken")
    error: Exception | None
    _made: dict[tuple, Rule] = {}

    def __new__(cls, key: tuple, make: Callable[[], dict[str, Any]]) -> Rule:
        made = cls._made.get(key)
        if made is None:
            made = object.__new__(cls)
            for name, value in make().items():
                setattr(made, name, value)
            made = cls._made.setdefault(key, made)
        return made

    def apply(self, results: Sequence, inputs: Sequence, used: Sequence) -> list:
        """The results, with this derivative in the inputs."""
        make = self._with_jvp if self.forwards else self._with_vjp
        return make()(list(results), list(inputs), list(map(unwrap, used)))

    def _with_vjp(self) -> Callable:
        @jax.custom_vjp
        def function(results: list, inputs: list, used: list) -> list:
            return results

        def forwards(results: list, inputs: list, used: list) -> tuple:
            found = function(results, inputs, used)
            return found, (found, used, inputs)

        def backwards(residuals: tuple, cotangents: list) -> tuple:
            results, used, inputs = residuals
            given = [_real(cotangents[k], results[k]) for k in self.taken]
            found = self._found(list(map(_conjugate, given)), results, used)
            grads: list = [None] * len(inputs)
            for k, value in zip(self.places, found, strict=True):
                grads[k] = _conjugate(jnp.asarray(value, inputs[k].dtype))
            return None, grads, None

        function.defvjp(forwards, backwards)
        return function

    def _with_jvp(self) -> Callable:
        @jax.custom_jvp
        def function(results: list, inputs: list, used: list) -> list:
            return results

        @function.defjvp
        def _(primals: tuple, tangents: tuple) -> tuple:
            results, inputs, used = primals
            found = function(results, inputs, used)
            given = [_real(tangents[1][k], inputs[k]) for k in self.taken]
            moved = dict(zip(self.places, self._found(given, found, used), strict=True))
            return found, [_tangent(moved.get(k), value) for k, value in enumerate(found)]

        return function

    def _found(self, given: list, results: Sequence, used: Sequence) -> list:
        if self.error is not None:
            raise self.error
        rest = iter(used)
        return self.run(*given, *[next(rest) if k is None else results[k] for k in self.shared])


def _conjugate(value: Any) -> Any:
    """PyTorch's gradient of a complex value is the conjugate of JAX's."""
    return jnp.conj(value) if jnp.iscomplexobj(value) else value


def _real(tangent: Any, like: Any) -> Any:
    """A tangent as an array: JAX has none of integers."""
    return jnp.zeros_like(like) if tangent.dtype == jax.dtypes.float0 else tangent


def _tangent(found: Any, value: Any) -> Any:
    """The tangent that JAX wants for a result."""
    if not jnp.issubdtype(value.dtype, jnp.inexact):
        return np.zeros(value.shape, jax.dtypes.float0)
    return jnp.zeros_like(value) if found is None else jnp.asarray(found, value.dtype)


# --------------------------------------------------------------------------------------- recording


def rule_of(
    context: Context, application: Any, results: list[Cell], inputs: list[Cell]
) -> tuple[Rule | None, list[Cell]]:
    """The derivative of an application of a custom Function, where JAX may ask for it, and what it
    uses besides the results and the inputs."""
    if not context.bodies:
        return None, []
    forwards = any(body.forward for body in context.bodies)
    forwards = forwards and any(body_of(cell) is not None for cell in inputs)
    wanted = forwards or (context.modes.grad and any(application.needs))
    if not (wanted and results):
        return None, []
    name = application.function.__name__
    part = Part(context, results[0].aval.device, name, loops=True)
    record = _record_jvp if forwards else _record_backward
    try:
        with part:
            found, taken = record(part, application, results, inputs)
            places = tuple([k for k, cell in enumerate(found) if cell is not None])
            positions = tuple([part.position(cell) for cell in found if cell is not None])
        used = part.sources()[part.count :]
        own = {id(cell): k for k, cell in enumerate(results)}
        shared = tuple([own.get(id(cell)) for cell in used])
        key = (forwards, part.is_forward(), part.state, positions, places, taken, shared)

        def make() -> dict[str, Any]:
            return {
                "forwards": forwards,
                "run": part.function(positions),
                "places": places,
                "taken": taken,
                "shared": shared,
                "error": None,
            }

        return Rule(key, make), [cell for cell in used if id(cell) not in own]
    except Exception as error:  # it is raised when the derivative is taken
        return _failing(forwards, error), []
    finally:
        part.release()


def _failing(forwards: bool, error: Exception) -> Rule:
    """The rule of a function that can't be differentiated."""
    key = (forwards, type(error), str(error))
    facts = {"forwards": forwards, "run": None, "places": (), "taken": (), "shared": ()}
    return Rule(key, lambda: {**facts, "error": error.with_traceback(None)})


def _record_backward(
    part: Part, application: Any, results: list[Cell], inputs: list[Cell]
) -> tuple[list[Cell | None], tuple[int, ...]]:
    """The gradients of the inputs, and for which results cotangents were given."""
    cells = part.enter_arguments(results, [cell.aval for cell in results])
    grads = at_places(application.result_count, application.result_places, cells)
    found = application.function.backward(application.ctx, *grads)
    checked = gradients_of(application, found if isinstance(found, tuple) else (found,))
    fitted: list[Cell | None] = [None] * len(inputs)
    for place, gradient in checked:
        k = application.input_places.index(place)
        aval = inputs[k].aval
        if aval.dtype.category >= FLOAT and application.needs[place]:
            name = application.ctx.__class__.__name__
            fitted[k] = fitted_gradient(local.context, gradient, aval, name, k)
    return fitted, tuple(range(len(results)))


def _record_jvp(
    part: Part, application: Any, results: list[Cell], inputs: list[Cell]
) -> tuple[list[Cell | None], tuple[int, ...]]:
    """The tangents of the results, and for which inputs some were given."""
    taken = tuple(k for k, cell in enumerate(inputs) if cell.aval.dtype.category >= FLOAT)
    chosen = [inputs[k] for k in taken]
    cells = part.enter_arguments(chosen, [cell.aval for cell in chosen])
    tangents: list[Cell | None] = [None] * len(inputs)
    for k, cell in zip(taken, cells, strict=True):
        tangents[k] = cell
    return pushed(application, tangents, results), taken


def at_places(
    count: int, places: Sequence[int], cells: Sequence[Cell | None]
) -> list[Tensor | None]:
    """The arguments of a user's backward or jvp: Tensors at these places, None at others."""
    given: list[Tensor | None] = [None] * count
    for place, cell in zip(places, cells, strict=True):
        given[place] = None if cell is None else from_cell(cell)
    return given


def pushed(
    application: Any, tangents: Sequence[Cell | None], results: Sequence[Cell]
) -> list[Cell | None]:
    """Call the user's jvp: the tangents of the results. RuntimeError for another number, or for
    other shapes."""
    given = at_places(len(application.needs), application.input_places, tangents)
    application.pushes = True
    try:
        found = application.function.jvp(application.ctx, *given)
    finally:
        application.pushes = False
    found = found if isinstance(found, tuple) else (found,)
    if len(found) != application.result_count:
        raise RuntimeError(
            "Function's jvp returned an invalid number of forward gradients (expected "
            f"{application.result_count} but got {len(found)})"
        )
    moved = [found[place] for place in application.result_places]
    for value, cell in zip(moved, results, strict=True):
        if value is not None:
            check_tangent(cell.aval.shape, value.shape)
    return [None if value is None else cell_of(value) for value in moved]


def gradients_of(application: Any, found: tuple) -> list[tuple[int, Tensor]]:
    """What a backward has returned: (the place of an argument, its gradient)."""
    needs, places = application.needs, application.input_places
    name = application.ctx.__class__.__name__
    if len(found) > len(needs) and all(g is None for g in found[len(needs) :]):
        found = found[: len(needs)]
    if len(found) != len(needs):
        raise RuntimeError(
            f"function {name} returned an incorrect number of gradients (expected {len(needs)}, "
            f"got {len(found)})"
        )
    pairs = []
    for place, gradient in enumerate(found):
        if gradient is None:
            continue
        if place not in places:
            raise RuntimeError(
                f"function {name} returned a gradient different than None at position "
                f"{place + 1}, but the corresponding forward input was not a Variable"
            )
        if not isinstance(gradient, Tensor):
            raise RuntimeError(f"expected Variable or None (got {type(gradient).__name__})")
        pairs.append((place, gradient))
    return pairs


def fitted_gradient(context: Context, gradient: Tensor, aval: Any, name: str, place: int) -> Cell:
    """A gradient in the shape and dtype of its input, which is the place-th of the Tensors.

    RuntimeError for a shape that can't be summed to it.
    """
    if gradient.shape != aval.shape:
        lead = len(gradient.shape) - len(aval.shape)
        pairs = zip(gradient.shape[max(lead, 0) :], aval.shape, strict=False)
        if lead < 0 or any(size not in (1, own) for own, size in pairs):
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {place} - got "
                f"{list(gradient.shape)} but expected shape compatible with {list(aval.shape)}"
            )
        gradient = gradient.sum_to_size(aval.shape)
    cell = cell_of(gradient)
    if cell.aval.dtype is not aval.dtype:
        (cell,) = append(context, CAST, (cell, aval.dtype))
    return cell
