"""`torch.signal.windows`, the older `torch.hann_window` and its siblings, `torch.fft.fftfreq`.

Tensors that a size and a few numbers tell: the formulas are rows of ops/window.py and ops/fft.py.
The older functions take any floating dtype and are periodic unless told otherwise, the newer ones
take float32 and float64 and are symmetric. Read creation.py for the options of both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import _expose
from .._core import dtype as dtypes
from .._core.dtype import get_default_dtype
from .._core.size import strided
from .._core.tensor import Tensor
from .creation import Options, without_inputs

WINDOW, FFTFREQ = (_expose.ROWS[n] for n in ("_window", "_fftfreq"))
HAMMING = 0.54
BLACKMAN = (0.42, 0.5, 0.08)
# Nuttall, "Some windows with very good sidelobe behavior", IEEE Trans. ASSP 29 (1981).
NUTTALL = (0.3635819, 0.4891775, 0.1365995, 0.0106411)


# --------------------------------------------------------------------------------- signal.windows


def _window(
    name: str, M: int, sym: bool, options: dict, *parameters: Any, said: str | None = None
) -> Tensor:
    """A window as the functions of `torch.signal.windows` make it, with their checks.

    said: the name in errors, where it isn't the formula's.
    """
    said = said or name
    if M < 0:
        raise ValueError(f"{said} requires non-negative window length, got M={M}")
    layout = options.pop("layout", strided)
    if layout is not strided:
        raise ValueError(f"{said} is implemented for strided tensors only, got: {layout}")
    given = Options(options)
    kind = given.dtype or get_default_dtype()
    if kind not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{said} expects float32 or float64 dtypes, got: {kind}")
    if not isinstance(M, int):
        raise TypeError(f"{said}(): argument 'M' must be int, not {type(M).__name__}")
    return without_inputs(WINDOW, (name, M, not sym, parameters, kind), given)


def general_cosine(M: int, *, a: Iterable, sym: bool = True, **options: Any) -> Tensor:
    """sum_i (-1)^i a[i] cos(2 pi i n / N), N = M - 1, or M if not sym.
    See torch.signal.windows.general_cosine."""
    if M > 1 and not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    a = tuple(map(float, a)) if isinstance(a, Iterable) else ()
    if M > 1 and not a:
        raise ValueError("Coefficients cannot be empty")
    return _window("general_cosine", M, sym, options, *a)


def general_hamming(M: int, *, alpha: float = HAMMING, sym: bool = True, **options: Any) -> Tensor:
    """alpha - (1 - alpha) cos(2 pi n / N). See torch.signal.windows.general_hamming."""
    return general_cosine(M, a=(alpha, 1.0 - alpha), sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.54 - 0.46 cos(2 pi n / N). See torch.signal.windows.hamming."""
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """sin(pi n / N)^2. See torch.signal.windows.hann."""
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N). See torch.signal.windows.blackman."""
    return _window("general_cosine", M, sym, options, *BLACKMAN, said="blackman")


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Nuttall's sum of four cosines. See torch.signal.windows.nuttall."""
    return general_cosine(M, a=NUTTALL, sym=sym, **options)


def bartlett(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """The triangle 1 - |2 n / N - 1|. See torch.signal.windows.bartlett."""
    return _window("bartlett", M, sym, options)


def cosine(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """sin(pi (n + 1/2) / M), with M + 1 if not sym. See torch.signal.windows.cosine."""
    return _window("cosine", M, sym, options)


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    **options: Any,
) -> Tensor:
    """exp(-|n - center| / tau), center = N / 2. See torch.signal.windows.exponential."""
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    return _window("exponential", M, sym, options, center, tau)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(-((n - N / 2) / std)^2 / 2). See torch.signal.windows.gaussian."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    return _window("gaussian", M, sym, options, std)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Tensor:
    """i0(beta sqrt(1 - (2 n / N - 1)^2)) / i0(beta). See torch.signal.windows.kaiser."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    return _window("kaiser", M, sym, options, beta)


WINDOWS = [bartlett, blackman, cosine, exponential, gaussian, general_cosine, general_hamming]
WINDOWS += [hamming, hann, kaiser, nuttall]


# --------------------------------------------------------------------------------- the older ones


def _older(said: str, name: str, count: int, periodic: bool, options: dict, *rest: Any) -> Tensor:
    """A window as `torch.hann_window` and its siblings make it, with their checks."""
    if not isinstance(count, int):
        raise TypeError(
            f"{said}(): argument 'window_length' (position 1) must be int, "
            f"not {type(count).__name__}"
        )
    if options.get("layout", strided) not in (strided, None):
        raise RuntimeError(f"{said} is not implemented for sparse types")
    if "out" in options:
        raise TypeError(f"{said}() got an unexpected keyword argument 'out'")
    given = Options(options)
    kind = given.dtype or get_default_dtype()
    if kind.category < dtypes.FLOAT:
        raise RuntimeError(f"{said} expects floating point dtypes, got: {kind}")
    if count < 0:
        raise RuntimeError(f"{said} requires non-negative window_length, got window_length={count}")
    return without_inputs(WINDOW, (name, count, periodic, rest, kind), given)


def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """sin(pi n / N)^2, N = window_length, less 1 if not periodic. See torch.hann_window."""
    cosines = (0.5, 0.5)
    return _older("hann_window", "general_cosine", window_length, periodic, options, *cosines)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = HAMMING,
    beta: float = 1.0 - HAMMING,
    **options: Any,
) -> Tensor:
    """alpha - beta cos(2 pi n / N). See torch.hamming_window."""
    cosines = (alpha, beta)
    return _older("hamming_window", "general_cosine", window_length, periodic, options, *cosines)


def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N). See torch.blackman_window."""
    return _older("blackman_window", "general_cosine", window_length, periodic, options, *BLACKMAN)


def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """The triangle 1 - |2 n / N - 1|. See torch.bartlett_window."""
    return _older("bartlett_window", "bartlett", window_length, periodic, options)


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any
) -> Tensor:
    """i0(beta sqrt(1 - (2 n / N - 1)^2)) / i0(beta). See torch.kaiser_window."""
    return _older("kaiser_window", "kaiser", window_length, periodic, options, beta)


FUNCTIONS = [hann_window, hamming_window, blackman_window, bartlett_window, kaiser_window]


# ----------------------------------------------------------------------------------- frequencies


def _frequencies(name: str, n: int, d: float, real: bool, options: dict) -> Tensor:
    if not isinstance(n, int):
        kind = type(n).__name__
        raise TypeError(f"fft_{name}(): argument 'n' (position 1) must be int, not {kind}")
    given = Options(options)
    kind = given.dtype or get_default_dtype()
    if kind.category < dtypes.FLOAT:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    if n < 0 and not real:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    made = without_inputs(FFTFREQ, (n, float(d), real, kind), given)
    return given.finish(made)


def fftfreq(n: int, d: float = 1.0, **options: Any) -> Tensor:
    """[0, 1, ..., (n - 1) // 2, -(n // 2), ..., -1] / (n d). See torch.fft.fftfreq."""
    return _frequencies("fftfreq", n, d, False, options)


def rfftfreq(n: int, d: float = 1.0, **options: Any) -> Tensor:
    """[0, 1, ..., n // 2] / (n d). See torch.fft.rfftfreq."""
    return _frequencies("rfftfreq", n, d, True, options)
