"""Compiled training: forward passes inside an ordinary loop, and whole steps."""

from __future__ import annotations

import copy
from typing import Any

from . import compared


def network(lib: Any) -> Any:
    """A network with running statistics and random masks."""
    nn = lib.nn
    parts = (
        nn.Linear(4, 8, bias=False),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(8, 2),
    )
    return nn.Sequential(*parts)


@compared(runs=4)
def test_module_in_a_loop(lib: Any, compile: Any) -> Any:
    """The loop is PyTorch's; gradients flow through the repeated forward. Then evaluation."""
    model = network(lib)
    compiled = compile(model)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    found = []
    for _ in range(6):
        loss = (compiled(lib.randn(5, 4)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        lib.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        found.append(loss)
    model.eval()
    with lib.no_grad():
        found += [compiled(x) for x in (lib.ones(5, 4), lib.zeros(5, 4), lib.ones(5, 4))]
    return found, model.state_dict()


@compared(runs=2)
def test_loss_is_read_before_backward(lib: Any, compile: Any) -> Any:
    """Reading the loss cuts the step; forward is repeated all the same."""
    model = lib.nn.Linear(4, 1)
    compiled = compile(model)
    optimizer = lib.optim.Adam(model.parameters())
    found = []
    for k in range(6):
        loss = compiled(lib.ones(3, 4) * k).sum()
        found.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return found


@compared(runs=2, programs=2)
def test_whole_step(lib: Any, compile: Any) -> Any:
    """Forward, backward, clipping, step and scheduler, with masks and running statistics."""
    model = network(lib)
    optimizer = lib.optim.Adam(model.parameters(), lr=0.1)
    scheduler = lib.optim.lr_scheduler.StepLR(optimizer, 2)

    @compile
    def step(x: Any) -> Any:
        loss = (model(x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        lib.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        scheduler.step()
        return loss

    losses = [step(lib.randn(5, 4)) for _ in range(7)]
    rate = optimizer.param_groups[0]["lr"]
    return losses, rate, scheduler.last_epoch, model.state_dict(), lib.rand(2)


@compared(runs=2)
def test_moving_average_of_weights(lib: Any, compile: Any) -> Any:
    """What comes after the optimizer's step sees the new weights."""
    model = lib.nn.Linear(3, 3)
    average = copy.deepcopy(model)
    optimizer = lib.optim.AdamW(model.parameters(), lr=0.1)

    @compile
    def step(x: Any) -> Any:
        loss = (model(x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with lib.no_grad():
            for old, new in zip(average.parameters(), model.parameters(), strict=True):
                old.lerp_(new, 0.1)
        return loss

    losses = [step(lib.randn(2, 3)) for _ in range(6)]
    return losses, average.state_dict(), model.state_dict()


@compared(runs=2)
def test_two_optimizers(lib: Any, compile: Any) -> Any:
    """A GAN: two losses and two steps, the second through the new weights of the first."""
    generator, critic = lib.nn.Linear(2, 4), lib.nn.Linear(4, 1)
    first = lib.optim.Adam(generator.parameters(), lr=0.1)
    second = lib.optim.Adam(critic.parameters(), lr=0.1)
    loss_fn = lib.nn.functional.binary_cross_entropy_with_logits

    @compile
    def step(real: Any) -> Any:
        fake = generator(lib.randn(3, 2))
        ones, zeros = lib.ones(3, 1), lib.zeros(3, 1)
        loss = loss_fn(critic(real), ones) + loss_fn(critic(fake.detach()), zeros)
        second.zero_grad()
        loss.backward()
        second.step()
        fooled = loss_fn(critic(fake), ones)
        first.zero_grad()
        fooled.backward()
        first.step()
        return {"critic": loss.detach(), "generator": fooled.detach()}

    losses = [step(lib.randn(3, 4)) for _ in range(6)]
    return losses, generator.state_dict(), critic.state_dict()


@compared(runs=2)
def test_several_steps_in_one_call(lib: Any, compile: Any) -> Any:
    """A loop inside of the compiled function."""
    model = lib.nn.Linear(2, 2)
    optimizer = lib.optim.Adam(model.parameters(), lr=0.1)

    @compile
    def steps(x: Any) -> Any:
        for k in range(3):
            loss = (model(x) * k).pow(2).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss

    return [steps(lib.ones(1, 2)) for _ in range(5)], model.state_dict()


@compared(runs=3)
def test_gradients_add_up(lib: Any, compile: Any) -> Any:
    """Micro-batches: the first of each step finds no gradient, the second adds to it."""
    model = lib.nn.Linear(3, 1)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)

    @compile
    def micro(x: Any) -> Any:
        loss = model(x).pow(2).mean() / 2
        loss.backward()
        return loss.detach()

    found = []
    for _ in range(5):
        found += [micro(lib.randn(2, 3)), micro(lib.randn(2, 3))]
        optimizer.step()
        found.append(model.weight.grad.clone())
        optimizer.zero_grad()
    return found, model.state_dict()


@compared(runs=2, tolerance=5e-3)  # bfloat16: XLA keeps more digits between operations
def test_scaler(lib: Any, compile: Any) -> Any:
    """Mixed precision: a step with an infinite gradient is skipped inside of the program."""
    model = lib.nn.Linear(3, 1)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)
    scaler = lib.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)

    @compile
    def step(x: Any) -> Any:
        with lib.autocast("cpu", dtype=lib.bfloat16):
            loss = model(x).float().pow(2).mean()
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        lib.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return loss

    losses = [step(lib.ones(2, 3) * (0.5 if k != 4 else float("inf"))) for k in range(8)]
    return losses[:4] + losses[5:], model.state_dict(), scaler.get_scale()


@compared(runs=2)
def test_language_model(lib: Any, compile: Any) -> Any:
    """Tied weights, and indices that are looked at in each call."""

    class Model(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = lib.nn.Embedding(11, 8)
            self.head = lib.nn.Linear(8, 11)
            self.head.weight = self.embedding.weight

        def forward(self, x: Any) -> Any:
            logits = self.head(self.embedding(x))
            return logits, lib.nn.functional.cross_entropy(logits.view(-1, 11), x.view(-1))

    model = Model()
    compiled = compile(model)
    optimizer = lib.optim.AdamW(model.parameters(), lr=0.1)
    found = []
    for _ in range(6):
        logits, loss = compiled(lib.randint(0, 11, (2, 5)))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        found += [loss, logits]
    try:
        compiled(lib.tensor([[11] * 5] * 2))
    except IndexError as error:
        found.append(str(error))
    return found


@compared(runs=2)
def test_what_somebody_keeps(lib: Any, compile: Any) -> Any:
    """Aliases of weights see each step; copies and old gradients don't."""
    model = lib.nn.Linear(2, 1)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)

    @compile
    def step(x: Any) -> Any:
        loss = model(x).pow(2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    found, kept = [], []
    for k in range(8):
        found.append(step(lib.ones(1, 2)))
        if k in (3, 5):
            weight = model.weight
            kept += [weight.detach(), weight.detach().clone(), weight.grad, found[-1]]
    return found, kept, model.weight._version


@compared(runs=4)
def test_rate_that_the_function_reads(lib: Any, compile: Any) -> Any:
    """A scheduler's numbers are inputs of the program, but what Python reads of them is guarded."""
    model = lib.nn.Linear(2, 1)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)

    @compile
    def step(x: Any) -> Any:
        loss = model(x).pow(2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss * optimizer.param_groups[0]["lr"]

    found = []
    for k in range(6):
        optimizer.param_groups[0]["lr"] = 0.1 / (k // 2 + 1)
        found.append(step(lib.ones(1, 2)))
    return found, model.state_dict()
