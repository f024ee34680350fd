"""`from_flax`: modules written in Flax's own idiom as layers that train here."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen, nnx

import jtorch
from jtorch.interop.flax import from_flax
from jtorch.interop.jax import as_function

from ..comparison import compiled

F = jtorch.nn.functional


class ResidualBlock(linen.Module):
    width: int

    @linen.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        y = linen.Conv(self.width, (3, 3), use_bias=False)(x)
        y = linen.BatchNorm(use_running_average=not train)(y)
        y = linen.Conv(self.width, (3, 3), use_bias=False)(linen.relu(y))
        y = linen.BatchNorm(use_running_average=not train)(y)
        return linen.relu(x + y)


class ResNet(linen.Module):
    classes: int = 3

    @linen.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = linen.Conv(4, (3, 3), name="stem")(x)
        x = ResidualBlock(4, name="block")(x, train)
        return linen.Dense(self.classes)(x.mean((1, 2)))


class Noisy(linen.Module):
    @linen.compact
    def __call__(self, x: jax.Array, deterministic: bool) -> jax.Array:
        return linen.Dropout(0.5)(linen.Dense(16)(x), deterministic=deterministic)


class Block(nnx.Module):
    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        self.norm = nnx.LayerNorm(width, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(2, width, decode=False, rngs=rngs)
        self.dropout = nnx.Dropout(0.1, rngs=rngs)
        self.out = nnx.Linear(width, width, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = x + self.attention(self.norm(x))
        return x + self.dropout(nnx.gelu(self.out(x)))


class Transformer(nnx.Module):
    """The embedding is tied to the head."""

    def __init__(self, words: int = 7, width: int = 8, *, rngs: nnx.Rngs) -> None:
        self.embedding = nnx.Embed(words, width, rngs=rngs)
        self.blocks = nnx.List([Block(width, rngs=rngs)])

    def __call__(self, tokens: jax.Array) -> jax.Array:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.embedding.attend(x)


X, Y = np.linspace(-1, 1, 192, dtype=np.float32).reshape(2, 8, 4, 3), np.array([0, 2])
TOKENS = jtorch.arange(10).reshape(2, 5) % 7


def step(layer: Any, optimizer: Any, x: Any, y: Any) -> Any:
    loss = F.cross_entropy(layer(x).flatten(0, -2), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def test_linen_trains_as_it_does_under_optax() -> None:
    """The same losses, weights and statistics as Flax's own loop, in one program a step."""
    jtorch.manual_seed(0)
    module, x, y = ResNet(), jtorch.tensor(X), jtorch.tensor(Y)
    layer = from_flax(module, x)
    start = layer.to_flax()
    optimizer = jtorch.optim.SGD(layer.parameters(), 0.1, momentum=0.9)

    @jax.jit
    def expected(variables: Any, state: Any) -> tuple:
        def loss(params: Any) -> tuple:
            given = {**variables, "params": params}
            scores, new = module.apply(given, X, train=True, mutable=["batch_stats"])
            value = optax.softmax_cross_entropy_with_integer_labels(scores, Y).mean()
            return value, new

        (value, new), grads = jax.value_and_grad(loss, has_aux=True)(variables["params"])
        updates, state = transformation.update(grads, state)
        params = optax.apply_updates(variables["params"], updates)
        return {"params": params, **new}, state, value

    transformation = optax.sgd(0.1, momentum=0.9)
    variables, state = start, transformation.init(start["params"])
    for k in range(4):
        variables, state, value = expected(variables, state)
        losses: list[Any] = []
        count = compiled(lambda found=losses: found.append(step(layer, optimizer, x, y)))
        assert count == (1 if k == 0 else 0)
        assert losses[0].item() == pytest.approx(value.item(), rel=1e-4)
    for a, b in zip(*map(jax.tree.leaves, (layer.to_flax(), variables)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(
        layer.eval()(x).detach(), module.apply(variables, X, train=False), rtol=1e-3, atol=1e-4
    )


def test_names_and_state_dict() -> None:
    layer = from_flax(ResNet(), jtorch.tensor(X))
    names = [name for name, _ in layer.named_parameters()]
    assert names[:3] == ["Dense_0.bias", "Dense_0.kernel", "block.BatchNorm_0.bias"]
    assert "block.Conv_1.kernel" in names and "stem.kernel" in names
    assert [name for name, _ in layer.named_buffers()] == [
        f"block.BatchNorm_{k}.{name}" for k in (0, 1) for name in ("mean", "var")
    ]
    other = from_flax(ResNet(), jtorch.tensor(X))
    assert not jtorch.equal(other.stem.kernel, layer.stem.kernel)
    other.load_state_dict(layer.state_dict())
    assert jtorch.equal(other.stem.kernel, layer.stem.kernel)
    assert jtorch.equal(other(jtorch.tensor(X)), layer(jtorch.tensor(X)))
    assert repr(layer).startswith("FlaxLayer(\n  ResNet\n")


def test_seeds_give_weights_and_masks() -> None:
    def losses() -> list:
        jtorch.manual_seed(3)
        layer, x = from_flax(Noisy(), jtorch.ones(2, 3)), jtorch.ones(2, 3)
        found = [layer(x).sum().item() for _ in range(3)]
        layer.eval()
        assert jtorch.equal(layer(x), layer(x))
        return found

    first, again = losses(), []
    assert compiled(lambda: again.extend(losses())) == 0  # an equal module has the same programs
    assert first == again and len(set(first)) == 3


def test_its_arrays_are_shared_and_stay() -> None:
    """Variables that somebody has are not copied, and not changed by steps."""
    module = linen.Dense(2)
    variables = module.init(jax.random.key(0), jnp.ones((1, 3)))
    layer = from_flax(module, variables=variables)
    kernel = variables["params"]["kernel"]
    assert layer.kernel.jax() is kernel
    before = kernel.tolist()
    optimizer = jtorch.optim.SGD(layer.parameters(), 0.1)
    layer(jtorch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert kernel.tolist() == before != layer.kernel.tolist()


def test_nnx_trains_in_one_program() -> None:
    jtorch.manual_seed(0)
    model = Transformer(rngs=nnx.Rngs(0))
    layer = from_flax(model)
    names = [name for name, _ in layer.named_parameters()]
    assert "blocks.0.attention.query.kernel" in names and "embedding.embedding" in names
    expected = nnx.view(model, deterministic=True)(TOKENS.jax().astype(jnp.int32))
    np.testing.assert_allclose(layer.eval()(TOKENS).detach(), expected, rtol=1e-5, atol=1e-5)
    assert not model.blocks[0].dropout.deterministic  # the module itself is left alone
    optimizer = jtorch.optim.Adam(layer.train().parameters(), 0.01)
    target = TOKENS.roll(1, 1).flatten()
    losses = [step(layer, optimizer, TOKENS, target) for _ in range(2)]
    more = compiled(lambda: losses.extend(step(layer, optimizer, TOKENS, target) for _ in range(9)))
    assert more == 0 and losses[-1].item() < losses[0].item() - 0.1
    trained = nnx.view(layer.to_flax(), deterministic=True)
    np.testing.assert_allclose(
        trained(TOKENS.jax().astype(jnp.int32)), layer.eval()(TOKENS).detach(), rtol=1e-4, atol=1e-5
    )


def test_nnx_gradients_are_flaxs() -> None:
    model = Transformer(rngs=nnx.Rngs(1))
    layer = from_flax(model).eval()
    layer(TOKENS).pow(2).mean().backward()
    resting = nnx.view(model, deterministic=True)
    tokens = TOKENS.jax().astype(jnp.int32)
    grads = nnx.grad(lambda m: (m(tokens) ** 2).mean())(resting)
    for path, variable in nnx.to_flat_state(grads):
        name = ".".join(map(str, path))
        found = layer.get_parameter(name).grad
        np.testing.assert_allclose(found, variable.get_value(), rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_layer_among_others() -> None:
    """Copied, pickled, in a Sequential, as a pure function with a key, under torch.func."""
    jtorch.manual_seed(0)
    dense = from_flax(linen.Dense(4), jtorch.ones(1, 3))
    model = jtorch.nn.Sequential(dense, jtorch.nn.Tanh(), jtorch.nn.Linear(4, 2))
    x = jtorch.randn(5, 3)
    expected = model(x)
    assert jtorch.equal(copy.deepcopy(model)(x), expected)
    np.testing.assert_allclose(jtorch.vmap(model)(x).detach(), expected.detach(), rtol=1e-5)
    noisy = from_flax(linen.Dropout(0.5, deterministic=False), variables={})
    function, params, buffers = as_function(noisy)
    masks = [
        jax.jit(function)(params, buffers, jnp.ones(64), rng=jax.random.key(k))[0] for k in (0, 1)
    ]
    assert not np.array_equal(*masks) and set(masks[0].tolist()) == {0, 2}


def test_errors() -> None:
    with pytest.raises(TypeError, match="make an instance first"):
        from_flax(linen.Dense, jtorch.ones(3))
    with pytest.raises(TypeError, match="wants examples of the inputs, or variables"):
        from_flax(linen.Dense(3))
    with pytest.raises(TypeError, match="takes nothing else"):
        from_flax(nnx.Linear(2, 2, rngs=nnx.Rngs(0)), jtorch.ones(2))
    layer = from_flax(linen.Dense(3), jtorch.ones(1, 2))
    with pytest.raises(Exception, match="kernel"):
        layer(jtorch.ones(1, 5))


def test_jtorch_does_not_load_flax() -> None:
    """Nor does the room of JAX; only the room of Flax does."""
    code = "import sys, jtorch.interop.jax; assert not {'flax', 'orbax'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
