"""Short-time Fourier transforms: stft, and istft, its least-squares inverse.

Frames are gathered by a table of positions, and added up again by the same table. Whether a window
is too thin to be inverted depends on its values: functions/spectrogram.py looks at them.
Source of istft: Griffin and Lim, "Signal estimation from modified short-time Fourier transform",
IEEE Trans. ASSP 32 (1984).
"""

from __future__ import annotations

import warnings
from typing import Any

import jax.numpy as jnp

from .._core.dtype import bfloat16, float16
from .._core.op import Array, op
from ._checks import dtype_of, listed
from ._promotion import is_complex, is_integral, promoted, title
from .image import pad

_NO_WINDOW = "A window was not provided. A rectangular window will be applied."
_PAIRS = (
    "stft with return_complex=False is deprecated. In a future pytorch release, stft will return "
    "complex tensors for all inputs, and return_complex=False will raise an error."
)
_NO_HALF = "Cannot have onesided output if window or input is complex"


def positions(frames: int, hop_length: int, n_fft: int) -> Array:
    """Where in the signal the points of each frame are, (frames, n_fft)."""
    return hop_length * jnp.arange(frames)[:, None] + jnp.arange(n_fft)


def _window(window: Array | None, win_length: int, n_fft: int, like: Array) -> Array:
    """The window in the middle of n_fft points, zeros around it."""
    if window is None:
        window = jnp.ones((win_length,), jnp.finfo(like.dtype).dtype)
    elif window.shape != (win_length,):
        raise RuntimeError(
            f"expected a 1D window tensor of size equal to win_length={win_length}, but got window "
            f"with size {listed(window.shape)}"
        )
    before = (n_fft - win_length) // 2
    return jnp.pad(window, (before, n_fft - win_length - before))


# ---------------------------------------------------------------------------------------- forward


def _frames_first(avals: tuple, shape: tuple[int, ...], call: Any, k: int) -> tuple[int, ...]:
    """The strides of (batch, frequencies, frames): in memory the frequencies are innermost."""
    lead = len(avals[0].shape) - 1
    parts = 1 if len(shape) == lead + 2 else 2
    bins, frames = shape[lead : lead + 2]
    return (bins * frames * parts,) * lead + (parts, bins * parts) + (1,) * (parts - 1)


def _extended(
    input: Array, n_fft: int, win_length: int, center: bool, mode: str, align: bool | None
) -> Array:
    """The signal with half a frame around it, or with what the zeros around the window take."""
    if center and align is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    if not (center or align) or input.ndim > 2:
        return input
    if not input.size:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {listed((1, *input.shape))}"
        )
    before = after = n_fft // 2
    if align:
        before = (n_fft - win_length) // 2
        after, mode = n_fft - win_length - before, "constant"
    three = input.reshape((1,) * (3 - input.ndim) + input.shape)  # what pad wants
    return pad(three, (before, after), mode).reshape((*input.shape[:-1], -1))


def _check_stft(input: Array, n_fft: int, hop_length: int, win_length: int) -> None:
    if input.ndim not in (1, 2):
        raise RuntimeError("stft: expected a 1D or 2D tensor")
    size = input.shape[-1]
    if not 0 < n_fft <= size:
        raise RuntimeError(f"stft: expected 0 < n_fft < {size}, but got n_fft={n_fft}")
    if hop_length <= 0:
        raise RuntimeError(f"stft: expected hop_length > 0, but got hop_length={hop_length}")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(
            f"stft: expected 0 < win_length <= n_fft, but got win_length={win_length}"
        )


def _check_values(input: Array) -> None:
    if is_integral(input):
        raise RuntimeError("stft: expected a tensor of floating point or complex values")
    if dtype_of(input) in (float16, bfloat16):
        raise RuntimeError(f"stft doesn't support tensors of type: {title(input)}")


@op(strides=_frames_first)
def stft(
    input: Array,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Array | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Array:
    """fft of overlapping frames times a window, (batch, time) to (batch, frequencies, frames).
    See torch.stft."""
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    if window is None:
        warnings.warn(_NO_WINDOW, stacklevel=2)
    complexes = is_complex(input) or (window is not None and is_complex(window))
    if return_complex is None and not complexes:
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs, and will further "
            "require that return_complex=True in a future PyTorch release."
        )
    if return_complex is False and not complexes:
        warnings.warn(_PAIRS, stacklevel=2)
    _check_values(input)
    input = _extended(input, n_fft, win_length, center, pad_mode, align_to_window)
    _check_stft(input, n_fft, hop_length, win_length)
    window = _window(window, win_length, n_fft, input)
    onesided = not complexes if onesided is None else onesided
    if onesided and complexes:
        raise RuntimeError(_NO_HALF)
    frames = 1 + (input.shape[-1] - n_fft) // hop_length
    pieces, window = promoted(input[..., positions(frames, hop_length, n_fft)], window)
    transform = jnp.fft.rfft if onesided else jnp.fft.fft
    result = transform(pieces * window, norm="ortho" if normalized else "backward")
    result = jnp.swapaxes(result, -1, -2)
    return jnp.stack([result.real, result.imag], -1) if return_complex is False else result


# ---------------------------------------------------------------------------------------- backward


def kept(
    frames: int, n_fft: int, hop_length: int, center: bool, length: int | None
) -> tuple[int, int, int]:
    """Of the points that the frames cover: the first one wanted, the end, how many are lacking."""
    covered = n_fft + hop_length * (frames - 1)
    start = n_fft // 2 if center else 0
    if length is None:
        return start, covered - start, 0
    return start, min(start + length, covered), max(start + length - covered, 0)


def _check_istft(input: Array, n_fft: int, hop_length: int, win_length: int) -> None:
    if not is_complex(input):
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    if input.size == 0:
        raise RuntimeError("istft: input tensor cannot be empty.")
    if input.ndim < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-2, 1], but got -3)")
    if input.ndim > 3:
        raise RuntimeError(
            f"istft: expected a tensor with 3 or 4 dimensions, but got {input.ndim + 1}"
        )
    if not 0 < hop_length <= win_length:
        raise RuntimeError("istft: expected 0 < hop_length <= win_length")
    if not 0 < win_length <= n_fft:
        raise RuntimeError("istft: expected 0 < win_length <= n_fft")


def _is_onesided(input: Array, n_fft: int, onesided: bool | None) -> bool:
    """Whether the frequencies are those of real signals; RuntimeError if they are too few."""
    bins = input.shape[-2]
    found = bins != n_fft if onesided is None else onesided
    wanted = n_fft // 2 + 1 if found else n_fft
    if bins != wanted:
        said = "n_fft / 2 + 1" if found else "n_fft"
        raise RuntimeError(
            "istft: expected the frequency dimension (3rd to the last) of the input tensor to "
            f"match {said} when onesided={found}, but got {bins}"
        )
    return found


@op("_istft", public=(), saves=("window",))
def istft(
    input: Array,
    n_fft: int,
    hop_length: int | None,
    win_length: int | None,
    window: Array | None,
    center: bool,
    normalized: bool,
    onesided: bool | None,
    length: int | None,
    return_complex: bool,
) -> Array:
    """The signal whose stft is nearest to input. See torch.istft."""
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    if window is None:
        warnings.warn(_NO_WINDOW, stacklevel=2)
    _check_istft(input, n_fft, hop_length, win_length)
    half = _is_onesided(input, n_fft, onesided)
    window = _window(window, win_length, n_fft, input)
    if return_complex and half:
        raise RuntimeError(_NO_HALF)
    if not return_complex and is_complex(window):
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    norm = "ortho" if normalized else "backward"
    spectra = jnp.swapaxes(input, -1, -2)
    if return_complex:
        pieces = jnp.fft.ifft(spectra, norm=norm)
    else:
        pieces = jnp.fft.irfft(spectra[..., : n_fft // 2 + 1], n_fft, norm=norm)
    pieces = pieces * window.astype(jnp.result_type(pieces, window))
    frames = input.shape[-1]
    where = positions(frames, hop_length, n_fft)
    start, stop, lacking = kept(frames, n_fft, hop_length, center, length)
    covered = n_fft + hop_length * (frames - 1)
    signal = jnp.zeros((*input.shape[:-2], covered), pieces.dtype).at[..., where].add(pieces)
    weight = jnp.zeros((covered,), window.dtype).at[where].add(window * window)
    signal = signal[..., start:stop] / weight[start:stop]
    if lacking:
        warnings.warn("The length of signal is shorter than the length parameter.", stacklevel=2)
        signal = jnp.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, lacking)])
    return signal
