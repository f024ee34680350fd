"""What constructors of optimizers refuse, in PyTorch's words. Read optimizer.py next."""

from __future__ import annotations

from typing import Any

from .._core.tensor import Tensor

TITLES = {"lr": "learning rate", "eps": "epsilon value"}


def check_lr(lr: Any, text: str = "Invalid learning rate: {}") -> None:
    """ValueError for a Tensor of several numbers, and for a negative learning rate."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise ValueError(text.format(lr))


def check_non_negative(**values: Any) -> None:
    """ValueError for a negative option."""
    for name, value in values.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {TITLES.get(name, f'{name} value')}: {value}")


def check_betas(betas: tuple[Any, Any]) -> None:
    """ValueError for betas outside [0, 1)."""
    for k, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {k}: {beta}")


def check_fused(fused: Any, foreach: Any, differentiable: bool) -> None:
    """RuntimeError for ways to compute a step that exclude each other."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def refuse_complex(optimizer: Any, params: list[Tensor]) -> None:
    """RuntimeError for complex parameters."""
    if any([p.is_complex() for p in params]):
        raise RuntimeError(f"{type(optimizer).__name__} does not support complex parameters")
