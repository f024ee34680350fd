"""What a compiled function gives back. (Footgun 12 says what comes from other threads.)"""

from __future__ import annotations

from typing import Any

from . import compared


@compared(runs=2)
def test_versions_of_results(lib: Any, compile: Any) -> Any:
    """A result that was written in place has its versions; alone, and among others."""

    def written(x: Any) -> Any:
        y = x * 2
        y.view(-1).add_(1)
        return y.mul_(2)

    function = compile(lambda x: (written(x), x + 1))
    found = []
    for _ in range(4):
        first, second = function(lib.ones(2))
        found += [first._version, second._version, first]
    return found


@compared(runs=4, programs=4)
def test_detached_result(lib: Any, compile: Any) -> Any:
    """What it is a view of is nobody's: a step compiles one program for each shape, whether it is
    run or repeated; the first comes with the batches in one."""
    model = lib.nn.Linear(3, 2)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)

    @compile
    def step(x: Any) -> Any:
        loss = model(x).pow(2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    batches = [lib.ones(n, 3) for n in (2, 3, 4)]
    return [step(batches[k % 3]).tolist() for k in range(9)], model.state_dict()
