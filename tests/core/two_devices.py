"""Programs on two devices, run by test_devices.py in a process of their own.

JAX is told to make two CPU devices, and the second goes by the name "cuda:0", so that what crosses
from one device to another is tried on every machine. Prints a JSON object: name -> the error, or
null.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import jax

import jtorch
from jtorch._core import device as devices

PROGRAMS: list[Callable[[], None]] = []
CPU, CUDA = devices.CPU, devices.device("cuda", 0)


def program(function: Callable[[], None]) -> Callable[[], None]:
    PROGRAMS.append(function)
    return function


def name_the_second_cuda() -> None:
    first, second = jax.devices("cpu")
    own = devices.device_of

    def device_of(array: Any) -> Any:
        found = own(array)
        return CUDA if found is CPU and array.devices() == {second} else found

    new = {
        "device_count": lambda type: 1,
        "jax_device": lambda where: second if where is CUDA else first,
        "device_of": device_of,
    }
    for module in [m for name, m in sys.modules.items() if name.startswith("jtorch")]:
        for name, function in new.items():
            if hasattr(module, name):
                setattr(module, name, function)


@program
def every_dtype_moves() -> None:
    for kind in (jtorch.float64, jtorch.int64, jtorch.float32, jtorch.bool, jtorch.complex128):
        here = jtorch.arange(5).to(kind)
        there = here.to("cuda")
        assert there.device is CUDA and there.dtype is kind
        assert (there + there).cpu().tolist() == (here + here).tolist()
    assert jtorch.tensor([2**40 + 1], device="cuda").tolist() == [2**40 + 1]
    assert (jtorch.tensor([0.1], dtype=jtorch.float64).cuda() * 3).item() == 0.1 * 3


@program
def gradients_cross_both_ways() -> None:
    w = jtorch.ones(3, requires_grad=True)
    there = (w * 2).cuda()
    assert there.requires_grad and there.grad_fn.name() == "ToCopyBackward0"
    loss = (there * there).sum().cpu() * w.sum()
    loss.backward()
    assert w.grad.device is CPU and w.grad.tolist() == [36, 36, 36]


@program
def gradients_of_gradients_cross() -> None:
    w = jtorch.ones(3, requires_grad=True)
    (g,) = jtorch.autograd.grad((w.cuda() ** 3).sum(), w, create_graph=True)
    assert g.tolist() == [3, 3, 3]
    g.sum().backward()
    assert w.grad.tolist() == [6, 6, 6]


@program
def a_copy_is_used_by_a_trace_that_had_begun() -> None:
    """What uses the copy comes after it in the order of the walk, whatever was pending before."""
    w = jtorch.full((2,), 3.0, requires_grad=True)
    pending = jtorch.ones(2, requires_grad=True) * 5
    there = (w.cuda() * 2).exp().log()
    back = there.cpu()
    (back * pending * back).sum().backward()
    assert jtorch.allclose(w.grad, jtorch.full((2,), 120.0))


@program
def hooks_and_retained_gradients_cross() -> None:
    w = jtorch.ones(2, requires_grad=True)
    there = w.cuda()
    there.retain_grad()
    there.register_hook(lambda gradient: gradient * 10)
    (there * 3).sum().backward()
    assert there.grad.device is CUDA and there.grad.tolist() == [30, 30]
    assert w.grad.tolist() == [30, 30]


@program
def zero_dim_follows_with_its_gradient() -> None:
    scale = jtorch.tensor(2.0, requires_grad=True)
    (jtorch.ones(3, device="cuda") * scale).sum().backward()
    assert scale.grad.device is CPU and scale.grad.item() == 3


@program
def no_history_where_none_is_wanted() -> None:
    w = jtorch.ones(2, requires_grad=True)
    with jtorch.no_grad():
        assert not w.cuda().requires_grad
    assert not w.detach().cuda().requires_grad
    assert not jtorch.ones(2, dtype=jtorch.int64).cuda().requires_grad


@program
def a_model_over_two_devices() -> None:
    """Model parallel, as scripts write it: the second half and the loss live elsewhere."""
    losses = []
    for where in ("cpu", "cuda"):
        jtorch.manual_seed(0)
        first, second = jtorch.nn.Linear(4, 8), jtorch.nn.Linear(8, 1).to(where)
        optimizer = jtorch.optim.Adam([*first.parameters(), *second.parameters()])
        x = jtorch.randn(16, 4)
        losses.append([])
        for _ in range(5):
            optimizer.zero_grad()
            loss = second(first(x).relu().to(where)).square().mean()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0][4] < losses[0][0] and losses[0] == losses[1]


@program
def an_optimizer_whose_model_moves() -> None:
    """To another device, in whole and in part, between the steps."""
    losses = []
    for moves in (["cpu"] * 4, ["cpu", "cuda", "half", "cpu"]):
        jtorch.manual_seed(0)
        model = jtorch.nn.Sequential(jtorch.nn.Linear(3, 3), jtorch.nn.Linear(3, 1))
        optimizer = jtorch.optim.SGD(model.parameters(), lr=0.1)
        losses.append([])
        for move in moves:
            model.to("cpu" if move == "half" else move)
            model[1].to("cuda" if move == "half" else move)
            optimizer.zero_grad()
            hidden = model[0](jtorch.ones(2, 3).to(model[0].weight.device))
            loss = model[1](hidden.to(model[1].weight.device)).square().sum()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0] == losses[1]


@program
def a_gradient_elsewhere() -> None:
    w = jtorch.ones(3, device="cuda", requires_grad=True)
    optimizer = jtorch.optim.SGD([w], lr=0.1)
    w._grad = jtorch.ones(3)
    try:
        optimizer.step()
    except RuntimeError as error:
        assert "Expected all tensors to be on the same device" in str(error)
    else:
        raise AssertionError("no error")
    assert w.tolist() == [1, 1, 1]


@program
def a_program_per_device_and_no_more() -> None:
    from jtorch._core.building import statistics

    w = jtorch.ones(3, requires_grad=True)
    counts = []
    for _ in range(4):
        w.grad = None
        (w.cuda() * 2).sum().cpu().backward()
        w.grad.tolist()
        counts.append(statistics.programs_compiled)
    assert counts[0] == counts[3]


@program
def tensors_on_two_devices() -> None:
    try:
        jtorch.ones(3, device="cuda") + jtorch.ones(3)
    except RuntimeError as error:
        assert "Expected all tensors to be on the same device" in str(error)
    else:
        raise AssertionError("no error")


def main() -> None:
    name_the_second_cuda()
    found: dict[str, str | None] = {}
    for function in PROGRAMS:
        try:
            function()
            found[function.__name__] = None
        except Exception:
            found[function.__name__] = traceback.format_exc()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
