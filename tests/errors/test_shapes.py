"""Shapes that don't fit: products, broadcasting, joining, views, layers, losses, sizes.

Each row is refused as PyTorch refuses it; see harness.py. Wrong dtypes are in test_dtypes.py,
indices in test_indexing.py.
"""

from __future__ import annotations

from tests.errors.harness import Row, World, each, problems


def a_linear_of_the_wrong_width(u: World) -> None:
    layer = u.t.nn.Linear(4, 2)
    layer(u.x)


def a_network(u: World) -> None:
    nn = u.t.nn
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(9, 2))
    net(u.x)


def a_batch_norm(u: World) -> None:
    layer = u.t.nn.BatchNorm1d(4)
    layer(u.x)


def a_transposed_view(u: World) -> None:
    turned = u.x.t()
    turned.view(6)


ROWS = [
    # products
    Row("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", lambda u: u.x @ u.y),
    Row("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", lambda u: u.h.mm(u.y)),
    Row("mat1 and mat2 shapes cannot be multiplied", lambda u: u.t.matmul(u.x, u.y)),
    Row("size mismatch", lambda u: u.y @ u.v),
    Row("mat1 and mat2 shapes cannot be multiplied", lambda u: u.p @ u.y),
    Row("inconsistent tensor size, expected tensor ... and src", lambda u: u.v @ u.t.ones(4)),
    Row("1D tensors expected", lambda u: u.t.dot(u.x, u.v)),
    Row("both arguments to matmul need to be at least 1D", lambda u: u.s @ u.v),
    Row(
        "Expected size for first two dimensions", lambda u: u.t.ones(2, 3, 4).bmm(u.t.ones(2, 3, 4))
    ),
    Row("batch1 must be a 3D tensor", lambda u: u.x.bmm(u.x)),
    Row("must be a matrix", lambda u: u.v.mm(u.x)),
    Row("cannot be multiplied", lambda u: u.t.addmm(u.v, u.x, u.y)),
    Row("t() expects a tensor with <= 2 dimensions", lambda u: u.t.ones(2, 3, 4).t()),
    Row("must match the size of tensor b", lambda u: u.t.ones(2, 3, 4) @ u.t.ones(5, 4, 2)),
    Row("einsum(): ... size", lambda u: u.t.einsum("ij,jk->ik", u.x, u.y)),
    Row("einsum()", lambda u: u.t.einsum("ijk,jk->ik", u.x, u.x)),
    # broadcasting
    Row(
        "The size of tensor a (3) must match the size of tensor b (5) at non-singleton dimension 1",
        lambda u: u.x + u.y,
    ),
    Row("The size of tensor a (3) must match ... (2)", lambda u: u.w * u.t.ones(2)),
    Row("The size of tensor a (2) must match ... (3)", lambda u: u.t.ones(2) < u.h),
    Row("must match the size of tensor b", lambda u: u.t.where(u.b, u.x, u.y)),
    Row("must match the size of tensor b", lambda u: u.x.lerp(u.y, 0.5)),
    Row("must match", lambda u: u.x.masked_fill(u.t.ones(2, dtype=u.t.bool), 0.0)),
    Row("must match the size of tensor b", lambda u: u.t.maximum(u.x, u.y)),
    Row("Attempting to broadcast", lambda u: u.t.broadcast_shapes((2, 3), (4, 5))),
    Row("must match the size of tensor b", lambda u: u.t.broadcast_tensors(u.x, u.y)),
    Row("must match the size of tensor b", lambda u: u.t.allclose(u.x, u.y)),
    # in place
    Row("output with shape [3] doesn't match the broadcast shape [2, 3]", lambda u: u.v.add_(u.x)),
    Row("output with shape [3] doesn't match the broadcast shape", lambda u: u.v.mul_(u.h)),
    Row("must match the size of tensor b", lambda u: u.x.add_(u.y)),
    Row("must match the size of tensor b", lambda u: u.p.copy_(u.t.ones(2))),
    Row("doesn't match the broadcast shape", lambda u: u.s.add_(u.v)),
    # joining and splitting
    Row("Sizes of tensors must match except in dimension 0", lambda u: u.t.cat([u.x, u.y])),
    Row("Sizes of tensors must match except in dimension 1", lambda u: u.t.cat([u.x, u.y], 1)),
    Row("Tensors must have same number of dimensions", lambda u: u.t.cat([u.x, u.v])),
    Row("non-empty list of Tensors", lambda u: u.t.cat([])),
    Row("zero-dimensional tensor ... cannot be concatenated", lambda u: u.t.cat([u.s, u.s])),
    Row("stack expects each tensor to be equal size", lambda u: u.t.stack([u.x, u.y])),
    Row("stack expects a non-empty TensorList", lambda u: u.t.stack([])),
    Row("split_with_sizes expects split_sizes to sum exactly to 2", lambda u: u.x.split([1, 2])),
    Row("split_size", lambda u: u.x.split(-1)),
    Row("chunk expects `chunks` to be greater than 0", lambda u: u.x.chunk(0)),
    Row("vstack expects a non-empty TensorList", lambda u: u.t.vstack([])),
    # view, reshape and their kin
    Row("shape '[4, 2]' is invalid for input of size 6", lambda u: u.x.view(4, 2)),
    Row("shape '[-1, 4]' is invalid for input of size 6", lambda u: u.h.reshape(-1, 4)),
    Row("only one dimension can be inferred", lambda u: u.x.reshape(-1, -1)),
    Row("invalid shape dimension -2", lambda u: u.x.view(-2, 3)),
    Row(
        "view size is not compatible with input tensor's size and stride ... .reshape(...)",
        a_transposed_view,
    ),
    Row("view size is not compatible", lambda u: u.h.t().view(-1)),
    Row("cannot reshape tensor of 0 elements", lambda u: u.t.zeros(0, 3).reshape(0, -1)),
    Row("must match the existing size (3) at non-singleton dimension 0", lambda u: u.v.expand(4)),
    Row("number of sizes provided ... must be greater or equal", lambda u: u.x.expand(3)),
    Row("isn't allowed in a leading, non-existing dimension", lambda u: u.v.expand(-1, 3)),
    Row(
        "expanded size of the tensor (4) must match", lambda u: u.h.expand(4, 2, 3).expand(4, 4, 3)
    ),
    Row("Number of dimensions of repeat dims can not be smaller", lambda u: u.x.repeat(2)),
    Row("number of dimensions in the tensor input does not match", lambda u: u.x.permute(0)),
    Row("duplicate dims are not allowed", lambda u: u.x.permute(0, 0)),
    Row("Dimension out of range", lambda u: u.x.permute(0, 2)),
    Row("Dimension out of range", lambda u: u.x.transpose(0, 2)),
    Row("don't multiply up to the size of dim 1 (3)", lambda u: u.x.unflatten(1, (2, 2))),
    Row("start_dim cannot come after end_dim", lambda u: u.x.flatten(1, 0)),
    Row("Dimension out of range", lambda u: u.x.unsqueeze(4)),
    Row("maximum size for tensor at dimension 0 is 3 but size is 4", lambda u: u.v.unfold(0, 4, 1)),
    Row("exceeds dimension size (3)", lambda u: u.x.narrow(1, 2, 2)),
    # sizes
    Row("negative", lambda u: u.t.zeros(-1, 2)),
    Row("negative dimension -2: [-2]", lambda u: u.t.ones(-2)),
    Row("negative dimension", lambda u: u.t.empty((2, -3))),
    Row("negative dimension", lambda u: u.t.full((-3,), 1.0)),
    Row("n must be greater or equal to 0, got -1", lambda u: u.t.eye(-1)),
    Row("step must be nonzero", lambda u: u.t.arange(0, 3, 0)),
    Row("upper bound and lower bound inconsistent with step sign", lambda u: u.t.arange(3, 0)),
    Row("number of steps must be non-negative", lambda u: u.t.linspace(0, 1, -1)),
    # layers
    Row("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x2)", a_linear_of_the_wrong_width),
    Row("mat1 and mat2 shapes cannot be multiplied (2x8 and 9x2)", a_network),
    Row("running_mean should contain 3 elements not 4", a_batch_norm),
    Row("expected 4D input (got 2D input)", lambda u: u.t.nn.BatchNorm2d(3)(u.x)),
    Row("expected 2D or 3D input (got 1D input)", lambda u: u.t.nn.BatchNorm1d(3)(u.v)),
    Row(
        "Given normalized_shape=[4], expected input with shape [*, 4]",
        lambda u: u.t.nn.LayerNorm(4)(u.x),
    ),
    Row(
        "expected input[1, 2, 5, 5] to have 3 channels, but got 2 channels",
        lambda u: u.t.nn.Conv2d(3, 4, 3)(u.t.ones(1, 2, 5, 5)),
    ),
    Row(
        "Kernel size can't be greater than actual input size",
        lambda u: u.t.nn.Conv2d(3, 4, 7)(u.t.ones(1, 3, 5, 5)),
    ),
    Row("Expected 3D (unbatched) or 4D (batched) input", lambda u: u.t.nn.Conv2d(3, 4, 3)(u.x)),
    Row("Expected 2D (unbatched) or 3D (batched) input", lambda u: u.t.nn.Conv1d(3, 4, 3)(u.v)),
    Row("in_channels must be divisible by groups", lambda u: u.t.nn.Conv2d(3, 4, 3, groups=2)),
    Row("Output size is too small", lambda u: u.t.nn.MaxPool2d(3)(u.t.ones(1, 1, 2, 2))),
    Row("pad should be ... half", lambda u: u.t.nn.MaxPool2d(2, padding=2)(u.t.ones(1, 1, 4, 4))),
    Row(
        "Expected more than 1 value per channel when training",
        lambda u: u.t.nn.BatchNorm1d(3)(u.x[:1]),
    ),
    Row("num_channels (3) must be divisible by num_groups (2)", lambda u: u.t.nn.GroupNorm(2, 3)),
    Row("Padding size", lambda u: u.t.nn.functional.pad(u.x[None], (5, 5), "reflect")),
    Row("Padding length", lambda u: u.t.nn.functional.pad(u.x, (1, 1, 1))),
    # losses
    Row("size of tensor a (3) must match", lambda u: u.t.nn.functional.mse_loss(u.x, u.y)),
    Row("size of tensor a (3) must match", lambda u: u.t.nn.L1Loss()(u.h, u.y)),
    Row(
        "Expected input batch_size (2) to match target batch_size (3)",
        lambda u: u.t.nn.functional.cross_entropy(u.h, u.i),
    ),
    Row(
        "Expected floating point type for target with class probabilities",
        lambda u: u.t.nn.functional.cross_entropy(u.h, u.t.zeros(2, 3, dtype=u.t.int64)),
    ),
    Row(
        "expected target dtype to be Long or Byte, but got Float",
        lambda u: u.t.nn.functional.cross_entropy(u.h, u.t.zeros(2)),
    ),
    Row(
        "1D target tensor expected, multi-target not supported",
        lambda u: u.t.nn.functional.cross_entropy(u.h, u.t.zeros(2, 1, dtype=u.t.int64)),
    ),
    Row(
        "weight tensor should be defined either for all 3 classes",
        lambda u: u.t.nn.functional.cross_entropy(u.h, u.i[:2], weight=u.t.ones(4)),
    ),
    Row(
        "Expected input batch_size (2) to match target batch_size (3)",
        lambda u: u.t.nn.functional.nll_loss(u.h, u.i),
    ),
    Row(
        "Using a target size (torch.Size([3])) that is different to the input size "
        "(torch.Size([2, 3]))",
        lambda u: u.t.nn.functional.binary_cross_entropy(u.x.sigmoid(), u.v),
    ),
    Row(
        "Target size (torch.Size([3])) must be the same as input size (torch.Size([2, 3]))",
        lambda u: u.t.nn.functional.binary_cross_entropy_with_logits(u.x, u.v),
    ),
    Row(
        "is not a valid value for reduction",
        lambda u: u.t.nn.MSELoss(reduction="average")(u.x, u.x),
    ),
    Row(
        "Class values must be smaller than num_classes", lambda u: u.t.nn.functional.one_hot(u.i, 2)
    ),
    Row("Class values must be non-negative", lambda u: u.t.nn.functional.one_hot(u.i - 1)),
]


@each(ROWS)
def test_refused(place: int, mode: str) -> None:
    assert problems(ROWS[place], mode) == []
