"""nn.functional beyond the op table: random masks, in-place forms, what writes to its arguments."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import jtorch

F_SHAPES = [(3, 4), (2, 3, 5), (1,), (0, 3)]


def both(run):
    """The results of `run(library)` under PyTorch and jtorch from one seed, as NumPy arrays."""
    found = []
    for library in (torch, jtorch):
        library.manual_seed(7)
        result = run(library)
        result = result if isinstance(result, (list, tuple)) else [result]
        found.append([r.detach().numpy() for r in result])
    return found


def check(run, rtol=1e-6):
    expected, actual = both(run)
    for e, a in zip(expected, actual, strict=True):
        assert e.dtype == a.dtype
        np.testing.assert_allclose(a, e, rtol=rtol, atol=1e-7)


def numbers(library, *shape):
    random = np.random.default_rng(0)
    return library.from_numpy(random.normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("shape", F_SHAPES)
def test_dropout_draws_pytorchs_masks(shape, p):
    def run(library):
        x = numbers(library, *shape).requires_grad_()
        y = library.nn.functional.dropout(x, p)
        z = library.nn.functional.dropout(y, p)
        y.sum().backward()
        return y, z, x.grad, library.rand(2)

    check(run)


def test_dropout_of_a_transposed_tensor_follows_its_memory():
    check(lambda library: library.nn.functional.dropout(numbers(library, 3, 4).t(), 0.5))


def test_dropout_in_place_and_in_evaluation():
    def run(library):
        x = numbers(library, 3, 4)
        y = library.nn.functional.dropout(x, 0.5, inplace=True)
        assert y is x
        return x, library.nn.functional.dropout(x, 0.5, training=False)

    check(run)


@pytest.mark.parametrize(
    "name, shape",
    [
        ("dropout1d", (3, 4, 5)),
        ("dropout1d", (4, 5)),
        ("dropout2d", (2, 3, 4, 4)),
        ("dropout3d", (2, 3, 2, 2, 2)),
        ("dropout3d", (3, 2, 2, 2)),
        ("alpha_dropout", (3, 4)),
        ("feature_alpha_dropout", (3, 4, 2)),
    ],
)
def test_kinds_of_dropout(name, shape):
    def run(library):
        x = numbers(library, *shape).requires_grad_()
        y = getattr(library.nn.functional, name)(x, 0.4, True)
        y.sum().backward()
        return y, x.grad

    check(run, rtol=1e-5)


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax(hard):
    def run(library):
        x = numbers(library, 3, 4).requires_grad_()
        y = library.nn.functional.gumbel_softmax(x, 0.7, hard)
        (y * numbers(library, 3, 4)).sum().backward()
        return y, x.grad

    check(run, rtol=2e-5)


def test_rrelu_in_training():
    def run(library):
        x = numbers(library, 3, 4).requires_grad_()
        y = library.nn.functional.rrelu(x, training=True)
        y.sum().backward()
        return y, x.grad, library.rand(2)

    check(run)


def test_attention_with_dropout():
    def run(library):
        q, k, v = (numbers(library, 2, 3, 4) + i for i in range(3))
        return library.nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=0.3)

    check(run, rtol=1e-5)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("relu", ()),
        ("relu6", ()),
        ("leaky_relu", (0.2,)),
        ("elu", (0.5,)),
        ("selu", ()),
        ("celu", (0.5,)),
        ("silu", ()),
        ("mish", ()),
        ("hardtanh", (-0.5, 0.5)),
        ("hardswish", ()),
        ("hardsigmoid", ()),
        ("threshold", (0.1, 2.0)),
    ],
)
def test_inplace_activations(name, arguments):
    def run(library):
        x = numbers(library, 3, 4)
        leaf = numbers(library, 3, 4).requires_grad_()
        inner = leaf * 2
        function = getattr(library.nn.functional, name)
        assert function(x, *arguments, inplace=True) is x
        assert function(inner, *arguments, True) is inner
        inner.sum().backward()
        return x, leaf.grad, function(leaf.detach(), *arguments, inplace=False)

    check(run, rtol=1e-5)


def test_errors_of_dropout():
    for library in (torch, jtorch):
        functional = library.nn.functional
        with pytest.raises(ValueError, match="has to be between 0 and 1, but got 2"):
            functional.dropout(numbers(library, 3), 2.0)
        with pytest.raises(RuntimeError, match="can't be cast to the desired output type Long"):
            functional.dropout(library.arange(3), 0.5)
        with pytest.raises(RuntimeError, match="at least 2 dimensions"):
            functional.feature_alpha_dropout(numbers(library, 3), 0.5, True)


def test_batch_norm_keeps_no_graph_in_the_running_statistics():
    mean, variance = jtorch.zeros(3), jtorch.ones(3)
    x = numbers(jtorch, 4, 3).requires_grad_()
    for _ in range(3):
        jtorch.nn.functional.batch_norm(x, mean, variance, training=True).sum().backward()
    assert not mean.requires_grad
    assert mean.grad_fn is None


def test_a_target_out_of_range():
    for library in (torch, jtorch):
        with pytest.raises(IndexError, match="Target 3 is out of bounds"):
            library.nn.functional.cross_entropy(numbers(library, 2, 3), library.tensor([0, 3]))
