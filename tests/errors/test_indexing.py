"""Indices and dimensions: out of range, too many, of a wrong type; slices; lookups in tables.

Each row is refused as PyTorch refuses it; see harness.py. An index Tensor is checked where its
values are known without running anything: it came from the user. A pending one can't be.
"""

from __future__ import annotations

from tests.errors.harness import Row, World, each, problems


def assign(u: World, index: object, value: object) -> None:
    u.x[index] = value


def assign_to_many(u: World) -> None:
    u.x[0] = u.t.ones(4)


def assign_wrong_rows(u: World) -> None:
    u.p[u.b] = u.t.ones(3)


def assign_a_string(u: World) -> None:
    u.v[0] = "one"


def assign_beyond(u: World) -> None:
    u.v[5] = 1.0


def assign_to_a_list_beyond(u: World) -> None:
    u.v[[0, 7]] = 1.0


def add_in_place_beyond(u: World) -> None:
    u.v[3] += 1.0


def delete_an_item(u: World) -> None:
    del u.v[0]


ROWS = [
    Row("index 3 is out of bounds for dimension 0 with size 3", lambda u: u.v[3]),
    Row("index -4 is out of bounds for dimension 0 with size 3", lambda u: u.v[-4]),
    Row("index 3 is out of bounds for dimension 1 with size 3", lambda u: u.h[0, 3]),
    Row("index 2 is out of bounds for dimension 0 with size 2", lambda u: u.x[2, 0]),
    Row("index 9 is out of bounds for dimension 0 with size 3", lambda u: u.v[u.t.tensor([0, 9])]),
    Row("index -5 is out of bounds for dimension 0 with size 3", lambda u: u.p[u.t.tensor([-5])]),
    Row("index 7 is out of bounds for dimension", lambda u: u.x[:, u.t.tensor([7])]),
    Row("index 4 is out of bounds for dimension 0 with size 3", lambda u: u.v[[0, 4]]),
    Row("out of bounds for dimension", lambda u: u.x[[0, 2], [0, 1]]),
    Row("too many indices for tensor of dimension 1", lambda u: u.v[0, 0]),
    Row("too many indices for tensor of dimension 2", lambda u: u.h[0, 0, 0]),
    Row("too many indices for tensor of dimension 2", lambda u: u.x[..., 0, 0, 0]),
    Row("invalid index of a 0-dim tensor", lambda u: u.s[0]),
    Row("slice() cannot be applied to a 0-dim tensor", lambda u: u.s[:]),
    Row("too many indices", lambda u: u.s[u.t.tensor([0])]),
    Row("step must be greater than zero", lambda u: u.v[::-1]),
    Row("slice step cannot be zero", lambda u: u.v[::0]),
    Row("tensors used as indices must be long, int, byte or bool tensors", lambda u: u.v[u.v]),
    Row("tensors used as indices must be long", lambda u: u.v[u.t.tensor([0.0, 1.0])]),
    Row("only integers, slices", lambda u: u.v[1.0]),
    Row("only integers, slices", lambda u: u.x[0, 1.5]),
    Row("invalid data type 'str'", lambda u: u.v["a"]),
    Row("invalid data type 'str'", lambda u: u.x[0, "a"]),
    Row("slice indices must be integers", lambda u: u.v[0.5:]),
    Row(
        "The shape of the mask [2] at index 0 does not match the shape of the indexed tensor [3] "
        "at index 0",
        lambda u: u.v[u.t.tensor([True, False])],
    ),
    Row("The shape of the mask [3] at index 0 does not match ... [2, 3]", lambda u: u.x[u.b]),
    Row("could not be broadcast together", lambda u: u.y[u.i[:2], u.i]),
    # assignment
    Row("expanded size of the tensor (3) must match the existing size (4)", assign_to_many),
    Row("shape mismatch: value tensor of shape [3]", assign_wrong_rows),
    Row("index 5 is out of bounds for dimension 0 with size 3", assign_beyond),
    Row("index 7 is out of bounds for dimension 0 with size 3", assign_to_a_list_beyond),
    Row("index 3 is out of bounds for dimension 0 with size 3", add_in_place_beyond),
    Row("can't assign a str to a", assign_a_string),
    Row("out of bounds", lambda u: assign(u, (0, 3), 1.0)),
    Row("too many indices", lambda u: assign(u, (0, 0, 0), 1.0)),
    Row("step must be greater than zero", lambda u: assign(u, slice(None, None, -1), 1.0)),
    Row("does not match the shape of the indexed tensor", lambda u: assign(u, u.b, 1.0)),
    Row("must be long", lambda u: assign(u, u.v, 1.0)),
    Row("does not support deleting", delete_an_item),
    # dim
    Row(
        "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
        lambda u: u.x.sum(2),
    ),
    Row("Dimension out of range", lambda u: u.h.mean(-3)),
    Row("Dimension out of range", lambda u: u.x.softmax(2)),
    Row("Dimension out of range", lambda u: u.x.max(2)),
    Row("Dimension out of range", lambda u: u.x.argmax(5)),
    Row("Dimension out of range", lambda u: u.x.cumsum(2)),
    Row("Dimension out of range", lambda u: u.x.sort(2)),
    Row("Dimension out of range", lambda u: u.x.size(2)),
    Row("Dimension out of range", lambda u: u.x.stride(2)),
    Row("Dimension out of range", lambda u: u.x.unbind(2)),
    Row("Dimension out of range", lambda u: u.x.select(2, 0)),
    Row("Dimension out of range", lambda u: u.t.cat([u.x, u.x], 2)),
    Row("Dimension out of range", lambda u: u.t.stack([u.x, u.x], 3)),
    Row("Dimension out of range", lambda u: u.x.flip(2)),
    Row("Dimension out of range", lambda u: u.x.squeeze(2)),
    Row("Dimension out of range", lambda u: u.x.sum((0, 2))),
    Row("appears multiple times in the list of dims", lambda u: u.x.sum((0, 0))),
    Row("select(): index 2 out of range", lambda u: u.x.select(0, 2)),
    Row("selected index k out of range", lambda u: u.v.topk(4)),
    Row("out of range", lambda u: u.v.kthvalue(4)),
    Row("max()", lambda u: u.t.zeros(0).max()),
    Row("argmax()", lambda u: u.t.zeros(0).argmax()),
    # lookups
    Row(
        "takes value 4 which is not in the valid range [0, 4)",
        lambda u: u.t.nn.functional.embedding_bag(u.t.tensor([[1, 4]]), u.y),
    ),
    Row("out of bounds", lambda u: u.v.gather(0, u.t.tensor([3]))),
    Row("Index tensor must have the same number of dimensions", lambda u: u.x.gather(0, u.i)),
    Row(
        "Size does not match at dimension",
        lambda u: u.x.gather(0, u.t.zeros(1, 4, dtype=u.t.int64)),
    ),
    Row("index out of range in self", lambda u: u.v.index_select(0, u.t.tensor([3]))),
    Row("out of range", lambda u: u.t.take(u.x, u.t.tensor([6]))),
    Row("out of bounds", lambda u: u.v.scatter(0, u.t.tensor([3]), 1.0)),
    Row("out of bounds", lambda u: u.v.scatter_add_(0, u.t.tensor([3]), u.t.ones(1))),
    Row("out of", lambda u: u.v.index_add_(0, u.t.tensor([3]), u.t.ones(1))),
    Row("out of", lambda u: u.v.index_fill_(0, u.t.tensor([3]), 1.0)),
    Row("index out of range in self", lambda u: u.t.nn.functional.embedding(u.t.tensor([4]), u.y)),
    Row("index out of range in self", lambda u: u.t.nn.Embedding(3, 2)(u.t.tensor([0, -1]))),
    Row(
        "Padding_idx must be within num_embeddings", lambda u: u.t.nn.Embedding(3, 2, padding_idx=3)
    ),
    Row(
        "Target 7 is out of bounds",
        lambda u: u.t.nn.functional.cross_entropy(u.h, u.t.tensor([0, 7])),
    ),
    Row(
        "Target -1 is out of bounds", lambda u: u.t.nn.functional.nll_loss(u.h, u.t.tensor([0, -1]))
    ),
]


@each(ROWS)
def test_refused(place: int, mode: str) -> None:
    assert problems(ROWS[place], mode) == []
