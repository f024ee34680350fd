"""Random numbers against PyTorch: the same values for a seed, the same generator state after.

Each row of a table is one call, written once and run under both libraries. After every call the
states are compared byte for byte, so that mixed calls stay in step. How arguments are refused is in
test_random_errors.py.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import jtorch
from jtorch._core import samplers
from jtorch._core.rng import MersenneTwister
from jtorch.functions.random import fork_rng

SEEDS = (0, 42, 2**32 + 5, -7)
SIZES = (0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 100, 623, 624, 625, 1249, 5000)
FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
# float64 normals and the like go through the C library in PyTorch, through NumPy here.
CLOSE = 4e-15


def values(tensor: Any) -> np.ndarray:
    """A Tensor of either library as a NumPy array; bfloat16 as float32."""
    tensor = tensor.detach()
    if str(tensor.dtype) == "torch.bfloat16":
        tensor = tensor.float()
    return tensor.numpy()


def same_state() -> bool:
    ours = jtorch.get_rng_state().numpy()
    return np.array_equal(ours, torch.get_rng_state().numpy())


def check(call: Callable[[Any], Any], close: bool = False) -> None:
    """Run a call under both libraries, which are in the same state, and compare."""
    ours, theirs = call(jtorch), call(torch)
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert ours.requires_grad == theirs.requires_grad
    if close and str(theirs.dtype) in ("torch.float64", "torch.complex128"):
        np.testing.assert_allclose(values(ours), values(theirs), rtol=CLOSE, atol=CLOSE)
    else:
        np.testing.assert_array_equal(values(ours), values(theirs))
    assert same_state()


def seed_both(seed: int) -> None:
    jtorch.manual_seed(seed)
    torch.manual_seed(seed)
    assert jtorch.initial_seed() == torch.initial_seed()


def dtype(library: Any, name: str) -> Any:
    return getattr(library, name)


def empty(library: Any, size: Any, name: str = "float32") -> Any:
    return library.zeros(size, dtype=dtype(library, name))


SAMPLERS = {
    "rand": lambda t, n, d: t.rand(n, dtype=dtype(t, d)),
    "randn": lambda t, n, d: t.randn(n, dtype=dtype(t, d)),
    "uniform_": lambda t, n, d: empty(t, n, d).uniform_(-0.3, 0.71),
    "uniform_ at its end": lambda t, n, d: empty(t, n, d).uniform_(1000, 1001),
    "normal_": lambda t, n, d: empty(t, n, d).normal_(1.3, 2.7),
    "normal_ narrow": lambda t, n, d: empty(t, n, d).normal_(0, 0.02),
    "bernoulli_": lambda t, n, d: empty(t, n, d).bernoulli_(0.3),
    "bernoulli": lambda t, n, d: t.bernoulli(t.full((n,), 0.4, dtype=dtype(t, d))),
    "bernoulli p": lambda t, n, d: t.bernoulli(empty(t, n, d), 0.4),
    "bernoulli_ of": lambda t, n, d: empty(t, n, d).bernoulli_(t.full((n,), 0.7)),
    "exponential_": lambda t, n, d: empty(t, n, d).exponential_(0.7),
    "geometric_": lambda t, n, d: empty(t, n, d).geometric_(0.3),
    "cauchy_": lambda t, n, d: empty(t, n, d).cauchy_(0.5, 2),
    "log_normal_": lambda t, n, d: empty(t, n, d).log_normal_(0.2, 0.5),
    "random_": lambda t, n, d: empty(t, n, d).random_(),
    "random_ to": lambda t, n, d: empty(t, n, d).random_(100),
    "random_ from to": lambda t, n, d: empty(t, n, d).random_(3, 17),
    "randint": lambda t, n, d: t.randint(2, 50, (n,), dtype=dtype(t, d)),
    "rand_like": lambda t, n, d: t.rand_like(empty(t, n, d)),
    "randn_like": lambda t, n, d: t.randn_like(empty(t, n, d)),
    "randint_like": lambda t, n, d: t.randint_like(empty(t, n, d), 5),
    "normal": lambda t, n, d: t.normal(1.5, 0.5, (n,), dtype=dtype(t, d)),
    "normal mean": lambda t, n, d: t.normal(t.full((n,), 2.0, dtype=dtype(t, d)), 1.7),
    "normal std": lambda t, n, d: t.normal(0.3, t.full((n,), 1.7, dtype=dtype(t, d))),
    "poisson": lambda t, n, d: t.poisson(t.full((n,), 3.0, dtype=dtype(t, d))),
    "poisson of many": lambda t, n, d: t.poisson(t.full((n,), 30.0, dtype=dtype(t, d))),
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("kind", FLOATS)
def test_samplers(name: str, kind: str) -> None:
    seed_both(0)
    for size in SIZES:
        check(lambda t, n=size: SAMPLERS[name](t, n, kind), close=True)


DISCRETE = ("bernoulli_", "geometric_", "random_", "random_ to", "random_ from to", "randint")


@pytest.mark.parametrize("name", DISCRETE)
@pytest.mark.parametrize("kind", INTEGERS)
def test_samplers_of_integers(name: str, kind: str) -> None:
    seed_both(1)
    for size in SIZES:
        check(lambda t, n=size: SAMPLERS[name](t, n, kind))


def test_mixed_calls_stay_in_step() -> None:
    chooser = np.random.RandomState(0)
    names = list(SAMPLERS)
    for seed in SEEDS:
        seed_both(seed)
        for _ in range(100):
            name = names[chooser.randint(len(names))]
            kind = FLOATS[chooser.randint(len(FLOATS))]
            size = int(chooser.choice(SIZES))
            check(lambda t, a=(name, size, kind): SAMPLERS[a[0]](t, a[1], a[2]), close=True)


RANGES = (1, 10, 2**27, 2**28 - 1, 2**28, 2**31, 2**32 - 1, 2**32, 2**40, 2**62)


@pytest.mark.parametrize("size", RANGES)
@pytest.mark.parametrize("low", [0, -17, 2**40])
def test_randint(size: int, low: int) -> None:
    seed_both(3)
    check(lambda t: t.randint(low, low + size, (50,)))
    check(lambda t: t.randint(low, low + size, (2, 3)))


def test_randint_of_everything() -> None:
    seed_both(3)
    check(lambda t: t.randint(-(2**63), 2**63 - 1, (50,)))
    check(lambda t: empty(t, 50, "int64").random_(-(2**63), None))
    check(lambda t: empty(t, 50, "int64").random_(5, None))
    check(lambda t: empty(t, 50, "bool").random_())
    check(lambda t: empty(t, 50, "bool").bernoulli_(0.3))


def test_overloads() -> None:
    seed_both(4)
    check(lambda t: t.randint(7, (3, 2)))
    check(lambda t: t.randint(7, size=(3, 2)))
    check(lambda t: t.randint(high=7, size=[3]))
    check(lambda t: t.randint(low=2, high=7, size=(3,)))
    check(lambda t: t.randint(2, high=7, size=(3,)))
    check(lambda t: t.randint(2, t.tensor(7), ()))
    check(lambda t: t.randint_like(empty(t, 4), 2, 7))
    check(lambda t: t.randint_like(empty(t, 4), low=2, high=7, dtype=t.int64))
    check(lambda t: t.rand(2, 3))
    check(lambda t: t.rand((2, 3)))
    check(lambda t: t.rand([2, 3]))
    check(lambda t: t.rand(size=(2, 3)))
    check(lambda t: t.rand(t.Size([2]) + (1,)))
    check(lambda t: t.rand(()))
    check(lambda t: t.randn(2, requires_grad=True))
    check(lambda t: t.rand(2, device="cpu", layout=t.strided, pin_memory=False))
    check(lambda t: t.normal(2, 3, size=(1, 4)))
    check(lambda t: t.normal(mean=0.5, std=t.arange(1.0, 6.0)))
    check(lambda t: t.normal(t.arange(3.0), t.arange(1.0, 4.0)))
    check(lambda t: t.normal(t.arange(20.0).view(20, 1), t.arange(1.0, 4.0)))
    check(lambda t: t.normal(t.arange(3.0), t.arange(1.0, 4.0, dtype=t.float64)))
    check(lambda t: t.normal(t.arange(3.0)))
    check(lambda t: empty(t, 3).random_(to=5))
    check(lambda t: empty(t, 3).random_(2, to=5))
    check(lambda t: empty(t, 3).random_(**{"from": 2, "to": 5}))
    check(lambda t: empty(t, 3).uniform_(**{"from": -1, "to": 5}))
    check(lambda t: empty(t, 3).normal_(mean=t.tensor(2.0), std=3))
    check(lambda t: empty(t, 3).exponential_(lambd=2))
    check(lambda t: empty(t, (2, 3)).bernoulli_(t.tensor(0.5)))
    check(lambda t: empty(t, (2, 3)).bernoulli_(t.tensor([0.1, 0.9, 0.5])))


@pytest.mark.parametrize("kind", ["complex64", "complex128"])
def test_complex(kind: str) -> None:
    seed_both(5)
    for size in (1, 3, 7, 8, 20, 33):
        check(lambda t, n=size: t.rand(n, dtype=dtype(t, kind)), close=True)
        check(lambda t, n=size: t.randn(n, dtype=dtype(t, kind)), close=True)
        check(lambda t, n=size: empty(t, n, kind).normal_(1, 2), close=True)
        check(lambda t, n=size: empty(t, n, kind).uniform_(-1, 2), close=True)


@pytest.mark.parametrize("n", [0, 1, 2, 10, 1797, 29_999, 30_001, 60_000, 200_000])
def test_randperm(n: int) -> None:
    seed_both(n)
    check(lambda t: t.randperm(n))
    if n < 2000:
        for kind in ("int32", "int16", "float32", "float64", "float16"):
            check(lambda t, k=kind: t.randperm(n, dtype=dtype(t, k)))


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_multinomial(kind: str) -> None:
    seed_both(6)
    chooser = np.random.RandomState(0)
    for _ in range(20):
        weights = chooser.rand(3, int(chooser.randint(1, 40))).astype(kind)
        weights[chooser.rand(*weights.shape) < 0.1] = 0
        weights[:, 0] = 1
        count = int((weights > 0).sum(1).min())
        for rows in (weights, weights[0]):
            check(lambda t, w=rows, c=count: t.multinomial(t.from_numpy(w.copy()), c))
            check(lambda t, w=rows: t.multinomial(t.from_numpy(w.copy()), 1))
            check(lambda t, w=rows: t.multinomial(t.from_numpy(w.copy()), 50, True))
            check(lambda t, w=rows: t.multinomial(t.from_numpy(w.copy()), 1, replacement=True))


MEMORY = {
    "transposed": lambda t: t.zeros(3, 4).t(),
    "transposed, many": lambda t: t.zeros(8, 9).t(),
    "permuted": lambda t: t.zeros(2, 3, 4).permute(2, 0, 1),
    "every other": lambda t: t.zeros(4, 20)[:, ::2],
    "a column": lambda t: t.zeros(40, 3)[:, 1],
}


@pytest.mark.parametrize("name", MEMORY)
def test_filled_in_the_order_of_memory(name: str) -> None:
    seed_both(7)
    make = MEMORY[name]
    check(lambda t: make(t).uniform_())
    check(lambda t: make(t).normal_())
    check(lambda t: make(t).normal_(1, 2))
    check(lambda t: make(t).bernoulli_(0.5))
    check(lambda t: make(t).random_(10))
    check(lambda t: make(t).exponential_())
    check(lambda t: t.rand_like(make(t)))
    check(lambda t: t.randn_like(make(t)))
    check(lambda t: t.bernoulli(make(t) + 0.5))
    check(lambda t: make(t).bernoulli_(t.full(tuple(make(t).shape), 0.5)))


def test_fills_reach_the_base() -> None:
    seed_both(8)

    def run(t: Any) -> Any:
        base = t.zeros(4, 6)
        base[1:3, ::2].normal_()
        return base

    check(run)


def test_fill_of_a_computed_value() -> None:
    def run(t: Any) -> Any:
        leaf = t.ones(3, requires_grad=True)
        filled = (leaf * 2).normal_()
        (filled * 3).sum().backward()
        return leaf.grad

    seed_both(9)
    check(run)


def test_out() -> None:
    seed_both(10)
    check(lambda t: t.rand(3, out=t.zeros(3)))
    check(lambda t: t.randn(3, out=t.zeros(3, dtype=t.float64)), close=True)
    check(lambda t: t.randperm(3, out=t.zeros(0, dtype=t.int64)))
    check(lambda t: t.bernoulli(t.full((3,), 0.5), out=t.zeros(3, dtype=t.int64)))
    check(lambda t: t.multinomial(t.ones(2, 4), 2, out=t.zeros(2, 2, dtype=t.int64)))


def test_own_generator_leaves_the_default_alone() -> None:
    seed_both(11)
    ours, theirs = jtorch.Generator(), torch.Generator()
    assert ours.initial_seed() == theirs.initial_seed()
    assert np.array_equal(ours.get_state().numpy(), theirs.get_state().numpy())
    assert ours.manual_seed(5) is ours
    theirs.manual_seed(5)
    for n in (3, 20, 700):
        a, b = jtorch.randn(n, generator=ours), torch.randn(n, generator=theirs)
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert np.array_equal(ours.get_state().numpy(), theirs.get_state().numpy())
    assert same_state()


@pytest.mark.parametrize("used", [0, 1, 3, 623, 624, 625, 1248])
def test_states_go_both_ways(used: int) -> None:
    torch.manual_seed(12)
    torch.rand(used)
    torch.randn(3)
    jtorch.set_rng_state(jtorch.from_numpy(torch.get_rng_state().numpy()))
    assert jtorch.initial_seed() == 12
    check(lambda t: t.randn(5))
    check(lambda t: t.rand(700))
    jtorch.manual_seed(13)
    jtorch.rand(used)
    jtorch.randn(3)
    torch.set_rng_state(torch.from_numpy(jtorch.get_rng_state().numpy()))
    check(lambda t: t.randn(5))
    check(lambda t: t.rand(700))


def test_copies_of_a_generator() -> None:
    generator = jtorch.Generator().manual_seed(14)
    jtorch.randn(5, generator=generator)
    clones = [
        generator.clone_state(),
        copy.deepcopy(generator),
        pickle.loads(pickle.dumps(generator)),
    ]
    expected = jtorch.randn(20, generator=generator).tolist()
    for clone in clones:
        assert jtorch.randn(20, generator=clone).tolist() == expected


def test_fork_rng() -> None:
    jtorch.manual_seed(15)
    with fork_rng():
        first = jtorch.rand(3).tolist()
    assert jtorch.rand(3).tolist() == first
    with fork_rng(enabled=False):
        second = jtorch.rand(3).tolist()
    assert jtorch.rand(3).tolist() != second


def test_seed_is_new_each_time() -> None:
    assert jtorch.seed() != jtorch.seed()
    generator = jtorch.Generator()
    assert generator.seed() == generator.initial_seed()


def test_threads_give_the_same_normals() -> None:
    generator = MersenneTwister(16)
    many = samplers.normal(generator, (500_000,), np.dtype(np.float32))
    expected = torch.randn(500_000, generator=torch.Generator().manual_seed(16))
    np.testing.assert_array_equal(many, expected.numpy())


def test_bernoulli_compares_in_double_precision() -> None:
    """A uniform between p and p rounded to float32 tells the two apart."""
    for p in (0.1, 0.3, 0.7):
        between = int((p + float(np.float32(p))) / 2 * 2**53)
        generator = _generator_of_words([between >> 32, between & 0xFFFFFFFF])
        drawn = samplers.bernoulli(generator, (1,), np.dtype(bool), p)
        assert bool(drawn[0]) == (between / 2**53 < p)


def _generator_of_words(words: list[int]) -> MersenneTwister:
    generator = MersenneTwister(0)
    generator._block = np.resize(np.array(words, np.uint32), 624)
    generator._position = 0
    return generator
