"""Per-sample gradients, Hessian-vector products, influence functions, Laplace's approximation, and
equations solved by networks."""

from __future__ import annotations

import math
from typing import Any

from . import study


@study(programs=3, tolerance=1e-5)
def test_per_sample_gradients(torch: Any) -> list:
    """Differentially private SGD: the gradient of each example is clipped, noise is added to the
    sum."""
    nn, func = torch.nn, torch.func
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    inputs, labels = torch.randn(16, 4), torch.randint(0, 3, (16,))
    bound, noise = 0.5, 0.1

    def loss_of_one(parameters: dict, x: Any, y: Any) -> Any:
        scores = func.functional_call(model, parameters, (x.unsqueeze(0),))
        return nn.functional.cross_entropy(scores, y.unsqueeze(0))

    gradients_of_each = func.vmap(func.grad_and_value(loss_of_one), in_dims=(None, 0, 0))
    losses = []
    for _ in range(5):
        parameters = {name: p.detach() for name, p in model.named_parameters()}
        gradients, loss = gradients_of_each(parameters, inputs, labels)
        norms = torch.stack([g.flatten(1).norm(dim=1) for g in gradients.values()]).norm(dim=0)
        factors = (bound / (norms + 1e-6)).clamp(max=1.0)
        for name, p in model.named_parameters():
            total = torch.einsum("n,n...->...", factors, gradients[name])
            p.grad = (total + noise * bound * torch.randn_like(p)) / len(inputs)
        optimizer.step()
        losses.append(loss.mean())
    return [torch.stack(losses).tolist(), norms, *model.parameters()]


@study(programs=3, tolerance=1e-4)
def test_power_iteration(torch: Any) -> list:
    """The largest eigenvalue of the Hessian of a loss, with products of Hessian and vector only."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1))
    parameters = list(model.parameters())
    x, y = torch.randn(20, 3), torch.randn(20, 1)
    loss = nn.functional.mse_loss(model(x), y)
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    v = [torch.randn_like(p) for p in parameters]
    eigenvalues = []
    for _ in range(10):
        norm = torch.sqrt(sum((u * u).sum() for u in v))
        v = [u / norm for u in v]
        products = torch.autograd.grad(gradients, parameters, grad_outputs=v, retain_graph=True)
        eigenvalues.append(sum((h * u).sum() for h, u in zip(products, v, strict=True)).item())
        v = [h.detach() for h in products]
    return eigenvalues


@study(programs=5, tolerance=1e-5)
def test_physics_informed_network(torch: Any) -> list:
    """u'' = -pi^2 sin(pi x) with u(0) = u(1) = 0: second derivatives inside of the loss."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    ends = torch.tensor([[0.0], [1.0]])
    losses = []
    for _ in range(6):
        optimizer.zero_grad()
        x = torch.rand(16, 1, requires_grad=True)
        u = model(x)
        (du,) = torch.autograd.grad(u, x, torch.ones_like(u), create_graph=True)
        (ddu,) = torch.autograd.grad(du, x, torch.ones_like(du), create_graph=True)
        residual = ddu + math.pi**2 * torch.sin(math.pi * x)
        loss = residual.pow(2).mean() + 10 * model(ends).pow(2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [losses, model[0].weight]


@study(programs=4, tolerance=1e-5)
def test_influence_functions(torch: Any) -> list:
    """How much each example of a logistic regression moves the loss of a test example: -g H^-1 g,
    the Hessian from autograd.functional (P. W. Koh and P. Liang, 2017)."""
    inputs, labels = torch.randn(12, 3).double(), (torch.rand(12) > 0.5).double()
    probe, answer = torch.randn(3).double(), torch.tensor(1.0).double()
    bce = torch.nn.functional.binary_cross_entropy_with_logits

    def risk(weight: Any) -> Any:
        return bce(inputs @ weight, labels) + 0.05 * weight.square().sum()

    weight = torch.zeros(3).double().requires_grad_()
    for _ in range(4):  # Newton's method
        hessian = torch.autograd.functional.hessian(risk, weight)
        (gradient,) = torch.autograd.grad(risk(weight), weight)
        with torch.no_grad():
            weight -= torch.linalg.solve(hessian, gradient)
    hessian = torch.autograd.functional.hessian(risk, weight)
    (of_probe,) = torch.autograd.grad(bce(probe @ weight, answer), weight)
    direction = torch.linalg.solve(hessian, of_probe)
    each = torch.stack(
        [
            torch.autograd.grad(bce(x @ weight, y), weight)[0]
            for x, y in zip(inputs, labels, strict=True)
        ]
    )
    _, product = torch.autograd.functional.hvp(risk, weight, direction)
    return [weight, -each @ direction, product - of_probe]


@study(programs=4, tolerance=1e-4)
def test_laplace_approximation(torch: Any) -> list:
    """The posterior of a trained network as a Gaussian: Jacobians of the outputs in all parameters
    give the Gauss-Newton matrix, and error bars."""
    nn, func = torch.nn, torch.func
    model = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1))
    x = torch.linspace(-2, 2, 12).unsqueeze(1)
    y = torch.sin(2 * x) + 0.1 * torch.randn(12, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(8):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def jacobian(at: Any) -> Any:
        found = func.jacrev(lambda p: func.functional_call(model, p, (at,)).squeeze(-1))(parameters)
        return torch.cat([j.flatten(1) for j in found.values()], dim=1)

    noise = 0.01
    features = jacobian(x)
    precision = features.T @ features / noise + torch.eye(features.shape[1])
    factor = torch.linalg.cholesky(precision)
    of_tests = jacobian(torch.tensor([[-3.0], [0.0], [3.0]]))
    variance = (of_tests * torch.cholesky_solve(of_tests.T, factor).T).sum(1)
    evidence = -torch.log(torch.diagonal(factor)).sum()
    return [features, variance, evidence]
