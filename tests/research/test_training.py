"""Loops of unusual form: MAML, a teacher, two passes a step, recomputed blocks, mixed precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch as pytorch

import jtorch

from ..comparison import compilations, executions
from . import study


@study(programs=3, tolerance=1e-5)
def test_maml(torch: Any) -> list:
    """Model-agnostic meta-learning: the outer gradient goes through the inner steps (C. Finn et
    al., 2017)."""
    nn, func = torch.nn, torch.func
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    outer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def loss_at(parameters: dict, x: Any, y: Any) -> Any:
        return nn.functional.mse_loss(func.functional_call(model, parameters, (x,)), y)

    losses = []
    for _ in range(4):
        outer.zero_grad()
        total = 0.0
        for _ in range(2):  # tasks: sine waves
            amplitude, phase = torch.rand(1) * 4 + 1, torch.rand(1) * 3
            x = torch.rand(10, 1) * 10 - 5
            y = amplitude * torch.sin(x + phase)
            fast = dict(model.named_parameters())
            for _ in range(2):
                loss = loss_at(fast, x[:5], y[:5])
                gradients = torch.autograd.grad(loss, tuple(fast.values()), create_graph=True)
                pairs = zip(fast.items(), gradients, strict=True)
                fast = {name: p - 0.05 * g for (name, p), g in pairs}
            total = total + nn.functional.mse_loss(
                func.functional_call(model, fast, (x[5:],)), y[5:]
            )
        total.backward()
        outer.step()
        losses.append(total.item())
    return [losses, *model.parameters()]


@study(programs=4, tolerance=1e-5)
def test_distillation(torch: Any) -> list:
    """A student learns the softened scores of a frozen teacher (G. Hinton et al., 2015)."""
    nn, F = torch.nn, torch.nn.functional
    teacher = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4))
    teacher(torch.randn(32, 6))
    teacher.eval().requires_grad_(False)
    student = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 4))
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)
    batches = torch.randn(6, 8, 6)
    temperature, losses = 3.0, []
    for x in batches:
        with torch.no_grad():
            target = F.log_softmax(teacher(x) / temperature, dim=1)
        scores = student(x)
        soft = F.kl_div(
            F.log_softmax(scores / temperature, dim=1),
            target,
            log_target=True,
            reduction="batchmean",
        )
        loss = 0.7 * temperature**2 * soft + 0.3 * F.cross_entropy(scores, target.argmax(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    state = [p.grad is None for p in teacher.parameters()]
    return [losses, state, teacher[1].running_mean, *student.parameters()]


@study(programs=3, tolerance=1e-5)
def test_sharpness_aware_minimisation(torch: Any) -> list:
    """SAM: the gradient is taken at the worst point nearby, two passes a step (P. Foret et al.,
    2021), written as an optimizer around another."""

    class SAM(torch.optim.Optimizer):
        def __init__(self, params: Any, base: Any, rho: float = 0.05, **options: Any) -> None:
            super().__init__(params, {"rho": rho, **options})
            self.base = base(self.param_groups, **options)
            self.param_groups = self.base.param_groups

        @torch.no_grad()
        def climb(self) -> None:
            norm = torch.norm(torch.stack([p.grad.norm(2) for p in self.parameters()]), 2)
            for p in self.parameters():
                self.state[p]["before"] = p.data.clone()
                p.add_(p.grad * (self.param_groups[0]["rho"] / (norm + 1e-12)))
            self.zero_grad()

        @torch.no_grad()
        def descend(self) -> None:
            for p in self.parameters():
                p.data = self.state[p]["before"]
            self.base.step()
            self.zero_grad()

        def parameters(self) -> list:
            return [p for group in self.param_groups for p in group["params"]]

    nn = torch.nn
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = SAM(model.parameters(), torch.optim.SGD, lr=0.1, momentum=0.9)
    x, y = torch.randn(10, 3), torch.randn(10, 1)
    losses = []
    for _ in range(5):
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.climb()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.descend()
        losses.append(loss.item())
    return [losses, *model.parameters()]


@study(programs=3, tolerance=1e-5)
def test_checkpointed_transformer(torch: Any) -> list:
    """A Transformer whose blocks are computed again in the backward, dropout included."""
    nn = torch.nn
    layers = nn.ModuleList(
        nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True) for _ in range(2)
    )
    head = nn.Linear(8, 5)
    optimizer = torch.optim.AdamW([*layers.parameters(), *head.parameters()], lr=1e-2)
    tokens, targets = torch.randn(2, 6, 8), torch.randint(0, 5, (2, 6))
    mask = nn.Transformer.generate_square_subsequent_mask(6)
    losses = []
    for _ in range(4):
        x = tokens
        for layer in layers:
            x = torch.utils.checkpoint.checkpoint(layer, x, mask, use_reentrant=False)
        loss = nn.functional.cross_entropy(head(x).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(layers.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return [losses, *head.parameters()]


def mixed_precision(torch: Any, kind: str | None, seed: int = 0) -> Any:
    """The losses of a loop with autocast, a scaler and clipping; none is read on the way."""
    torch.manual_seed(seed)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 4))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, enabled=kind == "float16")
    x, y = torch.randn(32, 8), torch.randint(0, 4, (32,))
    dtype = getattr(torch, kind or "bfloat16")
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=dtype, enabled=kind is not None):
            loss = nn.functional.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.detach())
    return torch.stack(losses)


def error(library: Any, kind: str) -> float:
    """How far the curves are from those of full precision: the root mean square over some seeds."""
    found = []
    for seed in range(4):
        full = mixed_precision(pytorch, None, seed).numpy()
        found.append(mixed_precision(library, kind, seed).numpy() - full)
    return float(np.sqrt(np.square(found).mean()))


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_mixed_precision(kind: str) -> None:
    """The curves are as near to those of full precision as PyTorch's."""
    assert 0 < error(jtorch, kind) < 1.5 * error(pytorch, kind)


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_mixed_precision_reads_nothing(kind: str) -> None:
    """A step runs one program, and nothing waits for a value; what was seen compiles no more."""
    for _ in range(2):
        mixed_precision(jtorch, kind).tolist()
    before, ran = compilations(), executions()
    losses = mixed_precision(jtorch, kind)
    assert executions() - ran == 1 + 12  # the optimizer begins with parameters that are computed
    losses.tolist()
    assert compilations() == before
