"""torch.autograd.functional held against PyTorch's. A row is an expression; `names` says what it
may use."""

from __future__ import annotations

from typing import Any

import pytest

import jtorch

from .rows import check_error, check_value

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def names(t: Any) -> dict[str, Any]:
    """x, one: (3,); k: (3,) of int64; w: (3,), a leaf that requires grad. f maps (3,) to (3,), g to
    a scalar; f2 and g2 take two of them."""
    functional = t.autograd.functional
    return {
        "t": t,
        **{name: getattr(functional, name) for name in jtorch.autograd.functional.__all__},
        "x": t.tensor([0.5, -1.0, 2.0]),
        "one": t.ones(3),
        "k": t.tensor([1, 2, 3]),
        "w": t.tensor([1.0, 2.0, -1.0], requires_grad=True),
        "f": lambda x: (x * x).sin() + x,
        "g": lambda x: (x**3).sum(),
        "f2": lambda x, y: (x * y, (x + 2 * y).sum()),
        "g2": lambda x, y: (x * y * y).sum(),
    }


CALLS = [
    "vjp(f, x, one",
    "vjp(f, w, one",
    "vjp(lambda x: x * w, x, one",
    "vjp(f2, (x, one), (one, t.tensor(2.0))",
    "vjp(g, x",
    "vjp(lambda x: t.ones(3), x, one",
    "jvp(f, x, one",
    "jvp(f, w, one",
    "jvp(lambda x: x.sin(), x[0]",
    "jvp(lambda x: t.ones(3), x, one",
    "jacobian(f, x",
    "jacobian(f, w",
    "jacobian(g, x",
    "jacobian(lambda x: x * w, x",
    "jacobian(f2, (x, one)",
    "jacobian(lambda x: t.ones(2), x",
    "jacobian(lambda x, y: x * 2, (x, one)",
    "hessian(g, x",
    "hessian(g, w",
    "hessian(lambda x: x.sum(), x",
    "hessian(g, x, vectorize=True",
    "vhp(g, x, one",
    "vhp(g, w, one",
    "vhp(g2, (x, one), (one, x)",
    "hvp(g, x, one",
    "hvp(g, w, one",
    "hvp(g2, (x, one), (one, x)",
]
WITHOUT_HISTORY = [
    "jvp(f2, (x, one), (one, x))",
    "hessian(g2, (x, one))",
    "hvp(lambda x: x.sum(), x, one)",
    "jacobian(f2, (x, one), vectorize=True)",
    "jacobian(f2, (x, one), vectorize=True, strategy='forward-mode')",
    "jacobian(f, x, vectorize=True, strategy='forward-mode')",
    "t.autograd.grad(jacobian(f, w, create_graph=True).pow(2).sum(), w)",
    "t.autograd.grad(hvp(g, w, one, create_graph=True)[1].pow(2).sum(), w)",
]
VALUES = [f"{c}{end})" for c in CALLS for end in ("", ", create_graph=True")] + WITHOUT_HISTORY


@pytest.mark.parametrize("expression", VALUES)
def test_values(expression: str) -> None:
    check_value(expression, names)


def test_hessian_in_forward_mode() -> None:
    """The same values as PyTorch's, whose result requires grad for no reason."""
    expression = "hessian(g2, (x, one), vectorize=True, outer_jacobian_strategy='forward-mode')"
    check_value(f"[[b.detach() for b in row] for row in {expression}]", names)


NAMES = ("vjp", "jvp", "jacobian", "hessian", "vhp", "hvp")
ERRORS = [
    *[f"{n}(lambda x: t.ones(()), x, strict=True)" for n in ("vjp", "jacobian", "hessian")],
    *[f"{n}(lambda x: t.ones(()), x, one, strict=True)" for n in ("jvp", "vhp", "hvp")],
    *[f"{n}(lambda x, y: g(x), (x, one), strict=True)" for n in ("vjp", "jacobian", "hessian")],
    *[f"{n}(lambda x, y: g(x), (x, one), (x, x), strict=True)" for n in ("jvp", "vhp", "hvp")],
    *[f"{n}(lambda x: x.sum(), x, one, strict=True)" for n in ("vhp", "hvp")],
    "hessian(lambda x: x.sum(), x, strict=True)",
    *[f"{n}(lambda x: 3, x[0])" for n in NAMES],
    *[f"{n}(lambda x: (x, 3), x[0])" for n in NAMES],
    *[f"{n}(g, 3)" for n in NAMES],
    *[f"{n}(g, (x, 3))" for n in NAMES],
    *[f"{n}(lambda x: x.sum(), k)" for n in ("vjp", "jacobian", "hessian")],
    *[f"{n}(f, x)" for n in ("vjp", "jvp", "vhp", "hvp", "hessian")],
    "vjp(f, x, t.ones(2))",
    *[f"{n}(g, x, t.ones(2))" for n in ("jvp", "vhp", "hvp")],
    *[f"{n}(g, (x,), (one, one))" for n in ("vjp", "jvp", "vhp", "hvp")],
    *[f"{n}(f, x, one)" for n in ("vhp", "hvp")],
    "jacobian(f, x, strategy='sideways')",
    "jacobian(f, x, strategy='forward-mode')",
    "jacobian(f, x, strict=True, vectorize=True)",
    "jacobian(f, x, strict=True, vectorize=True, strategy='forward-mode')",
    "jacobian(f, x, True, vectorize=True, strategy='forward-mode')",
    "hessian(g, x, outer_jacobian_strategy='sideways')",
    "hessian(g, x, strict=True, vectorize=True)",
]


@pytest.mark.parametrize("expression", ERRORS)
def test_errors(expression: str) -> None:
    check_error(expression, names)
