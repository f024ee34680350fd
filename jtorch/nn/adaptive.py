"""The softmax over many classes by clusters of rare ones: AdaptiveLogSoftmaxWithLoss."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from .._core.tensor import Tensor
from .._expose import row
from ..functions.lookups import outside
from . import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

_cat, _where = row("cat"), row("where")


class _ASMoutput(NamedTuple):
    """output: log p(target), one for each sample.  loss: the mean of -output."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """log p(target) of a softmax in two steps. See torch.nn.AdaptiveLogSoftmaxWithLoss.

    Grave et al. (2017), "Efficient softmax approximation for GPUs": the head scores the classes
    below cutoffs[0] and one entry for each further cluster of classes, whose probability it divides
    among them after a projection to in_features / div_value^i. Shapes: x (N, in_features), target
    (N) of integers below n_classes. Initialisation: that of Linear.
    Differs from PyTorch: each cluster scores all samples, and not those with a target in it alone,
    because shapes are static; so a cluster without a target has a gradient of zeros, not None.
    """

    in_features: int
    n_classes: int
    cutoffs: list[int]
    div_value: float
    head_bias: bool
    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = _checked(list(cutoffs), n_classes)
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for number, (low, high) in enumerate(itertools.pairwise(self.cutoffs)):
            hidden = int(in_features // (div_value ** (number + 1)))
            first = Linear(in_features, hidden, bias=False, **made)
            second = Linear(hidden, high - low, bias=False, **made)
            self.tail.append(Sequential(first, second))

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for first, second in self.tail:  # pyright: ignore[reportGeneralTypeIssues]
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        _check_shapes(input_, target_)
        batched = target_.dim() > 0
        input = input_ if batched else input_.unsqueeze(0)
        target = target_ if batched else target_.unsqueeze(0)
        if outside(target, 0, self.n_classes) is not None:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        head = F.log_softmax(self.head(input), dim=1)
        output = _pick(head, target.clamp(max=self.shortlist_size - 1))
        for number, (low, high) in enumerate(itertools.pairwise(self.cutoffs)):
            within = F.log_softmax(self.tail[number](input), dim=1)
            picked = _pick(within, (target - low).clamp(0, high - low - 1))
            output = _where(target >= low, head[:, self.shortlist_size + number] + picked, output)
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def _get_full_log_prob(self, input: Tensor, head_output: Tensor) -> Tensor:
        """log p of all classes, given the output of the head."""
        head = F.log_softmax(head_output, dim=1)
        parts = [head[:, : self.shortlist_size]]
        for number, cluster in enumerate(self.tail):
            share = head[:, self.shortlist_size + number].unsqueeze(1)
            parts.append(F.log_softmax(cluster(input), dim=1) + share)
        return _cat(parts, 1)

    def log_prob(self, input: Tensor) -> Tensor:
        """log p of all classes: (N, in_features) -> (N, n_classes).

        See torch.nn.AdaptiveLogSoftmaxWithLoss.log_prob.
        """
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The class of the highest probability: (N, in_features) -> (N).

        See torch.nn.AdaptiveLogSoftmaxWithLoss.predict.
        """
        head = self.head(input)
        first = head.argmax(1)
        best = self._get_full_log_prob(input, head).argmax(1)
        return _where(first < self.shortlist_size, first, best)


def _checked(cutoffs: list[int], n_classes: int) -> list[int]:
    if not cutoffs:
        raise ValueError("cutoffs should be a sequence of length larger than 0")
    rising = all(low < high for low, high in itertools.pairwise(cutoffs))
    within = min(cutoffs) > 0 and max(cutoffs) <= n_classes - 1
    if not rising or not within or any(int(cutoff) != cutoff for cutoff in cutoffs):
        raise ValueError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
            "order, where each value is between 1 and n_classes-1"
        )
    return cutoffs


def _check_shapes(input: Tensor, target: Tensor) -> None:
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dim() == 1 and input.size(0) != target.size(0):
        raise RuntimeError("Input and target should have the same size in the batch dimension.")
    if input.dim() != target.dim() + 1:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, "
            f"but found inputs with size {input.size()}"
        )


def _pick(scores: Tensor, classes: Tensor) -> Tensor:
    """The score of each row's class."""
    return scores.gather(1, classes.unsqueeze(1)).squeeze(1)


__all__ = ["AdaptiveLogSoftmaxWithLoss"]
