"""Dual Tensors, held against PyTorch's. A row is an expression; `names` says what it may use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.autograd.forward_ad
import torch.utils.checkpoint

import jtorch

from ..comparison import compiled, plain
from ..func.rows import check_error, check_value

# PyTorch's forward mode compiles rules with TorchScript.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def names(t: Any) -> dict[str, Any]:
    """x, v: (3,); w: (3,), a leaf that requires grad; inside of a level: d, x with the tangent v.

    both(y): the values and the tangent of y; level(f): f() inside of a level.
    """
    forward = t.autograd.forward_ad
    x, v = t.tensor([0.5, -1.0, 2.0]), t.tensor([1.0, 0.5, -1.0])
    w = t.tensor([1.0, 2.0, -1.0], requires_grad=True)

    def both(value: Any) -> tuple:
        primal, tangent = forward.unpack_dual(value)
        return primal.detach(), None if tangent is None else tangent.detach()

    def level(function: Callable) -> Any:
        """function(d), or of d and what else is dual; its results unpacked."""
        with forward.dual_level():
            found = function(forward.make_dual(x.clone(), v.clone()))
            return [both(y) for y in found] if isinstance(found, (list, tuple)) else both(found)

    def plainly(function: Callable) -> Any:
        with forward.dual_level():
            return function(forward.make_dual(x, v))

    return {
        "t": t,
        "f": forward,
        "F": t.nn.functional,
        "level": level,
        "plainly": plainly,
        "both": both,
        "tangent": lambda y: forward.unpack_dual(y).tangent,
        "grad": lambda *args: t.autograd.grad(*args, create_graph=True),
        "checkpoint": t.utils.checkpoint.checkpoint,
        "written": written,
        "nested": nested,
        "custom": custom(t),
        "x": x,
        "v": v,
        "w": w,
    }


def written(t: Any, d: Any) -> list:
    """In-place writes, through views and to what was no dual Tensor."""
    y = t.zeros(2, 3)
    y[0] = d
    row = y[1]
    row.copy_(d * d)
    z = d.clone()
    part = z.view(3, 1)[1:]
    part.mul_(2)
    z.add_(1)
    total = t.zeros(())
    for k in range(3):
        total += d[k] * d[(k + 1) % 3]
    d[0] = 4.0
    return [y, row, y.view(-1), z, part, total, d, d[1:]]


def nested(f: Any) -> None:
    with f.dual_level(), f.dual_level():
        pass


def custom(t: Any) -> Any:
    """A custom Function whose jvp is three times the derivative."""

    class Product(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any, k: int) -> Any:
            ctx.save_for_forward(x, y)
            return x * y * k

        @staticmethod
        def jvp(ctx: Any, x_moved: Any, y_moved: Any, k_moved: Any) -> Any:
            x, y = ctx.saved_tensors
            assert k_moved is None
            return 3 * (x_moved * y + y_moved * x)

    return Product.apply


VALUES = [
    "level(lambda d: d)",
    "level(lambda d: d * 2 + x)",
    "level(lambda d: (d * d).sin() / (d + 4))",
    "level(lambda d: [d.exp().sum(), d @ d, t.outer(d, d), d.double(), d[1:], d.max(0).values])",
    "level(lambda d: [d > 0, d.long(), d.argmax(), d.detach(), d.data, t.ones_like(d), x])",
    "level(lambda d: [d.clone().zero_(), d.clone().copy_(x), x.clone().mul_(d), t.cat([x, d])])",
    "level(lambda d: [*d.split([1, 2]), *d.sort(), *t.unbind(t.stack([d, x]))])",
    "level(lambda d: written(t, d))",
    "level(lambda d: [F.linear(d, t.ones(2, 3)), F.softmax(d, 0), F.layer_norm(d, (3,))])",
    "level(lambda d: [t.linalg.inv(t.outer(d, d) + t.eye(3)), t.complex(d, x).abs()])",
    "level(lambda d: [d * w, tangent(d * w)])",
    "level(lambda d: grad((d * w).sin().sum(), w)[0])",
    "level(lambda d: grad(grad((d * w).sin().sum(), w)[0].sum(), w)[0])",
    "level(lambda d: t.func.grad(lambda y: (y**3).sum())(d))",
    "level(lambda d: t.vmap(lambda y: y * d.sum())(d))",
    "level(lambda d: checkpoint(lambda y: (y * w).sin(), d, use_reentrant=False))",
    "level(lambda d: custom(d, x, 2))",
    "level(lambda d: custom(x, d, 2) + custom(x, x, 1))",
    "level(lambda d: f.unpack_dual(d).primal)",
    "level(lambda d: f.make_dual(w, v) ** 2)",
    "plainly(lambda d: grad(tangent(d * w * w).sum(), w)[0])",
    "plainly(lambda d: grad(tangent(f.make_dual(w, v) ** 3).sum(), w)[0])",
    "plainly(lambda d: grad(tangent(f.make_dual(x * 1, w) ** 3).sum(), w)[0])",
    "plainly(lambda d: [(d * w).sum().backward(), w.grad, both(w.grad)])",
    "plainly(lambda d: [t.set_grad_enabled(False), both(d * w), t.set_grad_enabled(True)][1])",
    "plainly(lambda d: [d.requires_grad, d.is_leaf, repr(d), repr(d * 2), (d * 2).tolist()])",
    "both(plainly(lambda d: d * 2))",
    "[plainly(lambda d: d * 2), plainly(lambda d: 1)][0]",
    "f.unpack_dual(x)",
    "f.dual_level()(lambda: both(f.make_dual(x, v) + 1))()",
    "[f.enter_dual_level(), both(f.make_dual(x, v) * x), f.exit_dual_level()]",
]
ERRORS = [
    "f.make_dual(x, v)",
    "f.exit_dual_level()",
    "nested(f)",
    "plainly(lambda d: f.exit_dual_level(level=3))",
    "plainly(lambda d: f.make_dual(x, v, level=2))",
    "plainly(lambda d: f.make_dual(x.long(), v))",
    "plainly(lambda d: f.make_dual(x, v.long()))",
    "plainly(lambda d: f.make_dual(x, v[:2]))",
    "plainly(lambda d: f.make_dual(d, v))",
    "plainly(lambda d: f.make_dual(x, d))",
    "plainly(lambda d: f.unpack_dual(3.0))",
    "plainly(lambda d: t.func.jvp(lambda y: y * 2, (x,), (v,)))",
    "t.func.jvp(lambda y: plainly(lambda d: y), (x,), (v,))",
    "plainly(lambda d: t.mul(d, d, out=x.clone()))",
]


@pytest.mark.parametrize("expression", VALUES)
def test_values(expression: str) -> None:
    check_value(expression, names, times=2)


@pytest.mark.parametrize("expression", ERRORS)
def test_errors(expression: str) -> None:
    check_error(expression, names)


def test_a_level_that_ended_by_an_error() -> None:
    forward = jtorch.autograd.forward_ad
    with pytest.raises(ZeroDivisionError), forward.dual_level():
        raise ZeroDivisionError
    with forward.dual_level() as level:
        assert level == 0


def test_a_level_that_ended_inside_of_a_transform() -> None:
    forward = jtorch.autograd.forward_ad
    forward.enter_dual_level()
    dual = forward.make_dual(jtorch.ones(3), jtorch.ones(3))
    jtorch.func.grad(lambda x: forward.exit_dual_level() or x.sum())(dual)
    assert (dual * 2).tolist() == [2, 2, 2]


def test_a_tensor_multiplied_by_itself_in_place() -> None:
    """PyTorch writes the tangent in place too, and reads it again: it gives 2, 3, -12 for 1, 2, 3
    moved by 1, 0.5, -1."""
    forward = jtorch.autograd.forward_ad
    with forward.dual_level():
        d = forward.make_dual(jtorch.tensor([1.0, 2.0, 3.0]), jtorch.tensor([1.0, 0.5, -1.0]))
        d.mul_(d)
        assert forward.unpack_dual(d).tangent.tolist() == [2.0, 2.0, -6.0]


def step(t: Any, read: bool) -> Any:
    """Forward over reverse over forward mode, with values read on the way or not."""
    forward = t.autograd.forward_ad
    w = t.tensor([1.0, 2.0, -1.0], requires_grad=True)
    with forward.dual_level():
        d = forward.make_dual(t.tensor([0.5, -1.0, 2.0]), t.tensor([1.0, 0.5, -1.0]))
        hidden = (d * w).sin()
        seen = [hidden.tolist()] if read else []
        loss = (hidden**2).sum()
        seen += [loss.item()] if read else []
        (gradient,) = t.autograd.grad(loss, w, create_graph=True)
        seen += [gradient.tolist()] if read else []
        moved = forward.unpack_dual(gradient).tangent
        (again,) = t.autograd.grad(moved.sum(), w)
        return plain([seen, gradient, moved, again], t)


@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize("eager", [False, True])
def test_across_programs(read: bool, eager: bool) -> None:
    with jtorch.debug.eager(eager):
        found = step(jtorch, read)
    assert str(rounded(found)) == str(rounded(step(torch, read)))


def rounded(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def test_steps_compile_once() -> None:
    forward = jtorch.autograd.forward_ad

    def moved(number: float) -> float:
        with forward.dual_level():
            d = forward.make_dual(jtorch.full((3,), number), jtorch.ones(3))
            return forward.unpack_dual((d * d).sum()).tangent.item()

    assert [moved(0.0), moved(1.0)] == [0, 6]
    assert compiled(lambda: [moved(float(k)) for k in range(2, 6)]) == 0
