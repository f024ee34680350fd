"""Recurrent networks as functions: torch.lstm, gru, rnn_tanh and rnn_relu.

Layers, directions and the dropout between layers are put together here; one layer in one direction
is a row in jtorch/ops/recurrent.py. The layers are in jtorch/nn/recurrent.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .._core.tensor import Tensor
from .._expose import row
from ..ops._shapes import wrap_dim
from .dropout import dropout, dropout_packed
from .packing import Packing

_recurrent, _cat, _stack = row("_recurrent"), row("cat"), row("stack")

# The arguments in torch's order. Of a packed batch, the first is two.
_PADDED = {
    "input": "Tensor",
    "hx": "Any",
    "params": "Sequence[Tensor]",
    "has_biases": "bool",
    "num_layers": "int",
    "dropout": "float",
    "train": "bool",
    "bidirectional": "bool",
    "batch_first": "bool",
}
_PACKED = ("data", "batch_sizes", *list(_PADDED)[1:-1])


class Stack:
    """Layers of recurrent cells.

    mode: RNN_TANH, RNN_RELU, LSTM or GRU.  dropout: what drops out after each layer but the last,
    in training.
    """

    def __init__(
        self, mode: str, num_layers: int, bidirectional: bool, dropout: float, has_biases: bool
    ) -> None:
        self.mode = mode
        self.num_layers = num_layers
        self.directions = 2 if bidirectional else 1
        self.dropout = dropout
        self.has_biases = has_biases

    def run(
        self,
        input: Tensor,
        hx: Sequence[Tensor | None],
        params: Sequence[Tensor],
        packing: Packing | None = None,
    ) -> tuple[Tensor, ...]:
        """(T, N, I) -> h of the last layer (T, N, H * directions), and the last h (and c) of all
        layers and directions (layers * directions, N, H). Of what is packed, steps beyond a
        sequence's end give zeros."""
        wrap_dim(2, input.dim())
        if not input.size(0):
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        lengths = None if packing is None else packing.lengths_on(input.device)
        weights = self._by_direction(params)
        last: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            outputs = []
            for reverse in (False, True)[: self.directions]:
                place = len(last)
                states = (hx[0], hx[1] if len(hx) > 1 else None)
                options = (lengths, self.mode, place, reverse)
                output, *state = _recurrent(input, *states, *weights[place], *options)
                outputs.append(output)
                last.append(tuple(state))
            input = outputs[0] if self.directions == 1 else _cat(outputs, -1)
            if self.dropout and layer < self.num_layers - 1:
                input = self._drop(input, packing)
        return input, *(_stack(parts) for parts in zip(*last, strict=True))

    def _by_direction(self, params: Sequence[Tensor]) -> list[tuple[Tensor | None, ...]]:
        """(w_ih, w_hh, b_ih, b_hh, w_hr) of each layer and direction."""
        count = self.num_layers * self.directions
        each, rest = divmod(len(params), count)
        biases = 2 if self.has_biases else 0
        if rest or each not in (2 + biases, 3 + biases):
            raise RuntimeError("Expected more weights in stacked_rnn")
        found = []
        for start in range(0, len(params), each):
            own = params[start : start + each]
            no_biases = () if biases else (None, None)
            no_projection = () if each == 3 + biases else (None,)
            found.append((*own[:2], *no_biases, *own[2:], *no_projection))
        return found

    def _drop(self, input: Tensor, packing: Packing | None) -> Tensor:
        if packing is None:
            return dropout(input, self.dropout)
        return dropout_packed(input, self.dropout, packing.places)


def _function(name: str, mode: str) -> Callable[..., tuple[Tensor, ...]]:
    def apply(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        packed = "data" in kwargs or (len(args) > 2 and not isinstance(args[3], (bool, int)))
        given = dict(zip(_PACKED if packed else _PADDED, args, strict=False)) | kwargs
        if set(given) != set(_PACKED if packed else _PADDED):
            raise TypeError(f"{name}() received an invalid combination of arguments")
        dropped = given["dropout"] if given["train"] else 0.0
        network = Stack(
            mode, given["num_layers"], given["bidirectional"], dropped, given["has_biases"]
        )
        hx = given["hx"] if mode == "LSTM" else (given["hx"],)
        if mode == "LSTM" and len(hx) != 2:
            raise RuntimeError("lstm expects two hidden states")
        for state in hx:
            if state.size(0) != network.num_layers * network.directions:
                raise RuntimeError("Expected more hidden states in stacked_rnn")
        if packed:
            packing = Packing.of_sizes(given["batch_sizes"])
            input = packing.pad(given["data"])
            output, *states = network.run(input, hx, given["params"], packing)
            return packing.pack(output), *states
        input = given["input"].transpose(0, 1) if given["batch_first"] else given["input"]
        output, *states = network.run(input, hx, given["params"])
        return (output.transpose(0, 1) if given["batch_first"] else output), *states

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(n, kind, annotation=a) for n, a in _PADDED.items()]
    signature = inspect.Signature(parameters, return_annotation="tuple[Tensor, ...]")
    apply.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = (
        "(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first), "
        "or (data, batch_sizes, hx, ...) of a packed sequence -> output and last states.\n\n"
        f"See torch.{name} and torch.nn.{mode.partition('_')[0]}."
    )
    return apply


FUNCTIONS = [
    _function("lstm", "LSTM"),
    _function("gru", "GRU"),
    _function("rnn_tanh", "RNN_TANH"),
    _function("rnn_relu", "RNN_RELU"),
]
