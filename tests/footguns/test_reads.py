"""Footguns 1 to 4: numbers that change every step, running sums, and reads at odd places."""

from __future__ import annotations

from typing import Any

import pytest

import jtorch

from ..comparison import executions, footgun


def regression(torch: Any) -> tuple:
    """A small model, its data and an optimizer."""
    model = torch.nn.Linear(3, 1)
    x, y = torch.randn(8, 3), torch.randn(8, 1)
    return model, x, y, torch.optim.SGD(model.parameters(), lr=0.1)


def losses(torch: Any, repeated: Any, weigh: Any, steps: int = 12) -> list:
    """Train with a loss that `weigh(loss, step, prediction)` has changed."""
    model, x, y, optimizer = regression(torch)

    @repeated
    def update(step: int) -> Any:
        optimizer.zero_grad()
        prediction = model(x)
        loss = weigh(torch.nn.functional.mse_loss(prediction, y), step, prediction)
        loss.backward()
        optimizer.step()
        return loss

    return [[update(step).item() for step in range(steps)], model.weight, model.bias]


# ------------------------------------------------------------------------- 1: a number that changes


@footgun(programs=3, because=[("number", "loss * (1.0 / (step + 1))")], runs=12)
def test_01_loss_weight(torch: Any, repeated: Any) -> list:
    """The loss times a number that changes every step."""
    return losses(torch, repeated, lambda loss, step, _: loss * (1.0 / (step + 1)))


@footgun(programs=3, because=[("number", "loss / (1 - 0.9 ** (step + 1))")], runs=12)
def test_01_power_of_the_step(torch: Any, repeated: Any) -> list:
    """beta ** t as a Python number, in a bias correction."""
    return losses(torch, repeated, lambda loss, step, _: loss / (1 - 0.9 ** (step + 1)))


@footgun(programs=3, because=[("number", "(loss + 1.0) ** (1.0 + step / 4)")], runs=12)
def test_01_exponent(torch: Any, repeated: Any) -> list:
    """A Tensor to a power that changes."""
    return losses(torch, repeated, lambda loss, step, _: (loss + 1.0) ** (1.0 + step / 4))


@footgun(programs=4, because=[("number", "(1 - beta) * loss")], runs=12)
def test_01_annealing(torch: Any, repeated: Any) -> list:
    """Two weights that sum to one: KL annealing."""

    def weigh(loss: Any, step: int, prediction: Any) -> Any:
        beta = min(1.0, step / 8)
        return (1 - beta) * loss + beta * prediction.pow(2).mean()

    return losses(torch, repeated, weigh)


@footgun(programs=3, because=[("number", "found[step % 8]")], runs=12)
def test_01_index(torch: Any, repeated: Any) -> list:
    """x[i] with another i every step."""
    return losses(torch, repeated, lambda loss, step, found: loss + found[step % 8].sum())


@footgun(programs=3, because=[("number", "found * step")], runs=12)
def test_01_integer_factor(torch: Any, repeated: Any) -> list:
    """A factor that is an int."""
    return losses(torch, repeated, lambda loss, step, found: loss + (found * step).mean())


@footgun(programs=2, runs=2)
def test_01_schedule(torch: Any, repeated: Any) -> list:
    """A scheduler changes lr every step; then it is set by hand."""
    model, x, y, optimizer = regression(torch)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)

    @repeated
    def update() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss

    found = []
    for step in range(10):
        loss = update()
        if step == 7:
            optimizer.param_groups[0]["lr"] = 0.03
        found.append((loss.item(), optimizer.param_groups[0]["lr"]))
    return [found, model.weight]


# --------------------------------------------------------------------------------- 2: a running sum


def trained(torch: Any, repeated: Any) -> tuple:
    """One step of a regression, as a function that returns the loss; and the model."""
    model, x, y, optimizer = regression(torch)

    @repeated
    def update() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return update, model


@footgun(
    programs=4,
    tolerance=1e-5,
    because=[("inputs", "running += loss.detach()"), ("end", "running += loss.detach()")],
    runs=2,
)
def test_02_running_sum(torch: Any, repeated: Any) -> list:
    """`running += loss` without item(), read at the end."""
    update, model = trained(torch, repeated)
    running = 0.0
    for _ in range(300):
        loss = update()
        running += loss.detach()
    return [running, model.weight]


@footgun(programs=4, tolerance=1e-5, because=[("inputs", "running = running + loss")], runs=2)
def test_02_running_sum_with_its_graph(torch: Any, repeated: Any) -> list:
    """The same with the graph of every loss attached, as beginners write it."""
    update, model = trained(torch, repeated)
    running = 0.0
    for _ in range(60):
        loss = update()
        running = running + loss
    return [running.detach(), model.weight]


# ---------------------------------------------------------------------- 3: reads in some iterations


@footgun(programs=5, because=[("end", "mse_loss(model(x), y)")], runs=2)
def test_03_item_in_some_iterations(torch: Any, repeated: Any) -> list:
    """A loss that is read every third time, before or after the step. (What is between the reads is
    repeated: forward.)"""
    model, x, y, optimizer = regression(torch)
    forward = repeated(lambda: torch.nn.functional.mse_loss(model(x), y))
    found = []
    for step in range(12):
        optimizer.zero_grad()
        loss = forward()
        if step % 3 == 1:
            found.append(loss.item())
        loss.backward()
        optimizer.step()
        if step % 3 == 2:
            found.append(float(loss.detach()))
    return [found, model.weight]


@footgun(programs=3, runs=2)
def test_03_print_in_some_iterations(torch: Any, repeated: Any) -> list:
    """Text of a loss, a weight and a gradient in some iterations."""
    update, model = trained(torch, repeated)
    found = []
    for step in range(12):
        loss = update()
        if step % 5 == 4:
            found += [f"{loss:.3f}", f"{model.bias.grad[0].item():.3f}", str(model.weight.shape)]
    return found


# ------------------------------------------------------------------- 4: item() before backward


@footgun(programs=3, runs=2)
def test_04_item_before_backward(torch: Any, repeated: Any) -> list:
    """The loss is read between forward and backward, every time. (The model is repeated.)"""
    model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    forward = repeated(model)
    x, y = torch.randn(8, 3), torch.randn(8, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    found = []
    for _ in range(6):
        loss = torch.nn.functional.mse_loss(forward(x), y)
        optimizer.zero_grad()
        found.append(loss.item())
        loss.backward()
        optimizer.step()
    return [found, *model.parameters()]


@footgun(programs=3, runs=6, reason="a value is needed before the function has ended")
def test_04_item_inside_of_the_step(torch: Any, repeated: Any) -> list:
    """The same as one function, which can't be repeated without its read."""
    model, x, y, optimizer = regression(torch)

    @repeated
    def update() -> float:
        loss = torch.nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        found = loss.item()
        loss.backward()
        optimizer.step()
        return found

    return [[update() for _ in range(6)], model.weight]


@pytest.mark.parametrize("reads", [0, 1])
def test_04_no_second_forward(reads: int) -> None:
    """With the read, an iteration runs two programs instead of one: the second has no forward in
    it."""
    model, x, y, optimizer = regression(jtorch)

    def iterate() -> None:
        optimizer.zero_grad()
        loss = jtorch.nn.functional.mse_loss(model(x), y)
        if reads:
            loss.item()
        loss.backward()
        optimizer.step()

    for _ in range(3):
        iterate()
    before = executions()
    for _ in range(5):
        iterate()
    assert executions() - before == 5 * (1 + reads)
