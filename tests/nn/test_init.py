"""nn.init against PyTorch: the same values for a seed, and the same generator state afterwards."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.init as theirs

import jtorch
import jtorch.nn.init as ours

SHAPES = ((3, 4), (8, 5), (20, 30), (4, 2, 3), (6, 3, 3, 3), (5, 2, 2, 2, 2))
CASES: list[tuple[str, dict[str, Any]]] = [
    ("uniform_", {}),
    ("uniform_", {"a": -1, "b": 2}),
    ("normal_", {}),
    ("normal_", {"mean": 1, "std": 0.5}),
    ("trunc_normal_", {}),
    ("trunc_normal_", {"std": 0.02}),
    ("trunc_normal_", {"a": -0.5, "b": 0.5}),
    ("trunc_normal_", {"a": -0.1, "b": 0.2}),
    ("trunc_normal_", {"mean": 3.0}),
    ("trunc_normal_", {"a": 1.0, "b": 2.0}),
    ("constant_", {"val": 0.3}),
    ("ones_", {}),
    ("zeros_", {}),
    ("xavier_uniform_", {}),
    ("xavier_uniform_", {"gain": math.sqrt(2)}),
    ("xavier_normal_", {"gain": 2.0}),
    ("kaiming_uniform_", {"a": math.sqrt(5)}),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "tanh"}),
    ("kaiming_normal_", {}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("orthogonal_", {}),
    ("orthogonal_", {"gain": 1.3}),
    ("sparse_", {"sparsity": 0.3}),
    ("sparse_", {"sparsity": 0.5, "std": 1.0}),
    ("eye_", {}),
    ("dirac_", {}),
]


def outcome(library: Any, module: Any, case: tuple[str, dict], shape: tuple[int, ...]) -> Any:
    """What a function makes of a tensor: its values, or the error it raises."""
    name, options = case
    library.manual_seed(3)
    tensor = library.full(shape, 7.0)
    try:
        made = getattr(module, name)(tensor, **options)
    except ValueError as error:
        return str(error)
    assert made is tensor
    return made.detach().numpy()


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_values(case: tuple[str, dict]) -> None:
    for shape in SHAPES:
        expected = outcome(torch, theirs, case, shape)
        found = outcome(jtorch, ours, case, shape)
        if isinstance(expected, str):
            assert found == expected
            continue
        tolerance = 2e-6 if case[0] == "orthogonal_" else 0
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
        state = torch.get_rng_state().numpy()
        np.testing.assert_array_equal(jtorch.get_rng_state().numpy(), state)


@pytest.mark.parametrize("kind", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ["trunc_normal_", "kaiming_uniform_", "xavier_normal_", "ones_"])
def test_dtypes(name: str, kind: str) -> None:
    found = []
    for library, module in ((torch, theirs), (jtorch, ours)):
        library.manual_seed(4)
        tensor = library.zeros(20, 30, dtype=getattr(library, kind))
        found.append(getattr(module, name)(tensor).double().numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=4e-15)


def test_generator() -> None:
    for name in ("uniform_", "normal_", "trunc_normal_", "kaiming_uniform_", "xavier_normal_"):
        generator = jtorch.Generator().manual_seed(5)
        expected = torch.Generator().manual_seed(5)
        before = jtorch.get_rng_state().tolist()
        a = getattr(ours, name)(jtorch.zeros(6, 7), generator=generator)
        b = getattr(theirs, name)(torch.zeros(6, 7), generator=expected)
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        assert jtorch.get_rng_state().tolist() == before


def test_dirac_with_groups() -> None:
    for shape, groups in (((4, 3, 3, 3), 2), ((6, 2, 5), 3), ((2, 4, 3, 3), 2)):
        a = ours.dirac_(jtorch.ones(shape), groups)
        b = theirs.dirac_(torch.ones(shape), groups)
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize(
    "nonlinearity",
    ["linear", "conv1d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"],
)
def test_gains(nonlinearity: str) -> None:
    assert ours.calculate_gain(nonlinearity) == theirs.calculate_gain(nonlinearity)
    assert ours.calculate_gain("leaky_relu", 0.2) == theirs.calculate_gain("leaky_relu", 0.2)


@pytest.mark.parametrize("name", [name for name in theirs.__all__ if f"{name}_" in theirs.__all__])
def test_old_names_warn(name: str) -> None:
    arguments = {"constant": (2,), "sparse": (0.1,)}.get(name, ())
    shape = (3, 3, 3) if name == "dirac" else (3, 3)
    with pytest.warns(FutureWarning, match=f"`nn.init.{name}` is now deprecated in favor of"):
        getattr(ours, name)(jtorch.zeros(shape), *arguments)


def test_all_names() -> None:
    assert set(ours.__all__) == set(theirs.__all__)


def test_parameters() -> None:
    weight = jtorch.nn.Parameter(jtorch.zeros(4, 3))
    before = weight.detach()
    assert ours.kaiming_normal_(weight) is weight
    assert weight.requires_grad
    assert weight.is_leaf
    assert before.abs().sum().item() > 0


def test_nothing_to_do() -> None:
    for module, library in ((theirs, torch), (ours, jtorch)):
        with pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
            module.kaiming_uniform_(library.zeros(0, 4))
        with pytest.warns(UserWarning, match="mean is more than 2 std"):
            module.trunc_normal_(library.zeros(5), mean=5.0)


REFUSED = [
    ("cannot be converted to type", lambda t, m: m.constant_(t.zeros(2), 1j)),
    ("argument", lambda t, m: m.constant_(t.zeros(2), "a")),
    ("use torch.sgn", lambda t, m: m.orthogonal_(t.zeros(2, 2, dtype=t.complex64))),
    ("Unsupported nonlinearity foo", lambda t, m: m.calculate_gain("foo")),
    ("not a valid number", lambda t, m: m.calculate_gain("leaky_relu", "a")),
    ("not a valid number", lambda t, m: m.calculate_gain("leaky_relu", True)),
    ("fewer than 2 dimensions", lambda t, m: m.xavier_uniform_(t.zeros(3))),
    ("Mode foo not supported", lambda t, m: m.kaiming_normal_(t.zeros(3, 4), mode="foo")),
    ("2 dimensions", lambda t, m: m.eye_(t.zeros(3))),
    ("3, 4, or 5 dimensions", lambda t, m: m.dirac_(t.zeros(3, 4))),
    ("divisible by groups", lambda t, m: m.dirac_(t.zeros(3, 4, 2), 2)),
    ("2 or more dimensions", lambda t, m: m.orthogonal_(t.zeros(3))),
    ("2 dimensions", lambda t, m: m.sparse_(t.zeros(3), 0.1)),
    ("found from=3 > to=2", lambda t, m: m.trunc_normal_(t.zeros(5), a=3.0, b=2.0)),
    ("not implemented for 'Half'", lambda t, m: m.orthogonal_(t.zeros(3, 3, dtype=t.float16))),
]


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize("place", range(len(REFUSED)))
def test_refused(place: int) -> None:
    words, call = REFUSED[place]
    with pytest.raises(Exception, match=words) as expected:
        call(torch, theirs)
    with pytest.raises(expected.type, match=words):
        call(jtorch, ours)
