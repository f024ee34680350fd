"""What random functions refuse: PyTorch's exception class, and the words one would look for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import jtorch


def zeros(t: Any, kind: str = "float32", n: int = 3) -> Any:
    return t.zeros(n, dtype=getattr(t, kind))


CASES: list[tuple[str, Callable[[Any], Any]]] = [
    ("Overflow when unpacking", lambda t: t.manual_seed(2**64)),
    ("Overflow when unpacking", lambda t: t.manual_seed(-(2**63) - 1)),
    ("expected a long", lambda t: t.Generator().manual_seed(5.0)),
    ("expected a long", lambda t: t.Generator().manual_seed(True)),
    ("ByteTensor", lambda t: t.set_rng_state(t.zeros(5))),
    ("ByteTensor", lambda t: t.set_rng_state(3)),
    ("of size 5056", lambda t: t.set_rng_state(zeros(t, "uint8"))),
    ("Invalid mt19937 state", lambda t: t.set_rng_state(zeros(t, "uint8", 5056))),
    ("'from' to be less than 'to'", lambda t: t.randint(0, (3,))),
    ("'from' to be less than 'to'", lambda t: t.randint(5, 2, (3,))),
    ("got from=5 >= to=5", lambda t: t.randint(5, 5, (3,))),
    ("must be int, not float", lambda t: t.randint(3.0, (3,))),
    ("must be int, not bool", lambda t: t.randint(True, (3,))),
    ("tuple of ints", lambda t: t.randint(3, 5)),
    ("out of bounds for unsigned char", lambda t: t.randint(300, (3,), dtype=t.uint8)),
    ("from is out of bounds", lambda t: t.randint(-1, 3, (3,), dtype=t.uint8)),
    ("out of bounds for signed char", lambda t: t.randint(129, (3,), dtype=t.int8)),
    ("out of bounds for bool", lambda t: t.randint(3, (3,), dtype=t.bool)),
    ("handles only integral", lambda t: t.randint(3, (3,), dtype=t.complex64)),
    ("can require gradients", lambda t: t.randint(3, (3,), requires_grad=True)),
    ("Overflow when unpacking", lambda t: t.randint(2**63, (3,))),
    ("negative dimension", lambda t: t.rand(-1)),
    ("must be tuple of ints", lambda t: t.rand(2.0)),
    ("must be tuple of ints", lambda t: t.rand((2.0,))),
    ("must be tuple of ints", lambda t: t.rand("a")),
    ("invalid combination|tuple of ints", lambda t: t.rand()),
    ("argument|combination", lambda t: t.rand(2, foo=3)),
    ("argument|combination", lambda t: t.rand(2, generator=3)),
    ("argument|combination", lambda t: t.rand(2, dtype=3)),
    ("does not match dtype of out", lambda t: t.rand(3, out=zeros(t), dtype=t.float64)),
    ("not implemented for 'Long'", lambda t: t.rand(2, dtype=t.int64)),
    ("not implemented for 'Long'", lambda t: t.randn(2, dtype=t.int64)),
    ("not implemented for 'Long'", lambda t: t.randn_like(zeros(t, "int64"))),
    ("must be Tensor", lambda t: t.rand_like(3)),
    ("negative dimension", lambda t: t.randperm(-1)),
    ("must be int, not float", lambda t: t.randperm(3.0)),
    ("greater than 2049 for Half", lambda t: t.randperm(5000, dtype=t.float16)),
    ("without overflow", lambda t: t.randperm(300, dtype=t.uint8)),
    ("not implemented for 'Bool'", lambda t: t.randperm(3, dtype=t.bool)),
    ("std >= 0.0, but found std -1", lambda t: t.normal(0.0, -1.0, (3,))),
    ("std >= 0.0, but found std -1", lambda t: zeros(t).normal_(0, -1)),
    ("all elements of std >= 0.0", lambda t: t.normal(zeros(t), zeros(t) - 1)),
    ("must match the size", lambda t: t.normal(zeros(t), zeros(t, n=4))),
    ("invalid combination", lambda t: t.normal(0.0, 1.0)),
    ("invalid combination", lambda t: t.normal(zeros(t), size=(3,))),
    ("must be float, not str", lambda t: zeros(t).normal_("a")),
    ("found from=2 > to=1", lambda t: zeros(t).uniform_(2, 1)),
    ("to is out of bounds for float", lambda t: zeros(t).uniform_(0, float("inf"))),
    ("to is out of bounds for float", lambda t: zeros(t).uniform_(0, float("nan"))),
    ("out of bounds for c10::Half", lambda t: zeros(t, "float16").uniform_(0, 1e6)),
    ("exceed the limit", lambda t: zeros(t).uniform_(-3e38, 3e38)),
    ("not implemented for 'Long'", lambda t: zeros(t, "int64").uniform_()),
    ("not implemented for 'Long'", lambda t: zeros(t, "int64").normal_()),
    ("p to be in .0, 1., but got p=1.5", lambda t: zeros(t).bernoulli_(1.5)),
    ("p to be in", lambda t: zeros(t).bernoulli_(float("nan"))),
    ("p_in >= 0 && p_in <= 1", lambda t: t.bernoulli(zeros(t) + 2)),
    ("p_in >= 0 && p_in <= 1", lambda t: t.bernoulli(zeros(t) + float("nan"))),
    ("not implemented for 'Long'", lambda t: t.bernoulli(zeros(t, "int64"))),
    ("expanded size", lambda t: zeros(t).bernoulli_(zeros(t, n=2))),
    ("must be Tensor, not float", lambda t: t.bernoulli(0.3)),
    ("lambda > 0.0, but found lambda=0", lambda t: zeros(t).exponential_(0)),
    ("continuous probability", lambda t: zeros(t, "int64").exponential_()),
    ("p to be in .0, 1., but got p=0", lambda t: zeros(t).geometric_(0)),
    ("sigma > 0.0, but found sigma=-1", lambda t: zeros(t).cauchy_(0, -1)),
    ("continuous probability", lambda t: zeros(t, "int64").cauchy_()),
    ("std > 0.0, but found std=0", lambda t: zeros(t).log_normal_(1, 0)),
    ("'from' to be less than 'to'", lambda t: zeros(t).random_(5, 2)),
    ("out of bounds for unsigned char", lambda t: zeros(t, "uint8").random_(300)),
    ("not implemented for 'ComplexFloat'", lambda t: zeros(t, "complex64").random_()),
    ("without replacement", lambda t: t.multinomial(t.ones(2), 3)),
    ("n_sample <= 0", lambda t: t.multinomial(t.ones(2), 0)),
    ("floating-point dtypes", lambda t: t.multinomial(t.ones(2, dtype=t.int64), 1)),
    ("element < 0", lambda t: t.multinomial(t.tensor([-0.1, 0.2]), 1)),
    ("probability entry < 0", lambda t: t.multinomial(t.tensor([-0.1, 0.2]), 3, True)),
    ("`inf`, `nan`", lambda t: t.multinomial(t.tensor([float("nan"), 0.2]), 1)),
    ("sum of probabilities <= 0", lambda t: t.multinomial(t.zeros(2), 1)),
    ("sum of probabilities <= 0", lambda t: t.multinomial(t.zeros(2), 2, True)),
    ("must be 1 or 2 dim", lambda t: t.multinomial(t.ones(2, 2, 2), 1)),
    ("must be int, not float", lambda t: t.multinomial(t.ones(2), 1.0)),
    ("Long tensor out", lambda t: t.multinomial(t.ones(2), 1, out=t.zeros(1))),
    ("to be non-negative", lambda t: t.poisson(zeros(t) - 1)),
    ("not implemented for 'Long'", lambda t: t.poisson(zeros(t, "int64"))),
    ("leaf Variable that requires grad", lambda t: t.zeros(2, requires_grad=True).uniform_()),
]


@pytest.mark.parametrize("place", range(len(CASES)))
def test_refused(place: int) -> None:
    words, call = CASES[place]
    with pytest.raises(Exception, match=words) as theirs:
        call(torch)
    state = jtorch.get_rng_state().tolist()
    with pytest.raises(theirs.type, match=words):
        call(jtorch)
    assert jtorch.get_rng_state().tolist() == state


def test_warns_where_floats_cannot_count() -> None:
    for library in (torch, jtorch):
        with pytest.warns(UserWarning, match=r"to - 1 is out of bounds \[-\(2\^24\), 2\^24\]"):
            library.randint(2**25, (3,), dtype=library.float32)
