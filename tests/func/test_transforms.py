"""Each transform held against PyTorch's: values, structures, which results have a history, random
numbers and errors. A row is an expression; `names` says what it may use."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from typing import Any

import pytest

import jtorch

from .rows import check_error, check_value

# PyTorch's jvp compiles its rules with TorchScript; its linearize makes a graph.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning"),
]
Pair = namedtuple("Pair", "first second")


def names(t: Any) -> dict[str, Any]:
    """x: (3,), m: (2, 3), k: (3,) of int64; w: (3,), a leaf that requires grad; f and g map (3,) to
    (3,) and to a scalar."""
    t.manual_seed(0)
    return {
        "t": t,
        "F": t.nn.functional,
        **{name: getattr(t.func, name) for name in jtorch.func.__all__},
        "x": t.tensor([0.5, -1.0, 2.0]),
        "m": t.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 4.0]]),
        "k": t.tensor([2, 0, 1]),
        "w": t.tensor([1.0, 2.0, -1.0], requires_grad=True),
        "ones": t.ones(3),
        "f": lambda x: (x * x).sin() + x,
        "g": lambda x: (x**3).sum(),
        "no_grad": no_grad,
        "written": written,
        "Pair": Pair,
        "OrderedDict": OrderedDict,
    }


def no_grad(t: Any, x: Any) -> Any:
    """x**2 minus a constant of the same value."""
    with t.no_grad():
        constant = x**2
    return x**2 - constant


def written(x: Any) -> Any:
    """A function that writes in place, to a Tensor of its own and through views of it."""
    y = x * 2
    y[0] = x[1]
    y[1:].mul_(x[0])
    y += 1
    return y * x


VALUES = [
    # one transform
    "grad(g)(x)",
    "grad(lambda x: written(x).sum())(x)",
    "grad(lambda x, y: (x * y).sum(), argnums=(1, 0))(x, ones)",
    "grad(lambda x, y: (x * y).sum(), argnums=-1)(x, ones)",
    "grad(lambda d: (d['b'][0] * d['a']).sum())({'b': [x], 'a': ones})",
    "grad(lambda x: (g(x), {'y': f(x), 'c': ones}), has_aux=True)(x)",
    "grad_and_value(g)(x)",
    "grad_and_value(lambda x: (g(x), (f(x),)), has_aux=True)(x)",
    "grad(lambda x, y: g(x), argnums=(0, 1))(x, ones)",
    "grad(lambda x: t.tensor(1.0))(x)",
    "grad(lambda x: no_grad(t, x).sum())(x)",
    "grad(lambda x: (x.detach() * x).sum())(x)",
    "grad(lambda x, *, y: (x * y).sum())(x, y=ones)",
    "grad(lambda x: t.autograd.grad((x**4).sum(), x, create_graph=True)[0].sum())(x)",
    "grad(lambda z: (z * z.conj()).real.sum())(t.complex(x, ones))",
    "vjp(f, x)[1](ones)",
    "vjp(lambda x, y: (x, {'o': x * y}), x, ones)[1]((ones, {'o': x}))",
    "vjp(lambda x: (f(x), ones), x, has_aux=True)[2]",
    "vjp(lambda p: Pair(p.first * 2, p.second), Pair(x, m))[1](Pair(x, m))",
    "jvp(f, (x,), (ones,))",
    "jvp(lambda x: written(x), (x,), (ones,))",
    "jvp(lambda x, y: {'o': (x, x * y)}, (x, ones), (ones, x))",
    "jvp(lambda d: d['a'] * d['b'], ({'a': x, 'b': m},), ({'a': ones, 'b': m},))",
    "jvp(lambda x: (f(x), m), (x,), (ones,), has_aux=True)",
    "jvp(lambda x: t.ones(2), (x,), (x,))",
    "jvp(lambda x: no_grad(t, x), (x,), (ones,))",
    "jvp(lambda x: x.detach() * x, (x,), (ones,))",
    "jvp(lambda x: (x, x.argmax()), (x,), (ones,))[0]",
    "linearize(f, x)[0], linearize(f, x)[1](ones)",
    "jacrev(f)(x)",
    "jacrev(lambda x: (m @ x, {'s': x.sum()}))(x)",
    "jacrev(lambda x, m: m @ x, argnums=(0, 1))(x, m)",
    "jacrev(lambda x, m: m @ x, argnums=(1,))(x, m)",
    "jacrev(lambda x: (f(x), x), has_aux=True)(x)",
    "jacrev(f, chunk_size=2)(x)",
    "jacrev(lambda d: d['a'] * 2)({'a': x})",
    "jacfwd(f)(x)",
    "jacfwd(lambda x: (m @ x, {'s': x.sum()}))(x)",
    "jacfwd(lambda x, m: m @ x, argnums=(0, 1))(x, m)",
    "jacfwd(lambda x: (f(x), x), has_aux=True)(x)",
    "hessian(g)(x)",
    "hessian(lambda x, y: (x * y * y).sum(), argnums=(0, 1))(x, ones)",
    "functionalize(written)(x)",
    # vmap: dimensions, structures
    "vmap(f)(m)",
    "vmap(lambda x: x)(m)",
    "vmap(lambda x: t.tensor(2.0))(m)",
    "vmap(lambda x: w.detach())(m)",
    "vmap(f, in_dims=1, out_dims=1)(m)",
    "vmap(f, in_dims=-1, out_dims=-1)(m)",
    "vmap(t.dot, in_dims=(0, None))(m, x)",
    "vmap(lambda x, c: x * c, in_dims=(0, None))(m, 3)",
    "vmap(lambda x, *, y: x + y)(m, y=x)",
    "vmap(lambda d: {'o': (d['a'], d['b'].sum())}, out_dims={'o': (1, 0)})({'a': m, 'b': m})",
    "vmap(lambda d, p: d['a'] * p[1], in_dims=({'a': 0, 'b': None}, (None, 0)))"
    "({'a': m, 'b': x}, (x, m))",
    "vmap(lambda x: (x, 3), out_dims=(0, None))(m)",
    "vmap(lambda p: OrderedDict(b=p.second, a=p.first))(Pair(m, m))",
    "vmap(lambda x: [x.max(), x.argmax()], out_dims=0)(m)",
    "vmap(f, chunk_size=2)(t.arange(10.0).view(5, 2))",
    "vmap(lambda x: (x.sum(), t.ones(2)), chunk_size=2)(t.arange(6.0).view(3, 2))",
    "vmap(vmap(lambda a, b: a * b, in_dims=(None, 0)), in_dims=(0, None))(x, ones)",
    "vmap(vmap(f, in_dims=1, out_dims=1), out_dims=2)(t.arange(8.0).view(2, 2, 2))",
    "vmap(written)(m)",
    # vmap: what is mapped
    "vmap(lambda x: t.where(x > 0, x, -x))(x)",
    "vmap(lambda i: x[i])(k)",
    "vmap(lambda r, i: r[i])(m.T, k % 2)",
    "vmap(lambda i: t.zeros(3).scatter(0, i[None], 1.0))(k)",
    "vmap(lambda i: F.one_hot(i, 3))(k)",
    "vmap(lambda r: r.view(-1, 1).expand(3, 2).reshape(-1))(m)",
    "vmap(lambda r: t.stack([r, r + 1]).cumsum(0))(m)",
    "vmap(lambda r: r.sort(descending=True))(m)",
    "vmap(lambda r: F.softmax(r, 0).log())(m)",
    "vmap(lambda r: F.layer_norm(r, (3,)))(m)",
    "vmap(lambda r, i: F.cross_entropy(r, i))(m.T @ m, k)",
    "vmap(lambda r: F.conv1d(r.view(1, 1, 3), ones.view(1, 1, 3), padding=1))(m)",
    "vmap(lambda i: F.embedding(i, m.T))(k)",
    "vmap(lambda r: t.linalg.inv(t.outer(r, r) + t.eye(3)))(m)",
    "vmap(lambda r: t.einsum('i,j->ij', r, x))(m)",
    "vmap(lambda r: t.zeros(3).add_(x))(m)",
    "vmap(lambda r: r.new_zeros(2) + r.numel() + r.dim() + len(r))(m)",
    "vmap(lambda r: x.sum().item() * r)(m)",
    "(vmap(lambda r: r.add_(1))(m), m)",
    "(vmap(lambda r: r[0].mul_(3), in_dims=1)(m), m)",
    # one in another
    "vmap(grad(g))(m)",
    "vmap(lambda r: vjp(f, r)[1](r))(m)",
    "vmap(lambda r: jvp(f, (r,), (ones,)))(m)",
    "vmap(jacrev(f))(m)",
    "vmap(jacfwd(f))(m)",
    "vmap(hessian(g))(m)",
    "vmap(vjp(f, x)[1])(m)",
    "vmap(lambda v: jvp(f, (x,), (v,))[1])(m)",
    "grad(grad(lambda x: x**4))(x[0])",
    "grad(grad(grad(lambda x: x**4)))(x[0])",
    "grad(lambda x: grad(lambda y: no_grad(t, x * y).sum())(t.tensor(2.0)))(x)",
    "grad(lambda x: vmap(f)(m * x).sum())(x)",
    "grad(lambda x: jacrev(f)(x).pow(2).sum())(x)",
    "grad(lambda x: jacfwd(f)(x).pow(2).sum())(x)",
    "jacrev(jacfwd(f))(x)",
    "jacfwd(jacrev(f))(x)",
    "jacrev(jacrev(f))(x)",
    "jacfwd(jacfwd(f))(x)",
    "jvp(grad(g), (x,), (ones,))",
    "jvp(lambda x: vmap(grad(g))(m * x), (x,), (ones,))",
    "jvp(lambda x: jvp(f, (x,), (x,))[1], (x,), (ones,))",
    "vjp(lambda v: vjp(f, x)[1](v)[0], ones)[1](x)",
    "vmap(lambda r: grad(lambda y: vmap(lambda a: a * y.sum())(r).sum())(r))(m)",
    "hessian(lambda x: vmap(g)(m * x).prod())(x)",
    "grad(lambda x: no_grad(t, x).sum() + grad(g)(x).sum())(x)",
    # what lies outside, and requires grad
    "grad(lambda x: (x * w).sum())(x)",
    "vmap(lambda r: r * w)(m)",
    "jvp(lambda x: x * w, (x,), (ones,))",
    "vjp(lambda x: x * w, x)[1](ones)",
    "vmap(lambda a: a * 2)(w)",
    "grad(g)(w)",
    "jacrev(f)(w)",
    "t.autograd.grad(grad(lambda x: (x * w).pow(3).sum())(x).sum(), w)",
    "t.autograd.grad(vmap(grad(lambda r: (r * w).pow(3).sum()))(m).sum(), w)",
    "t.autograd.grad(jvp(lambda x: (x * w).sin(), (x,), (ones,))[1].sum(), w)",
    "t.autograd.grad(vmap(lambda r: no_grad(t, r * w))(m).sum(), w)",
    "t.autograd.grad(jacrev(f)(w).pow(2).sum(), w)",
    "t.autograd.grad(hessian(g)(w).pow(2).sum(), w)",
    "t.autograd.grad(vmap(lambda a: a**2)(w * 1).sum(), w)",
    "vmap(lambda v: t.autograd.grad(w**3, w, v)[0])(m)",
]


@pytest.mark.parametrize("expression", VALUES)
def test_values(expression: str) -> None:
    check_value(expression, names, times=2)  # the second time without a new path


# What draws, of an example r of (3,); each in both modes.
DRAWS = [
    "r + t.rand(3)",
    "r.sum() + t.randn(8)",
    "t.rand_like(r)",
    "r + t.randint(0, 10, (3,))",
    "r.sum() + t.randperm(4)",
    "r.sum() + t.normal(0.0, 1.0, (2,))",
    "(r * 1).bernoulli_(0.5)",
    "(r * 1).bernoulli_(t.tensor(0.5))",
    "(r * 1).normal_()",
    "F.dropout(r + 9)",
    "F.dropout(m) * r.sum()",
    "F.alpha_dropout(r, training=True)",
    "F.dropout2d(r.reshape(1, 3, 1, 1))",
    "F.gumbel_softmax(r, dim=0)",
    "grad(lambda r: F.dropout(r).sum())(r)",
    "jvp(lambda r: F.dropout(r).sum(), (r,), (ones,))",
    "vmap(lambda a: a + t.rand(()), randomness='different')(r)",
    "vmap(lambda a: a + t.rand(()), randomness='same')(r)",
]


@pytest.mark.parametrize("mode", ["different", "same"])
@pytest.mark.parametrize("drawing", DRAWS)
def test_random_numbers(drawing: str, mode: str) -> None:
    expression = f"vmap(lambda r: {drawing}, randomness={mode!r})(m)"
    check_value(expression, names)


# What draws by the values of an example.
CHANCES = [
    "t.bernoulli(r.abs() / 5)",
    "t.normal(r, 1.0)",
    "t.normal(r, x.abs())",
    "t.normal(0.5, r.abs())",
    "t.multinomial(r.abs(), 2)",
]


@pytest.mark.parametrize("drawing", CHANCES)
def test_draws_by_chances(drawing: str) -> None:
    expression = f"vmap(lambda r: {drawing}, randomness='different')(m)"
    check_value(expression, names)


ERRORS = [
    *[f"vmap(lambda r: {drawing}, randomness='same')(m)" for drawing in CHANCES],
    "vmap(lambda x: x.item())(x)",
    "vmap(lambda x: float(x))(x)",
    "vmap(lambda x: x if x > 0 else -x)(x)",
    "vmap(lambda x: x.numpy())(x)",
    "vmap(lambda r: r.tolist())(m)",
    "vmap(lambda r: r.nonzero())(m)",
    "vmap(lambda r: r[r > 0])(m)",
    "vmap(lambda x: 3)(x)",
    "vmap(lambda x: None)(x)",
    "vmap(lambda: x)()",
    "vmap(f)(3)",
    "vmap(lambda x, y: x + y)(x, t.ones(2))",
    "vmap(lambda x, y: x + y, in_dims=(0, 2))(x, x)",
    "vmap(f)(t.tensor(1.0))",
    "vmap(lambda x, y: x, in_dims=(0,))(x, x)",
    "vmap(f, in_dims='a')(x)",
    "vmap(f, in_dims=None)(x)",
    "vmap(f, in_dims=(0.5,))(x)",
    "vmap(lambda x, y: x, in_dims=(0, 0))(x, 3)",
    "vmap(f, out_dims=(0, 0))(x)",
    "vmap(f, out_dims='a')(x)",
    "vmap(f, out_dims=3)(x)",
    "vmap(f, out_dims=None)(x)",
    "vmap(f, randomness='maybe')(x)",
    "vmap(f, chunk_size=0)(x)",
    "vmap(lambda x: x + t.rand(()))(x)",
    "vmap(lambda x: F.dropout(x))(m)",
    "vmap(vmap(lambda x: x + t.rand(()), randomness='same'))(m)",
    "jacfwd(lambda x: F.dropout(x))(x)",
    "grad(f)(x)",
    "grad(lambda x: 3)(x)",
    "grad(lambda x: (g(x), 2))(x)",
    "grad(g)(k)",
    "grad(g)(3.0)",
    "grad(g, argnums=1)(x)",
    "grad(g, argnums='a')(x)",
    "grad(g, argnums=())(x)",
    "grad(lambda x, y: g(x), argnums=(0, -2))(x, x)",
    "grad(g, has_aux=True)(x)",
    "grad(lambda x: (g(x), (3, x)), has_aux=True)(x)",
    "grad(lambda x: x.mul_(2).sum())(x)",
    "grad(lambda x: (x.sum().backward(), g(x))[1])(x)",
    "vmap(lambda r: (w * r).sum().backward())(m)",
    "grad(lambda x: (x * 2).requires_grad_().sum())(x)",
    "vmap(lambda x: x.requires_grad_())(m)",
    "vjp(lambda x: 3, x)",
    "vjp(f, x)[1](t.ones(2))",
    "vjp(lambda x: (x, x), x)[1](x)",
    "vjp(f, k)",
    "jvp(f, (x,), (t.ones(2),))",
    "jvp(f, (x,), (x, x))",
    "jvp(f, x, x)",
    "jvp(f, (), ())",
    "jvp(lambda x: 3, (x,), (x,))",
    "jvp(f, (k,), (k,))",
    "jacrev(lambda x: x * 2)(k)",
    "jacrev(lambda x: 3)(x)",
    "jacrev(f, chunk_size=0)(x)",
    "jacfwd(lambda x: x * 2)(k)",
    *[f"{name}(f)(t.complex(x, x))" for name in ("jacrev", "jacfwd")],
    *[f"{name}(lambda x: t.complex(x, x))(x)" for name in ("jacrev", "jacfwd")],
    "jacfwd(lambda x: 3)(x)",
    "functionalize(f, remove='everything')(x)",
    "functional_call(t.nn.Linear(3, 1), ({'bias': x}, {'bias': x}), (x,))",
    "functional_call(t.nn.Linear(3, 1), {'weight': m, 'bais': x}, (x,), strict=True)",
    "stack_module_state([])",
    "stack_module_state([t.nn.Linear(1, 1), t.nn.ReLU()])",
    "stack_module_state([t.nn.Linear(1, 1), t.nn.Linear(1, 1).requires_grad_(False)])",
    "stack_module_state([t.nn.Linear(1, 1), t.nn.Linear(1, 1).eval()])",
]


@pytest.mark.parametrize("expression", ERRORS)
def test_errors(expression: str) -> None:
    check_error(expression, names)
