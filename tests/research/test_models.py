"""A VAE, a GAN with a gradient penalty, a neural differential equation and an implicit layer."""

from __future__ import annotations

from typing import Any

from . import study


@study(programs=6, tolerance=1e-5)
def test_vae(torch: Any) -> list:
    """A variational autoencoder: reparameterised samples, KL divergence of distributions."""
    nn, distributions = torch.nn, torch.distributions

    class VAE(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
            self.mean, self.log_scale = nn.Linear(16, 2), nn.Linear(16, 2)
            self.decoder = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 8))

        def forward(self, x: Any) -> tuple:
            hidden = self.encoder(x)
            posterior = distributions.Normal(self.mean(hidden), self.log_scale(hidden).exp())
            return self.decoder(posterior.rsample()), posterior

    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    prior = distributions.Normal(torch.zeros(2), torch.ones(2))
    x = (torch.rand(10, 8) > 0.5).float()
    found = []
    for step in range(6):
        logits, posterior = model(x)
        likelihood = distributions.Bernoulli(logits=logits).log_prob(x).sum(-1).mean()
        divergence = distributions.kl_divergence(posterior, prior).sum(-1).mean()
        loss = divergence * min(1.0, step / 4) - likelihood
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        found.append((loss.item(), divergence.item()))
    with torch.no_grad():
        drawn = model.decoder(prior.sample((3,))).sigmoid()
    return [found, drawn]


@study(programs=5, tolerance=1e-5)
def test_gradient_penalty(torch: Any) -> list:
    """WGAN-GP: the norm of the critic's slope is part of its loss (I. Gulrajani et al., 2017)."""
    nn = torch.nn
    generator = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    critic = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 8), nn.Tanh())
    critic.append(nn.Linear(8, 1))
    betas = (0.0, 0.9)
    of_generator = torch.optim.Adam(generator.parameters(), lr=1e-2, betas=betas)
    of_critic = torch.optim.Adam(critic.parameters(), lr=1e-2, betas=betas)
    real = torch.randn(12, 2) + 2
    found = []
    for _ in range(3):
        for _ in range(2):
            fake = generator(torch.randn(12, 2)).detach()
            share = torch.rand(12, 1)
            between = (share * real + (1 - share) * fake).requires_grad_(True)
            scores = critic(between)
            (slopes,) = torch.autograd.grad(
                outputs=scores,
                inputs=between,
                grad_outputs=torch.ones_like(scores),
                create_graph=True,
                retain_graph=True,
                only_inputs=True,
            )
            penalty = 10 * ((slopes.norm(2, dim=1) - 1) ** 2).mean()
            loss = critic(fake).mean() - critic(real).mean() + penalty
            of_critic.zero_grad()
            loss.backward()
            of_critic.step()
        of_generator.zero_grad()
        deceived = -critic(generator(torch.randn(12, 2))).mean()
        deceived.backward()
        of_generator.step()
        found.append((loss.item(), penalty.item(), deceived.item()))
    return [found, *generator.parameters()]


def rk4(field: Any, state: Any, step: float) -> Any:
    """One step of the classic method of Runge and Kutta, for a tuple of Tensors."""

    def moved(by: float, slopes: Any) -> tuple:
        return tuple(s + by * d for s, d in zip(state, slopes, strict=True))

    a = field(state)
    b = field(moved(step / 2, a))
    c = field(moved(step / 2, b))
    d = field(moved(step, c))
    return moved(
        step / 6, tuple(p + 2 * q + 2 * r + s for p, q, r, s in zip(a, b, c, d, strict=True))
    )


@study(programs=2, tolerance=1e-5)
def test_neural_ode(torch: Any) -> list:
    """A neural ODE whose backward solves the adjoint equation backwards in time (R. T. Q. Chen et
    al., 2018), as an autograd.Function."""
    nn = torch.nn
    steps, dt = 6, 0.1

    class Adjoint(torch.autograd.Function):
        @staticmethod
        def forward(ctx, field, start, *parameters):
            with torch.no_grad():
                state = (start,)
                for _ in range(steps):
                    state = rk4(lambda s: (field(s[0]),), state, dt)
            ctx.field, ctx.parameters = field, parameters
            ctx.save_for_backward(state[0])
            return state[0]

        @staticmethod
        def backward(ctx, gradient):
            (end,) = ctx.saved_tensors

            def backwards(state):
                with torch.enable_grad():
                    y = state[0].detach().requires_grad_(True)
                    slope = ctx.field(y)
                    pulled = torch.autograd.grad(slope, (y, *ctx.parameters), -state[1])
                return (slope.detach(), *pulled)

            state = (end, gradient, *map(torch.zeros_like, ctx.parameters))
            for _ in range(steps):
                state = rk4(backwards, state, -dt)
            return (None, *state[1:])

    field = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = torch.optim.Adam(field.parameters(), lr=1e-2)
    start = torch.randn(5, 2)
    target = start @ torch.tensor([[0.8, 0.6], [-0.6, 0.8]])
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        end = Adjoint.apply(field, start, *field.parameters())
        loss = (end - target).pow(2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [losses, *field.parameters()]


@study(programs=6, tolerance=2e-5)
def test_deep_equilibrium(torch: Any) -> list:
    """An implicit layer z = tanh(W z + U x): the fixed point is found without a graph, and a hook
    solves the linear equation of its gradient (S. Bai et al., 2019)."""
    nn = torch.nn

    def fixed_point(f: Any, z: Any) -> Any:
        for _ in range(12):
            z = f(z)
        return z

    class Equilibrium(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = nn.Linear(4, 4, bias=False), nn.Linear(3, 4)
            with torch.no_grad():
                self.inner.weight.mul_(0.5)

        def step(self, z: Any, x: Any) -> Any:
            return torch.tanh(self.inner(z) + self.outer(x))

        def forward(self, x: Any) -> Any:
            with torch.no_grad():
                z = fixed_point(lambda z: self.step(z, x), torch.zeros(len(x), 4))
            z = self.step(z, x)
            at = z.clone().detach().requires_grad_()
            again = self.step(at, x)

            def solve(gradient: Any) -> Any:
                pull = torch.autograd.grad
                return fixed_point(
                    lambda g: pull(again, at, g, retain_graph=True)[0] + gradient, gradient
                )

            if z.requires_grad:
                z.register_hook(solve)
            return z

    model = nn.Sequential(Equilibrium(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x, y = torch.randn(6, 3), torch.randn(6, 1)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [losses, *model.parameters()]
