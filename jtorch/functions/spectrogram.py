"""`torch.istft`: its row, and a look at the window's values.

Where the window is so thin that a point of the signal would be divided by 0, PyTorch raises. A
program can't raise while it runs, so a window on the CPU is read here (a small one, as windows
are; on other devices such points become infinite or NaN). Read ops/spectrogram.py next.
"""

from __future__ import annotations

import numpy as np

from .. import _expose
from .._core.alias import cell_of
from .._core.device import CPU
from .._core.program import host
from .._core.tensor import Tensor
from ..ops.spectrogram import kept

_istft = _expose.row("_istft")


def _check_weight(
    window: np.ndarray, frames: int, n_fft: int, hop_length: int, center: bool, length: int | None
) -> None:
    """RuntimeError where the squared windows of all frames don't add up to something."""
    before = (n_fft - window.size) // 2
    weight = np.zeros(n_fft + hop_length * (frames - 1), np.result_type(window, np.float32))
    squares = np.pad(window.astype(weight.dtype) ** 2, (before, n_fft - window.size - before))
    for first in range(0, hop_length * frames, hop_length):
        weight[first : first + n_fft] += squares
    start, stop, _ = kept(frames, n_fft, hop_length, center, length)
    if np.abs(weight[start : max(stop, 0)]).min(initial=np.inf if stop > start else 0) < 1e-11:
        raise RuntimeError("istft: window overlap add min: 1")


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal whose stft is nearest to input: frames of ifft times the window, added where they
    overlap, over the sum of the squared windows. (batch, frequencies, frames) to (batch, time).
    See torch.istft."""
    options = (center, normalized, onesided, length, return_complex)
    result = _istft(input, n_fft, hop_length, win_length, window, *options)
    hop = n_fft // 4 if hop_length is None else hop_length
    if window is None:
        _check_weight(np.ones(win_length or n_fft), input.shape[-1], n_fft, hop, center, length)
    elif cell_of(window).aval.device is CPU:
        values = host(cell_of(window))
        _check_weight(values, input.shape[-1], n_fft, hop, center, length)
    return result


FUNCTIONS = [istft]
METHODS = {"istft": istft}
