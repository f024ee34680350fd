"""Wrong uses of autograd: backward twice, without a graph, of many elements; writes to leaves and
to what a graph has saved; hooks and `requires_grad`.

Each row is refused as PyTorch refuses it; see harness.py.
"""

from __future__ import annotations

from tests.errors.harness import Row, World, each, problems


def second_backward(u: World) -> None:
    loss = (u.h * u.h).sum()
    loss.backward()
    loss.backward()


def second_backward_after_a_read(u: World) -> None:
    loss = (u.h.exp()).sum()
    loss.item()
    loss.backward()
    loss.item()
    loss.backward()


def two_losses_of_one_graph(u: World) -> None:
    hidden = (u.w * u.v).exp()
    first, second = hidden.sum(), (hidden * 2).sum()
    first.backward()
    second.backward()


def second_grad(u: World) -> None:
    loss = (u.w**3).sum()
    u.t.autograd.grad(loss, u.w)
    u.t.autograd.grad(loss, u.w)


def saved_input_written(u: World) -> None:
    hidden = u.w * 1.0
    loss = (hidden * hidden).sum()
    hidden.add_(1.0)
    loss.backward()


def saved_output_written(u: World) -> None:
    hidden = u.w.exp()
    loss = hidden.sum()
    hidden.mul_(2.0)
    loss.backward()


def saved_constant_written(u: World) -> None:
    loss = (u.v * u.w).sum()
    u.v.zero_()
    loss.backward()


def saved_view_written(u: World) -> None:
    hidden = u.x * u.w
    loss = (hidden[0] * hidden[0]).sum()
    hidden[0, 0] = 5.0
    loss.backward()


def saved_weight_stepped(u: World) -> None:
    loss = (u.w * u.w).sum()
    loss.backward(retain_graph=True)
    u.sgd.step()
    loss.backward()


def leaf_in_no_grad_kept(u: World) -> None:
    with u.t.no_grad():
        loss = (u.w * 2).sum()
    loss.backward()


def after_detach(u: World) -> None:
    loss = u.h.detach().sum()
    loss.backward()


def slice_of_a_leaf(u: World) -> None:
    u.w[0] = 1.0


def augmented(u: World) -> None:
    w = u.w
    w += 1


def view_of_a_leaf(u: World) -> None:
    head = u.w[:2]
    head.zero_()


def flag_of_a_result(u: World) -> None:
    hidden = u.w * 2
    hidden.requires_grad = False


def grad_of_a_wrong_shape(u: World) -> None:
    u.w.grad = u.t.ones(4)


def grad_of_a_wrong_dtype(u: World) -> None:
    u.w.grad = u.v.double()


def grad_of_a_wrong_type(u: World) -> None:
    u.w.grad = 1.0


def expanded_written(u: World) -> None:
    wide = u.v.expand(2, 3)
    wide.add_(1.0)


def detached_view(u: World) -> None:
    view = u.h[0]
    view.detach_()


def in_hook(u: World) -> None:
    hidden = u.w * 2
    hidden.register_hook(lambda gradient: gradient @ u.y)
    hidden.sum().backward()


ROWS = [
    # backward
    Row("backward through the graph a second time ... retain_graph=True", second_backward),
    Row("backward through the graph a second time", second_backward_after_a_read),
    Row("backward through the graph a second time", two_losses_of_one_graph),
    Row("backward through the graph a second time", second_grad),
    Row("grad can be implicitly created only for scalar outputs", lambda u: u.h.backward()),
    Row("grad can be implicitly created only for scalar outputs", lambda u: u.w.backward()),
    Row(
        "element 0 of tensors does not require grad and does not have a grad_fn",
        lambda u: u.x.sum().backward(),
    ),
    Row("does not require grad and does not have a grad_fn", leaf_in_no_grad_kept),
    Row("does not require grad and does not have a grad_fn", after_detach),
    Row("does not require grad and does not have a grad_fn", lambda u: u.i.sum().backward()),
    Row("Mismatch in shape: grad_output[0]", lambda u: u.h.backward(u.t.ones(3))),
    Row("", lambda u: u.h.sum().backward(1.0)),
    Row("argument to ... cannot be empty", lambda u: u.h.sum().backward(inputs=[])),
    Row("mat1 and mat2 shapes cannot be multiplied", in_hook),
    # grad
    Row(
        "One of the differentiated Tensors does not require grad",
        lambda u: u.t.autograd.grad(u.h.sum(), u.x),
    ),
    Row(
        "appears to not have been used in the graph ... allow_unused=True",
        lambda u: u.t.autograd.grad((u.t.ones(1, requires_grad=True) * 2).sum(), u.w),
    ),
    Row(
        "Expected allow_unused to be True or not passed when materialize_grads=True",
        lambda u: u.t.autograd.grad(u.h.sum(), u.w, materialize_grads=True, allow_unused=False),
    ),
    Row("argument to `grad()` cannot be empty", lambda u: u.t.autograd.grad(u.h.sum(), {})),
    Row("scalar outputs", lambda u: u.t.autograd.grad(u.h, u.w)),
    Row("does not require grad", lambda u: u.t.autograd.grad(u.x.sum(), u.w)),
    # what a graph has saved
    Row(
        "one of the variables needed for gradient computation has been modified by an inplace "
        "operation",
        saved_input_written,
    ),
    Row("modified by an inplace operation", saved_output_written),
    Row("modified by an inplace operation", saved_constant_written),
    Row("modified by an inplace operation", saved_view_written),
    Row("modified by an inplace operation", saved_weight_stepped),
    # leaves
    Row(
        "a leaf Variable that requires grad is being used in an in-place operation",
        lambda u: u.w.add_(1.0),
    ),
    Row("a leaf Variable that requires grad", lambda u: u.w.zero_()),
    Row("a leaf Variable that requires grad", lambda u: u.w.copy_(u.v)),
    Row("a leaf Variable that requires grad", lambda u: u.w.fill_(1.0)),
    Row("a leaf Variable that requires grad", lambda u: u.w.clamp_(0, 1)),
    Row("leaf Variable that requires grad", slice_of_a_leaf),
    Row("a leaf Variable that requires grad", augmented),
    Row("a view of a leaf Variable that requires grad", view_of_a_leaf),
    Row("a leaf Variable that requires grad", lambda u: u.t.nn.functional.relu(u.w, inplace=True)),
    Row("a leaf Variable that requires grad", lambda u: u.t.nn.Dropout(0.5, inplace=True)(u.w)),
    # flags
    Row("you can only change requires_grad flags of leaf variables", flag_of_a_result),
    Row("you can only change requires_grad flags", lambda u: u.h.requires_grad_(False)),
    Row("can't retain_grad on Tensor that has requires_grad=False", lambda u: u.x.retain_grad()),
    Row(
        "cannot register a hook on a tensor that doesn't require gradient",
        lambda u: u.x.register_hook(print),
    ),
    Row("hook", lambda u: u.h.register_post_accumulate_grad_hook(print)),
    Row("attempting to assign a gradient of size ... to a tensor of size", grad_of_a_wrong_shape),
    Row("attempting to assign a gradient with dtype", grad_of_a_wrong_dtype),
    Row("", grad_of_a_wrong_type),
    Row(
        "more than one element of the written-to tensor refers to a single memory", expanded_written
    ),
    Row("Can't detach views in-place. Use detach() instead", detached_view),
    Row("graph leaves", lambda u: __import__("copy").deepcopy(u.h)),
]


@each(ROWS)
def test_refused(place: int, mode: str) -> None:
    assert problems(ROWS[place], mode) == []
