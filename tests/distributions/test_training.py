"""Training through distributions: equal to PyTorch's for a seed, and programs are bounded."""

from __future__ import annotations

from typing import Any

from ..comparison import footgun


def autoencoder(t: Any) -> list[float]:
    """A variational autoencoder: rsample, a divergence, and a Bernoulli likelihood."""
    d = t.distributions
    encoder, decoder = t.nn.Linear(8, 6), t.nn.Linear(3, 8)
    optimizer = t.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.01)
    data = t.bernoulli(t.full((20, 8), 0.3))
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loc, log_scale = encoder(data).chunk(2, -1)
        posterior = d.Normal(loc, log_scale.exp())
        prior = d.Normal(t.zeros_like(loc), t.ones_like(log_scale))
        likelihood = d.Bernoulli(logits=decoder(posterior.rsample()))
        evidence = likelihood.log_prob(data).sum(-1) - d.kl_divergence(posterior, prior).sum(-1)
        loss = -evidence.mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return [loss.item() for loss in losses]


def policy_gradient(t: Any) -> list[Any]:
    """REINFORCE on a bandit whose best arm depends on the state."""
    policy = t.nn.Sequential(t.nn.Linear(4, 16), t.nn.Tanh(), t.nn.Linear(16, 3))
    optimizer = t.optim.SGD(policy.parameters(), lr=0.5)
    losses = []
    for _ in range(10):
        state = t.rand(16, 4)
        chosen = t.distributions.Categorical(logits=policy(state))
        action = chosen.sample()
        reward = (action == state[:, :3].argmax(-1)).float()
        loss = -(chosen.log_prob(action) * reward).mean() - 0.01 * chosen.entropy().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append((loss.item(), action.sum().item()))
    return losses


def gaussian_policy(t: Any) -> list[Any]:
    """A squashed Gaussian policy, as in soft actor-critic, with a scale of its own."""
    d = t.distributions
    policy, log_scale = t.nn.Linear(4, 2), t.nn.Parameter(t.zeros(2))
    optimizer = t.optim.Adam([*policy.parameters(), log_scale], lr=0.05)
    losses = []
    for _ in range(10):
        state = t.randn(16, 4)
        base = d.Normal(policy(state), log_scale.exp())
        squashed = d.TransformedDistribution(base, [d.TanhTransform(cache_size=1)])
        action = d.Independent(squashed, 1).rsample()
        log_prob = d.Independent(squashed, 1).log_prob(action)
        loss = (0.1 * log_prob + ((action - state[:, :2]) ** 2).sum(-1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return [loss.item() for loss in losses]


# A step is one program; the first and the last of a loop differ from the others.
test_autoencoder = footgun(programs=8, tolerance=2e-5)(autoencoder)
# What is sampled from is read: two programs a step, and the loss.
test_policy_gradient = footgun(programs=10, tolerance=2e-5)(policy_gradient)
test_gaussian_policy = footgun(programs=8, tolerance=2e-5)(gaussian_policy)
