"""Common operators, about ten a family, on a million elements: forward, and forward with backward.

A case is one call under PyTorch's names and the same in JAX's. `x`, `y`, ... are the inputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

TITLE = "operators on 1M elements"


@dataclasses.dataclass
class Case:
    """torch: (library, *inputs) -> result.  jax: (jax, *inputs) -> result.

    inputs: shapes, or what makes an array of a NumPy generator.  grad: whether the backward is
    timed, too.
    """

    family: str
    name: str
    torch: Callable[..., Any]
    jax: Callable[..., Any]
    inputs: tuple[Any, ...] = ((1000, 1000),)
    grad: bool = True


def positive(random: np.random.Generator) -> np.ndarray:
    return random.uniform(0.1, 3.0, (1000, 1000)).astype(np.float32)


def indices(random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 1000, (1000, 1000))


def rows(random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 1000, 1000)


def integers(random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 100, 1_000_000)


def definite(random: np.random.Generator) -> np.ndarray:
    a = random.standard_normal((300, 300)).astype(np.float32)
    return a @ a.T + 300 * np.eye(300, dtype=np.float32)


M = (1000, 1000)
IMAGES = (16, 16, 64, 64)

CASES = [
    Case("element-wise", "add", lambda t, x, y: x + y, lambda j, x, y: x + y, (M, M)),
    Case("element-wise", "mul", lambda t, x, y: x * y, lambda j, x, y: x * y, (M, M)),
    Case("element-wise", "div", lambda t, x, y: x / y, lambda j, x, y: x / y, (M, positive)),
    Case("element-wise", "exp", lambda t, x: t.exp(x), lambda j, x: j.numpy.exp(x)),
    Case("element-wise", "log", lambda t, x: t.log(x), lambda j, x: j.numpy.log(x), (positive,)),
    Case("element-wise", "tanh", lambda t, x: t.tanh(x), lambda j, x: j.numpy.tanh(x)),
    Case("element-wise", "sin", lambda t, x: t.sin(x), lambda j, x: j.numpy.sin(x)),
    Case("element-wise", "pow", lambda t, x: x**2.5, lambda j, x: x**2.5, (positive,)),
    Case("element-wise", "clamp", lambda t, x: x.clamp(-1, 1), lambda j, x: x.clip(-1, 1)),
    Case(
        "element-wise",
        "where",
        lambda t, x, y: t.where(x > 0, x, y),
        lambda j, x, y: j.numpy.where(x > 0, x, y),
        (M, M),
    ),
    Case("reductions", "sum", lambda t, x: x.sum(), lambda j, x: x.sum()),
    Case("reductions", "sum(0)", lambda t, x: x.sum(0), lambda j, x: x.sum(0)),
    Case("reductions", "sum(1)", lambda t, x: x.sum(1), lambda j, x: x.sum(1)),
    Case("reductions", "mean", lambda t, x: x.mean(1), lambda j, x: x.mean(1)),
    Case("reductions", "max", lambda t, x: x.amax(1), lambda j, x: x.max(1)),
    Case(
        "reductions",
        "max(1)",
        lambda t, x: x.max(1),
        lambda j, x: (x.max(1), x.argmax(1)),
        grad=False,
    ),
    Case("reductions", "var", lambda t, x: x.var(1), lambda j, x: x.var(1, ddof=1)),
    Case("reductions", "norm", lambda t, x: x.norm(), lambda j, x: j.numpy.linalg.norm(x)),
    Case("reductions", "prod", lambda t, x: x.prod(1), lambda j, x: x.prod(1), (positive,)),
    Case("reductions", "cumsum", lambda t, x: x.cumsum(1), lambda j, x: x.cumsum(1)),
    Case(
        "reductions",
        "logsumexp",
        lambda t, x: x.logsumexp(1),
        lambda j, x: j.nn.logsumexp(x, 1),
    ),
    Case("shapes", "transpose", lambda t, x: x.t().contiguous(), lambda j, x: x.T.copy()),
    Case(
        "shapes",
        "cat",
        lambda t, x, y: t.cat([x, y]),
        lambda j, x, y: j.numpy.concatenate([x, y]),
        (M, M),
    ),
    Case(
        "shapes",
        "stack",
        lambda t, x, y: t.stack([x, y], 1),
        lambda j, x, y: j.numpy.stack([x, y], 1),
        (M, M),
    ),
    Case("shapes", "flip", lambda t, x: x.flip(1), lambda j, x: x[:, ::-1]),
    Case("shapes", "roll", lambda t, x: x.roll(3, 1), lambda j, x: j.numpy.roll(x, 3, 1)),
    Case("shapes", "repeat", lambda t, x: x.repeat(2, 1), lambda j, x: j.numpy.tile(x, (2, 1))),
    Case("shapes", "tril", lambda t, x: x.tril(), lambda j, x: j.numpy.tril(x)),
    Case(
        "shapes",
        "pad",
        lambda t, x: t.nn.functional.pad(x, (1, 1)),
        lambda j, x: j.numpy.pad(x, ((0, 0), (1, 1))),
    ),
    Case("indexing", "slice", lambda t, x: x[10:900, ::2] * 1, lambda j, x: x[10:900, ::2] * 1),
    Case("indexing", "rows", lambda t, x, i: x[i], lambda j, x, i: x[i], (M, rows)),
    Case(
        "indexing",
        "gather",
        lambda t, x, i: x.gather(1, i),
        lambda j, x, i: j.numpy.take_along_axis(x, i, 1),
        (M, indices),
    ),
    Case(
        "indexing",
        "index_select",
        lambda t, x, i: x.index_select(1, i),
        lambda j, x, i: x[:, i],
        (M, rows),
    ),
    Case(
        "indexing",
        "scatter_add",
        lambda t, x, i, y: x.scatter_add(1, i, y),
        lambda j, x, i, y: x.at[j.numpy.arange(1000)[:, None], i].add(y),
        (M, indices, M),
    ),
    Case(
        "indexing",
        "index_add",
        lambda t, x, i, y: x.index_add(0, i, y),
        lambda j, x, i, y: x.at[i].add(y),
        (M, rows, M),
    ),
    Case(
        "indexing",
        "masked_fill",
        lambda t, x: x.masked_fill(x > 0, 0.5),
        lambda j, x: j.numpy.where(x > 0, 0.5, x),
    ),
    Case(
        "indexing",
        "embedding",
        lambda t, x, i: t.nn.functional.embedding(i, x),
        lambda j, x, i: x[i],
        ((1000, 64), indices),
    ),
    Case(
        "sorting",
        "sort",
        lambda t, x: x.sort(1),
        lambda j, x: (j.numpy.sort(x, 1), j.numpy.argsort(x, 1)),
        grad=False,
    ),
    Case("sorting", "argsort", lambda t, x: x.argsort(1), lambda j, x: x.argsort(1), grad=False),
    Case(
        "sorting", "topk", lambda t, x: x.topk(10, 1), lambda j, x: j.lax.top_k(x, 10), grad=False
    ),
    Case("sorting", "argmax", lambda t, x: x.argmax(1), lambda j, x: x.argmax(1), grad=False),
    Case(
        "sorting", "median", lambda t, x: x.median(1), lambda j, x: j.numpy.median(x, 1), grad=False
    ),
    Case(
        "sorting",
        "kthvalue",
        lambda t, x: x.kthvalue(5, 1),
        lambda j, x: j.numpy.sort(x, 1)[:, 4],
        grad=False,
    ),
    Case(
        "sorting",
        "searchsorted",
        lambda t, x, y: t.searchsorted(x.sum(0).cumsum(0), y),
        lambda j, x, y: j.numpy.searchsorted(x.sum(0).cumsum(0), y),
        (positive, M),
        grad=False,
    ),
    Case(
        "sorting",
        "bincount",
        lambda t, i: t.bincount(i, minlength=100),
        lambda j, i: j.numpy.bincount(i, length=100),
        (integers,),
        grad=False,
    ),
    Case("matmul", "mm", lambda t, x, y: x @ y, lambda j, x, y: x @ y, ((500, 500), (500, 500))),
    Case(
        "matmul",
        "bmm",
        lambda t, x, y: t.bmm(x, y),
        lambda j, x, y: x @ y,
        ((32, 128, 64), (32, 64, 128)),
    ),
    Case("matmul", "mv", lambda t, x, y: x @ y, lambda j, x, y: x @ y, (M, (1000,))),
    Case(
        "matmul",
        "einsum",
        lambda t, x, y: t.einsum("bij,bkj->bik", x, y),
        lambda j, x, y: j.numpy.einsum("bij,bkj->bik", x, y),
        ((32, 128, 64), (32, 128, 64)),
    ),
    Case(
        "matmul",
        "linear",
        lambda t, x, w, b: t.nn.functional.linear(x, w, b),
        lambda j, x, w, b: x @ w.T + b,
        ((256, 512), (512, 512), (512,)),
    ),
    Case(
        "linalg",
        "inv",
        lambda t, x: t.linalg.inv(x),
        lambda j, x: j.numpy.linalg.inv(x),
        (definite,),
    ),
    Case(
        "linalg",
        "cholesky",
        lambda t, x: t.linalg.cholesky(x),
        lambda j, x: j.numpy.linalg.cholesky(x),
        (definite,),
    ),
    Case(
        "linalg",
        "solve",
        lambda t, x, y: t.linalg.solve(x, y),
        lambda j, x, y: j.numpy.linalg.solve(x, y),
        (definite, (300, 10)),
    ),
    Case(
        "linalg",
        "qr",
        lambda t, x: t.linalg.qr(x)[1],
        lambda j, x: j.numpy.linalg.qr(x)[1],
        (definite,),
    ),
    Case(
        "linalg",
        "eigh",
        lambda t, x: t.linalg.eigh(x)[0],
        lambda j, x: j.numpy.linalg.eigh(x)[0],
        (definite,),
    ),
    Case(
        "linalg",
        "svd",
        lambda t, x: t.linalg.svdvals(x),
        lambda j, x: j.numpy.linalg.svd(x, compute_uv=False),
        (definite,),
    ),
    Case(
        "linalg",
        "det",
        lambda t, x: t.linalg.slogdet(x)[1],
        lambda j, x: j.numpy.linalg.slogdet(x)[1],
        (definite,),
    ),
    Case("fft", "fft", lambda t, x: t.fft.fft(x).real, lambda j, x: j.numpy.fft.fft(x).real),
    Case("fft", "rfft", lambda t, x: t.fft.rfft(x).real, lambda j, x: j.numpy.fft.rfft(x).real),
    Case("fft", "fft2", lambda t, x: t.fft.fft2(x).real, lambda j, x: j.numpy.fft.fft2(x).real),
    Case("special", "erf", lambda t, x: t.erf(x), lambda j, x: j.lax.erf(x)),
    Case("special", "erfinv", lambda t, x: t.erfinv(x * 0.1), lambda j, x: j.lax.erf_inv(x * 0.1)),
    Case("special", "lgamma", lambda t, x: t.lgamma(x), lambda j, x: j.lax.lgamma(x), (positive,)),
    Case(
        "special",
        "digamma",
        lambda t, x: t.digamma(x),
        lambda j, x: j.lax.digamma(x),
        (positive,),
        grad=False,
    ),
    Case("special", "i0", lambda t, x: t.special.i0(x), lambda j, x: j.scipy.special.i0(x)),
    Case("functional", "relu", lambda t, x: t.nn.functional.relu(x), lambda j, x: j.nn.relu(x)),
    Case(
        "functional",
        "gelu",
        lambda t, x: t.nn.functional.gelu(x),
        lambda j, x: j.nn.gelu(x, approximate=False),
    ),
    Case("functional", "silu", lambda t, x: t.nn.functional.silu(x), lambda j, x: j.nn.silu(x)),
    Case("functional", "softmax", lambda t, x: x.softmax(1), lambda j, x: j.nn.softmax(x, 1)),
    Case(
        "functional",
        "cross_entropy",
        lambda t, x, i: t.nn.functional.cross_entropy(x, i),
        lambda j, x, i: -j.numpy.take_along_axis(j.nn.log_softmax(x, 1), i[:, None], 1).mean(),
        (M, rows),
    ),
    Case(
        "functional",
        "layer_norm",
        lambda t, x: t.nn.functional.layer_norm(x, (1000,)),
        lambda j, x: (x - x.mean(1, keepdims=True)) * j.lax.rsqrt(x.var(1, keepdims=True) + 1e-5),
    ),
    Case(
        "functional",
        "mse_loss",
        lambda t, x, y: t.nn.functional.mse_loss(x, y),
        lambda j, x, y: ((x - y) ** 2).mean(),
        (M, M),
    ),
    Case(
        "functional",
        "max_pool2d",
        lambda t, x: t.nn.functional.max_pool2d(x, 2),
        lambda j, x: x.reshape(16, 16, 32, 2, 32, 2).max((3, 5)),
        (IMAGES,),
    ),
    Case(
        "functional",
        "avg_pool2d",
        lambda t, x: t.nn.functional.avg_pool2d(x, 2),
        lambda j, x: x.reshape(16, 16, 32, 2, 32, 2).mean((3, 5)),
        (IMAGES,),
    ),
    Case(
        "functional",
        "conv2d",
        lambda t, x, w: t.nn.functional.conv2d(x, w, padding=1),
        lambda j, x, w: j.lax.conv(x, w, (1, 1), "SAME"),
        (IMAGES, (16, 16, 3, 3)),
    ),
    Case(
        "creation",
        "arange",
        lambda t: t.arange(1_000_000),
        lambda j: j.numpy.arange(1_000_000),
        (),
        False,
    ),
    Case("creation", "zeros", lambda t: t.zeros(1000, 1000), lambda j: j.numpy.zeros(M), (), False),
    Case(
        "creation",
        "rand",
        lambda t: t.rand(1000, 1000),
        lambda j: j.random.uniform(j.random.key(0), M),
        (),
        False,
    ),
    Case(
        "creation",
        "randn",
        lambda t: t.randn(1000, 1000),
        lambda j: j.random.normal(j.random.key(0), M),
        (),
        False,
    ),
    Case(
        "creation",
        "randperm",
        lambda t: t.randperm(100_000),
        lambda j: j.random.permutation(j.random.key(0), 100_000),
        (),
        False,
    ),
]


def arrays(case: Case) -> list[np.ndarray]:
    """The inputs of a case."""
    random = np.random.default_rng(0)
    return [
        make(random) if callable(make) else random.standard_normal(make).astype(np.float32)
        for make in case.inputs
    ]


def named(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def setup(torch: Any, name: str, backward: bool) -> Callable[[], Any]:
    """One call, computed to its end."""
    case = named(name)
    inputs = [torch.tensor(array) for array in arrays(case)]
    leaves = [x for x in inputs if x.is_floating_point()]
    if torch.__name__ != "torch":
        settle = torch.synchronize
    elif torch.empty(0).is_cuda:
        settle = torch.cuda.synchronize
    else:

        def settle() -> None:
            """PyTorch has computed when it returns."""

    if backward:
        for leaf in leaves:
            leaf.requires_grad_()

    def step() -> Any:
        result = case.torch(torch, *inputs)
        if backward:
            for leaf in leaves:
                leaf.grad = None
            result.sum().backward()
        settle()
        return result

    return step


def setup_jax(name: str, backward: bool) -> Callable[[], Any]:
    import jax

    case = named(name)
    jax.config.update("jax_enable_x64", True)
    inputs = [jax.device_put(array) for array in arrays(case)]
    floats = tuple(k for k, x in enumerate(inputs) if x.dtype == np.float32)

    def forward(*given: Any) -> Any:
        return case.jax(jax, *given)

    def total(*given: Any) -> Any:
        return forward(*given).sum()

    compiled = jax.jit(jax.grad(total, floats) if backward else forward)
    return lambda: jax.block_until_ready(compiled(*inputs))
