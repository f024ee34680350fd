"""Every layer held against PyTorch's, one row each: a constructor call and the inputs' shapes.

From one seed, the initial weights, the outputs in training and in evaluation, the gradients of
inputs and parameters, the buffers afterwards, the repr and the keys of the state_dict must agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import jtorch


class Row(NamedTuple):
    """build: the layer, given the `nn` of a library.  inputs: shapes, or arrays of a library."""

    text: str
    build: Callable[[Any], Any]
    inputs: tuple
    kwargs: dict[str, Any]


def row(text: str, *inputs: Any, **kwargs: Any) -> Row:
    """A row. text: the constructor call as it stands in Python, with `nn` and `torch` at hand."""

    def build(library: Any) -> Any:
        return eval(text, {"nn": library.nn, "torch": library})

    return Row(text, build, inputs, kwargs)


class Integers(NamedTuple):
    """An input of integers from `low` to `high`, without `high`."""

    shape: tuple[int, ...]
    high: int
    low: int = 0


class Signs(NamedTuple):
    """An input of ones and minus ones."""

    shape: tuple[int, ...]


class Distinct(NamedTuple):
    """An input of integers below `high`, no two of them equal in one channel."""

    shape: tuple[int, ...]
    high: int


class Listed(NamedTuple):
    """An input of the given integers."""

    values: list[int]


class Unit(NamedTuple):
    """An input of numbers between 0 and 1; with `total`, they sum to one along dimension 1."""

    shape: tuple[int, ...]
    grad: bool = True
    total: bool = False
    log: bool = False


IMAGE = (2, 4, 6, 6)
BAGS = [2, 3, 5, 2, 2, 9, 0, 1, 2]
LAYERS = [
    row("nn.Identity(3, unused=4)", (2, 3)),
    row("nn.Linear(3, 2)", (5, 3)),
    row("nn.Linear(3, 2, bias=False)", (2, 5, 3)),
    row("nn.Linear(40, 30)", (40,)),
    row("nn.Bilinear(3, 4, 5)", (2, 3), (2, 4)),
    row("nn.Bilinear(3, 4, 5, bias=False)", (2, 3), (2, 4)),
    row("nn.Conv1d(4, 6, 3)", (2, 4, 9)),
    row("nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2)", (2, 4, 9)),
    row("nn.Conv1d(4, 6, 4, padding='same', padding_mode='circular')", (2, 4, 9)),
    row("nn.Conv2d(4, 6, 3)", IMAGE),
    row("nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, bias=False)", IMAGE),
    row("nn.Conv2d(4, 4, 3, padding='same', groups=4)", IMAGE),
    row("nn.Conv2d(4, 6, 3, padding='valid', dilation=2)", (4, 6, 6)),
    row("nn.Conv2d(4, 6, 3, padding=1, padding_mode='reflect')", IMAGE),
    row("nn.Conv2d(4, 6, 3, padding=(2, 1), padding_mode='replicate')", IMAGE),
    row("nn.Conv3d(2, 3, 2, padding=1)", (1, 2, 4, 4, 4)),
    row("nn.ConvTranspose1d(4, 6, 3, stride=2, dilation=2)", (2, 4, 5)),
    row("nn.ConvTranspose2d(4, 6, 3)", IMAGE),
    row("nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2, bias=False)", IMAGE),
    row("nn.ConvTranspose2d(4, 6, 3, stride=2)", IMAGE, output_size=(14, 13)),
    row("nn.ConvTranspose3d(2, 3, 2, stride=2)", (1, 2, 3, 3, 3)),
    row("nn.MaxPool1d(3)", (2, 4, 9)),
    row("nn.MaxPool2d(3, 2, 1, ceil_mode=True)", IMAGE),
    row("nn.MaxPool2d((3, 2), return_indices=True)", IMAGE),
    row("nn.MaxPool3d(2)", (1, 2, 4, 4, 4)),
    row("nn.AvgPool1d(3, 2)", (2, 4, 9)),
    row("nn.AvgPool2d(3, 2, 1, count_include_pad=False)", IMAGE),
    row("nn.AvgPool2d(2, divisor_override=3)", IMAGE),
    row("nn.AvgPool3d(2)", (1, 2, 4, 4, 4)),
    row("nn.LPPool1d(2, 3)", (2, 4, 9)),
    row("nn.LPPool2d(2, 3, 2)", IMAGE),
    row("nn.LPPool3d(2, 2)", (1, 2, 4, 4, 4)),
    row("nn.MaxUnpool1d(2)", (2, 4, 3), Distinct((2, 4, 3), 6)),
    row("nn.MaxUnpool2d((2, 1), stride=2)", (2, 3, 2, 2), Distinct((2, 3, 2, 2), 12)),
    row(
        "nn.MaxUnpool2d(2, padding=0)",
        (2, 3, 2, 2),
        Distinct((2, 3, 2, 2), 16),
        output_size=(5, 5),
    ),
    row("nn.MaxUnpool3d(2)", (1, 2, 2, 2, 2), Distinct((1, 2, 2, 2, 2), 64)),
    row("nn.FractionalMaxPool2d(2, output_size=(3, 4))", IMAGE),
    row("nn.FractionalMaxPool2d((2, 3), output_ratio=0.5, return_indices=True)", IMAGE),
    row("nn.FractionalMaxPool2d(2, 3, _random_samples=torch.ones(2, 4, 2) / 2)", IMAGE),
    row("nn.FractionalMaxPool3d(2, output_ratio=(0.5, 0.6, 0.7))", (1, 2, 4, 4, 4)),
    row("nn.FractionalMaxPool3d(2, 2, _random_samples=torch.ones(2, 2, 3) / 2)", (2, 4, 4, 4)),
    row("nn.AdaptiveAvgPool1d(4)", (2, 4, 9)),
    row("nn.AdaptiveAvgPool2d((3, None))", IMAGE),
    row("nn.AdaptiveAvgPool2d(1)", IMAGE),
    row("nn.AdaptiveAvgPool3d(2)", (1, 2, 4, 4, 4)),
    row("nn.AdaptiveMaxPool1d(4)", (2, 4, 9)),
    row("nn.AdaptiveMaxPool2d((4, 3), return_indices=True)", IMAGE),
    row("nn.AdaptiveMaxPool3d(2)", (1, 2, 4, 4, 4)),
    row("nn.BatchNorm1d(4)", (5, 4)),
    row("nn.BatchNorm1d(4, momentum=None)", (5, 4, 3)),
    row("nn.BatchNorm2d(4, eps=1e-3, momentum=0.3)", IMAGE),
    row("nn.BatchNorm2d(4, affine=False)", IMAGE),
    row("nn.BatchNorm2d(4, affine=False)", (0, 4, 6, 6)),
    row("nn.BatchNorm2d(4, track_running_stats=False)", IMAGE),
    row("nn.BatchNorm2d(4, bias=False)", IMAGE),
    row("nn.BatchNorm3d(2)", (2, 2, 3, 3, 3)),
    row("nn.SyncBatchNorm(4)", (5, 4)),
    row("nn.SyncBatchNorm(4, momentum=None, process_group=3)", IMAGE),
    row("nn.InstanceNorm1d(4)", (2, 4, 9)),
    row("nn.InstanceNorm1d(4)", (4, 9)),
    row("nn.InstanceNorm2d(4, affine=True)", IMAGE),
    row("nn.InstanceNorm2d(4, track_running_stats=True)", IMAGE),
    row("nn.InstanceNorm3d(2)", (2, 2, 3, 3, 3)),
    row("nn.LayerNorm(6)", (2, 5, 6)),
    row("nn.LayerNorm((5, 6), eps=1e-3, bias=False)", (2, 5, 6)),
    row("nn.LayerNorm(6, elementwise_affine=False)", (2, 6)),
    row("nn.GroupNorm(2, 4)", IMAGE),
    row("nn.GroupNorm(4, 4, affine=False)", IMAGE),
    row("nn.RMSNorm(6)", (2, 5, 6)),
    row("nn.RMSNorm((5, 6), eps=1e-3, elementwise_affine=False)", (2, 5, 6)),
    row("nn.LocalResponseNorm(3)", IMAGE),
    row("nn.CrossMapLRN2d(3, alpha=0.5)", Unit(IMAGE, grad=False)),
    row("nn.CrossMapLRN2d(2, 0.5, 0.7, 2)", Unit(IMAGE, grad=False)),
    row("nn.Embedding(10, 4)", Integers((3, 5), 10)),
    row("nn.Embedding(10, 4, padding_idx=-2)", Integers((3, 5), 10)),
    row("nn.Embedding(10, 4, max_norm=1.0)", Integers((3, 5), 10)),
    row("nn.Embedding(10, 4, scale_grad_by_freq=True)", Integers((3, 5), 4)),
    row("nn.EmbeddingBag(10, 4)", Integers((3, 5), 10)),
    row("nn.EmbeddingBag(10, 4, mode='max', padding_idx=-3)", Integers((3, 5), 10)),
    row("nn.EmbeddingBag(10, 4, mode='sum', max_norm=1.0)", Listed(BAGS), Listed([0, 2, 2, 7])),
    row(
        "nn.EmbeddingBag(10, 4, mode='sum', include_last_offset=True)",
        Listed(BAGS),
        Listed([0, 2, 2, 7, 9]),
        Unit((9,)),
    ),
    row(  # PyTorch takes the counts of other indices, so these are all here twice
        "nn.EmbeddingBag(10, 4, mode='sum', scale_grad_by_freq=True)",
        Listed([2, 3, 5, 5, 2, 3]),
        Listed([0, 2, 4]),
        Unit((6,)),
    ),
    row("nn.EmbeddingBag(10, 4, padding_idx=2)", Listed(BAGS), Listed([0, 2, 2, 7])),
    row("nn.EmbeddingBag.from_pretrained(torch.eye(10, 4), False)", Integers((3, 5), 10)),
    row("nn.EmbeddingBag.from_pretrained(torch.eye(10, 4), norm_type=3)", Integers((3, 5), 10)),
    row("nn.Dropout(0.4)", (20, 30)),
    row("nn.Dropout(0.0)", (4, 5)),
    row("nn.Dropout1d(0.4)", (4, 9, 5)),
    row("nn.Dropout2d(0.4)", (8, 4, 3, 3)),
    row("nn.Dropout3d(0.4)", (8, 4, 2, 3, 3)),
    row("nn.AlphaDropout(0.4)", (20, 30)),
    row("nn.FeatureAlphaDropout(0.4)", (8, 4, 3, 3)),
    row("nn.Flatten()", IMAGE),
    row("nn.Flatten(0, 2)", IMAGE),
    row("nn.Unflatten(1, (2, 2))", IMAGE),
    row("nn.Upsample(scale_factor=2)", IMAGE),
    row("nn.Upsample(size=(5, 7), mode='bilinear')", IMAGE),
    row("nn.Upsample(scale_factor=1.5, mode='bicubic', align_corners=True)", IMAGE),
    row("nn.Upsample(scale_factor=(2.0,), mode='linear')", (2, 4, 9)),
    row("nn.UpsamplingNearest2d(scale_factor=3)", IMAGE),
    row("nn.UpsamplingBilinear2d(9)", IMAGE),
    row("nn.PixelShuffle(2)", IMAGE),
    row("nn.PixelUnshuffle(3)", IMAGE),
    row("nn.ChannelShuffle(2)", IMAGE),
    row("nn.Unfold(3, padding=1, stride=2)", IMAGE),
    row("nn.Fold((6, 6), 3, padding=1, stride=2)", (2, 36, 9)),
    row("nn.ZeroPad1d((1, 2))", (2, 4, 9)),
    row("nn.ZeroPad2d(1)", IMAGE),
    row("nn.ZeroPad3d(1)", (1, 2, 4, 4, 4)),
    row("nn.ConstantPad1d(2, 1.5)", (2, 4, 9)),
    row("nn.ConstantPad2d((1, 2, 0, 3), 3.5)", IMAGE),
    row("nn.ConstantPad3d(1, 2.0)", (1, 2, 4, 4, 4)),
    row("nn.ReflectionPad1d(2)", (2, 4, 9)),
    row("nn.ReflectionPad2d((1, 2, 0, 3))", IMAGE),
    row("nn.ReflectionPad3d(1)", (1, 2, 4, 4, 4)),
    row("nn.ReplicationPad1d(2)", (2, 4, 9)),
    row("nn.ReplicationPad2d(2)", IMAGE),
    row("nn.ReplicationPad3d(1)", (1, 2, 4, 4, 4)),
    row("nn.CircularPad1d(2)", (2, 4, 9)),
    row("nn.CircularPad2d((1, 2, 0, 3))", IMAGE),
    row("nn.CircularPad3d(1)", (1, 2, 4, 4, 4)),
    row("nn.PairwiseDistance(p=1, keepdim=True)", (4, 5), (4, 5)),
    row("nn.CosineSimilarity(dim=-1)", (4, 5), (4, 5)),
    row("nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))", (5, 3)),
    row("nn.DataParallel(nn.Linear(3, 4))", (5, 3)),
]
ACTIVATIONS = [
    row(text, (3, 4))
    for text in (
        "nn.CELU(0.5)",
        "nn.ELU(0.7)",
        "nn.GELU()",
        "nn.GELU('tanh')",
        "nn.GLU(0 - 1)",
        "nn.Hardshrink()",
        "nn.Hardsigmoid()",
        "nn.Hardswish()",
        "nn.Hardtanh(-0.5, 0.7)",
        "nn.LeakyReLU(0.2)",
        "nn.LogSigmoid()",
        "nn.LogSoftmax(1)",
        "nn.Mish()",
        "nn.PReLU()",
        "nn.PReLU(4, init=0.1)",
        "nn.RReLU()",
        "nn.ReLU()",
        "nn.ReLU6()",
        "nn.SELU()",
        "nn.SiLU()",
        "nn.Sigmoid()",
        "nn.Softmax(dim=0)",
        "nn.Softmin(dim=1)",
        "nn.Softplus(2.0, 1.0)",
        "nn.Softshrink(0.3)",
        "nn.Softsign()",
        "nn.Tanh()",
        "nn.Tanhshrink()",
        "nn.Threshold(0.1, 2.0)",
    )
] + [row("nn.Softmax2d()", IMAGE)]
INPLACE = [
    row(f"nn.Sequential(nn.Identity(), nn.Linear(4, 4), nn.{text})", (3, 4))
    for text in (
        "CELU(inplace=True)",
        "Dropout(0.5, inplace=True)",
        "ELU(inplace=True)",
        "Hardsigmoid(inplace=True)",
        "Hardswish(inplace=True)",
        "Hardtanh(inplace=True)",
        "LeakyReLU(inplace=True)",
        "Mish(inplace=True)",
        "RReLU(inplace=True)",
        "ReLU(inplace=True)",
        "ReLU6(inplace=True)",
        "SELU(inplace=True)",
        "SiLU(inplace=True)",
        "Threshold(0.1, 2.0, inplace=True)",
    )
]
CLASSES = Integers((5,), 4)
LOSSES = [
    row("nn.MSELoss()", (3, 4), (3, 4)),
    row("nn.MSELoss(reduction='sum')", (3, 4), (3, 4)),
    row("nn.MSELoss(reduction='none')", (3, 4), (3, 4)),
    row("nn.L1Loss()", (3, 4), (3, 4)),
    row("nn.SmoothL1Loss(beta=0.5)", (3, 4), (3, 4)),
    row("nn.HuberLoss('sum', 0.5)", (3, 4), (3, 4)),
    row("nn.CrossEntropyLoss()", (5, 4), CLASSES),
    row("nn.CrossEntropyLoss(torch.ones(4) * 2, label_smoothing=0.1)", (5, 4), CLASSES),
    row("nn.CrossEntropyLoss(ignore_index=1, reduction='sum')", (5, 4), CLASSES),
    row("nn.CrossEntropyLoss()", (5, 4, 3), Integers((5, 3), 4)),
    row("nn.CrossEntropyLoss()", (5, 4), Unit((5, 4), total=True)),
    row("nn.NLLLoss()", (5, 4), CLASSES),
    row("nn.NLLLoss(torch.arange(4.0), ignore_index=2)", (5, 4), CLASSES),
    row("nn.CTCLoss()", (5, 2, 4), Integers((2, 3), 4, 1), Listed([5, 4]), Listed([3, 2])),
    row("nn.BCELoss()", Unit((5, 4)), Unit((5, 4), grad=False)),
    row("nn.BCELoss(torch.arange(4.0))", Unit((5, 4)), Unit((5, 4), grad=False)),
    row("nn.BCEWithLogitsLoss()", (5, 4), Unit((5, 4), grad=False)),
    row("nn.BCEWithLogitsLoss(torch.ones(4), pos_weight=torch.arange(4.0))", (5, 4), Unit((5, 4))),
    row("nn.KLDivLoss(reduction='batchmean')", (5, 4), Unit((5, 4), total=True)),
    row("nn.KLDivLoss(reduction='sum', log_target=True)", (5, 4), Unit((5, 4), log=True)),
    row("nn.PoissonNLLLoss()", (5, 4), Unit((5, 4), grad=False)),
    row("nn.PoissonNLLLoss(False, True)", Unit((5, 4)), Integers((5, 4), 5)),
    row("nn.GaussianNLLLoss(full=True)", (5, 4), (5, 4), Unit((5, 4))),
    row("nn.GaussianNLLLoss()", (5, 4), (5, 4), Unit((1, 4))),
    row("nn.HingeEmbeddingLoss(0.7)", (5, 4), Signs((5, 4))),
    row("nn.SoftMarginLoss()", (5, 4), Signs((5, 4))),
    row("nn.CosineEmbeddingLoss(0.1)", (5, 4), (5, 4), Signs((5,))),
    row("nn.MarginRankingLoss(0.1)", (5,), (5,), Signs((5,))),
    row("nn.MultiLabelMarginLoss()", (5, 4), Integers((5, 4), 4, -1)),
    row("nn.MultiLabelSoftMarginLoss()", (5, 4), Unit((5, 4), grad=False)),
    row("nn.MultiMarginLoss(2, 0.5)", (5, 4), CLASSES),
    row("nn.TripletMarginLoss(swap=True)", (5, 4), (5, 4), (5, 4)),
    row("nn.TripletMarginWithDistanceLoss(margin=0.5)", (5, 4), (5, 4), (5, 4)),
    row("nn.NLLLoss2d()", (5, 4, 3, 2), Integers((5, 3, 2), 4)),
    row("nn.LinearCrossEntropyLoss(3, 4)", (5, 3), CLASSES),
    row("nn.LinearCrossEntropyLoss(3, 4, bias=True, weight=torch.arange(4.0))", (5, 3), CLASSES),
    row(
        "nn.LinearCrossEntropyLoss(3, 4, out_features=(2,), bias=True, reduction='sum')",
        (5, 3),
        Integers((5, 2), 4),
    ),
    row(
        "nn.LinearCrossEntropyLoss(3, 4, options=nn.LinearCrossEntropyOptions())",
        (5, 3),
        CLASSES,
    ),
    row("nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 6], 2.0)", (6, 8), Listed([0, 3, 5, 6, 9, 2])),
    row("nn.AdaptiveLogSoftmaxWithLoss(8, 10, [4], head_bias=True)", (8,), Integers((), 10, 4)),
]
ROWS = LAYERS + ACTIVATIONS + INPLACE + LOSSES


def arrays(inputs: tuple) -> list[tuple[np.ndarray, bool]]:
    """(values, whether a gradient is wanted) of the inputs that a row describes."""
    random = np.random.RandomState(0)
    return [_array(random, wanted) for wanted in inputs]


def _array(random: np.random.RandomState, wanted: Any) -> tuple[np.ndarray, bool]:
    if isinstance(wanted, Integers):
        return random.randint(wanted.low, wanted.high, wanted.shape), False
    if isinstance(wanted, Distinct):
        samples, channels, *size = wanted.shape
        planes = [random.permutation(wanted.high) for _ in range(samples * channels)]
        return np.stack(planes)[:, : np.prod(size)].reshape(wanted.shape), False
    if isinstance(wanted, Listed):
        return np.array(wanted.values), False
    if isinstance(wanted, Signs):
        return np.where(random.rand(*wanted.shape) < 0.5, -1.0, 1.0).astype(np.float32), False
    if isinstance(wanted, Unit):
        values = random.uniform(0.1, 0.9, wanted.shape)
        if wanted.total or wanted.log:
            values /= values.sum(1, keepdims=True)
        values = np.log(values) if wanted.log else values
        return values.astype(np.float32), wanted.grad and not wanted.total
    return random.randn(*wanted).astype(np.float32), True


def report(library: Any, entry: Row, calls: int = 1, wrap: Callable = lambda layer: layer) -> dict:
    """What a layer does, as texts and NumPy arrays.

    calls: how often it is called in each mode; the last is looked at.  wrap: what is made of it.
    """
    library.manual_seed(0)
    layer = entry.build(library)
    found: dict[str, Any] = {"repr": repr(layer), "keys": list(layer.state_dict())}
    found.update({f"initial {k}": numbers(v) for k, v in layer.state_dict().items()})
    wrapped = wrap(layer)
    for mode in ("train", "eval"):
        getattr(layer, mode)()
        for _ in range(calls):
            seen = _call(library, entry, layer, wrapped)
        found.update({f"{mode} {name}": value for name, value in seen.items()})
        found.update({f"{mode} {k}": numbers(v) for k, v in layer.named_buffers()})
    found["repr afterwards"] = repr(layer)
    return found


def _call(library: Any, entry: Row, layer: Any, wrapped: Callable) -> dict[str, Any]:
    """The outputs and gradients of one call."""
    layer.zero_grad()
    inputs = [library.from_numpy(a.copy()) for a, _ in arrays(entry.inputs)]
    for tensor, (_, wanted) in zip(inputs, arrays(entry.inputs), strict=True):
        tensor.requires_grad_(wanted)
    outputs = wrapped(*inputs, **entry.kwargs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    found = {f"output {k}": numbers(o) for k, o in enumerate(outputs)}
    if outputs[0].requires_grad:
        weights = np.random.RandomState(1).standard_normal(tuple(outputs[0].shape))
        (outputs[0] * library.tensor(weights, dtype=library.float32)).sum().backward()
    found.update({f"gradient of input {k}": numbers(t.grad) for k, t in enumerate(inputs)})
    for name, parameter in layer.named_parameters():
        found[f"gradient of {name}"] = numbers(parameter.grad)
    return found


def numbers(tensor: Any) -> Any:
    """A tensor's present values as a NumPy array (PyTorch's would follow writes); None as it is,
    and what has no values yet as its text."""
    if tensor is None or "Uninitialized" in type(tensor).__name__:
        return repr(tensor)
    return tensor.detach().numpy().copy()


@pytest.mark.filterwarnings("ignore:`NLLLoss2d` has been deprecated")
@pytest.mark.parametrize("entry", ROWS, ids=lambda entry: f"{entry.text} {entry.inputs[0]}")
def test_as_pytorch(entry: Row) -> None:
    compare(entry)


@pytest.mark.filterwarnings("ignore:`NLLLoss2d` has been deprecated")
@pytest.mark.parametrize("entry", ROWS, ids=lambda entry: f"{entry.text} {entry.inputs[0]}")
def test_compiled(entry: Row) -> None:
    """The third call of a compiled layer is a repetition, if it can be one."""
    compare(entry, 3, jtorch.compile)


def compare(entry: Row, calls: int = 1, wrap: Callable = lambda layer: layer) -> None:
    """Assert that a layer does the same with both libraries."""
    expected = report(torch, entry, calls)
    found = report(jtorch, entry, calls, wrap)
    assert list(found) == list(expected)
    for name, wanted in expected.items():
        if not isinstance(wanted, np.ndarray):
            assert found[name] == wanted, name
            continue
        assert found[name].dtype == wanted.dtype, name
        assert found[name].shape == wanted.shape, name
        if name.startswith("initial"):
            same_initial_values(entry, found[name], wanted)
        else:
            np.testing.assert_allclose(found[name], wanted, rtol=2e-5, atol=2e-5, err_msg=name)


def same_initial_values(entry: Row, found: np.ndarray, wanted: np.ndarray) -> None:
    """Bit for bit, but for normals: logarithm and cosine may differ in their last bits."""
    if "Embedding" in entry.text:
        np.testing.assert_array_max_ulp(found, wanted, maxulp=2)
    else:
        np.testing.assert_array_equal(found, wanted)
