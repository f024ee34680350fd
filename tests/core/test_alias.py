"""Views and writes: the two laws of every view row, aliases of many forms, copies and pickles."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
import torch

import jtorch
from jtorch._core.op import ROWS

from ..comparison import compare

# row -> (shape of the base, arguments) for each call that is tried.
CALLS: dict[str, list[tuple[tuple[int, ...], tuple]]] = {
    "view": [((2, 6), ((3, 4),)), ((2, 6), ((-1,),)), ((1,), ((),)), ((0, 3), ((3, 0),))],
    "transpose": [((2, 3, 4), (0, 2)), ((2, 3), (-1, 0)), ((), (0, -1))],
    "permute": [((2, 3, 4), ((2, 0, 1),)), ((3,), ((0,),)), ((2, 3, 4), ((-1, 0, 1),))],
    "movedim": [((2, 3, 4), (0, 2)), ((2, 3, 4, 5), ((0, 1), (3, 0)))],
    "t": [((2, 3), ()), ((3,), ()), ((), ())],
    "_reversed": [((2, 3, 4), ())],
    "_matrix_transpose": [((2, 3, 4), ())],
    "unsqueeze": [((2, 3), (1,)), ((2, 3), (-1,)), ((), (0,))],
    "squeeze": [((1, 3, 1), ()), ((1, 3, 1), (0,)), ((1, 3, 1), ((0, 2),)), ((2, 3), (0,))],
    "expand": [((2, 3), ((2, 3),)), ((2, 3), ((-1, 3),)), ((2, 3), ((1, 2, 3),))],
    "select": [((2, 3, 4), (1, 2)), ((2, 3, 4), (-1, -1)), ((3,), (0, 1))],
    "_slice": [((5, 3), (0, 1, 4, 1)), ((5, 3), (0, 0, 5, 2)), ((5, 3), (1, 2, 2, 1))],
    "narrow": [((5, 3), (0, 1, 3)), ((5, 3), (1, 0, 0)), ((5, 3), (-1, -2, 2))],
    "diagonal": [((3, 3), ()), ((3, 4), (1,)), ((4, 3), (-1,)), ((2, 3, 3), (0, 1, 2))],
    "_as_strided": [((3, 4), ((3, 2), (4, 1), 1, (0, 1))), ((3, 4), ((2, 2), (1, 3), 0, (1, 0)))],
    "unfold": [((6,), (0, 2, 2)), ((4, 6), (1, 3, 3)), ((5,), (0, 2, 3))],
    "_real_part": [((2, 3), ())],
    "_imaginary_part": [((2, 3), ())],
    "view_as_real": [((2, 3), ())],
    "view_as_complex": [((3, 2), ())],
    "_view_dtype": [((2, 4), (k,)) for k in (jtorch.int32, jtorch.int16, jtorch.float64)],
}
COMPLEX = ("_real_part", "_imaginary_part", "view_as_real")
# Indices are given to the row in a form of their own: these are tried through x[index].
INDICES: list[tuple[tuple[int, ...], Any]] = [
    ((4, 3), 1),
    ((4, 3), (slice(None), -1)),
    ((4, 3), slice(1, 3)),
    ((4, 6), (slice(None, None, 2), slice(1, None, 3))),
    ((4, 3), (None, ..., 0)),
    ((4, 3), slice(2, 2)),
]
VIEWS = {name: row for name, row in ROWS.items() if row.view is not None}


def random_array(shape: tuple[int, ...], seed: int, kind: Any = np.float32) -> jax.Array:
    """Numbers of a shape."""
    drawn = np.random.RandomState(seed).randn(*shape) + 1j * np.random.RandomState(seed + 1).randn(
        *shape
    )
    return jax.numpy.asarray(np.asarray(drawn if kind is np.complex64 else drawn.real).astype(kind))


def test_every_view_row_is_tried() -> None:
    assert sorted([*CALLS, "_getitem"]) == sorted(VIEWS)


@pytest.mark.parametrize("shape, index", INDICES, ids=[str(k) for k in range(len(INDICES))])
def test_laws_of_an_index(shape: tuple, index: Any) -> None:
    """The same laws, through Tensors."""
    base = jtorch.from_jax(random_array(shape, 0))
    values = base.tolist()
    base[index].copy_(base[index])
    assert base.tolist() == values
    new = jtorch.from_jax(random_array(tuple(base[index].shape), 7))
    view = base[index]
    view.copy_(new)
    assert base[index].tolist() == view.tolist() == new.tolist()


SAMPLES = [(name, *call) for name, calls in CALLS.items() for call in calls]


@pytest.mark.parametrize("name, shape, arguments", SAMPLES)
def test_laws(name: str, shape: tuple, arguments: tuple) -> None:
    """put(b, get(b)) == b, and get(put(b, n)) == n."""
    row = ROWS[name]
    base = random_array(shape, 0, np.complex64 if name in COMPLEX else np.float32)
    with jax.enable_x64(True):
        view = row.function(base, *arguments)
        np.testing.assert_array_equal(row.view(base, view, *arguments), base)
        new = random_array(view.shape, 7, view.dtype.type)
        put = row.view(base, new, *arguments)
        assert (put.shape, put.dtype) == (base.shape, base.dtype)
        np.testing.assert_array_equal(row.function(put, *arguments), new)


# ------------------------------------------------------------ writes through views, against PyTorch

VIEWERS: list[tuple[str, Callable[[Any], Any]]] = [
    ("view", lambda x: x.view(4, 3)),
    ("flatten", lambda x: x.flatten()),
    ("transpose", lambda x: x.transpose(0, 1)),
    ("T", lambda x: x.T),
    ("row", lambda x: x[1]),
    ("column", lambda x: x[:, 1]),
    ("steps", lambda x: x[::2, 1:]),
    ("none", lambda x: x[None, ..., None]),
    ("row of the transpose", lambda x: x.t()[2]),
    ("diagonal", lambda x: x.diagonal()),
    ("unfold", lambda x: x.unfold(1, 2, 2)),
    ("narrow", lambda x: x.narrow(0, 1, 2)),
    ("chunk", lambda x: x.chunk(2, 1)[1]),
    ("split", lambda x: x.split([1, 2])[1]),
    ("unbind", lambda x: x.unbind(1)[0]),
    ("detach", lambda x: x.detach()),
    ("data of a row", lambda x: x.data[0]),
    ("view of a view", lambda x: x.view(2, 6)[1].view(3, 2)[:, 0]),
    ("view_as", lambda x: x.view_as(x)),
    ("squeeze", lambda x: x[:1].squeeze(0)),
    ("iteration", lambda x: list(x)[2]),
]
# PyTorch refuses to write to one of several views where a graph is recorded; jtorch doesn't.
MULTIPLE = ("chunk", "split", "unbind", "iteration")
SINGLE = [(name, viewer) for name, viewer in VIEWERS if name not in MULTIPLE]
WRITES: list[Callable[[Any], Any]] = [
    lambda v: v.add_(10),
    lambda v: v.mul_(v),
    lambda v: v.zero_(),
    lambda v: v.fill_(3),
    lambda v: v.copy_(v * 2 + v.sum()),
    lambda v: v.clamp_(min=4),
]


@pytest.mark.parametrize("name, viewer", VIEWERS, ids=[name for name, _ in VIEWERS])
def test_writes_through_views(name: str, viewer: Callable[[Any], Any]) -> None:
    """Base, view and a sister see each write; one of them pending, read or stale."""

    def program(t: Any) -> list:
        found = []
        for k, write in enumerate(WRITES):
            x = t.arange(12.0).view(3, 4) + 0
            sister, view = viewer(x), viewer(x)
            if k % 2:
                found.append(sister.sum().item())
            write(view)
            found += [x.clone(), view.clone(), sister.clone()]
            x.add_(1)
            write(sister)
            found += [x, view, sister, x._version, view.stride()]
        return found

    compare(program)


@pytest.mark.parametrize("kind", ["int32", "int16", "float64", "complex64", "bfloat16"])
def test_the_same_bytes_as_another_dtype(kind: str) -> None:
    """Both see each write, from either side."""

    def program(t: Any) -> list:
        x = t.arange(16.0).view(2, 8) + 0
        view = x[:, 2:6].view(dtype=getattr(t, kind))
        found = [view.shape, view.stride(), view.storage_offset(), view.clone().to(t.complex128)]
        x.add_(1)
        found.append(view.clone().to(t.complex128))
        view[1].zero_()
        return [*found, x.clone(), x._version, view.requires_grad]

    compare(program)


BYTES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda t: t.tensor(1.0).view(t.float64), r"self.dim\(\) cannot be 0"),
    (lambda t: t.zeros(3).view(t.float64), r"self.size\(-1\) must be divisible by 2"),
    (lambda t: t.zeros(3, 4).t().view(t.int16), r"self.stride\(-1\) must be 1 to view Float"),
    (lambda t: t.zeros(3, 4)[:, 1:3].view(t.float64), r"self.storage_offset\(\) must be divis"),
    (lambda t: t.zeros(3, 5)[:, :4].view(t.float64), r"self.stride\(0\) must be divisible by 2"),
]


@pytest.mark.parametrize("call, message", BYTES)
def test_bytes_that_do_not_fit(call: Callable[[Any], Any], message: str) -> None:
    for lib in (torch, jtorch):
        with pytest.raises(RuntimeError, match=message):
            call(lib)


@pytest.mark.parametrize("name, viewer", SINGLE, ids=[name for name, _ in SINGLE])
def test_gradients_through_written_views(name: str, viewer: Callable[[Any], Any]) -> None:
    """A write through a view is part of the graph; behind detach it is not."""

    def program(t: Any) -> list:
        found = []
        for reads in (0, 1):
            w = t.arange(12.0).view(3, 4).requires_grad_()
            x = w * 2
            viewer(x).mul_(3)
            if reads:
                x.sum().item()
            (x * x).sum().backward()
            found += [w.grad, x.requires_grad]
        return found

    compare(program)


@pytest.mark.parametrize("cut", [lambda x: x, lambda x: x.detach()], ids=["view", "detached"])
def test_parts_of_a_tensor_that_require_grad(cut: Callable[[Any], Any]) -> None:
    """Leaves that are views of one buffer: whoever writes, all see it; gradients are their own."""

    def program(t: Any) -> list:
        flat = t.arange(8.0)
        weight = cut(flat[:6].view(2, 3)).requires_grad_()
        bias = cut(flat[6:]).requires_grad_()
        optimizer = t.optim.SGD([weight, bias], lr=0.1)
        found = []
        for _ in range(3):
            optimizer.zero_grad()
            (t.ones(2, 3) @ weight.t() + bias).pow(2).sum().backward()
            with t.no_grad():
                weight.sub_(0.1 * weight.grad)
            found += [flat.clone(), weight.grad, bias.grad]
            optimizer.step()
            flat.mul_(0.5)
            found += [flat.clone(), weight.detach().clone(), bias.detach().clone()]
            found += [weight.is_leaf, flat.requires_grad]
        weight.requires_grad_(False)
        weight.zero_()
        return [*found, flat, weight, bias]

    compare(program)


@pytest.mark.xfail(
    jax.__version_info__ < (0, 11),
    reason="XLA's CPU fusion in JAX 0.10 reads what it has just written",
)
def test_a_row_reversed_onto_itself() -> None:
    """Pure JAX shows it too: a reversed slice written onto the reshape of the value it is of."""
    x = jtorch.arange(12.0).view(3, 4) + 0
    row = x[:1].squeeze(0)
    row.copy_(row.flip(0))
    first = x.clone()
    x.add_(1)
    row.copy_(row.flip(0))
    assert first[0].tolist() == [3, 2, 1, 0]


# ------------------------------------------------------------------------------- copies and pickles


def copies(t: Any) -> list:
    x = t.arange(4.0).requires_grad_()
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    with t.no_grad():
        y.add_(1)
        y.grad.zero_()
    z = copy.deepcopy([x, x])
    return [x, x.grad, y, y.grad, z[0] is z[1], y.is_leaf, type(y) is type(x)]


def copy_of_a_pending_value(t: Any) -> list:
    x = t.arange(4.0) * 2
    y, view = copy.deepcopy(x), copy.deepcopy(x[1:])
    x.add_(1)
    return [x, y, view]


def pickled(value: Any) -> Any:
    """A value through pickle."""
    file = io.BytesIO()
    pickle.dump(value, file)
    return pickle.loads(file.getvalue())


def pickles(t: Any) -> list:
    found = []
    for kind in (t.float32, t.int64, t.bool, t.float16, t.bfloat16, t.complex64):
        found.append(pickled(t.arange(3).to(kind)).float() if kind is not t.complex64 else 0)
    x = t.arange(4.0).requires_grad_()
    y = pickled(x)
    (y * y).sum().backward()
    pending = pickled(t.ones(2) * 3)
    pending.add_(1)
    parameter = pickled(t.nn.Parameter(t.ones(2)))
    return [found, y, y.grad, y.is_leaf, pending, parameter.requires_grad, type(parameter).__name__]


def of_no_leaf(t: Any) -> list:
    found = []
    for copier in (copy.deepcopy, pickled):
        try:
            copier(t.ones(2, requires_grad=True) * 2)
        except Exception as error:
            found.append(isinstance(error, RuntimeError))
    return found


def assignments_of_data(t: Any) -> list:
    x = t.ones(3, requires_grad=True)
    y = t.zeros(2, 2)
    x.data = y
    y.add_(5)
    x.data.mul_(2)
    return [x, y, x.is_leaf, x.requires_grad]


def swapped(t: Any) -> list:
    """x[a], x[b] = x[b], x[a]: the right side is views, as in PyTorch."""
    x = t.arange(4.0)
    x[0], x[1] = x[1], x[0]
    x[[2, 3]] = x[[3, 2]]
    return [x]


def self_overlap(t: Any) -> list:
    x = t.arange(5.0)
    x[1:] = x[:-1].clone()
    x[:2] += x[:2]
    x += x
    return [x]


def through_expanded_views(t: Any) -> list:
    """A part may be written whose elements lie in places of their own."""
    x = t.tensor([[1.0], [2.0]], requires_grad=True)
    y = (x * 2).expand(2, 3)
    value = t.tensor(5.0, requires_grad=True)
    y[1, 2] = value
    y[:1, ::3] = t.tensor(0.5)
    (y * t.arange(3.0)).sum().backward()
    y.copy_(y)
    return [y, x.grad, value.grad]


def indexed_with_single_bools(t: Any) -> list:
    x = t.arange(12).reshape(2, 2, 3)
    yes, no, rows = t.tensor(True), t.tensor(False), t.tensor([0, 1])
    found = [x[i] for i in ((yes, rows), (rows, yes), (slice(None), yes, rows), (None, yes, 0))]
    found += [x[no, 0:1], x[yes, no]]
    x[yes, rows] = 7
    x[no, 0] = 8
    return [*found, x]


def written_after_being_saved(t: Any) -> list:
    """A program ran between the forward and the write."""
    x = (t.ones(2, 3, requires_grad=True) + 2).softmax(1)
    x.sum().item()
    x += 0.5
    try:
        x.sum().backward()
    except RuntimeError as error:
        return ["modified by an inplace operation" in str(error)]
    return ["accepted"]


def departures(t: Any) -> list:
    """What left a storage doesn't see the writes to it."""
    x, other = t.ones(3), t.arange(4.0)
    shared, longer = x[:], x[:]
    shared.set_(other[1:])
    longer.data = other
    x.add_(1)
    other.mul_(2)
    return [x, shared, longer]


@pytest.mark.parametrize(
    "program",
    [
        departures,
        copies,
        copy_of_a_pending_value,
        pickles,
        assignments_of_data,
        swapped,
        self_overlap,
        through_expanded_views,
        indexed_with_single_bools,
        written_after_being_saved,
    ],
    ids=lambda p: p.__name__,
)
def test_copies(program: Callable[[Any], Any]) -> None:
    compare(program)


def test_a_view_given_as_out_that_does_not_fit() -> None:
    x = jtorch.ones(3)
    view = x[:]
    jtorch.add(jtorch.zeros(2), 5, out=view)
    x.add_(1)
    assert (x.tolist(), view.tolist()) == ([2, 2, 2], [5, 5])


def test_no_copy_of_what_has_a_history() -> None:
    assert of_no_leaf(jtorch) == [True, True]


def test_a_view_whose_base_is_given_by_name() -> None:
    for _ in range(3):
        x = jtorch.zeros(2, 3)
        jtorch.transpose(input=x, dim0=0, dim1=1).add_(1)
        assert x.tolist() == [[1.0] * 3] * 2
