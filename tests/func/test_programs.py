"""What people do with torch.func, at the size of an example: equal to PyTorch's results, and each
step of a loop is one program, compiled once. `t` is the library."""

from __future__ import annotations

from typing import Any

import pytest

from ..comparison import footgun

# PyTorch's jvp compiles its rules with TorchScript.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def network(t: Any, *sizes: int) -> Any:
    """A small network with tanh between its layers."""
    layers: list[Any] = []
    for narrow, wide in zip(sizes, sizes[1:], strict=False):
        layers += [t.nn.Linear(narrow, wide), t.nn.Tanh()]
    return t.nn.Sequential(*layers[:-1])


@footgun(programs=2)
def test_per_sample_gradients(t: Any) -> Any:
    """Clipped per sample, summed and applied, five times."""
    func = t.func
    model = network(t, 3, 4, 2)
    params = {k: v.detach() for k, v in model.named_parameters()}

    def loss(params: dict, x: Any, y: Any) -> Any:
        return t.nn.functional.mse_loss(func.functional_call(model, params, (x,)), y)

    each = t.vmap(func.grad_and_value(loss), in_dims=(None, 0, 0))
    seen = []
    for _ in range(5):
        x, y = t.randn(8, 3), t.randn(8, 2)
        grads, values = each(params, x, y)
        norms = t.stack([g.flatten(1).norm(dim=1) for g in grads.values()]).norm(dim=0)
        scale = (0.1 / norms).clamp(max=1.0)
        for name, g in grads.items():
            shape = (-1, *[1] * (g.dim() - 1))
            params[name] = params[name] - 0.5 * (g * scale.view(shape)).sum(0)
        seen.append([values.mean().item(), norms.tolist()])
    return seen, params


@footgun(programs=1)
def test_transform_inside_a_step(t: Any) -> Any:
    """A penalty on per-sample gradients, whose own gradient reaches the model's parameters."""
    model = network(t, 3, 4, 1)
    optimizer = t.optim.Adam(model.parameters(), lr=0.01)
    slopes = t.vmap(t.func.grad(lambda x: model(x).sum()))
    losses = []
    for _ in range(4):
        x = t.randn(6, 3)
        optimizer.zero_grad()
        loss = model(x).pow(2).mean() + (slopes(x).norm(dim=1) - 1).pow(2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, [p.detach() for p in model.parameters()]


@footgun(programs=2)
def test_maml(t: Any) -> Any:
    """Two inner steps per task, mapped over tasks; the outer gradient goes through them."""
    func = t.func
    model = network(t, 1, 5, 1)
    optimizer = t.optim.SGD(model.parameters(), lr=0.1)

    def loss(params: dict, x: Any, y: Any) -> Any:
        return t.nn.functional.mse_loss(func.functional_call(model, params, (x,)), y)

    def after_adapting(params: dict, x: Any, y: Any) -> Any:
        for _ in range(2):
            grads = func.grad(loss)(params, x, y)
            params = {k: p - 0.1 * grads[k] for k, p in params.items()}
        return loss(params, x, y)

    losses = []
    for _ in range(3):
        x, amplitude = t.rand(4, 5, 1), t.rand(4, 1, 1)
        params = dict(model.named_parameters())
        each = t.vmap(after_adapting, in_dims=(None, 0, 0))(params, x, amplitude * x.sin())
        optimizer.zero_grad()
        each.mean().backward()
        optimizer.step()
        losses.append(each.tolist())
    return losses, [p.detach() for p in model.parameters()]


@footgun(programs=1)
def test_physics_informed_network(t: Any) -> Any:
    """u'' = -u: the second derivative of a network in its input, in the loss."""
    func = t.func
    model = network(t, 1, 6, 1)
    optimizer = t.optim.SGD(model.parameters(), lr=0.05)

    def u(x: Any) -> Any:
        return model(x.reshape(1)).squeeze()

    curvature = t.vmap(func.grad(func.grad(u)))
    losses = []
    for _ in range(3):
        x = t.rand(7)
        optimizer.zero_grad()
        residual = (curvature(x) + t.vmap(u)(x)).pow(2).mean()
        boundary = u(t.zeros(())).pow(2) + (func.grad(u)(t.zeros(())) - 1).pow(2)
        loss = residual + boundary
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, [p.detach() for p in model.parameters()]


@footgun(programs=2)
def test_hessian_vector_products(t: Any) -> Any:
    """Forward over reverse and reverse over forward; a power iteration for the largest
    curvature."""
    func = t.func
    matrix = t.randn(4, 4)

    def f(x: Any) -> Any:
        return (matrix @ x).tanh().pow(2).sum() + x.pow(4).sum()

    x, v = t.randn(4), t.randn(4)
    for _ in range(3):
        product = func.jvp(func.grad(f), (x,), (v,))[1]
        v = product / product.norm()
    other = func.grad(lambda x: func.jvp(f, (x,), (v,))[1])(x)
    whole = func.hessian(f)(x)
    return v, other, whole, func.jacrev(func.jacfwd(f))(x), func.jacfwd(func.jacfwd(f))(x)


@footgun(programs=2)
def test_ensemble(t: Any) -> Any:
    """Three models as one, each trained on the same batch."""
    func = t.func
    models = [network(t, 3, 4, 2) for _ in range(3)]
    params, buffers = func.stack_module_state(models)
    base = models[0]
    optimizer = t.optim.SGD(list(params.values()), lr=0.1)

    def call(params: dict, buffers: dict, x: Any) -> Any:
        return func.functional_call(base, (params, buffers), (x,))

    for _ in range(3):
        x, y = t.randn(5, 3), t.randint(0, 2, (5,))
        scores = t.vmap(call, in_dims=(0, 0, None))(params, buffers, x)
        loss = t.nn.functional.cross_entropy(scores.flatten(0, 1), y.repeat(3))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item(), {k: v.detach() for k, v in params.items()}


@footgun(programs=2)
def test_batch_norm_writes_its_statistics(t: Any) -> Any:
    """A mapped function that writes to its arguments: the running statistics of each model."""
    func = t.func
    models = [t.nn.BatchNorm1d(3) for _ in range(2)]
    params, buffers = func.stack_module_state(models)

    def call(params: dict, buffers: dict, x: Any) -> Any:
        return func.functional_call(models[0], (params, buffers), (x,))

    for _ in range(2):
        found = t.vmap(call, in_dims=(0, 0, None))(params, buffers, t.randn(5, 3))
    return found.detach(), buffers


@footgun(programs=3)
def test_neural_ode(t: Any) -> Any:
    """An Euler loop, and its gradient in the parameters and in the starting point."""
    func = t.func
    field = network(t, 2, 4, 2)
    params = {k: v.detach() for k, v in field.named_parameters()}

    def end(params: dict, z: Any) -> Any:
        for _ in range(4):
            z = z + 0.25 * func.functional_call(field, params, (z,))
        return z

    seen = []
    for _ in range(2):
        start = t.randn(2)
        z, pullback = func.vjp(end, params, start)
        in_params, in_start = pullback(z - 1)
        params = {k: p - 0.1 * in_params[k] for k, p in params.items()}
        seen.append([z.tolist(), in_start])
    return seen, params, func.jacfwd(end, argnums=1)(params, start)


@footgun(programs=2)
def test_dropout_of_each_example(t: Any) -> Any:
    """Masks of its own for each example, in a gradient; the same in each, in another loop."""
    weight = t.randn(3)

    def loss(weight: Any, x: Any) -> Any:
        return t.nn.functional.dropout(weight * x, 0.5).sum()

    seen = []
    for mode in ("different", "same"):
        each = t.vmap(t.func.grad(loss), in_dims=(None, 0), randomness=mode)
        seen.append([each(weight, t.ones(4, 3)) for _ in range(2)])
    return seen


@footgun(
    programs=9, because=[("op", "return y.sin() if y > 1"), ("op", "seen.append([func.grad(f)(x)")]
)
def test_values_can_be_read(t: Any) -> Any:
    """Inside of grad, vjp and jvp a value has a number, and Python may branch on it."""
    func, seen = t.func, []

    def f(x: Any) -> Any:
        y = (x * x).sum()
        seen.append(y.item())
        return y.sin() if y > 1 else y

    for scale in (0.1, 1.0):
        x = t.tensor([1.0, 2.0]) * scale
        seen.append([func.grad(f)(x), func.jvp(f, (x,), (x,))[1], func.vjp(f, x)[1](t.ones(()))])
    return seen


@footgun(programs=3, because=[("argument", "each(x).tolist()")])
def test_numbers_that_vary(t: Any) -> Any:
    """A Python number that changes from call to call, inside a mapped function."""
    x, seen = t.arange(3.0), []
    for step in range(5):
        each = t.vmap(t.func.grad(lambda x, s=step: (x * (0.5 + s)).sin()))
        seen.append(each(x).tolist())
    return seen
