"""Footguns 11, 12 and 14: loops of other forms, threads and workers, and inference without an
optimizer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..comparison import footgun

# ---------------------------------------------------------------- 11: several losses and optimizers


@footgun(programs=4, runs=2)
def test_11_two_optimizers(torch: Any, repeated: Any) -> list:
    """A GAN in one dimension: two models, two losses, two optimizers, `detach` between them."""
    nn = torch.nn
    generator = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    critic = nn.Sequential(nn.Linear(1, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1))
    of_generator = torch.optim.Adam(generator.parameters(), lr=0.02)
    of_critic = torch.optim.SGD(critic.parameters(), lr=0.1)
    loss_fn = nn.BCEWithLogitsLoss()
    one, zero = torch.ones(6, 1), torch.zeros(6, 1)
    real, noise = torch.randn(6, 1) + 3, torch.randn(6, 2)

    @repeated
    def update() -> tuple:
        fake = generator(noise)
        of_critic.zero_grad()
        loss = loss_fn(critic(real), one) + loss_fn(critic(fake.detach()), zero)
        loss.backward()
        of_critic.step()
        of_generator.zero_grad()
        deceived = loss_fn(critic(fake), one)
        deceived.backward()
        of_generator.step()
        return loss, deceived

    found = []
    for _ in range(5):
        loss, deceived = update()
        found.append((loss.item(), deceived.item()))
    return [found, *generator.parameters(), *critic.parameters()]


# The first batches are pending: each of three has a beginning of its own, and has it again later.
@footgun(programs=3, runs=6)
def test_11_accumulation(torch: Any, repeated: Any) -> list:
    """Gradients of three small batches are added up before each step."""
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x = torch.randn(18, 4, 3)

    @repeated
    def accumulate(batch: Any) -> Any:
        loss = model(batch).pow(2).mean() / 3
        loss.backward()
        return loss

    found = []
    for k, batch in enumerate(x):
        loss = accumulate(batch)
        if k % 3 == 2:
            optimizer.step()
            optimizer.zero_grad()
            found.append(loss.item())
    return [found, model.weight, model.bias]


@footgun(programs=2, runs=2)
def test_11_retain_graph(torch: Any, repeated: Any) -> list:
    """Two losses on one trunk, the graph kept for the second; set_to_none=False."""
    trunk, head, other = (torch.nn.Linear(3, 3) for _ in range(3))
    params = [*trunk.parameters(), *head.parameters(), *other.parameters()]
    optimizer = torch.optim.SGD(params, lr=0.05)
    x = torch.randn(5, 3)

    @repeated
    def update() -> tuple:
        optimizer.zero_grad(set_to_none=False)
        hidden = torch.tanh(trunk(x))
        first, second = head(hidden).pow(2).mean(), other(hidden).abs().mean()
        first.backward(retain_graph=True)
        second.backward()
        optimizer.step()
        return first, second

    found = []
    for _ in range(5):
        first, second = update()
        found.append((first.item(), second.item()))
    return [found, *params]


@footgun(
    programs=3,
    because=[("requires_grad", "loss = model(x)")],
    runs=4,
    reason="the state of an optimizer is made",  # for the thawed half
)
def test_11_a_frozen_half(torch: Any, repeated: Any) -> list:
    """Half of the model is frozen, and thawed later."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    x = torch.randn(5, 3)
    model[0].requires_grad_(False)

    @repeated
    def update() -> Any:
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        loss.backward()
        optimizer.step()
        return loss

    found = []
    for step in range(8):
        if step == 4:
            model[0].requires_grad_(True)
        loss = update()
        found.append((loss.item(), model[0].weight.grad is None))
    return [found, *model.parameters()]


# -------------------------------------------------------------------------------------- 12: threads


def in_thread(function: Any) -> Any:
    """What a function returns when another thread runs it."""
    found: list = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@footgun(programs=4, because=[("thread", "arange(12.0)")], runs=2)
def test_12_batches_from_a_thread(torch: Any, repeated: Any) -> list:
    """Batches are made, and not read, in another thread; trained on in this one."""
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    @repeated
    def update(batch: Any) -> Any:
        optimizer.zero_grad()
        loss = model(batch).pow(2).mean()
        loss.backward()
        optimizer.step()
        return loss

    found = []
    with ThreadPoolExecutor(1) as pool:
        for step in range(12):
            batch = pool.submit(
                lambda k: torch.arange(12.0).view(4, 3) / 12 + 0.1 * k, step
            ).result()
            found.append(update(batch).item())
    return [found, model.weight]


@footgun(programs=5, because=[("thread", "arange(3.0)"), ("thread", "weight.exp()")], runs=2)
def test_12_a_graph_made_in_a_thread(torch: Any, repeated: Any) -> list:
    """Forward in another thread, backward in this one."""
    weight = torch.arange(3.0).requires_grad_()
    forward = repeated(lambda: (weight.exp() * 2).sum())
    found = []
    for _ in range(4):
        weight.grad = None
        loss = in_thread(forward)
        loss.backward()
        found += [loss.detach(), weight.grad]
    return found


@footgun(programs=5, because=[("thread", "arange(4.0)"), ("thread", "x.add_(1)")])
def test_12_pending_in_two_threads(torch: Any) -> list:
    """A value that is pending here is read, used and written by another thread."""
    x = torch.arange(4.0) * 2
    read = in_thread(lambda: x.sum().item())
    double = in_thread(lambda: (x * 2).tolist())
    in_thread(lambda: x.add_(1))
    return [read, double, x, x + 1]


@footgun(programs=9, because=[("thread", "torch.full")], runs=6)
def test_12_training_in_threads(torch: Any, repeated: Any) -> list:
    """Three models are trained at once, one a thread; modes belong to the thread. Each thread may
    compile for itself what another is compiling."""

    def train(weight: Any) -> list:
        optimizer = torch.optim.SGD([weight], lr=0.1)

        @repeated
        def update() -> Any:
            optimizer.zero_grad()
            loss = (weight * weight).sum()
            loss.backward()
            optimizer.step()
            return loss

        return [update().item() for _ in range(5)]

    weights = [torch.full((3,), float(k + 1)).requires_grad_() for k in range(3)]
    with torch.no_grad(), ThreadPoolExecutor(3) as pool:
        losses = list(pool.map(train, weights))
        enabled = torch.is_grad_enabled()
    return [losses, weights, enabled, in_thread(torch.is_grad_enabled)]


# -------------------------------------------------------------------------- 14: inference in a loop


def classifier(torch: Any, repeated: Any) -> Any:
    """A model with batch norm and dropout, in eval mode."""
    nn = torch.nn
    parts = nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 2)
    return repeated(nn.Sequential(*parts)).eval()


@footgun(programs=3, because=[("number", "torch.ones(4, 3) * step")], runs=2, extra=2)
def test_14_inference(torch: Any, repeated: Any) -> list:
    """Batches through a model in inference mode; each is read."""
    model = classifier(torch, repeated)
    found = []
    with torch.inference_mode():
        for step in range(8):
            found.append(model(torch.ones(4, 3) * step).argmax(1).tolist())
    return found


@footgun(programs=1, runs=6)  # all in one program: each call begins where none began
def test_14_predictions_read_at_the_end(torch: Any, repeated: Any) -> list:
    """Predictions are collected in a list, concatenated and read at the end, gradients recorded."""
    model = classifier(torch, repeated)
    x = torch.randn(6, 4, 3)
    return [torch.cat([model(batch) for batch in x]).detach()]


@footgun(programs=1, runs=2, extra=1)
def test_14_feedback(torch: Any, repeated: Any) -> list:
    """The output is the next input: text generation, without a read before the end."""
    cell = torch.nn.Linear(4, 4)
    follow = repeated(lambda state: torch.tanh(cell(state)))
    state = torch.ones(1, 4)
    with torch.no_grad():
        for _ in range(50):
            state = follow(state)
    return [state]
