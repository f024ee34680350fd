"""Recurrent layers: one scan over time for a layer in one direction, and single cells.

The Elman network (Elman, 1990), the LSTM (Hochreiter and Schmidhuber, 1997; projected: Sak et al.,
2014) and the GRU (Cho et al., 2014), with PyTorch's order of the gates. Layers, directions and what
drops out between them are put together in jtorch/functions/recurrent.py.

The input's part of the gates is one matrix product before the scan. The derivative is written as a
second, linear scan, in which the weights' part is one product too, over all steps: its transpose,
the backward, makes the weights' gradients after its scan instead of adding them up inside.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from .._core.op import Array, Sequence, op
from .conv import linear

State: TypeAlias = tuple[Array, ...]  # (h,), of an LSTM (h, c)

PRIVATE = ()
TORCH = ("torch",)


class Cell(NamedTuple):
    """What a step does element by element.

    step: (the input's part of the gates, the state's part, state) -> (new state, coefficients of
        the derivative).
    enter: (tangents of the input's part, of the weights in the state's part, coefficients) -> what
        each step of the linear scan takes in.
    follow: (that, the state's part of the gates' tangents, coefficients, tangents of the state) ->
        new tangents of the state.
    apart: whether the two parts of the gates are not just added.
    """

    step: Callable[[Array, Array, State], tuple[State, State]]
    enter: Callable[[Array, Array, State], State]
    follow: Callable[[State, Array, State, State], State]
    apart: bool = False


def _tanh_step(given: Array, own: Array, state: State) -> tuple[State, State]:
    h = jnp.tanh(given + own)
    return (h,), (1 - h * h,)


def _relu_step(given: Array, own: Array, state: State) -> tuple[State, State]:
    gate = given + own
    return (jax.nn.relu(gate),), (jnp.where(gate > 0, 1, 0).astype(gate.dtype),)


def _added(given: Array, own: Array, coefficients: State) -> State:
    return (given + own,)


def _elman_follow(entering: State, own: Array, coefficients: State, state: State) -> State:
    return (coefficients[0] * (entering[0] + own),)


def _lstm_step(given: Array, own: Array, state: State) -> tuple[State, State]:
    """c' = f c + i g, h' = o tanh(c')."""
    i, f, g, o = jnp.split(given + own, 4, axis=-1)
    i, f, g, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)
    before = state[1]
    c = f * before + i * g
    shown = jnp.tanh(c)
    gates = [g * i * (1 - i), before * f * (1 - f), i * (1 - g * g), shown * o * (1 - o)]
    return (o * shown, c), (jnp.concatenate(gates, -1), f, o * (1 - shown * shown))


def _lstm_follow(entering: State, own: Array, coefficients: State, state: State) -> State:
    gates, f, shown = coefficients
    i, forget, g, o = jnp.split(gates * (entering[0] + own), 4, axis=-1)
    c = i + forget + g + f * state[1]
    return o + shown * c, c


def _gru_step(given: Array, own: Array, state: State) -> tuple[State, State]:
    """n = tanh(given + r own), h' = (1 - z) n + z h."""
    given_r, given_z, given_n = jnp.split(given, 3, axis=-1)
    own_r, own_z, own_n = jnp.split(own, 3, axis=-1)
    r, z = jax.nn.sigmoid(given_r + own_r), jax.nn.sigmoid(given_z + own_z)
    n = jnp.tanh(given_n + r * own_n)
    ahead = state[0] - n
    new = (1 - z) * (1 - n * n)
    gates = [new * own_n * r * (1 - r), ahead * z * (1 - z), new * r]
    return (n + z * ahead,), (jnp.concatenate(gates, -1), new, z)


def _gru_enter(given: Array, own: Array, coefficients: State) -> State:
    given_rz, given_n = jnp.split(given, [given.shape[-1] // 3 * 2], axis=-1)
    own_rz, own_n = jnp.split(own, [own.shape[-1] // 3 * 2], axis=-1)
    return jnp.concatenate([given_rz + own_rz, own_n], -1), coefficients[1] * given_n


def _gru_follow(entering: State, own: Array, coefficients: State, state: State) -> State:
    gates, _, z = coefficients
    r, update, n = jnp.split(gates * (entering[0] + own), 3, axis=-1)
    return (r + update + n + entering[1] + z * state[0],)


CELLS = {
    "RNN_TANH": Cell(_tanh_step, _added, _elman_follow),
    "RNN_RELU": Cell(_relu_step, _added, _elman_follow),
    "LSTM": Cell(_lstm_step, _added, _lstm_follow),
    "GRU": Cell(_gru_step, _gru_enter, _gru_follow, apart=True),
}


# --------------------------------------------------------------------------------- the scan in time


class Weights(NamedTuple):
    """What acts on the state: hidden (H, gates), bias (gates), of a projection (cells, H)."""

    hidden: Array
    bias: Array | None
    projection: Array | None


def _hold(active: Array | None, new: State, old: Any) -> State:
    """The new values where a sequence goes on, the old ones where it has ended."""
    if active is None:
        return new
    return jax.tree.map(lambda a, b: jnp.where(active, a, b), new, old)


def _advance(
    cell: Cell,
    reverse: bool,
    given: Array,
    state: State,
    weights: Weights,
    active: Array | None,
    keep: bool,
) -> tuple[State, Any]:
    """The last state, and of all steps h, what was projected and the coefficients; without
    `keep` h alone."""

    def step(state: State, now: tuple) -> tuple[State, Any]:
        given, active = now
        own = state[0] @ weights.hidden
        if weights.bias is not None:
            own = own + weights.bias
        new, coefficients = cell.step(given, own, state)
        inner = new[0]
        if weights.projection is not None:
            new = (inner @ weights.projection, *new[1:])
        new = _hold(active, new, state)
        if not keep:
            return new, new[0]
        projected = None if weights.projection is None else inner
        zeros = jax.tree.map(jnp.zeros_like, coefficients)
        return new, (new[0], projected, _hold(active, coefficients, zeros))

    return jax.lax.scan(step, state, (given, active), reverse=reverse)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def unroll(
    cell: Cell,
    reverse: bool,
    given: Array,
    state: State,
    weights: Weights,
    active: Array | None,
) -> tuple[Array, State]:
    """h of all steps, and the last state.

    given: the input's part of the gates, (T, N, gates). active: (T, N, 1), where sequences go on.
    """
    last, h = _advance(cell, reverse, given, state, weights, active, keep=False)
    return h, last


@unroll.defjvp
def _unroll_jvp(cell: Cell, reverse: bool, primals: tuple, tangents: tuple) -> tuple:
    given, state, weights, active = primals
    given_tangent, state_tangent, weights_tangent, _ = tangents
    last, kept = _advance(cell, reverse, given, state, weights, active, keep=True)
    h, projected, coefficients = kept
    first = state[0][None]
    before = jnp.concatenate([h[1:], first] if reverse else [first, h[:-1]])
    own = before @ weights_tangent.hidden
    if weights.bias is not None:
        own = own + weights_tangent.bias
    entering = cell.enter(given_tangent, own, coefficients)
    moved = None if projected is None else projected @ weights_tangent.projection

    def step(tangent: State, now: tuple) -> tuple[State, Array]:
        entering, moved, coefficients, masks = now
        own = tangent[0] @ weights.hidden
        new = cell.follow(entering, own, coefficients, tangent)
        if moved is not None:
            new = (new[0] @ weights.projection + moved, *new[1:])
        if masks is not None:
            new = tuple(map(jnp.where, masks, new, tangent))
        return new, new[0]

    # Of the full shape, so that nothing of the linear scan is left to a scan of its own.
    masks = None
    if active is not None:
        steps = active.shape[0]
        masks = tuple(jnp.broadcast_to(active, (steps, *part.shape)) for part in state)
    over = (entering, moved, coefficients, masks)
    last_tangent, h_tangent = jax.lax.scan(step, state_tangent, over, reverse=reverse)
    return (h, last), (h_tangent, last_tangent)


@op(name="_recurrent", public=PRIVATE)
def recurrent(
    input: Array,
    hx: Array | None,
    cx: Array | None,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None,
    b_hh: Array | None,
    w_hr: Array | None,
    lengths: Array | None,
    mode: str,
    place: int,
    reverse: bool,
) -> tuple[Array, ...]:
    """One layer in one direction: input (T, N, I) -> h of all steps (T, N, H), the last h, and of
    an LSTM the last c.

    hx, cx: the first states of all layers and directions, of which this one's is number `place`;
    zeros if None. lengths: (N) steps of each sequence; h is zero where a sequence has ended.
    """
    cell = CELLS[mode]
    steps, batch = input.shape[:2]
    active = None
    if lengths is not None:
        active = (jnp.arange(steps)[:, None] < lengths)[..., None]
        input = jnp.where(active, input, 0)  # padding may be NaN, of which 0 times is NaN
    bias = b_ih if b_hh is None or cell.apart else b_ih + b_hh  # pyright: ignore
    given = linear(input, w_ih, bias)
    widths = [w_hh.shape[1], w_hh.shape[0] // 4][: 2 if mode == "LSTM" else 1]
    state = tuple(
        jnp.zeros((batch, width), input.dtype) if first is None else first[place]
        for first, width in zip((hx, cx), widths, strict=False)
    )
    projection = None if w_hr is None else w_hr.T
    weights = Weights(w_hh.T, b_hh if cell.apart else None, projection)
    h, last = unroll(cell, reverse, given, state, weights, active)
    return (h if active is None else jnp.where(active, h, 0), *last)


# ------------------------------------------------------------------------------------------ a cell


def _check_cell(input: Array, state: Sequence[Array], w_ih: Array, w_hh: Array) -> None:
    """RuntimeError, in PyTorch's words, for sizes that don't fit."""
    if input.shape[1] != w_ih.shape[1]:
        raise RuntimeError(
            f"input has inconsistent input_size: got {input.shape[1]} expected {w_ih.shape[1]}"
        )
    for number, part in enumerate(state):
        if input.shape[0] != part.shape[0]:
            raise RuntimeError(
                f"Input batch size {input.shape[0]} doesn't match hidden{number} batch size "
                f"{part.shape[0]}"
            )
        if part.shape[1] != w_hh.shape[1]:
            raise RuntimeError(
                f"hidden{number} has inconsistent hidden_size: got {part.shape[1]}, expected "
                f"{w_hh.shape[1]}"
            )


def _one_step(
    mode: str,
    input: Array,
    state: State,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None,
    b_hh: Array | None,
) -> State:
    _check_cell(input, state, w_ih, w_hh)
    given, own = linear(input, w_ih, b_ih), linear(state[0], w_hh, b_hh)
    return CELLS[mode].step(given, own, state)[0]


@op(public=TORCH)
def lstm_cell(
    input: Array,
    hx: Sequence[Array],
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None = None,
    b_hh: Array | None = None,
) -> tuple[Array, Array]:
    """c' = f c + i g, h' = o tanh(c'): (N, I), (h, c) of (N, H) -> (h', c').

    See torch.lstm_cell and torch.nn.LSTMCell."""
    if len(hx) != 2:
        raise RuntimeError("lstm_cell expects two hidden states")
    h, c = _one_step("LSTM", input, tuple(hx), w_ih, w_hh, b_ih, b_hh)
    return h, c


def _declare(name: str, mode: str, formula: str) -> None:
    """The row of a cell whose state is h alone."""

    def cell(
        input: Array,
        hx: Array,
        w_ih: Array,
        w_hh: Array,
        b_ih: Array | None = None,
        b_hh: Array | None = None,
    ) -> Array:
        return _one_step(mode, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]

    layer = f"{mode.partition('_')[0]}Cell"
    cell.__name__ = name
    cell.__doc__ = f"{formula}: (N, I), (N, H) -> (N, H).\n\nSee torch.{name} and torch.nn.{layer}."
    op(name=name, public=TORCH)(cell)


_declare("gru_cell", "GRU", "h' = (1 - z) n + z h")
_declare("rnn_tanh_cell", "RNN_TANH", "tanh(W_ih input + b_ih + W_hh h + b_hh)")
_declare("rnn_relu_cell", "RNN_RELU", "relu(W_ih input + b_ih + W_hh h + b_hh)")
