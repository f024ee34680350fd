"""autograd.Function inside of the transforms, held against PyTorch.

The functions' derivatives are wrong on purpose, each in its own way, so that a result tells which
of them was used: the backward of x * x is 5 x, its jvp 7 x.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

import jtorch

from ..comparison import compiled
from .rows import check_error, check_value

# PyTorch's jvp compiles its rules with TorchScript.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def squares(t: Any) -> list:
    """The square, with rules for vmap of every kind."""

    class Square(t.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x * x

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return gradient * 5 * ctx.saved_tensors[0]

        @staticmethod
        def jvp(ctx: Any, tangent: Any) -> Any:
            return tangent * 7 * ctx.saved_tensors[0]

    class Generated(Square):
        generate_vmap_rule = True

    class Mapped(Square):
        @staticmethod
        def vmap(info: Any, in_dims: tuple, x: Any) -> Any:
            assert info.batch_size == x.shape[in_dims[0]]
            return Mapped.apply(x) * 1.0, in_dims[0]

    class Both(Mapped):
        generate_vmap_rule = True

    class Same(Square):
        @staticmethod
        def vmap(info: Any, in_dims: tuple, x: Any) -> Any:
            return Square.apply(x).sum(in_dims[0]), None

    return [Square, Generated, Mapped, Both, Same]


def others(t: Any, square: Any) -> list:
    """Functions without a rule, or with one that doesn't fit; and one with several results."""

    class NoDims(square):
        @staticmethod
        def vmap(info: Any, in_dims: tuple, x: Any) -> Any:
            return [square.apply(x)]

    class OtherDims(square):
        @staticmethod
        def vmap(info: Any, in_dims: tuple, x: Any) -> Any:
            return square.apply(x), (0, 0)

    class Old(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * x

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return gradient

    class NoJvp(t.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any) -> Any:
            return x.exp()

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
            ctx.save_for_backward(output)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return gradient * ctx.saved_tensors[0] * 2

    class Several(t.autograd.Function):
        """Two arguments and a number; three results, of which one has no gradient."""

        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any, y: Any, k: int) -> Any:
            return x * y + k, x - y, x.round()

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
            ctx.save_for_backward(inputs[0], inputs[1], output[0])
            ctx.save_for_forward(inputs[0], inputs[1])
            ctx.k = inputs[2]
            ctx.mark_non_differentiable(output[2])

        @staticmethod
        def backward(ctx: Any, first: Any, second: Any, _: Any) -> Any:
            x, y, output = ctx.saved_tensors
            return first * y * ctx.k + second * output, first * x, None

        @staticmethod
        def jvp(ctx: Any, x_moved: Any, y_moved: Any, _: Any) -> Any:
            x, y = ctx.saved_tensors
            return x_moved * y * 3 + y_moved * x, x_moved - y_moved, None

    return [NoDims, OtherDims, Old, NoJvp, Several]


def names(t: Any) -> dict[str, Any]:
    """x: (3,), m: (2, 3); w: (3,), a leaf that requires grad; each function by its name."""
    square = squares(t)
    transforms = ("grad", "vjp", "jvp", "jacfwd", "jacrev", "hessian", "vmap")
    return {
        **{function.__name__: function.apply for function in (*square, *others(t, square[0]))},
        **{name: getattr(t.func, name) for name in transforms},
        "gradients": lambda *args: t.autograd.grad(*args, create_graph=True),
        "t": t,
        "x": t.tensor([0.5, -1.0, 2.0]),
        "m": t.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 4.0]]),
        "w": t.tensor([1.0, 2.0, -1.0], requires_grad=True),
    }


EACH = [
    "vmap({})(m)",
    "vmap(lambda r: r + {}(x))(m)",
    "vmap({}, in_dims=1, out_dims=1)(m)",
    "vmap(vmap({}))(m)",
    "jvp({}, (x,), (x,))",
    "jvp(lambda v: v + {}(x), (x,), (x,))",
    "grad(lambda v: {}(v).sum())(x)",
    "vmap(grad(lambda v: {}(v).sum()))(m)",
    "grad(lambda v: vmap({})(v).sum())(m)",
    "gradients(vmap(lambda r: {}(r * w))(m).sum(), w)",
    "gradients(gradients(vmap(lambda r: {}(r * w))(m).sum(), w)[0].sum(), w)",
    "jvp(vmap({}), (m,), (m,))",
    "vmap(lambda r: jvp({}, (r,), (r,)))(m)",
    "jacfwd({})(x)",
    "jacrev({})(x)",
    "hessian(lambda v: {}(v).sum())(x)",
    "grad(lambda v: jvp({}, (v,), (v,))[1].sum())(x)",
]
VALUES = [
    *[row.format(name) for row in EACH for name in ("Generated", "Mapped")],
    "jvp(Square, (x,), (x,))",
    "jacrev(Square)(x)",
    "vmap(Same, out_dims=None)(m)",
    "jacfwd(NoDims)(x)",
    "vmap(lambda a, b: Several(a, b, 2), in_dims=(0, None))(m, x)",
    "jvp(lambda a: Several(a, x, 2)[:2], (x,), (x,))",
    "jvp(lambda a: Several(x, a, 2)[0], (x,), (x,))",
    "grad(lambda a: Several(a, x, 2)[0].sum() + Several(x, a, 2)[1].sum())(x)",
    "vmap(grad(lambda a: Several(a, x, 3)[0].sum()))(m)",
    "gradients(vmap(lambda r: NoJvp(r * w))(m).sum(), w)",
    "gradients(gradients(vmap(lambda r: NoJvp(r * w))(m).sum(), w)[0].sum(), w)",
]
ERRORS = [
    "vmap(Old)(m)",
    "grad(lambda v: Old(v).sum())(x)",
    "jvp(Old, (x,), (x,))",
    "vmap(Square)(m)",
    "vmap(lambda r: r + Square(x))(m)",
    "vmap(Both)(m)",
    "vmap(NoDims)(m)",
    "vmap(OtherDims)(m)",
    "jvp(NoJvp, (x,), (x,))",
]


@pytest.mark.parametrize("expression", VALUES)
def test_values(expression: str) -> None:
    check_value(expression, names, times=2)


@pytest.mark.parametrize("expression", ERRORS)
def test_errors(expression: str) -> None:
    check_error(expression, names)


def test_derivative_of_a_derivative() -> None:
    """PyTorch gives zero for the outer tangent, which is lost on its way through what was saved."""
    given = names(jtorch)
    found = eval("jvp(lambda v: jvp(Square, (v,), (v,))[1], (x,), (x,))", given)
    assert found[1].tolist() == (14 * given["x"] ** 2).tolist()


def test_inside_of_control_flow() -> None:
    """Its own backward is used, in either style."""
    given = names(jtorch)
    x, w = given["x"], given["w"]
    scan = jtorch._higher_order_ops.scan
    for name, slope in (("Square", 5 * w * x * x), ("Old", x)):
        function = given[name]
        chosen = jtorch.cond(x.sum() > 0, lambda f=function: f(w * x), lambda: w * 1)
        stepped = scan(lambda c, r, f=function: (c + f(r * w), c * 1), jtorch.zeros(3), x[None])[0]
        for result in (chosen, stepped):
            assert jtorch.autograd.grad(result.sum(), w)[0].tolist() == slope.tolist()


def test_a_number_among_the_arguments() -> None:
    """PyTorch's own rule for vmap has no backward for such a function: each row by itself has."""
    given = names(jtorch)
    function, w, m = given["Several"], given["w"], given["m"]
    rows = jtorch.vmap(lambda r: sum(function(r * w, r + w, 3)))(m).sum()
    apart = sum(sum(function(r * w, r + w, 3)) for r in m).sum()
    found, expected = (jtorch.autograd.grad(total, w)[0] for total in (rows, apart))
    assert jtorch.allclose(found, expected)


def test_new_values_compile_nothing() -> None:
    """The rules are known by what they record: new calls and closures run the same program."""
    given = names(jtorch)
    function, w = given["Several"], given["w"]

    def step(number: float) -> float:
        rows = jtorch.ones(2, 3) * number
        result = jtorch.vmap(lambda r: function(r * w, r, 2)[0])(rows).sum()
        _, moved = given["jvp"](lambda v: given["Generated"](v), (rows,), (rows,))
        return (jtorch.autograd.grad(result, w)[0].sum() + moved.sum()).item()

    step(0.0), step(1.0)
    assert compiled(lambda: [step(float(k)) for k in range(2, 6)]) == 0


def test_once_differentiable() -> None:
    """A second derivative through vmap is refused, the first is not."""
    found = []
    for t in (torch, jtorch):

        class Once(t.autograd.Function):
            generate_vmap_rule = True

            @staticmethod
            def forward(x: Any) -> Any:
                return x * 2

            @staticmethod
            def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
                pass

            @staticmethod
            @t.autograd.function.once_differentiable
            def backward(ctx: Any, gradient: Any) -> Any:
                return gradient * 3

        w = t.ones(2, requires_grad=True)
        found.append(t.autograd.grad(t.vmap(Once.apply)(w).sum(), w)[0].tolist())
    assert found[0] == found[1]
