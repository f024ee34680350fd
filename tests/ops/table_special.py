"""Rows of jtorch/ops/special.py: special functions."""

from __future__ import annotations

import numpy as np

from .harness import case

for _name in ("erf", "erfc", "i0", "sinc"):
    case(_name, lambda t: [t(t.double(2, 3)), t(t.float(5)), t(t.int(4))], tolerance=5)
case(
    "erfinv",
    lambda t: [t(t.double(5, low=-0.95, high=0.95)), t(t.float(5, low=-0.9, high=0.9))],
    tolerance=20,
)
case(
    "digamma",
    lambda t: [t(t.positive(5, dtype="float64")), t(t.float(6, low=-9, high=9))],
    tolerance=20,
)
case(
    "lgamma",
    lambda t: [t(t.positive(5, dtype="float64")), t(t.double(4, low=-3, high=-2.1))],
    tolerance=20,
)
case(
    "logit",
    lambda t: [t(t.unit(5, dtype="float64")), t(t.float(5), 0.1), t(t.unit(3), eps=0.2)],
    tolerance=5,
)
case(
    "polygamma",
    lambda t: [
        t(1, t.positive(4, dtype="float64")),
        t(0, t.positive(4)),
        t(3, t.double(6, low=-9, high=9)),
        t(2, t.constant(t.special("float64"))),
        t(4, t.int(4, low=1)),
    ],
    errors=lambda t: [(t(-1, t.float(2)), "does not support negative n")],
    method=False,
    inplace=False,
    tolerance=20,
    twice=True,
)
case(
    "polygamma",
    lambda t: [t(t.double(4, low=-4, high=4), 2), t(t.positive(3), 1)],
    function=lambda library, input, n: (input.polygamma(n), input.detach().clone().polygamma_(n)),
    tolerance=50,
).family = "special-method"
case(
    "mvlgamma",
    lambda t: [t(t.double(4, low=2, high=5), 2), t(t.float(3, low=2, high=5), p=3)],
    tolerance=20,
)
case(
    "xlogy",
    lambda t: [
        t(t.double(2, 3), t.positive(3, dtype="float64")),
        t(t.special(), t.special()),
        t(t.positive(3), 2),
        t(t.int(3), t.int(3, low=1)),
    ],
)
case(
    "logaddexp",
    lambda t: [
        t(t.double(2, 3), t.double(3)),
        t(t.float(3), t.float(3)),
        t(t.complex(4), t.complex(4)),
    ],
)
case(
    "logaddexp2",
    lambda t: [t(t.double(2, 3), t.double(3))],
    errors=lambda t: [(t(t.complex(3), t.complex(3)), "not implemented for 'ComplexFloat'")],
)
case(
    "igamma",
    lambda t: [
        t(t.constant(t.positive(4, dtype="float64")), t.constant(t.positive(4, dtype="float64"))),
        t(t.constant(t.special()[:, None]), t.constant(t.special())),
    ],
    tolerance=100,
)
case(
    "igammac",
    lambda t: [
        t(t.constant(t.positive(4, dtype="float64")), t.constant(t.positive(4, dtype="float64"))),
        t(t.constant(t.special()[:, None]), t.constant(t.special())),
    ],
    tolerance=100,
)

for _name in ("expit", "ndtr", "log_ndtr", "i0e", "i1", "i1e", "erfcx"):
    case(f"special.{_name}", lambda t: [t(t.double(5)), t(t.float(5))], tolerance=20)
case("special.gammaln", lambda t: [t(t.positive(5, dtype="float64"))], tolerance=20)
case("special.psi", lambda t: [t(t.positive(5, dtype="float64"))], tolerance=20)
case("special.entr", lambda t: [t(t.positive(5, dtype="float64")), t(t.float(4))])
case("special.ndtri", lambda t: [t(t.unit(5, dtype="float64"))], tolerance=20)
case("special.xlog1py", lambda t: [t(t.double(5), t.positive(5, dtype="float64"))])
case(
    "special.zeta",
    lambda t: [
        t(t.constant(t.double(4, low=1.5, high=4)), t.constant(t.positive(4, dtype="float64"))),
        t(t.constant(np.array([2.0, 3.0, 5.0])), t.double(3, low=-4, high=-1)),
        t(t.constant(t.double(3, low=-1, high=1)), t.positive(3)),
        t(
            t.constant(np.array([0.0, 1.0, -1.0, 0.5, 2.5, 30.0, np.nan])),
            t.constant(np.array([[-1.0], [-1.5], [0.0], [np.nan], [np.inf]])),
        ),
        t(2, t.int(3, low=1)),
    ],
    gradients=False,
    tolerance=20,
)
case(
    "special.zeta",
    lambda t: [t(t.constant(np.array([2.0, 3.0, 5.0])), t.double(3, low=-4, high=3))],
    tolerance=20,
).family = "special-gradient"
case("special.multigammaln", lambda t: [t(t.double(4, low=2, high=5), 2)], tolerance=20)
for _name in ("erf", "erfc", "erfinv", "exp2", "expm1", "log1p", "sinc", "round", "i0"):
    case(f"special.{_name}", lambda t: [t(t.double(5, low=-0.9, high=0.9))], tolerance=5)
case("special.logit", lambda t: [t(t.unit(5, dtype="float64"))])
case("special.xlogy", lambda t: [t(t.double(5), t.positive(5, dtype="float64"))])
case("special.logsumexp", lambda t: [t(t.double(2, 3), 1)])
case("special.digamma", lambda t: [t(t.positive(5, dtype="float64"))], tolerance=20)
case("special.softmax", lambda t: [t(t.double(2, 3), 1), t(t.int(3), 0, dtype=t.dtype("float32"))])
case("special.log_softmax", lambda t: [t(t.double(2, 3), 1)])

# Bessel functions: both sides of the borders of their approximations, and what is beyond them.
for _name in (
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "spherical_bessel_j0",
):
    case(
        f"special.{_name}",
        lambda t: [
            t(t.double(30, low=-9, high=9)),
            t(t.float(30, low=-20, high=20)),
            t(t.special("float64")),
            t(t.strided(t.int(3, 2))),
            t(np.array([2.0, 2.09, -2.09, 5.0, 0.5, 1e-6, 104.0, 8.0])),
        ],
        errors=lambda t: [
            (t(t.float(2, dtype="float16")), "not implemented for 'Half'"),
            (t(t.complex(2)), "not implemented for 'ComplexFloat'"),
        ],
        tolerance=30,
    )

# Orthogonal polynomials: below and above the degrees where PyTorch changes its way.
for _name in (
    *(f"chebyshev_polynomial_{kind}" for kind in "tuvw"),
    *(f"shifted_chebyshev_polynomial_{kind}" for kind in "tuvw"),
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
):
    case(
        f"special.{_name}",
        lambda t: [
            t(t.double(8, 1, low=-1.5, high=1.5), np.array([-1, 0, 1, 2, 5, 7, 9, 20])),
            t(np.array([1.0, -1.0, 0.0, 3.0]), np.array([[2], [3], [12]])),
            t(t.strided(t.float(2, 3)), 4),
            t(1.5, t.int(3, low=0)),
            t(t.int(4), t.int(4, low=0)),
            t(t.double(3), np.array([2.7, np.nan, np.inf])),
        ],
        errors=lambda t: [
            (t(t.float(2, dtype="float16"), 2), "not implemented for 'Half'"),
            (t(t.float(2), t.float(3)), "must match the size"),
        ],
        tolerance=30,
    )
case(
    "special.hermite_polynomial_h",
    lambda t: [t(t.float(2), np.array([20.0, 129.0], np.float32)), t(t.double(2), 513)],
    tolerance=30,
).family = "special-degrees"
