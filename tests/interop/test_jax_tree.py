"""Tensors as nodes of JAX's trees: under jit, grad, vmap, scan, checkpoint and `jax.tree`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jtorch
from jtorch import nn

F = nn.functional
X = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]


def x_of(kind: Any = jtorch.float32) -> Any:
    return jtorch.tensor(X, dtype=kind)


def values(tree: Any) -> Any:
    """A tree of Tensors or arrays as lists."""
    return jax.tree.map(lambda array: np.asarray(array).tolist(), jax.tree.leaves(tree))


def scanned(x: Any) -> Any:
    def body(carry: Any, row: Any) -> tuple:
        assert type(carry) is type(row) is jtorch.Tensor
        return (carry + row).tanh(), carry.sum()

    return jax.lax.scan(body, x[0] * 0, x)


def unrolled(x: Any) -> Any:
    carry, sums = x[0] * 0, []
    for row in x:
        sums.append(carry.sum())
        carry = (carry + row).tanh()
    return carry, jtorch.stack(sums)


def written(x: Any) -> Any:
    y = x.clone()
    view = y.view(-1)[1:3]
    view.mul_(3)
    y += 1
    return y, view


TRANSFORMS: dict[str, tuple[Callable, Callable]] = {
    "jit": (jax.jit(lambda x: {"y": (x * 2).sin(), "z": x[0]}), lambda x: [x.mul(2).sin(), x[0]]),
    "nested": (jax.jit(jax.vmap(lambda row: row.softmax(0))), lambda x: x.softmax(1)),
    "vmap": (jax.vmap(lambda row: row.cumsum(0), 1, 1), lambda x: x.cumsum(0)),
    "vmap of a tree": (
        jax.vmap(lambda tree, y: tree["x"] * y, ({"x": 0}, None)),
        lambda tree, y: tree["x"] * y,
    ),
    "scan": (scanned, unrolled),
    "in place": (jax.jit(written), written),
    "checkpoint": (jax.checkpoint(lambda x: x.exp() * x), lambda x: x.exp() * x),
    "cond": (
        lambda x: jax.lax.cond(x.jax().sum() > 0, lambda x: x + 1, lambda x: x - 1, x),
        lambda x: x + 1,
    ),
    "jax.numpy": (lambda x: jnp.sin(x), lambda x: x.sin()),
    "map": (lambda x: jax.tree.map(lambda a: a * 2, [x, {"y": x}]), lambda x: [x * 2, x * 2]),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform(name: str) -> None:
    transformed, plain = TRANSFORMS[name]
    given = ({"x": x_of()}, x_of()[0]) if name == "vmap of a tree" else (x_of(),)
    found, expected = transformed(*given), plain(*given)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
        assert a.dtype == b.dtype
    if name != "jax.numpy":
        nodes = jax.tree.leaves(found, is_leaf=lambda leaf: isinstance(leaf, jtorch.Tensor))
        assert all(type(node) is jtorch.Tensor for node in nodes)


def loss(params: dict, x: Any) -> Any:
    hidden = (x @ params["w"]).relu() + params["b"]
    return F.cross_entropy(hidden, jtorch.tensor([0, 2]))


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit, jax.checkpoint], ids=["", "jit", "remat"])
def test_grad(wrap: Callable) -> None:
    """The gradients have the classes of the arguments, and are those of `backward`."""
    params = {"w": nn.Parameter(jtorch.ones(3, 3) * 0.1), "b": jtorch.zeros(3)}
    found = jax.grad(wrap(lambda p, x: loss(p, x).jax()))(params, x_of())
    assert type(found["w"]) is nn.Parameter and type(found["b"]) is jtorch.Tensor
    params["b"].requires_grad_()
    loss(params, x_of()).backward()
    for name, param in params.items():
        np.testing.assert_allclose(found[name].detach(), param.grad, rtol=1e-5, atol=1e-7)


def test_optax_takes_parameters() -> None:
    """Its state is of Parameters where they are; so are the new ones."""
    model = nn.Linear(3, 2)
    params, transformation = dict(model.named_parameters()), optax.sgd(0.1, momentum=0.9)
    own = jtorch.optim.SGD(model.parameters(), 0.1, momentum=0.9)

    @jax.jit
    def step(params: dict, state: Any, x: Any) -> tuple:
        call = jtorch.func.functional_call
        grads = jax.grad(lambda p: call(model, p, (x,)).pow(2).mean().jax())(params)
        updates, state = transformation.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    params, _ = step(params, transformation.init(params), x_of())
    model(x_of()).pow(2).mean().backward()
    own.step()
    for name, expected in model.named_parameters():
        assert type(params[name]) is nn.Parameter
        np.testing.assert_allclose(params[name].detach(), expected.detach(), rtol=1e-5)


def test_values_pass_and_nothing_else() -> None:
    """History and gradients stay outside; what belongs to a class of Tensors comes back."""
    x = x_of().requires_grad_()
    y = jax.jit(lambda t: t * 2)(x)
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="does not require grad"):
        y.sum().backward()
    frozen = nn.Parameter(jtorch.arange(3), requires_grad=False)
    hidden = nn.Buffer(jtorch.ones(2), persistent=False)
    given = {"p": nn.Parameter(x_of()), "f": frozen, "b": hidden}
    found = jax.jit(lambda tree: tree)(given)
    assert {k: type(t) for k, t in found.items()} == {k: type(t) for k, t in given.items()}
    assert [found[k].requires_grad for k in given] == [True, False, False]
    assert found["b"].persistent is False


def test_a_step_inside_jit() -> None:
    """jtorch's own backward and an in-place update of Parameters, in the user's jit."""

    @jax.jit
    def step(p: Any, x: Any) -> tuple:
        value = (p * x).pow(2).sum()
        value.backward()
        with jtorch.no_grad():
            p.sub_(0.1 * p.grad)
        return p, value

    p = nn.Parameter(jtorch.tensor([1.0, 2.0, 3.0]))
    new, value = step(p, jtorch.ones(3))
    assert value.item() == 14 and p.tolist() == [1, 2, 3]
    np.testing.assert_allclose(new.detach(), [0.8, 1.6, 2.4], rtol=1e-6)


def test_64_bits_where_the_user_has_32() -> None:
    """jtorch's operations keep int64 and float64, whatever JAX is set to."""
    assert not jax.config.jax_enable_x64
    large = jtorch.tensor([2**40])
    assert jax.jit(lambda t: t + 1)(large).tolist() == [2**40 + 1]
    last, sums = jax.lax.scan(lambda c, _: (c * 2, c.sum()), large, None, length=2)
    assert last.tolist() == [2**42] and sums.dtype is jtorch.int64
    fine = jax.jit(lambda t: (t / 3).sin())(x_of(jtorch.float64))
    np.testing.assert_array_equal(fine, (x_of(jtorch.float64) / 3).sin())
    with jax.enable_x64(True):
        found = jax.grad(lambda t: (t / 3).sin().sum().jax())(x_of(jtorch.float64))
    assert found.dtype is jtorch.float64
    np.testing.assert_allclose(found, (x_of(jtorch.float64) / 3).cos() / 3, rtol=1e-15)


def test_arrays_and_tensors_share_their_buffers() -> None:
    """From one to the other and back nothing is copied, but by `torch.tensor`."""
    array = jnp.arange(3.0)
    for made in (jtorch.as_tensor, jtorch.asarray, jtorch.from_jax):
        assert made(array).jax() is array
    assert jtorch.tensor(array).jax().unsafe_buffer_pointer() != array.unsafe_buffer_pointer()
    assert jtorch.as_tensor(array, dtype=jtorch.float64).dtype is jtorch.float64
    shared = jtorch.as_tensor(array)
    shared.add_(1)  # the Tensor gets another buffer
    assert array.tolist() == [0, 1, 2] and shared.tolist() == [1, 2, 3]


def test_stale_and_pending_tensors() -> None:
    base = jtorch.zeros(4)
    view = base[1:3]
    base.add_(1)
    pending = base * 3
    assert values(jax.jit(lambda *t: t)(view, pending)) == [[1, 1], [3, 3, 3, 3]]


def test_what_is_no_array() -> None:
    """Shapes, shardings, numbers: JAX may put them into a tree of Tensors, and take it back."""
    p = nn.Parameter(x_of())
    struct = jax.eval_shape(lambda t: t @ t.T, p)
    assert (struct.shape, struct.dtype) == ((2, 2), jtorch.float32)
    assert "ShapeDtypeStruct" in repr(struct)
    with pytest.raises(RuntimeError, match="no value: JAX has put ShapeDtypeStruct"):
        struct + 1
    with pytest.raises(RuntimeError, match="no value"):
        struct[0, 0].item()
    shardings = jax.tree.map(lambda array: array.sharding, {"p": p})
    with pytest.raises(AttributeError, match="has no shape: JAX has put"):
        _ = shardings["p"].shape
    assert jax.jit(lambda t: t, in_shardings=(shardings,))({"p": p})["p"].requires_grad
    assert jax.tree.leaves(jax.tree.map(lambda _: 0, p)) == [0]
    assert type(jax.tree.map(np.asarray, p)) is nn.Parameter
    (path, _), *_ = jax.tree_util.tree_leaves_with_path({"w": p})
    assert jax.tree_util.keystr(path) == "['w'].array"
    whole = jax.grad(lambda k: (x_of() * k).sum().jax(), allow_int=True)(jtorch.arange(3))
    assert "b''" in repr(whole)


def test_errors() -> None:
    x = jtorch.ones(2)
    jax.jit(lambda t: t * 2, donate_argnums=0)(x)
    with pytest.raises(RuntimeError, match="deleted"):
        (x + 1).tolist()
    with pytest.raises(RuntimeError, match="doesn't have storage"):
        jtorch.vmap(jax.jit(lambda t: t))(x_of())
    with pytest.raises(ValueError, match="explicitly convert your object"):
        jax.grad(lambda t: t.sum())(x_of())  # an array is wanted: t.sum().jax()
    sparse = jtorch.sparse_coo_tensor(jtorch.tensor([[0]]), jtorch.tensor([1.0]), (2,))
    with pytest.raises(ValueError, match="register your object as a pytree"):
        jax.jit(lambda t: t)(sparse)


def test_a_module_in_a_users_jit() -> None:
    """It may be closed over, or get its state as an argument."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    expected = model(x_of()).detach()
    closed = jax.jit(lambda a: jnp.sin(model(jtorch.from_jax(a)).jax()))(x_of().jax())
    np.testing.assert_allclose(closed, expected.sin(), rtol=1e-5)
    each = jax.vmap(model)(x_of())
    np.testing.assert_allclose(each.detach(), expected, rtol=1e-5, atol=1e-6)
    state = model.state_dict()
    given = jax.jit(lambda s, x: jtorch.func.functional_call(model, s, (x,)))(state, x_of())
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-6)
