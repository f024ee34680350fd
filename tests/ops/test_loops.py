"""An op in a loop compiles once: new values run the same program, forward and backward."""

from __future__ import annotations

import warnings

import pytest

import jtorch

from ..comparison import compiled
from . import harness
from .samples import Generator, Sample


def first_samples(row: harness.Row) -> list[Sample]:
    """A row's first sample with the values of three seeds."""
    return [row.samples(Generator(f"{row.name} {seed}"))[0] for seed in range(3)]


@pytest.mark.parametrize("row", harness.table(), ids=lambda row: f"{row.family}-{row.name}")
def test_new_values_compile_nothing(row: harness.Row) -> None:
    """The second call may find out that a number varies; the third has nothing to learn."""

    def call(sample: Sample) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alive = harness.call(row, jtorch, sample)
            jtorch.synchronize()
            del alive

    counts = [compiled(lambda s=sample: call(s)) for sample in first_samples(row)]
    assert counts[2] == 0, counts


SHAPES = {
    "exp": lambda x: x.exp(),
    "sum": lambda x: x.sum(0),
    "matmul": lambda x: x @ x.T,
    "sort": lambda x: x.sort(-1).values,
    "cumsum": lambda x: x.cumsum(-1),
    "softmax": lambda x: x.softmax(-1),
    "cat": lambda x: jtorch.cat([x, x]),
    "slice": lambda x: x[:, 1:],
    "gather": lambda x: x.gather(0, jtorch.zeros(1, x.shape[1], dtype=jtorch.int64)),
    "conv1d": lambda x: jtorch.nn.functional.conv1d(x[None, :2], jtorch.ones(1, 2, 2)),
    "fft": lambda x: jtorch.fft.rfft(x).abs(),
    "svd": lambda x: jtorch.linalg.svdvals(x),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_new_shape_is_one_program(name: str) -> None:
    """Forward and backward together, and none when the shape comes again."""

    def call(size: int) -> None:
        x = jtorch.ones(4, size).requires_grad_()
        y = SHAPES[name](x)
        y.sum().backward()
        jtorch.synchronize()

    sizes = (31, 32, 33)
    assert [compiled(lambda n=n: call(n)) for n in (*sizes, *sizes)] == [1, 1, 1, 0, 0, 0]
