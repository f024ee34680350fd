"""Recurrent layers: RNN, LSTM and GRU.

What they compute is in jtorch/functions/recurrent.py and, step by step, in jtorch/ops/recurrent.py;
packed sequences are in utils/rnn.py, single cells in recurrent_cell.py.
"""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Sequence
from typing import Any

from .._core.tensor import Tensor
from ..functions.creation import empty
from ..functions.recurrent import Stack
from .module import Module
from .parameter import Parameter
from .recurrent_cell import GRUCell, LSTMCell, RNNCell, RNNCellBase, fill_uniformly
from .utils.rnn import PackedSequence

_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}


class RNNBase(Module):
    """Layers of recurrent cells, in one direction or both. See torch.nn.RNNBase.

    Shapes: x (T, N, input_size), or with batch_first (N, T, input_size), or (T, input_size), or a
    PackedSequence; y the same with D H features, of D directions; first and last states
    (num_layers D, N, H). H is hidden_size, or proj_size if that is not 0.
    Initialisation: all parameters uniform in [-k, k], k = 1 / sqrt(hidden_size).
    """

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        _check_dropout(dropout, num_layers)
        _check_options(self)
        if mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self._flat_weights_names: list[str] = []
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for ending in ("", "_reverse")[: 2 if bidirectional else 1]:
                shapes = self._shapes(layer)
                for name, shape in shapes.items():
                    parameter = Parameter(empty(shape, device=device, dtype=dtype))
                    setattr(self, f"{name}_l{layer}{ending}", parameter)
                names = [f"{name}_l{layer}{ending}" for name in shapes]
                self._flat_weights_names.extend(names)
                self._all_weights.append(names)
        self.reset_parameters()

    def _shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        """The parameters of one layer in one direction."""
        rows = _GATES[self.mode] * self.hidden_size
        shown = self.proj_size or self.hidden_size
        inputs = shown * (2 if self.bidirectional else 1) if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs)}
        shapes["weight_hh"] = (rows, shown)
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        return shapes

    def reset_parameters(self) -> None:
        fill_uniformly(self)

    def flatten_parameters(self) -> None:
        """Nothing: XLA lays out what a program reads. See torch.nn.RNNBase.flatten_parameters."""

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction. See torch.nn.RNNBase."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """ValueError or RuntimeError, in PyTorch's words, for an input that does not fit."""
        self._check_input(input.dtype, input.shape, 3 if batch_sizes is None else 2)

    def _check_input(self, kind: Any, shape: tuple[int, ...], dims: int) -> None:
        wanted = self._flat_weights[0].dtype
        if kind is not wanted:
            raise ValueError(
                f"RNN input dtype ({kind}) does not match weight dtype ({wanted}). Convert "
                f"input: input.to({wanted}), or convert model: model.to({kind})"
            )
        if len(shape) != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {len(shape)}")
        if self.input_size != shape[-1]:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {shape[-1]}"
            )

    def get_expected_hidden_size(
        self, input: Tensor, batch_sizes: Tensor | None
    ) -> tuple[int, int, int]:
        """The shape of the first h: (num_layers D, N, H)."""
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0 if self.batch_first else 1)
        return self._expected_hidden(batch)

    def _expected_hidden(self, batch: int) -> tuple[int, int, int]:
        directions = 2 if self.bidirectional else 1
        return self.num_layers * directions, batch, self.proj_size or self.hidden_size

    def check_hidden_size(
        self,
        hx: Tensor,
        expected_hidden_size: tuple[int, int, int],
        msg: str = "Expected hidden size {}, got {}",
    ) -> None:
        """RuntimeError for a first state of another shape."""
        if tuple(hx.shape) != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """The checks of `forward`, in PyTorch's words."""
        self.check_input(input, batch_sizes)
        self._check_hidden(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def _check_hidden(self, hidden: Any, expected: tuple[int, int, int]) -> None:
        self.check_hidden_size(hidden, expected)

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states in another order of the batch."""
        return hx if permutation is None else hx.index_select(1, permutation)

    def _run(self, input: Any, hx: Any) -> tuple[Any, tuple[Tensor, ...]]:
        """The output and the last states; hx: the first states, or None."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, hx)
        batch_dim = 0 if self.batch_first else 1
        batched = self._is_batched(input)
        self._check_dims(hx, batched)
        if not batched:
            input = input.unsqueeze(batch_dim)
            hx = None if hx is None else _each(hx, lambda state: state.unsqueeze(1))
        self.check_input(input, None)
        if hx is not None:
            self._check_hidden(hx, self.get_expected_hidden_size(input, None))
        if self.batch_first:
            input = input.transpose(0, 1)
        output, *states = self._network().run(input, _states(hx), self._flat_weights)
        if self.batch_first:
            output = output.transpose(0, 1)
        if not batched:
            output = output.squeeze(batch_dim)
            states = [state.squeeze(1) for state in states]
        return output, tuple(states)

    def _run_packed(self, input: PackedSequence, hx: Any) -> tuple[Any, tuple[Tensor, ...]]:
        padded, packing = input.padded, input.packing
        self._check_input(padded.dtype, padded.shape[1:], 2)
        if hx is not None:
            hx = self.permute_hidden(hx, input.sorted_indices)
            self._check_hidden(hx, self._expected_hidden(padded.size(1)))
        network = self._network()
        output, *states = network.run(padded, _states(hx), self._flat_weights, packing)
        back = input.unsorted_indices
        return input.with_padded(output), tuple(
            RNNBase.permute_hidden(self, state, back) for state in states
        )

    def _network(self) -> Stack:
        dropped = self.dropout if self.training else 0.0
        return Stack(self.mode, self.num_layers, self.bidirectional, dropped, self.bias)

    def _is_batched(self, input: Tensor) -> bool:
        if input.dim() not in (2, 3):
            name = self.mode.partition("_")[0]
            found = f"{input.dim()}D tensor" if name == "RNN" else f"{input.dim()}D"
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {found} instead")
        return input.dim() == 3

    def _check_dims(self, hx: Any, batched: bool) -> None:
        dims, kind = (3, "batched") if batched else (2, "unbatched")
        if hx is not None and hx.dim() != dims:
            raise RuntimeError(
                f"For {kind} {dims}-D input, hx should also be {dims}-D but got {hx.dim()}-D tensor"
            )

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        for name, usual in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0),
            ("bidirectional", False),
        ):
            if getattr(self, name) != usual:
                text += f", {name}={getattr(self, name)}"
        return text


def _each(hx: Any, function: Any) -> Any:
    """A function of every state: of an LSTM there are two."""
    return function(hx) if isinstance(hx, Tensor) else tuple(map(function, hx))


def _states(hx: Any) -> Sequence[Tensor | None]:
    return (hx,) if hx is None or isinstance(hx, Tensor) else hx


def _check_dropout(dropout: Any, num_layers: int) -> None:
    known = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not known or not 0 <= dropout <= 1:  # pyright: ignore[reportOperatorIssue]
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element "
            "being zeroed"
        )
    if dropout > 0 and num_layers == 1:  # pyright: ignore[reportOperatorIssue]
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )


def _check_options(layer: RNNBase) -> None:
    for name in ("bias", "batch_first"):
        if not isinstance(getattr(layer, name), bool):
            kind = type(getattr(layer, name)).__name__
            raise TypeError(f"{name} should be of type bool, got: {kind}")
    for name in ("input_size", "hidden_size"):
        size = getattr(layer, name)
        if not isinstance(size, int):
            raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
        if size <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if layer.num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if layer.proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if layer.proj_size >= layer.hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


def _refuse_projection(kwargs: dict[str, Any]) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or relu of it. See torch.nn.RNN.

    RNN(input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False,
    dropout=0.0, bidirectional=False, device=None, dtype=None). Shapes and initialisation: RNNBase.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{self.nonlinearity.upper()}", *args, **kwargs)

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        output, (hidden,) = self._run(input, hx)
        return output, hidden


class GRU(RNNBase):
    """h_t = (1 - z) n + z h_(t-1), of r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), z likewise and
    n = tanh(W_in x + b_in + r (W_hn h + b_hn)). See torch.nn.GRU.

    GRU(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
    bidirectional=False, device=None, dtype=None). Shapes and initialisation: RNNBase.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        output, (hidden,) = self._run(input, hx)
        return output, hidden


class LSTM(RNNBase):
    """c_t = f c_(t-1) + i g, h_t = o tanh(c_t), of i, f, o = sigmoid and g = tanh of
    W_i x + b_i + W_h h + b_h; with proj_size h_t = W_hr (o tanh(c_t)). See torch.nn.LSTM.

    LSTM(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
    bidirectional=False, proj_size=0, device=None, dtype=None). States are pairs (h, c); c has
    hidden_size features. Shapes and initialisation: RNNBase.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(
        self, input: Tensor, batch_sizes: Tensor | None
    ) -> tuple[int, int, int]:
        """The shape of the first c: (num_layers D, N, hidden_size)."""
        return *self.get_expected_hidden_size(input, batch_sizes)[:2], self.hidden_size

    def _check_hidden(self, hidden: Any, expected: tuple[int, int, int]) -> None:
        self.check_hidden_size(hidden[0], expected, "Expected hidden[0] size {}, got {}")
        of_cell = (*expected[:2], self.hidden_size)
        self.check_hidden_size(hidden[1], of_cell, "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states in another order of the batch."""
        return _each(hx, lambda state: RNNBase.permute_hidden(self, state, permutation))

    def _check_dims(self, hx: Any, batched: bool) -> None:
        dims, kind = (3, "batched") if batched else (2, "unbatched")
        if hx is not None and (hx[0].dim() != dims or hx[1].dim() != dims):
            raise RuntimeError(
                f"For {kind} {dims}-D input, hx and cx should also be {dims}-D but got "
                f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )

    def forward(
        self, input: Any, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Any, tuple[Tensor, ...]]:
        return self._run(input, hx)


# With the cells, which PyTorch has in the same file (torch.nn.modules.rnn).
__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]
