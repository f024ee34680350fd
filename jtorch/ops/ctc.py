"""Connectionist temporal classification: ctc_loss.

The forward algorithm of Graves et al. (2006) in log space, as one scan over time; its gradient is
JAX's. Losses of single classes are in cross_entropy.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from .._core.op import Array, op
from ._checks import require_floating
from ._reduction import check_reduction, reduce_loss

# Stands for log(0): its differences stay finite, where those of -inf are NaN.
NOTHING = -1e30


def _padded(targets: Array, lengths: Array) -> Array:
    """(N, S) targets, of those that are given one after the other."""
    if targets.ndim == 2:
        return targets
    starts = jnp.cumsum(lengths) - lengths
    index = starts[:, None] + jnp.arange(targets.shape[0])
    return jnp.take(targets, index, mode="clip")


def _extended(targets: Array, blank: int) -> Array:
    """(N, 2 S + 1): blanks around every target."""
    n, s = targets.shape
    blanks = jnp.full((n, s), blank, targets.dtype)
    between = jnp.stack([blanks, targets], axis=2).reshape(n, 2 * s)
    return jnp.concatenate([between, jnp.full((n, 1), blank, targets.dtype)], axis=1)


def _later(values: Array, by: int) -> Array:
    """Moved `by` places to the right along the last dim."""
    return jnp.pad(values, ((0, 0), (by, 0)), constant_values=NOTHING)[:, : values.shape[1]]


def _log_likelihood(
    log_probs: Array, labels: Array, input_lengths: Array, target_lengths: Array, blank: int
) -> Array:
    """log P(target) of each sample: (T, N, C), (N, 2 S + 1) -> (N)."""
    at_labels = jnp.take_along_axis(log_probs, labels[None], axis=2, mode="clip")
    place = jnp.arange(labels.shape[1])
    repeated = jnp.pad(labels, ((0, 0), (2, 0)))[:, : labels.shape[1]] == labels
    skips = (labels != blank) & ~repeated & (place > 1)
    first = jnp.where(place < 2, at_labels[0], NOTHING)

    def step(paths: Array, now: tuple[Array, Array]) -> tuple[Array, None]:
        t, emitted = now
        skipped = jnp.where(skips, _later(paths, 2), NOTHING)
        arrived = jnp.stack([paths, _later(paths, 1), skipped])
        moved = jax.nn.logsumexp(arrived, axis=0) + emitted
        return jnp.where((t < input_lengths)[:, None], moved, paths), None

    times = jnp.arange(1, log_probs.shape[0])
    paths, _ = jax.lax.scan(step, first, (times, at_labels[1:]))
    last = 2 * target_lengths[:, None]
    at_blank = jnp.take_along_axis(paths, last, axis=1, mode="clip")[:, 0]
    at_label = jnp.take_along_axis(paths, jnp.maximum(last - 1, 0), axis=1, mode="clip")[:, 0]
    return jnp.logaddexp(at_blank, jnp.where(target_lengths > 0, at_label, NOTHING))


@op(name="_ctc_loss", public=())
def ctc_loss(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Array:
    """-log of the probability of all alignments with targets, then reduced."""
    check_reduction(reduction)
    require_floating("ctc_loss_cpu", log_probs)
    batched = log_probs.ndim == 3
    if not batched:
        log_probs, targets = log_probs[:, None], targets.reshape(1, -1)
    input_lengths, target_lengths = input_lengths.reshape(-1), target_lengths.reshape(-1)
    batch, classes = log_probs.shape[1:]
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    for name, lengths in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        if lengths.shape[0] != batch:
            raise RuntimeError(f"{name} must be of size batch_size")
    labels = _extended(_padded(targets, target_lengths), blank)
    loss = -_log_likelihood(log_probs, labels, input_lengths, target_lengths, blank)
    # PyTorch's gradient is that of log_softmax and loss together, so it has exp(log_probs) in it.
    counted = jnp.arange(log_probs.shape[0])[:, None] < input_lengths
    chances = jnp.sum(jnp.where(counted, jnp.sum(jnp.exp(log_probs), axis=2), 0), axis=0)
    loss = loss + (chances - jax.lax.stop_gradient(chances))
    impossible = loss > -NOTHING / 2
    worst = jnp.zeros_like(loss) if zero_infinity else jnp.full_like(loss, jnp.inf)
    loss = jnp.where(impossible, worst, loss).astype(log_probs.dtype)
    if reduction == "mean":
        loss = loss / jnp.maximum(target_lengths, 1).astype(loss.dtype)
    return reduce_loss(loss, reduction) if batched or reduction != "none" else loss[0]
