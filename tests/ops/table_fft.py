"""Rows of jtorch/ops/fft.py, spectrogram.py and window.py: Fourier transforms, windows.

How a row is written: harness.py."""

from __future__ import annotations

from .harness import case

# Transforms of one dim: from complex numbers, from real ones, to real ones.
for _name in ("fft", "ifft", "irfft", "hfft"):
    case(
        f"fft.{_name}",
        lambda t: [
            t(t.complex(3, 5, dtype="complex128")),
            t(t.strided(t.complex(4, 3)), 4, 0, "ortho"),
            t(t.double(4, 5), n=3, norm="forward"),
            t(t.int(6)),
        ],
        errors=lambda t: [
            (t(t.float(3), 0), "Invalid number of data points"),
            (t(t.float()), "tensor has no dimensions"),
            (t(t.float(3), dim=1), "Dimension out of range"),
            (t(t.float(3), norm="other"), "Invalid normalization mode"),
            (t(t.float(3, dtype="float16")), "Unsupported dtype Half"),
            (t(t.float(3), 2.0), "must be int, not float"),
        ],
        tolerance=3,
    )
for _name in ("rfft", "ihfft"):
    case(
        f"fft.{_name}",
        lambda t: [
            t(t.double(3, 5)),
            t(t.double(4, 6), n=3, norm="forward"),
            t(t.strided(t.float(4, 3)), 7, 0, "ortho"),
            t(t.bool(6)),
        ],
        errors=lambda t: [(t(t.complex(3)), "expects a real")],
        tolerance=3,
    )

# Transforms of several dims.
for _name in ("fftn", "ifftn", "irfftn", "hfftn"):
    case(
        f"fft.{_name}",
        lambda t: [
            t(t.complex(2, 3, 4, dtype="complex128")),
            t(t.complex(2, 3, 4), (4, -1), norm="ortho"),
            t(t.strided(t.float(3, 4, 2)), dim=(2, 0), norm="forward"),
            t(t.double(2, 3, 4), 3, 1),
        ],
        errors=lambda t: [
            (t(t.float(2, 3), dim=(0, 0)), "FFT dims must be unique"),
            (t(t.float(2, 3), (2,), (0, 1)), "must have the same length"),
            (t(t.float(2), (2, 3)), "but input tensor only has 1 dimensions"),
        ],
        tolerance=3,
    )
for _name in ("rfftn", "ihfftn"):
    case(
        f"fft.{_name}",
        lambda t: [
            t(t.double(2, 3, 4)),
            t(t.float(2, 3, 4), (4, -1), norm="ortho"),
            t(t.strided(t.float(3, 4, 2)), dim=(2, 1, 0), norm="forward"),
            t(t.int(2, 5), dim=0),
        ],
        errors=lambda t: [(t(t.float(2, 3), dim=()), "must transform at least one axis")],
        tolerance=3,
    )
for _name in ("fft2", "ifft2", "irfft2", "hfft2", "rfft2", "ihfft2"):
    case(
        f"fft.{_name}",
        lambda t: [t(t.double(2, 3, 4)), t(t.float(2, 3, 4), (2, 6), (2, 0))],
        errors=lambda t: [(t(t.float(3)), "Dimension out of range")],
        tolerance=3,
    )

for _name in ("fftshift", "ifftshift"):
    case(
        f"fft.{_name}",
        lambda t: [
            t(t.double(3, 4)),
            t(t.strided(t.int(5, 2)), 0),
            t(t.complex(2, 3, 5), (0, -1)),
            t(t.float(5), (0, 0)),
        ],
        errors=lambda t: [(t(t.float(3), ()), "`shifts` required")],
        out=False,
    )
for _name in ("fftfreq", "rfftfreq"):
    case(
        f"fft.{_name}",
        lambda t: [t(5), t(6, 0.5, dtype=t.dtype("float64")), t(0), t(1, d=2, requires_grad=True)],
        errors=lambda t: [
            (t(3, dtype=t.dtype("int64")), "requires a floating point or complex dtype"),
            (t(3.0), "must be int, not float"),
        ],
    )
case(
    "fft.fftfreq", lambda t: [t(2)], errors=lambda t: [(t(-3), "negative dimension")]
).family = "fft-more"

# Short-time transforms.


case(
    "stft",
    lambda t: [
        t(t.double(2, 20), 8, window=t.positive(8, dtype="float64"), return_complex=True),
        t(t.float(20), 6, 2, 4, t.positive(4), normalized=True, return_complex=True),
        t(t.float(2, 13), 5, 3, window=t.positive(5), center=False, return_complex=False),
        t(t.complex(12), 4, 1, pad_mode="constant", window=t.positive(4)),
        t(t.float(12), 4, window=t.positive(4), onesided=False, return_complex=True),
        t(t.float(15), 6, 2, 4, center=False, align_to_window=True, return_complex=True),
    ],
    errors=lambda t: [
        (t(t.float(20), 8), "requires the return_complex parameter"),
        (t(t.float(20), 8, 0, return_complex=True), "expected hop_length > 0"),
        (t(t.float(20), 8, 2, 9, return_complex=True), "expected 0 < win_length <= n_fft"),
        (t(t.float(20), 8, window=t.float(5), return_complex=True), "expected a 1D window tensor"),
        (t(t.float(4), 8, return_complex=True, center=False), "expected 0 < n_fft < 4"),
        (t(t.complex(20), 8, onesided=True), "Cannot have onesided output"),
        (t(t.int(20), 8, return_complex=True), "expected a tensor of floating point or complex"),
    ],
    out=False,
    tolerance=3,
)
case(
    "istft",
    lambda t: [
        t(t.complex(2, 5, 4, dtype="complex128"), 8, window=t.positive(8, dtype="float64")),
        t(t.complex(4, 5), 6, 2, 4, t.positive(4), normalized=True, length=9),
        t(t.complex(2, 3, 3), 5, 2, window=t.positive(5), center=False),
        t(t.complex(4, 6), 4, window=t.positive(4), onesided=False, return_complex=True),
        t(t.complex(3, 4), 4, window=t.positive(4), length=15),
    ],
    errors=lambda t: [
        (t(t.float(5, 4), 8), "requires a complex-valued input"),
        (t(t.complex(5, 4), 8, 9), "expected 0 < hop_length <= win_length"),
        (t(t.complex(4, 4), 8), "to match n_fft / 2 + 1 when onesided=True, but got 4"),
        (t(t.complex(5, 4), 8, window=t.float(8) * 0), "window overlap add min"),
        (t(t.complex(5, 4), 8, 8, 4), "expected 0 < hop_length <= win_length"),
        (t(t.complex(5, 4), 8, return_complex=True), "Cannot have onesided output"),
    ],
    out=False,
    tolerance=10,
)

# Windows.
for _name in ("hann", "hamming", "blackman", "bartlett", "kaiser"):
    case(
        f"{_name}_window",
        lambda t: [t(0), t(1), t(5), t(6, False), t(7, dtype=t.dtype("float64"))],
        errors=lambda t: [
            (t(-1), "requires non-negative window_length"),
            (t(3, dtype=t.dtype("int64")), "expects floating point dtypes"),
        ],
        out=False,
    )
case("kaiser_window", lambda t: [t(5, True, 3.0)], out=False).family = "fft-more"
case("hamming_window", lambda t: [t(5, True, 0.3, 0.6)], out=False).family = "fft-more"

_OPTIONS = {
    "bartlett": {},
    "blackman": {},
    "cosine": {},
    "exponential": {"tau": 2.5},
    "gaussian": {"std": 1.5},
    "general_cosine": {"a": [0.5, 0.4, 0.1]},
    "general_hamming": {"alpha": 0.3},
    "hamming": {},
    "hann": {},
    "kaiser": {"beta": 5},
    "nuttall": {},
}
for _name, _options in _OPTIONS.items():
    case(
        f"signal.windows.{_name}",
        lambda t, options=_options: [
            t(0, **options),
            t(1, sym=False, **options),
            t(6, **options),
            t(7, sym=False, dtype=t.dtype("float64"), **options),
        ],
        errors=lambda t, options=_options: [
            (t(-1, **options), "requires non-negative window length"),
            (t(3, dtype=t.dtype("float16"), **options), "expects float32 or float64 dtypes"),
            (t(3, layout=t.dtype("sparse_coo"), **options), "for strided tensors only"),
        ],
        out=False,
    )
case(
    "signal.windows.exponential",
    lambda t: [t(5, center=1, sym=False)],
    errors=lambda t: [(t(3, tau=0), "Tau must be positive"), (t(3, center=1), "must be None")],
    out=False,
).family = "fft-more"
