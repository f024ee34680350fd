"""The gradient of a call as an op: `Vjp`, and which of the call's values it depends on.

Read graph.py next.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.interpreters import partial_eval

from .dtype import FLOAT
from .errors import no_way_back
from .loops import going
from .trace import Aval, Call


class Vjp:
    """The gradient op of a call: (inputs, outputs, cotangents) -> cotangents of the inputs in
    `needs`.

    needs: which inputs want a gradient.  outputs: which outputs have a cotangent.  absent: input ->
    aval, for those that the gradient doesn't depend on and that were not kept.  Where the op's row
    says `backward`, the gradient is a function of the output and takes no inputs.
    """

    __slots__ = ("absent", "call", "name", "needs", "outputs")
    view = strides = backward = result = saves = None
    inplace = chooses = saves_more = False
    differentiable = True
    constants: tuple[int, ...] = ()
    numbers: frozenset[str] = frozenset()
    _made: dict[tuple, Vjp] = {}

    def __new__(
        cls, call: Call, needs: tuple[int, ...], outputs: tuple[int, ...], absent: tuple = ()
    ) -> Vjp:
        key = (call, needs, outputs, absent)
        made = cls._made.get(key)
        if made is None:
            made = object.__new__(cls)
            made.call, made.needs, made.outputs, made.absent = key
            made.name = f"{call.op.name}_backward"
            made = cls._made.setdefault(key, made)
        return made

    def run(self, args: tuple, kwargs: dict) -> tuple:
        inputs, outputs, cotangents = args
        if self.call.op.backward is not None:
            return (self._from_output(outputs[0], cotangents[0]),)
        return self.pull(inputs)[1](cotangents)

    def pull(self, inputs: tuple) -> tuple[tuple, Any]:
        """All outputs of the call, and the function from cotangents to gradients."""
        values = list(inputs)
        for k, aval in self.absent:
            values[k] = jnp.zeros(aval.shape, aval.dtype.numpy)

        def forward(*needed: Any) -> tuple:
            filled = list(values)
            for k, value in zip(self.needs, needed, strict=True):
                filled[k] = value
            results = self.call.run(filled)
            return tuple(results[k] for k in self.outputs), results

        with going(forwards=False):
            _, pullback, results = jax.vjp(forward, *[values[k] for k in self.needs], has_aux=True)

        @going(forwards=False)
        def pytorch_pullback(cotangents: tuple) -> tuple:
            try:
                return tuple(map(_conjugate, pullback(tuple(map(_conjugate, cotangents)))))
            except ValueError as error:
                raise no_way_back(error) from None

        return results, pytorch_pullback

    def smooth(self, avals: tuple[Aval, ...]) -> frozenset[int]:
        """The inputs through which the gradient can be differentiated again.

        Others only choose (a mask, say).
        """
        key = (self, avals)
        found = _smooth.get(key)
        if found is None:
            found = _smooth[key] = _find_smooth(self, avals)
        return found

    def _from_output(self, output: Any, cotangent: Any) -> Any:
        rest = self.call.args[1:]
        with self.call.modes.applied():
            backward = self.call.op.backward
            gradient = backward(_conjugate(cotangent), output, *rest, **self.call.kwargs)
            return _conjugate(gradient)


def _conjugate(value: Any) -> Any:
    """PyTorch's gradient of a complex value is the conjugate of JAX's."""
    return jnp.conj(value) if jnp.iscomplexobj(value) else value


_uses: dict[tuple, frozenset[int]] = {}


def uses(call: Call, avals: tuple[Aval, ...], needs: tuple[int, ...]) -> frozenset[int]:
    """The inputs that the VJP of a call depends on, read off its jaxpr."""
    if call.op.backward is not None or not needs:
        return frozenset()
    key = (call, avals, needs)
    found = _uses.get(key)
    if found is None:
        try:
            found = _find_uses(call, avals, needs)
        except NotImplementedError:  # it has no derivative: `backward` will say so
            found = frozenset()
        _uses[key] = found
    return found


def _find_uses(call: Call, avals: tuple[Aval, ...], needs: tuple[int, ...]) -> frozenset[int]:
    def gradients(inputs: list, cotangents: tuple) -> Any:
        return Vjp(call, needs, real).pull(tuple(inputs))[1](cotangents)

    structs = [aval.struct for aval in avals]
    with jax.enable_x64(True):
        outputs = jax.eval_shape(lambda *inputs: call.run(inputs), *structs)
        real = tuple(k for k, o in enumerate(outputs) if jnp.issubdtype(o.dtype, jnp.inexact))
        closed = jax.make_jaxpr(gradients)(structs, tuple(outputs[k] for k in real))
    _, used = partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars))
    return frozenset(k for k in range(len(avals)) if used[k])


_smooth: dict[tuple, frozenset[int]] = {}


def _find_smooth(vjp: Vjp, avals: tuple[Aval, ...]) -> frozenset[int]:
    """The inputs whose tangent reaches an output, read off the jaxpr of the JVP."""
    absent = {k for k, _ in vjp.absent}
    inputs = len(avals) - len(vjp.outputs) - (vjp.call.op.backward is not None)

    def gradient(*values: Any) -> tuple:
        rest = iter(values)
        count = 0 if vjp.call.op.backward is not None else inputs + len(absent)
        given = tuple(None if k in absent else next(rest) for k in range(count))
        saved = (next(rest),) if vjp.call.op.backward is not None else ()
        return vjp.run((given, saved, tuple(rest)), {})

    real = [k for k, aval in enumerate(avals) if aval.dtype.category >= FLOAT]

    def tangents(primals: tuple, directions: tuple) -> Any:
        def of_real(*values: Any) -> tuple:
            full = list(primals)
            for k, value in zip(real, values, strict=True):
                full[k] = value
            return gradient(*full)

        return jax.jvp(of_real, tuple(primals[k] for k in real), directions)[1]

    structs = tuple(aval.struct for aval in avals)
    with jax.enable_x64(True):
        closed = jax.make_jaxpr(tangents)(structs, tuple(structs[k] for k in real))
    _, used = partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars))
    return frozenset(k for place, k in enumerate(real) if used[len(avals) + place])
