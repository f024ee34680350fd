"""Wrong dtypes and wrong types of arguments: of ops, in place, with `out=`, and of `tensor()`.

Each row is refused as PyTorch refuses it; see harness.py. Shapes are in test_shapes.py.
"""

from __future__ import annotations

from tests.errors.harness import Row, World, each, problems


def loss_of_integers(u: World) -> None:
    loss = u.t.nn.MSELoss()
    target = u.i
    loss(u.i, target).backward()


ROWS = [
    # floats are wanted
    Row("could not infer output dtype ... Long", lambda u: u.i.mean()),
    Row("could not infer output dtype ... Bool", lambda u: u.b.mean()),
    Row("std and var only support floating point", lambda u: u.i.std()),
    Row("std and var only support floating point", lambda u: u.i.var()),
    Row("not implemented for 'Long'", lambda u: u.i.softmax(0)),
    Row("not implemented for 'Long'", lambda u: u.t.nn.functional.log_softmax(u.i, 0)),
    Row("floating point", lambda u: u.i.norm()),
    Row("not implemented for 'Long'", lambda u: u.t.nn.functional.gelu(u.i)),
    Row("not implemented for 'Long'", lambda u: u.t.nn.functional.layer_norm(u.i, (3,))),
    Row(
        "not implemented for 'Long'", lambda u: u.t.nn.functional.cross_entropy(u.i[None], u.i[:1])
    ),
    Row(
        "Found dtype Long but expected", lambda u: u.t.nn.functional.binary_cross_entropy(u.v, u.i)
    ),
    Row("not implemented for 'Long'", loss_of_integers),
    Row("can require gradients", lambda u: u.t.tensor([1, 2], requires_grad=True)),
    Row("can require gradients", lambda u: u.i.requires_grad_()),
    Row("can require gradients", lambda u: u.t.ones(2, dtype=u.t.int64, requires_grad=True)),
    Row("can require gradients", lambda u: u.t.nn.Parameter(u.i)),
    # dtypes must agree
    Row("expected m1 and m2 to have the same dtype", lambda u: u.x @ u.x.double().t()),
    Row(
        "expected m1 and m2 to have the same dtype",
        lambda u: u.x.mm(u.t.ones(3, 2, dtype=u.t.int64)),
    ),
    Row(
        "expected scalar type Float but found Double",
        lambda u: u.x[None].bmm(u.x.double().t()[None]),
    ),
    Row("expected both vectors to have same dtype", lambda u: u.v.dot(u.i)),
    Row("must have the same dtype", lambda u: u.t.nn.Linear(3, 2)(u.x.double())),
    Row("must have the same dtype", lambda u: u.t.nn.Linear(3, 2)(u.i)),
    Row(
        "Input type (double) and bias type (float) should be the same",
        lambda u: u.t.nn.Conv1d(2, 4, 2)(u.x.double()),
    ),
    Row(
        "index_add_(): self (Float) and source (Double) must have the same scalar type",
        lambda u: u.v.index_add(0, u.i, u.v.double()),
    ),
    Row("expected ... dtype", lambda u: u.v.scatter(0, u.i, u.v.double())),
    Row(
        "Index put requires the source and destination dtypes match",
        lambda u: u.v.index_put((u.i,), u.v.double()),
    ),
    # integers are wanted
    Row("Expected dtype int32/int64 for index", lambda u: u.v.gather(0, u.v)),
    Row("Expected dtype int", lambda u: u.v.index_select(0, u.v)),
    Row("Expected dtype int32/int64 for index", lambda u: u.t.zeros(3).scatter(0, u.v, u.v)),
    Row("Long, Int", lambda u: u.t.nn.functional.embedding(u.v, u.y)),
    Row("Long, Int", lambda u: u.t.nn.Embedding(4, 2)(u.p)),
    Row("index tensor of type LongTensor", lambda u: u.t.nn.functional.one_hot(u.v, 3)),
    Row("bitwise_and ... not implemented for 'Float'", lambda u: u.v & u.v),
    Row("not implemented for 'Float'", lambda u: u.v | 1.0),
    Row("only implemented on integer and Boolean-type tensors", lambda u: ~u.h),
    Row("not implemented for 'Float'", lambda u: u.t.gcd(u.v, u.v)),
    Row("expected BoolTensor for mask", lambda u: u.v.masked_select(u.i)),
    Row("only supports boolean masks", lambda u: u.v.masked_fill(u.i, 0.0)),
    Row("expected condition to be a boolean tensor", lambda u: u.t.where(u.v, u.v, u.v)),
    # bool arithmetic
    Row(
        "Subtraction, the `-` operator, with two bool tensors is not supported", lambda u: u.b - u.b
    ),
    Row("Subtraction, the `-` operator, with a bool tensor is not supported", lambda u: 1 - u.b),
    Row("Negation, the `-` operator, on a bool tensor is not supported", lambda u: -u.b),
    Row("not implemented for 'Bool'", lambda u: u.b // u.b),
    Row("Integers to negative integer powers are not allowed", lambda u: u.i**-1),
    # in place and out=
    Row("result type Float can't be cast to the desired output type Long", lambda u: u.i.add_(0.5)),
    Row("result type Float can't be cast to the desired output type Long", lambda u: u.i.mul_(u.v)),
    Row("result type Float can't be cast to the desired output type Long", lambda u: u.i.div_(2)),
    Row("result type Long can't be cast to the desired output type Bool", lambda u: u.b.add_(1)),
    Row("can't be cast", lambda u: u.t.add(u.v, u.v, out=u.t.zeros(3, dtype=u.t.int64))),
    Row("can't be cast", lambda u: u.t.exp(u.v, out=u.t.zeros(3, dtype=u.t.int64))),
    Row(
        "out=... arguments don't support automatic differentiation",
        lambda u: u.t.add(u.w, u.v, out=u.t.zeros(3)),
    ),
    Row(
        "value cannot be converted to type ... without overflow",
        lambda u: u.t.full((2,), 300, dtype=u.t.uint8),
    ),
    # wrong types of arguments
    Row("exp(): argument 'input' (position 1) must be Tensor, not float", lambda u: u.t.exp(1.5)),
    Row("must be Tensor, not", lambda u: u.t.sum([1.0, 2.0])),
    Row("must be Tensor, not ... ndarray", lambda u: u.t.exp(u.v.numpy())),
    Row("must be Tensor", lambda u: u.t.matmul(u.x, 3.0)),
    Row("must be Tensor", lambda u: u.t.relu(None)),
    Row("missing", lambda u: u.t.matmul(u.x)),
    Row("must be", lambda u: u.v.add("one")),
    Row("unsupported operand type", lambda u: u.v + "one"),
    Row("unsupported operand type", lambda u: u.v + None),
    Row("unsupported operand type", lambda u: {} * u.x),
    Row("not supported between instances", lambda u: u.v < "one"),
    Row("", lambda u: u.v.sum(dims=0)),
    Row("", lambda u: u.t.sum(u.v, dim=0, keepdims_=True)),
    Row("unexpected keyword argument 'biased'", lambda u: u.t.nn.Linear(3, 2, biased=True)),
    Row("unexpected keyword argument", lambda u: u.t.nn.functional.relu(u.v, in_place=True)),
    Row("", lambda u: u.t.zeros(2, dtyp=u.t.float32)),
    Row("", lambda u: u.t.zeros("two")),
    Row("", lambda u: u.t.zeros(2.0)),
    Row("", lambda u: u.t.zeros(2, dtype="float32")),
    Row("", lambda u: u.v.to("float32")),
    Row("", lambda u: u.v.sum(dim=1.0)),
    Row("", lambda u: u.x.reshape(2.0, 3.0)),
    Row("", lambda u: u.x.view("a")),
    Row("", lambda u: u.x.transpose(0)),
    Row("", lambda u: u.t.cat(u.x, u.x)),
    Row("expected Tensor as element 1 in argument 0, but got int", lambda u: u.t.cat([u.x, 3])),
    Row("must be", lambda u: u.t.stack(3)),
    Row("", lambda u: u.x.permute("ab")),
    Row("", lambda u: u.t.tensor()),
    Row("takes 2 positional arguments but 3 were given", lambda u: u.t.nn.ReLU()(u.x, u.x)),
    Row("missing 1 required positional argument", lambda u: u.t.nn.Linear(3)),
    Row("missing 1 required positional argument", lambda u: u.t.nn.Linear(3, 2)()),
    Row("must be Tensor, not", lambda u: u.t.nn.Linear(3, 2)([1.0, 2.0, 3.0])),
    Row("must be Tensor, not str", lambda u: u.t.nn.Linear(3, 2)("input")),
    # tensor()
    Row("expected sequence of length 2 at dim 1 (got 1)", lambda u: u.t.tensor([[1, 2], [3]])),
    Row(
        "expected sequence of length 3 at dim 2 (got 2)",
        lambda u: u.t.tensor([[[1, 2, 3]], [[1, 2]]]),
    ),
    Row("new(): invalid data type 'str'", lambda u: u.t.tensor("one")),
    Row("too many dimensions 'str'", lambda u: u.t.tensor(["a", "b"])),
    Row("Could not infer dtype of NoneType", lambda u: u.t.tensor(None)),
    Row("Could not infer dtype of NoneType", lambda u: u.t.tensor([None, 1.0])),
    Row("Could not infer dtype of dict", lambda u: u.t.tensor({"a": 1})),
    Row("Could not infer dtype of object", lambda u: u.t.tensor(object())),
    Row(
        "only one element tensors can be converted to Python scalars",
        lambda u: u.t.tensor([u.v, u.v]),
    ),
    Row("expected np.ndarray (got list)", lambda u: u.t.from_numpy([1.0])),
    Row("can't convert np.ndarray of type", lambda u: u.t.from_numpy(u.v.numpy().astype("U4"))),
    Row("Overflow", lambda u: u.t.tensor(2**70)),
]


@each(ROWS)
def test_refused(place: int, mode: str) -> None:
    assert problems(ROWS[place], mode) == []
