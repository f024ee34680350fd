"""Rows of jtorch/ops/special.py: special functions."""

from __future__ import annotations

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
    lambda t: [t(1, t.positive(4, dtype="float64")), t(0, t.positive(4)), t(2, t.positive(4))],
    method=False,
    inplace=False,
    tolerance=20,
)
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
case("logaddexp", lambda t: [t(t.double(2, 3), t.double(3)), t(t.float(3), t.float(3))])
case("logaddexp2", lambda t: [t(t.double(2, 3), t.double(3))])
case(
    "igamma",
    lambda t: [
        t(t.constant(t.positive(4, dtype="float64")), t.constant(t.positive(4, dtype="float64")))
    ],
    tolerance=100,
)
case(
    "igammac",
    lambda t: [
        t(t.constant(t.positive(4, dtype="float64")), t.constant(t.positive(4, dtype="float64")))
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
        t(t.constant(t.double(4, low=1.5, high=4)), t.constant(t.positive(4, dtype="float64")))
    ],
    tolerance=20,
)
case("special.multigammaln", lambda t: [t(t.double(4, low=2, high=5), 2)], tolerance=20)
for _name in ("erf", "erfc", "erfinv", "exp2", "expm1", "log1p", "sinc", "round", "i0"):
    case(f"special.{_name}", lambda t: [t(t.double(5, low=-0.9, high=0.9))], tolerance=5)
case("special.logit", lambda t: [t(t.unit(5, dtype="float64"))])
case("special.xlogy", lambda t: [t(t.double(5), t.positive(5, dtype="float64"))])
case("special.logsumexp", lambda t: [t(t.double(2, 3), 1)])
case("special.digamma", lambda t: [t(t.positive(5, dtype="float64"))], tolerance=20)
