"""ctc_loss, whose lengths may be lists; the op is in jtorch/ops/ctc.py."""

from __future__ import annotations

from collections.abc import Sequence

from .._core.tensor import Tensor
from .._expose import row
from .creation import tensor


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability of all alignments of (T, N, C) with targets (N, S), then reduced.

    See torch.nn.functional.ctc_loss."""
    lengths = [
        given if isinstance(given, Tensor) else tensor(given, device=log_probs.device)
        for given in (input_lengths, target_lengths)
    ]
    return row("_ctc_loss")(log_probs, targets, *lengths, blank, reduction, zero_infinity)


def _by_number(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: int = 0,
    zero_infinity: bool = False,
) -> Tensor:
    """nn.functional.ctc_loss, reduction 0 none, 1 mean, 2 sum. See torch.ctc_loss."""
    name = ("none", "mean", "sum")[reduction]
    lengths = (input_lengths, target_lengths)
    return ctc_loss(log_probs, targets, *lengths, blank, name, zero_infinity)


_by_number.__name__ = _by_number.__qualname__ = "ctc_loss"
FUNCTIONS = [_by_number]
