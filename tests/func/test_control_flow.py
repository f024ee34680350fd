"""cond, while_loop, scan and associative_scan, held against PyTorch.

A row is an expression. PyTorch captures these functions with torch.compile, which takes a second a
row and knows no transform around them. So most rows stand against what PyTorch's documentation says
that they are equivalent to (`plainly`), and a few against the functions themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
import torch

import jtorch
from jtorch._core.trace import local

from ..comparison import compiled, difference, plain
from ..core.test_interoperation import through

# PyTorch's jvp compiles its rules with TorchScript.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
hops = jtorch._higher_order_ops


def _cond(pred: Any, true_fn: Callable, false_fn: Callable, operands: Any = ()) -> Any:
    return true_fn(*operands) if pred else false_fn(*operands)


def _while_loop(cond_fn: Callable, body_fn: Callable, carried: tuple) -> tuple:
    while cond_fn(*carried):
        carried = body_fn(*carried)
    return carried


def _scan(f: Callable, carry: Any, xs: Any, *, dim: int = 0, reverse: bool = False) -> tuple:
    rows = list(xs.unbind(dim))
    found = []
    for row in reversed(rows) if reverse else rows:
        carry, y = f(carry, row)
        found.append(y)
    found = found[::-1] if reverse else found
    where = dim if dim < found[0].dim() + 1 else 0
    return carry, torch.stack(found, where)


PLAINLY = {"cond": _cond, "while_loop": _while_loop, "scan": _scan}


def names(t: Any, functions: Any) -> dict[str, Any]:
    """x: (3,), m: (2, 3); w: (3,), a leaf that requires grad; yes, no: what decides."""
    t.manual_seed(0)
    return {
        "t": t,
        **{n: getattr(functions, n) for n in hops.__all__ if hasattr(functions, n)},
        **{n: getattr(t.func, n) for n in ("grad", "jvp", "vjp", "jacfwd", "jacrev", "hessian")},
        "vmap": t.vmap,
        "gradients": lambda *args, **options: t.autograd.grad(*args, create_graph=True, **options),
        "no_grad": no_grad,
        "backward": backward,
        "x": t.tensor([0.5, -1.0, 2.0]),
        "m": t.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 4.0]]),
        "w": t.tensor([1.0, 2.0, -1.0], requires_grad=True),
        "yes": t.tensor(True),
        "no": t.tensor([False]),
        "generic": "generic",
    }


def no_grad(t: Any, x: Any) -> Any:
    with t.no_grad():
        return x * x


def backward(output: Any, leaf: Any) -> Any:
    """What a leaf gets from backward."""
    output.backward()
    return leaf.grad


# How a step looks in rows about scan.
STEP = "lambda c, r: (c * w + r, (c * r).sin())"
# And how a loop of three steps, or more, does.
LOOP = "lambda i, v: i < 3, lambda i, v: (i + 1, (v * w).sin() + 0.1)"

EQUIVALENT = [
    "cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, (x,))",
    "cond(no, lambda x: (x * 2, {'a': x}), lambda x: (x - 1, {'a': -x}), (x,))",
    "cond(yes, lambda: w * x, lambda: w + x)",
    "cond(t.tensor(2.0), lambda d: d['a'][0] + 1, lambda d: d['a'][0], ({'a': [x]},))",
    "cond(0, lambda x: x.item(), lambda x: 'nothing', (x,))",
    "cond(yes, lambda x: x.clone().mul_(2), lambda x: x * 1, (x,))",
    "cond(yes, lambda x: cond(x[0] > 1, lambda: x, lambda: -x), lambda x: x * 3, (x,))",
    "backward(cond(yes, lambda: w * w * x, lambda: w + x).sum(), w)",
    "backward(cond(no, lambda v: w * v * x, lambda v: w + v * 3, (w * w,)).sum(), w)",
    "backward(cond(no, lambda: w * x, lambda: w * no_grad(t, w)).sum(), w)",
    "gradients(gradients(cond(yes, lambda: w**3, lambda: w).sum(), w)[0].sum(), w)",
    "grad(lambda v: cond(v[0] > 0, lambda: v**3, lambda: v).sum())(x)",
    "jvp(lambda v: cond(v[0] > 0, lambda: v**3, lambda: v), (x,), (x,))",
    "vmap(lambda r: cond(t.ones(()) > 0, lambda: r * w, lambda: r))(m)",
    "while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * m[1]), (t.tensor(0), x))",
    "while_loop(lambda x: x.sum() < 9, lambda x: (x * 2,), (x,))",
    "while_loop(lambda x: x.sum() < 0, lambda x: (x * 2,), (x,))",
    "while_loop(lambda i, x: 2 * i < 5, lambda i, x: (i + 1, x + i), (0, x))",
    "jvp(lambda v: while_loop(lambda x: x.sum() < 9, lambda x: (x * x + 1,), (v,))[0], (x,), (x,))",
    f"backward(while_loop({LOOP}, (t.tensor(0), w * x))[1].sum(), w)",
    f"gradients(while_loop({LOOP}, (t.tensor(-300), x))[1].sum(), w)",
    "backward(while_loop(lambda d: d['a'].sum() < 9, lambda d: ({'a': d['a'] * w + 2},), "
    "({'a': x},))[0]['a'].sum(), w)",
    "backward(while_loop(lambda v: v.sum() < -9, lambda v: (v * w,), (w * 2,))[0].sum(), w)",
    f"vmap(grad(lambda v: while_loop({LOOP}, (t.tensor(0), v))[1].sum()))(m)",
    f"jacfwd(grad(lambda v: while_loop({LOOP}, (t.tensor(0), v))[1].sum()))(x)",
    f"scan({STEP}, x, m)",
    f"scan({STEP}, x, m, reverse=True)",
    f"scan({STEP}, x, m.T, dim=1)",
    f"scan({STEP}, x, m.T, dim=-1, reverse=True)",
    "scan(lambda c, r: (c + r.sum(), c * 2), t.tensor(0.0), m.T, dim=1)",
    "scan(lambda c, r: (c + 1, r.sum()), t.tensor(0), m)",
    f"backward(scan({STEP}, x, m)[0].sum(), w)",
    f"backward(scan({STEP}, w * w, m)[1].sum(), w)",
    "backward(scan(lambda c, r: (c + r * w, c), t.zeros(3), m)[1].sum(), w)",
    "backward(scan(lambda c, r: (c.detach() * w + r, c), x, m)[1].sum(), w)",
    "backward(scan(lambda c, r: (no_grad(t, c) * w + r, c), x, m)[1].sum(), w)",
    f"gradients(gradients(scan({STEP}, x, m)[1].pow(2).sum(), w)[0].sum(), w)",
    f"grad(lambda v: scan({STEP}, v, m)[0].sum())(x)",
    f"vjp(lambda v: scan({STEP}, x, v), m)[1]((x, m))",
    f"jvp(lambda v: scan({STEP}, v, m), (x,), (x,))",
    f"hessian(lambda v: scan({STEP}, v, m)[0].sin().sum())(x)",
    f"jacfwd(lambda v: scan({STEP}, x, v)[1])(m)",
    f"jacrev(lambda v: scan({STEP}, x, v)[1])(m)",
    f"vmap(lambda v: scan({STEP}, v, m))(m)",
    f"vmap(grad(lambda v: scan({STEP}, v, m)[0].sum()))(m)",
    "scan(lambda c, r: (c + grad(lambda v: (v**3 * c).sum())(r), c), x, m)",
    "backward(scan(lambda c, r: (c + grad(lambda v: (v**3 * c).sum())(r), c), w, m)[0].sum(), w)",
    "scan(lambda c, r: (c + vmap(lambda a: a * c.sum())(r), c), x, m)",
    "scan(lambda c, r: (cond(c[0] > 1, lambda: c * r, lambda: c + r), c), x, m)",
    "scan(lambda c, r: (scan(lambda d, s: (d + s, d * s), r, m)[0], c), x, m)",
    "scan(lambda c, r: (c + t.rand(3), c), x, m)",
]


@pytest.mark.parametrize("expression", EQUIVALENT)
def test_equivalent(expression: str) -> None:
    """Twice, for a graph that was seen before takes other ways."""
    given = names(torch, SimpleNamespace(**PLAINLY))
    expected = plain(eval(expression, given), torch)
    for _ in range(2):
        found = plain(eval(expression, names(jtorch, hops)), jtorch)
        assert not (what := difference(expected, found, tolerance=1e-5)), what


THEMSELVES = [
    "cond(yes, lambda x: (x + 1, 3), lambda x: (x + 2, 4), (x,))",
    "cond(no, lambda: w * 1, lambda: w.detach() * 2)",
    "while_loop(lambda i, x: i < 3, lambda i, x: [i + 1, x * 2], [0, x])",
    "scan(lambda c, d: ((c[0] + d['a'],), [c[0] * d['a'], c[0] + 1]), (x,), {'a': m})",
    "scan(lambda c, r: (c + r, ()), x, m)",
    "scan(lambda c, r: (c + r[0], c * r[1]), x[0], (x[:2], m[0]))",
    "scan(None, x, [])",
    "associative_scan(lambda a, b: a * b, w, 0, combine_mode=generic)",
    "associative_scan(lambda a, b: {'a': a['a'] + b['a']}, {'a': m}, 1, True, generic)",
    "associative_scan(lambda a, b: (a[0] * b[0], a[1] * b[0] + b[1]), (m, m), -1, False, generic)",
    "gradients(associative_scan(lambda a, b: a * b, w, 0, False, generic).sin().sum(), w)",
    "backward(associative_scan(lambda a, b: a * b * w, m, 0, False, generic).sum(), w)",
]


@pytest.mark.parametrize("expression", THEMSELVES)
def test_themselves(expression: str) -> None:
    functions = torch._higher_order_ops
    expected = plain(eval(expression, names(torch, functions)), torch)
    found = plain(eval(expression, names(jtorch, hops)), jtorch)
    assert not (what := difference(expected, found, tolerance=1e-5)), what


SAME_ERRORS = [
    "cond('a', lambda: x, lambda: x)",
    "cond(x > 0, lambda: x, lambda: x)",
    "cond(yes, 3, lambda: x)",
    "cond(yes, lambda x: x, lambda x: x, (3,))",
    "cond(yes, lambda x: x, lambda x: x, x)",
    "while_loop(3, lambda x: (x,), (x,))",
    "scan(3, x, m)",
    "scan(lambda c, r: (c, r), x, m, reverse=1)",
    "scan(lambda c, r: (c, r), (), m)",
    "scan(lambda c, r: (c, r), 0.5, m)",
    "scan(lambda c, r: (c, r), x, (m, 0.5))",
    "scan(lambda c, r: (c, r), x, m, dim=2)",
    "scan(lambda c, r: (c, r), x, (m, x), dim=1)",
    "scan(lambda c, r: (c, r), x, m[:0])",
    "scan(lambda c, r: (c + 1, r[0] + 1), x, (x, x[:2]))",
    "associative_scan(3, x, 0, combine_mode=generic)",
    "associative_scan(lambda a, b: a, x, 0, 1)",
    "associative_scan(lambda a, b: a, x, 0)",
    "associative_scan(lambda a, b: a, x, 0, combine_mode='all')",
    "associative_scan(lambda a, b: a, x, 1, combine_mode=generic)",
    "associative_scan(lambda a, b: a, x[:0], 0, combine_mode=generic)",
]


@pytest.mark.parametrize("expression", SAME_ERRORS)
def test_same_errors(expression: str) -> None:
    found = []
    for library in (torch, jtorch):
        with pytest.raises(Exception) as raised:  # noqa: PT011
            eval(expression, names(library, library._higher_order_ops))
        found.append((type(raised.value), str(raised.value)))
    assert found[1] == found[0]


# What torch.compile refuses in pages of its own: here the class, and words, are ours.
REFUSED = [
    ("cond(yes, lambda: x, lambda: (x, x))", "Unmatched output spec"),
    ("cond(yes, lambda: x, lambda: x.double())", "same dtype but got torch.float32 and .*float64"),
    ("cond(yes, lambda: x, lambda: m)", r"differ in 'shape: .*\[3\].* vs .*\[2, 3\]"),
    ("cond(yes, lambda: None, lambda: None)", "Tensors or ints"),
    ("cond(yes, lambda: x.add_(1), lambda: x)", "can't write in place"),
    ("cond(yes, lambda x: x[0].zero_(), lambda x: x[0], (x,))", "can't write in place"),
    ("cond(yes, lambda: t.rand(3), lambda: x)", "can't draw random numbers"),
    ("cond(yes, lambda: t.dropout(x, 0.5, True), lambda: x)", "can't draw random numbers"),
    ("cond(yes, lambda: w.sum().backward() or x, lambda: x)", "functorch transform"),
    ("while_loop(lambda x: x < 1, lambda x: (x,), (x,))", "boolean scalar tensor"),
    ("while_loop(lambda x: x.sum(), lambda x: (x,), (x,))", "boolean scalar tensor"),
    ("while_loop(lambda x: x.sum() < 1, lambda x: (x[0],), (x,))", "same metadata"),
    ("while_loop(lambda x: x.sum() < 1, lambda x: (x, x), (x,))", "same number of outputs"),
    ("while_loop(lambda x: x.sum() < 1, lambda x: (x.add_(1),), (x,))", "can't write in place"),
    ("while_loop(lambda x: bool(x.sum() < 1), lambda x: (x,), (x,))", "can't be read"),
    ("while_loop(lambda x: x.sum() < 1, lambda x: (t.rand(3),), (x,))", "random numbers"),
    ("while_loop(lambda x: True, lambda x: (x,), x)", "must be a tuple or list"),
    ("scan(lambda c, r: (c.double(), r), x, m)", "differ in 'dtype"),
    ("scan(lambda c, r: ((c, c), r), x, m)", "same tree structure"),
    ("scan(lambda c, r: c, x, m)", "carry and y"),
    ("scan(lambda c, r: (c, None), x, m)", "return Tensors"),
    ("scan(lambda c, r: (c.add_(r), r), x, m)", "can't write in place"),
    ("scan(lambda c, r: (c + w.data.add_(1), r), x, m)", "can't write in place"),
    ("scan(lambda c, r: (c * r.sum().item(), r), x, m)", "can't be read"),
    ("scan(lambda c, r: (c[c > 0], r), x, m)", "no shape can depend"),
    ("scan(lambda c, r: (t.bernoulli(c.abs() / 9), r), x, m)", "can't be read"),
    ("associative_scan(lambda a, b: (a, b), x, 0, False, generic)", "return what it takes"),
    ("associative_scan(lambda a, b: a + t.rand(()), x, 0, False, generic)", "random numbers"),
]


@pytest.mark.parametrize(("expression", "words"), REFUSED)
def test_refused(expression: str, words: str) -> None:
    given = names(jtorch, hops)
    with pytest.raises(RuntimeError, match=words):
        eval(expression, given)
    assert not local.context.bodies and not local.context.transforms
    assert given["x"].tolist() == [0.5, -1.0, 2.0]


def test_no_second_derivative_through_while_loop() -> None:
    w = jtorch.ones(3, requires_grad=True)
    result = hops.while_loop(lambda x: x.sum() < 9, lambda x: (x * x + 1,), (w,))[0]
    (first,) = jtorch.autograd.grad(result.sum(), w, create_graph=True)
    with pytest.raises(NotImplementedError, match="not second ones.*Use scan"):
        first.sum().backward()


def test_steps_compile_once() -> None:
    """New functions, closures and values of the same kinds: one program, from the second number
    on."""
    w = jtorch.ones(3, requires_grad=True)

    def step(number: float) -> float:
        rows = jtorch.full((4, 3), 0.5)
        last, seen = hops.scan(lambda c, r: (c * w + r * number, c.sin()), jtorch.zeros(3), rows)
        chosen = jtorch.cond(last.sum() > 0, lambda: seen * w, lambda: seen - 1)
        count, _ = hops.while_loop(
            lambda i, v: v.sum() < 3, lambda i, v: (i + 1, v + 1), (jtorch.tensor(0), last.detach())
        )
        (chosen.sum() + count).backward()
        return w.grad.sum().item()

    step(0.0), step(1.0)
    assert compiled(lambda: [step(float(k)) for k in range(2, 8)]) <= 1
    assert compiled(lambda: [step(float(k)) for k in range(8, 12)]) == 0


@pytest.mark.parametrize(
    "function",
    [
        lambda x: jtorch.cond(x.sum() > 0, lambda: x * 2, lambda: x),
        lambda x: hops.scan(lambda c, r: (c * r, c + r), x[0], x)[1],
        lambda x: hops.while_loop(lambda v: v.sum() < 9, lambda v: (v + x,), (x,))[0],
        lambda x: hops.associative_scan(lambda a, b: a * b, x, 0, combine_mode="generic"),
    ],
)
def test_inside_of_jax(function: Callable) -> None:
    data = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = function(jtorch.tensor(data)).numpy()
    np.testing.assert_allclose(jax.jit(through(function))(data), expected, rtol=1e-6)


def test_eager_is_the_same() -> None:
    row = f"backward(scan({STEP}, w * w, m)[1].sum(), w)"
    lazy = eval(row, names(jtorch, hops))
    with jtorch.debug.eager():
        assert eval(row, names(jtorch, hops)).tolist() == lazy.tolist()
