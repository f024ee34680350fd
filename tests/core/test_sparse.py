"""Sparse Tensors as objects: layouts, patterns, texts, autograd, errors, a training loop.

Values and gradients of single functions are rows, in tests/ops/table_sparse.py.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

LIBRARIES = pytest.mark.parametrize("t", [torch, jtorch], ids=["torch", "jtorch"])
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def coo(t: Any, **options: Any) -> Any:
    return t.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3), **options)


def doubled(t: Any, **options: Any) -> Any:
    """Two entries of one place."""
    return t.sparse_coo_tensor([[0, 0, 1], [1, 1, 2]], [1.0, 2.0, 3.0], (2, 3), **options)


def csr(t: Any, **options: Any) -> Any:
    return t.sparse_csr_tensor([0, 1, 3], [2, 0, 2], [3.0, 4.0, 5.0], (2, 3), **options)


MAKERS = (coo, doubled, csr)


def facts(value: Any) -> Any:
    """What is compared of a result: everything that can be seen."""
    if isinstance(value, (list, tuple)):
        return [facts(v) for v in value]
    if not hasattr(value, "layout"):
        return value
    found = [str(value.layout), tuple(value.shape), str(value.dtype), value.requires_grad]
    value = value.detach()
    if str(value.layout) == "torch.sparse_coo":
        found += [value.is_coalesced(), value._indices().tolist(), value._values().tolist()]
    elif str(value.layout) == "torch.sparse_csr":
        found += [f().tolist() for f in (value.crow_indices, value.col_indices, value.values)]
    else:
        found.append(value.tolist())
    return found


SAME: dict[str, Callable[[Any, Any], Any]] = {
    "itself": lambda t, x: [x, x.is_sparse, x.is_sparse_csr, x.dim(), x.numel(), len(x), x._nnz()],
    "attributes": lambda t, x: [x.size(), x.size(-1), x.sparse_dim(), x.dense_dim(), x.is_leaf],
    "casts": lambda t, x: [x.double(), x.to(t.int64), x.to("cpu", t.float16), x.bool(), x.half()],
    "to nothing new": lambda t, x: [x.to("cpu") is x, x.float() is x],
    "copies": lambda t, x: [x.clone(), x.detach(), t.clone(x), t.tensor(x), x.data],
    "layouts": lambda t, x: [
        x.to_dense(), x.to_sparse_coo(), x.to_sparse_csr(), x.to_sparse(), x.coalesce()
    ],
    "multiples": lambda t, x: [x * 2, 2 * x, x * t.tensor(2.0), -x, x * 1j, x.int() * 2.5],
    "functions": lambda t, x: [t.relu(x), x.abs(), x.sin(), x.isnan(), t.sqrt(x), x.sign()],
    "facts": lambda t, x: [t.is_tensor(x), t.is_floating_point(x), t.numel(x), x.element_size()],
    "in place": lambda t, x: [x.clone().mul_(2), x.clone().neg_()],
    "as an operand": lambda t, x: [t.ones(2, 3) * x, t.ones(2, 3) + x, t.ones(2, 2) @ x],
    "products": lambda t, x: [
        x @ t.ones(3, 2), x @ t.ones(3), t.mm(x, t.ones(3, 2)), t.spmm(x, t.ones(3, 2)),
        t.mv(x, t.ones(3)), t.sparse.mm(x, t.ones(3, 1)), t.addmm(t.ones(2), x, t.ones(3, 2)),
    ],
    "zeros": lambda t, x: [t.zeros_like(x), t.zeros_like(x, dtype=t.int64)],
}  # fmt: skip
SAME_COO: dict[str, Callable[[Any, Any], Any]] = {
    "quotients": lambda t, x: [x / 2, x.int() / 2, x // 2, t.div(x, 2, rounding_mode="floor")],
    "transposed": lambda t, x: [x.t(), x.T, x.transpose(0, 1), x.permute(1, 0), x.mT],
    "sums": lambda t, x: [t.sparse.sum(x), t.sparse.sum(x, 0), t.sparse.sum(x, (0, 1)), x.sum(1)],
    "in place": lambda t, x: [x.clone().div_(2), x.clone().add_(x), x.clone().copy_(x.t().t())],
    "parts": lambda t, x: [x.coalesce().indices(), x.coalesce().values(), x._indices()],
    "sparse products": lambda t, x: [x @ x.t(), t.sparse.mm(x.t(), x)],
    "old names": lambda t, x: [
        t.sparse.FloatTensor(x._indices(), x._values(), t.Size([2, 3])),
        isinstance(x, t.sparse.FloatTensor),
        x.type(),
    ],
}


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
@pytest.mark.parametrize("name", [*SAME, *(f"coo {name}" for name in SAME_COO)])
def test_as_in_pytorch(name: str, maker: Callable) -> None:
    if name.startswith("coo ") and maker is csr:
        return
    function = SAME_COO[name[4:]] if name.startswith("coo ") else SAME[name]
    if name == "layouts" and maker is csr:
        function = lambda t, x: [x.to_dense(), x.to_sparse(), x.to_sparse_csr()]  # noqa: E731
    if name == "multiples" and maker is csr:
        function = lambda t, x: [x * 2, 2 * x, x * t.tensor(2.0), -x]  # noqa: E731
    assert facts(function(jtorch, maker(jtorch))) == facts(function(torch, maker(torch)))


CREATION: dict[str, Callable[[Any], Any]] = {
    "without size": lambda t: t.sparse_coo_tensor([[0, 3], [1, 1]], [1.0, 2.0]),
    "only a size": lambda t: t.sparse_coo_tensor((2, 3)),
    "one entry": lambda t: t.sparse_coo_tensor([[0], [1]], [2.0]),
    "hybrid": lambda t: t.sparse_coo_tensor([[0, 1]], t.ones(2, 3), (2, 3)).coalesce(),
    "dtype": lambda t: t.sparse_coo_tensor([[0, 1]], [1, 2], dtype=t.float64),
    "said to be coalesced": lambda t: t.sparse_coo_tensor([[0, 1]], [1.0, 2.0], is_coalesced=True),
    "int32 indices": lambda t: t.sparse_coo_tensor(t.tensor([[0, 1]], dtype=t.int32), t.ones(2)),
    "csr without size": lambda t: t.sparse_csr_tensor([0, 1, 1], [4], [2.0]),
    "csr int32": lambda t: t.sparse_csr_tensor(
        t.tensor([0, 1], dtype=t.int32), t.tensor([4], dtype=t.int32), t.ones(1)
    ).crow_indices(),
    "from dense": lambda t: t.tensor([[0.0, 1.0], [float("nan"), -0.0]])[:, 1:].to_sparse(),
    "from dense, one dimension": lambda t: t.tensor([[0, 1, 0], [0, 0, 0]]).to_sparse(1),
    "from dense, to csr": lambda t: t.tensor([[0, 1, 0], [2, 0, 3]]).to_sparse_csr(),
    "from dense, layout": lambda t: t.eye(2, 3).to_sparse(layout=t.sparse_csr),
    "from a number": lambda t: t.tensor(2.0).to_sparse(),
    "from zeros": lambda t: t.zeros(0, 3).to_sparse_csr(),
    "sum of patterns": lambda t: t.eye(2, 3).to_sparse() + coo(t).coalesce(),
    "sum of csr patterns": lambda t: t.eye(2, 3).to_sparse_csr() + csr(t),
    "product of patterns": lambda t: t.ones(2, 3).to_sparse() * coo(t).coalesce(),
    "softmax": lambda t: t.sparse.softmax(coo(t) * 0, 1),
    "sampled_addmm": lambda t: t.sparse.sampled_addmm(csr(t), t.ones(2, 4), t.ones(4, 3)),
}


@pytest.mark.parametrize("name", CREATION)
def test_creation(name: str) -> None:
    assert facts(CREATION[name](jtorch)) == facts(CREATION[name](torch))


TEXTS: list[Callable[[Any], Any]] = [
    coo,
    csr,
    lambda t: coo(t, requires_grad=True),
    lambda t: csr(t, requires_grad=True),
    lambda t: csr(t).double(),
    lambda t: coo(t, dtype=t.int32),
    lambda t: t.sparse_coo_tensor((2, 3)),
    lambda t: t.zeros(0, 0).to_sparse_csr(),
    lambda t: t.eye(20).to_sparse(),
    lambda t: t.eye(20).to_sparse_csr(),
    lambda t: t.sparse_coo_tensor([[0, 1]], t.ones(2, 2)),
]


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_texts(number: int) -> None:
    assert repr(TEXTS[number](jtorch)) == repr(TEXTS[number](torch))


ERRORS: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "uncoalesced indices": (lambda t: coo(t).indices(), RuntimeError, "uncoalesced tensor"),
    "uncoalesced values": (lambda t: coo(t).values(), RuntimeError, "uncoalesced tensor"),
    "indices of csr": (lambda t: csr(t).indices(), RuntimeError, "but got SparseCsr"),
    "values of dense": (lambda t: t.ones(1).values(), RuntimeError, "but got Strided"),
    "coalesce of dense": (lambda t: t.ones(1).coalesce(), RuntimeError, "but got Strided"),
    "crow of coo": (lambda t: coo(t).crow_indices(), RuntimeError, "but got Sparse"),
    "_nnz of dense": (lambda t: t.ones(1)._nnz(), NotImplementedError, "'aten::_nnz'"),
    "numpy": (lambda t: coo(t).numpy(), TypeError, "Sparse layout tensor to numpy"),
    "tolist": (lambda t: csr(t).tolist(), RuntimeError, "doesn't have storage"),
    "item": (lambda t: coo(t).item(), RuntimeError, "6 elements cannot be converted"),
    "bool": (lambda t: bool(coo(t)), RuntimeError, "ambiguous"),
    "exp": (lambda t: coo(t).exp(), NotImplementedError, "Could not run 'aten::exp.* 'SparseCPU'"),
    "max": (lambda t: t.max(csr(t)), NotImplementedError, "'aten::max.* 'SparseCsrCPU'"),
    "equality": (lambda t: coo(t) == coo(t), NotImplementedError, "'aten::eq.* 'SparseCPU'"),
    "where": (lambda t: t.where(coo(t), 1, 0), NotImplementedError, "'aten::where"),
    "plus a number": (lambda t: coo(t) + 1, RuntimeError, "Use add.dense, sparse. instead"),
    "plus dense": (lambda t: coo(t) + t.ones(2, 3), RuntimeError, "Use add.dense, sparse. instead"),
    "broadcast": (lambda t: t.ones(3) + coo(t), RuntimeError, "does not currently support broadc"),
    "sizes": (
        lambda t: coo(t) + t.eye(3).to_sparse(),
        RuntimeError,
        "to match, but .2, 3. != .3, 3.",
    ),
    "by dense": (lambda t: coo(t) / t.ones(2, 3), RuntimeError, "requires a scalar or zero-dim"),
    "zeroth power": (lambda t: coo(t) ** 0, RuntimeError, "zeroth power"),
    "nnz": (lambda t: t.sparse_coo_tensor([[0, 1]], [1.0]), RuntimeError, "must have same nnz"),
    "size": (lambda t: t.sparse_coo_tensor([[0]], [1.0], (1, 1)), RuntimeError, "is not satisfied"),
    "negative": (lambda t: t.sparse_coo_tensor([[-1]], [1.0]), RuntimeError, "negative index -1"),
    "invariants": (
        lambda t: t.sparse_coo_tensor([[5]], [1.0], (2,), check_invariants=True),
        RuntimeError,
        "size is 2 but found index 5",
    ),
    "csr invariants": (
        lambda t: t.sparse_csr_tensor([0, 1], [7], [1.0], (1, 3), check_invariants=True),
        RuntimeError,
        "`0 <= col_indices < ncols` is not satisfied",
    ),
    "reduce": (lambda t: t.sparse.mm(csr(t), t.ones(3, 2), "no"), RuntimeError, "reduce argument"),
    "reduce of coo": (
        lambda t: t.sparse.mm(coo(t), t.ones(3, 2), "sum"),
        NotImplementedError,
        "_sparse_mm_reduce_impl",
    ),
    "sum of csr": (lambda t: t.sparse.sum(csr(t)), RuntimeError, "coalesce expected sparse"),
    "batches": (lambda t: coo(t) @ t.ones(2, 3, 4), RuntimeError, "expand is unsupported"),
    "a dense gradient": (
        lambda t: setattr(coo(t), "grad", t.ones(2, 3)),
        RuntimeError,
        "data of a different type",
    ),
    "copy_": (lambda t: t.ones(2, 3).copy_(coo(t)), RuntimeError, "between dense and sparse"),
    "data": (lambda t: setattr(t.ones(2, 3), "data", coo(t)), RuntimeError, "incompatible tensor"),
    "stride": (lambda t: csr(t).stride(), RuntimeError, "do not have strides"),
}


@LIBRARIES
@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, t: Any) -> None:
    function, kind, words = ERRORS[name]
    with pytest.raises(kind, match=words):
        function(t)


def test_nothing_takes_the_values_for_the_tensor() -> None:
    x = coo(jtorch)
    with jtorch._C.DisableTorchFunctionSubclass(), pytest.raises(NotImplementedError):
        x.exp()
    for use in (
        jtorch.nn.Parameter,
        jtorch.nn.init.normal_,
        lambda x: jtorch.tensor([x]),
        lambda x: x.jax(),
        list,
        lambda x: x.as_subclass(jtorch.Tensor),
    ):
        with pytest.raises((NotImplementedError, TypeError)):
            use(x)
    assert isinstance(x, jtorch.Tensor) and str(type(x)) == "<class 'jtorch.Tensor'>"


# ----------------------------------------------------------------------------------------- autograd

GRADIENTS: dict[str, Callable[[Any, Any], Any]] = {
    "to_dense": lambda t, x: x.to_dense() ** 2,
    "mm": lambda t, x: t.sparse.mm(x, t.arange(6.0).reshape(3, 2)),
    "chain": lambda t, x: (x * 3 + x).clone().to_dense(),
    "coalesced": lambda t, x: x.to_sparse_coo().coalesce().values() * 2,
    "abs": lambda t, x: abs(x).to_dense(),
    "cast": lambda t, x: x.double().to_dense(),
}


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_sparse(name: str, maker: Callable) -> None:
    found = []
    for t in (torch, jtorch):
        x = maker(t, requires_grad=True)
        for _ in range(2):
            GRADIENTS[name](t, x).sum().backward()
        assert x.grad.layout is x.layout and not x.grad.requires_grad
        (again,) = t.autograd.grad(GRADIENTS[name](t, x).sum(), x)
        found.append([x.grad.to_dense().tolist(), again.to_dense().tolist(), str(again.layout)])
    assert found[0] == found[1]


@LIBRARIES
def test_a_sparse_cotangent_of_another_pattern(t: Any) -> None:
    """Entries beyond the pattern pass through multiples and sums."""
    other = t.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 0.0]])
    for make, given in ((coo, other.to_sparse()), (csr, other.to_sparse_csr())):
        x = make(t, requires_grad=True)
        (found,) = t.autograd.grad(-(x * 2), x, given)
        assert found.to_dense().tolist() == [[0, -2, 0], [-4, 0, 0]]
        (found,) = t.autograd.grad((x * 2).to_dense(), x, other)
        assert found.to_dense().tolist() == [[0, 0, 0], [4, 0, 0]]
    w = t.ones(2, 3, requires_grad=True)
    (found,) = t.autograd.grad((w * 2), w, other.to_sparse())
    assert found.to_dense().tolist() == [[0, 2, 0], [4, 0, 0]]


@LIBRARIES
def test_hooks_and_retained_gradients(t: Any) -> None:
    seen = []
    x = coo(t, requires_grad=True)
    x.register_hook(lambda g: seen.append(g) or g * 10)
    y = x * 2
    y.retain_grad()
    y.to_dense().sum().backward()
    assert [g.layout for g in (*seen, y.grad, x.grad)] == [t.sparse_coo] * 3
    assert x.grad.to_dense().tolist() == [[0, 0, 20], [20, 0, 20]]
    assert y.grad.to_dense().tolist() == [[0, 0, 1], [1, 0, 1]]


@LIBRARIES
def test_values_reach_their_sources(t: Any) -> None:
    values, dense = t.ones(3, requires_grad=True), t.eye(2, requires_grad=True)
    x = t.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], values, (2, 3))
    assert x.requires_grad and not x.is_leaf
    t.sparse.mm(x, t.arange(3.0).reshape(3, 1)).sum().backward()
    t.sparse.mm(dense.to_sparse(), t.ones(2, 2)).sum().backward()
    assert values.grad.tolist() == [2, 0, 2] and dense.grad.tolist() == [[2, 0], [0, 2]]


@LIBRARIES
def test_in_place_writes_are_seen(t: Any) -> None:
    x = coo(t).coalesce()
    alias, values = x.detach(), x.values()
    values.add_(1)
    assert x.to_dense().tolist() == alias.to_dense().tolist() == [[0, 0, 4], [5, 0, 6]]


def test_copies_and_pickles() -> None:
    for x in (coo(jtorch, requires_grad=True), csr(jtorch, requires_grad=True)):
        x.to_dense().sum().backward()
        twin = copy.deepcopy(x)
        assert facts(twin) == facts(x) and twin.grad.layout is x.layout
    for x in (coo(jtorch), csr(jtorch)):
        assert facts(pickle.loads(pickle.dumps(x))) == facts(x)


@LIBRARIES
def test_sgd_on_a_sparse_leaf(t: Any) -> None:
    wanted = ((coo, [[0, 0, -1], [-1, 0, -1]]), (doubled, [[0, -1, 0], [0, 0, -1]]))
    for make, change in wanted:
        x = make(t, requires_grad=True)
        optimizer = t.optim.SGD([x], lr=0.5)
        for _ in range(2):
            optimizer.zero_grad()
            t.sparse.mm(x, t.ones(3, 1)).sum().backward()
            optimizer.step()
        assert (x.detach().to_dense() - make(t).to_dense()).tolist() == change


# ------------------------------------------------------------------------------------- in a module


def graph_convolution(t: Any, adjacency: Any) -> list[float]:
    """The losses of some steps of training."""

    class Convolution(t.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = t.nn.Linear(4, 2)
            self.register_buffer("adjacency", adjacency)

        def forward(self, x: Any) -> Any:
            return t.sparse.mm(self.adjacency, self.linear(x))

    t.manual_seed(0)
    x, target = t.randn(6, 4), t.randn(6, 2)
    model = Convolution().to(t.float32)
    assert set(model.state_dict()) == {"adjacency", "linear.weight", "linear.bias"}
    optimizer = t.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(8):
        loss = t.nn.functional.mse_loss(model(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("layout", ["sparse_coo", "sparse_csr"])
def test_a_graph_convolution(layout: str) -> None:
    edges = np.random.default_rng(0).uniform(0, 1, (6, 6)).astype(np.float32)
    edges *= edges > 0.6
    found = []
    for t in (torch, jtorch):
        adjacency = t.from_numpy(edges).to_sparse(layout=getattr(t, layout))
        found.append(graph_convolution(t, adjacency))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_the_loop_compiles_one_program() -> None:
    adjacency = coo(jtorch).t() @ coo(jtorch)
    w = jtorch.ones(3, 2, requires_grad=True)
    x = jtorch.arange(9.0).reshape(3, 3)
    optimizer = jtorch.optim.SGD([w], lr=0.01)
    before = 0
    for step in range(12):
        loss = jtorch.sparse.mm(adjacency, x @ w).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 2:
            before = jtorch.debug.statistics()["programs_compiled"]
    assert jtorch.debug.statistics()["programs_compiled"] == before
