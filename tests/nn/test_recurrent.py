"""Recurrent layers and cells held against PyTorch's: from one seed, the initial weights, outputs,
last states, gradients and dropout in training and in evaluation; and what they record and compile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

from ..comparison import compiled, footgun
from .test_layers import numbers

STEPS, BATCH, INPUTS = 4, 3, 2

# The constructor, and what it is given: "padded", "alone" (no batch), "packed" (lengths that don't
# fall), or "falling" (lengths that do); with "hx", first states too.
LAYERS = [
    ("nn.RNN(2, 5)", "padded"),
    ("nn.RNN(2, 5, 2, 'relu', bias=False, batch_first=True, dropout=0.4)", "padded hx"),
    ("nn.RNN(2, 5, bidirectional=True)", "packed hx"),
    ("nn.GRU(2, 5, batch_first=True, bidirectional=True)", "padded"),
    ("nn.GRU(2, 5, bias=False)", "alone hx"),
    ("nn.GRU(2, 5, 2, dropout=0.4)", "packed"),
    ("nn.LSTM(2, 5)", "alone"),
    ("nn.LSTM(2, 5, 2, batch_first=True, dropout=0.4, bidirectional=True)", "padded hx"),
    ("nn.LSTM(2, 5, bias=False)", "packed"),
    ("nn.LSTM(2, 5, bidirectional=True, proj_size=3)", "packed hx"),
    ("nn.LSTM(2, 5, proj_size=3, bias=False, batch_first=True)", "falling"),
]
CELLS = [
    ("nn.RNNCell(2, 5)", "cell"),
    ("nn.RNNCell(2, 5, bias=False, nonlinearity='relu')", "cell hx"),
    ("nn.GRUCell(2, 5)", "cell hx"),
    ("nn.GRUCell(2, 5, bias=False)", "single"),
    ("nn.LSTMCell(2, 5)", "cell"),
    ("nn.LSTMCell(2, 5, bias=False)", "single hx"),
]


def build(library: Any, text: str) -> Any:
    return eval(text, {"nn": library.nn, "torch": library})


def draw(library: Any, random: np.random.RandomState, *shape: int) -> Any:
    values = random.standard_normal(shape).astype(np.float32)
    return library.from_numpy(values).requires_grad_()


def given(library: Any, layer: Any, kind: str) -> tuple[list, list]:
    """The arguments of a layer, and the Tensors among them that want a gradient."""
    random = np.random.RandomState(0)
    form, _, hx = kind.partition(" ")
    one = form in ("alone", "single")
    if form in ("cell", "single"):
        shapes = [(INPUTS,) if one else (BATCH, INPUTS)] + [(5,) if one else (BATCH, 5)] * 2
    else:
        count = layer.num_layers * (2 if layer.bidirectional else 1)
        batch = () if one else (BATCH,)
        steps = (BATCH, STEPS) if layer.batch_first else (STEPS, *batch)
        widths = (layer.proj_size or 5, 5)
        shapes = [(*steps, INPUTS)] + [(count, *batch, width) for width in widths]
    leaves = [draw(library, random, *shape) for shape in shapes]
    arguments = leaves[:1]
    if form in ("packed", "falling"):
        lengths = [4, 3, 1] if form == "falling" else [1, 4, 3]
        ended = np.arange(STEPS) >= np.array(lengths)[:, None]
        ended = library.from_numpy(ended if layer.batch_first else ended.T)
        padded = leaves[0].masked_fill(ended[..., None], float("nan"))
        pack = library.nn.utils.rnn.pack_padded_sequence
        arguments = [pack(padded, lengths, layer.batch_first, form == "falling")]
    if not hx:
        return arguments, leaves[:1]
    if "LSTM" in type(layer).__name__:
        return [*arguments, tuple(leaves[1:])], leaves
    return [*arguments, leaves[1]], leaves[:2]


def flat(result: Any) -> list:
    """The Tensors of nested tuples."""
    if not isinstance(result, tuple):
        return [] if result is None else [result]
    return [tensor for part in result for tensor in flat(part)]


def report(library: Any, text: str, call: Callable[..., tuple[Any, list]]) -> dict[str, Any]:
    """What a layer does, as texts and NumPy arrays.

    call: (library, layer) -> what it gives, and the Tensors of which the gradient is wanted."""
    library.manual_seed(0)
    layer = build(library, text)
    found: dict[str, Any] = {"repr": repr(layer), "keys": list(layer.state_dict())}
    found.update({f"initial {k}": numbers(v) for k, v in layer.state_dict().items()})
    for mode in ("train", "eval"):
        getattr(layer, mode)()
        layer.zero_grad()
        result, leaves = call(library, layer)
        outputs = flat(result)
        random = np.random.RandomState(1)
        losses = [(o * draw(library, random, *o.shape).detach()).sum() for o in outputs]
        sum(loss for loss in losses if loss.requires_grad).backward()
        found.update({f"{mode} output {k}": numbers(o) for k, o in enumerate(outputs)})
        found.update({f"{mode} gradient {k}": numbers(leaf.grad) for k, leaf in enumerate(leaves)})
        for name, parameter in layer.named_parameters():
            found[f"{mode} gradient of {name}"] = numbers(parameter.grad)
    return found


def compare(text: str, call: Callable[..., tuple[Any, list]]) -> None:
    """Hold jtorch's report against PyTorch's; initial weights must be equal."""
    expected, found = (report(library, text, call) for library in (torch, jtorch))
    assert list(found) == list(expected)
    for name, wanted in expected.items():
        if not isinstance(wanted, np.ndarray):
            assert found[name] == wanted, name
        elif name.startswith("initial"):
            np.testing.assert_array_equal(found[name], wanted, name)
        else:
            assert (found[name].dtype, found[name].shape) == (wanted.dtype, wanted.shape), name
            np.testing.assert_allclose(found[name], wanted, rtol=2e-5, atol=2e-5, err_msg=name)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(("text", "kind"), LAYERS + CELLS, ids=lambda part: part)
def test_as_pytorch(text: str, kind: str) -> None:
    def call(library: Any, layer: Any) -> tuple[Any, list]:
        arguments, leaves = given(library, layer, kind)
        return layer(*arguments), leaves

    compare(text, call)


FUNCTIONS = [("lstm", "LSTM"), ("gru", "GRU"), ("rnn_tanh", "RNN"), ("rnn_relu", "RNN")]


@pytest.mark.parametrize(("name", "layer"), FUNCTIONS)
def test_functions_as_pytorch(name: str, layer: str) -> None:
    """torch.lstm and its siblings, of a padded and of a packed batch."""
    found = []
    for library in (torch, jtorch):
        library.manual_seed(0)
        weights = [p.detach() for p in getattr(library.nn, layer)(INPUTS, 5).parameters()]
        random = np.random.RandomState(0)
        state = draw(library, random, 1, BATCH, 5).detach()
        hx = (state, state * 0.5) if name == "lstm" else state
        function = getattr(library, name)
        padded = draw(library, random, BATCH, STEPS, INPUTS).detach()
        results = [*function(padded, hx, weights, True, 1, 0.0, False, False, True)]
        data = draw(library, random, 6, INPUTS).detach()
        sizes = library.tensor([3, 2, 1])
        results += function(data, sizes, hx, weights, True, 1, 0.0, False, False)
        found.append([numbers(result) for result in results])
    for wanted, got in zip(*found, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-6)


def test_second_derivative() -> None:
    """Of the norm of the gradient, as a gradient penalty takes it; against finite differences."""
    jtorch.manual_seed(0)
    layer = jtorch.nn.LSTM(2, 3, proj_size=2).double()
    x = jtorch.randn(3, 2, 2, dtype=jtorch.float64, requires_grad=True)
    weight = layer.weight_hh_l0

    def penalty(change: float) -> Any:
        with jtorch.no_grad():
            weight[0, 0] += change
        output, _ = layer(x)
        (gradient,) = jtorch.autograd.grad((output**2).sum(), x, create_graph=True)
        return (gradient**2).sum()

    (found,) = jtorch.autograd.grad(penalty(0.0), weight)
    above, below = penalty(1e-5).item(), penalty(-2e-5).item()
    assert found[0, 0].item() == pytest.approx((above - below) / 2e-5, rel=1e-6)


ERRORS = [
    "nn.RNN(2, 5, 1, 'x')",
    "nn.RNN(2, 5, proj_size=2)",
    "nn.GRU(2, 5, proj_size=2)",
    "nn.LSTM(2, 5, proj_size=5)",
    "nn.LSTM(2, 5, proj_size=-1)",
    "nn.LSTM(2, 5, 0)",
    "nn.LSTM(2.0, 5)",
    "nn.LSTM(0, 5)",
    "nn.LSTM(2, -5)",
    "nn.LSTM(2, 5, bias=1)",
    "nn.LSTM(2, 5, batch_first=1)",
    "nn.LSTM(2, 5, dropout=2)",
    "nn.LSTM(2, 5, dropout=True)",
    "nn.LSTM(2, 5, dropout='x')",
    "nn.RNNBase('X', 2, 5)",
    "nn.LSTM(2, 5)(torch.ones(2))",
    "nn.GRU(2, 5)(torch.ones(2))",
    "nn.RNN(2, 5)(torch.ones(2))",
    "nn.LSTM(2, 5)(torch.ones(4, 3, 3))",
    "nn.LSTM(2, 5)(torch.ones(0, 3, 2))",
    "nn.LSTM(2, 5)(torch.ones(4, 3, 2).double())",
    "nn.LSTM(2, 5)(torch.ones(4, 2), (torch.ones(1, 1, 5), torch.ones(1, 1, 5)))",
    "nn.LSTM(2, 5)(torch.ones(4, 3, 2), (torch.ones(1, 5), torch.ones(1, 5)))",
    "nn.LSTM(2, 5)(torch.ones(4, 3, 2), (torch.ones(2, 3, 5), torch.ones(1, 3, 5)))",
    "nn.LSTM(2, 5)(torch.ones(4, 3, 2), (torch.ones(1, 3, 5), torch.ones(1, 3, 4)))",
    "nn.GRU(2, 5)(torch.ones(4, 2), torch.ones(1, 1, 5))",
    "nn.GRU(2, 5)(torch.ones(4, 3, 2), torch.ones(1, 5))",
    "nn.GRU(2, 5)(torch.ones(4, 3, 2), torch.ones(2, 3, 5))",
    "nn.LSTMCell(2, 5)(torch.ones(4, 3, 2))",
    "nn.LSTMCell(2, 5)(torch.ones(3, 1))",
    "nn.LSTMCell(2, 5)(torch.ones(3, 2), (torch.ones(1, 5), torch.ones(3, 5)))",
    "nn.LSTMCell(2, 5)(torch.ones(3, 2), (torch.ones(3, 5), torch.ones(3, 4)))",
    "nn.LSTMCell(2, 5)(torch.ones(3, 2), (torch.ones(3, 5), torch.ones(1, 1, 4)))",
    "nn.GRUCell(2, 5)(torch.ones(3, 2), torch.ones(3, 4))",
    "nn.GRUCell(2, 5)(torch.ones(3, 2), torch.ones(1, 3, 5))",
    "nn.RNNCell(2, 5, nonlinearity='x')(torch.ones(3, 2))",
    "nn.RNNCell(2, 5)(torch.ones(3, 2).double())",
    "torch.lstm_cell(torch.ones(3, 2), (torch.ones(3, 5),), torch.ones(20, 2), torch.ones(20, 5))",
    "torch.gru(torch.ones(4, 3, 2), torch.ones(2, 3, 5), [], True, 1, 0.0, False, False, False)",
]


@pytest.mark.parametrize("text", ERRORS)
def test_errors_as_pytorch(text: str) -> None:
    said = []
    for library in (torch, jtorch):
        with pytest.raises(Exception) as caught:
            build(library, text)
        said.append((caught.type, str(caught.value)))
    assert said[1] == said[0]


def test_dropout_after_one_layer_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last"):
        jtorch.nn.GRU(2, 5, dropout=0.1)


# ---------------------------------------------------------------------- what is recorded, compiled


def test_nodes_do_not_grow_with_the_steps() -> None:
    layer = jtorch.nn.GRU(2, 5)
    counts = []
    for steps in (3, 30):
        layer.zero_grad()
        x = jtorch.ones(steps, 3, 2)
        jtorch.synchronize()
        layer(x)[0].sum().backward()
        counts.append(jtorch.debug.recorded_nodes())
    assert counts[0] == counts[1] > 0


def test_other_lengths_compile_nothing() -> None:
    """Packed, with gradients, from padded to padded: one program for all lengths."""
    rnn = jtorch.nn.utils.rnn
    layer = jtorch.nn.LSTM(2, 5, bidirectional=True)
    optimizer = jtorch.optim.SGD(layer.parameters(), lr=0.1)

    def step(lengths: list[int]) -> None:
        packed = rnn.pack_padded_sequence(jtorch.ones(4, 3, 2), lengths, enforce_sorted=False)
        output, _ = rnn.pad_packed_sequence(layer(packed)[0])
        optimizer.zero_grad()
        (output**2).sum().backward()
        optimizer.step()

    step([4, 3, 1])
    step([4, 3, 2])
    assert compiled(lambda: [step(lengths) for lengths in ([1, 4, 4], [2, 2, 4], [4, 4, 4])]) == 0


@footgun(programs=3)
def test_a_state_carried_from_batch_to_batch(torch: Any) -> list:
    """Truncated backpropagation in time: one program a step, whatever the step before left. Beside
    it, one for what comes first (a state of None), and one for the first step that has a state."""
    layer, head = torch.nn.LSTM(2, 5), torch.nn.Linear(5, 1)
    optimizer = torch.optim.SGD([*layer.parameters(), *head.parameters()], lr=0.1)
    data = torch.randn(12, 4, 3, 2)
    state, found = None, []
    for x in data:
        output, state = layer(x, state)
        state = tuple(part.detach() for part in state)
        loss = (head(output) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.detach())
    return [torch.stack(found), *state, *layer.parameters()]
