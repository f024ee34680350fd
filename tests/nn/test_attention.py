"""torch.nn.attention held against PyTorch's: causal biases and the switches of kernels."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

from .test_layers import numbers
from .test_recurrent import draw


def bias_of(library: Any) -> Any:
    return importlib.import_module(f"{library.__name__}.nn.attention.bias")


@pytest.mark.parametrize("sizes", [(3, 5), (4, 4)])
@pytest.mark.parametrize("name", ["causal_upper_left", "causal_lower_right"])
def test_causal_biases(name: str, sizes: tuple[int, int]) -> None:
    found = []
    for library in (torch, jtorch):
        random = np.random.RandomState(0)
        query, key = (draw(library, random, 2, 2, size, 4) for size in sizes)
        bias = getattr(bias_of(library), name)(*sizes)
        attend = library.nn.functional.scaled_dot_product_attention
        output = attend(query, key, key, bias, scale=0.7)
        output.sum().backward()
        found.append([repr(bias), *map(numbers, (output, query.grad, key.grad))])
    assert found[1][0] == found[0][0]
    for wanted, got in zip(found[0][1:], found[1][1:], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-6)


ERRORS = [
    "bias.causal_upper_left(2)",
    "bias.CausalBias(1, 2, 3)",
    "attend(q, q, q, bias.causal_upper_left(3, 3), is_causal=True)",
    "attention.sdpa_kernel('x').__enter__()",
    "attention.sdpa_kernel(3).__enter__()",
]


@pytest.mark.parametrize("text", ERRORS)
def test_errors_as_pytorch(text: str) -> None:
    said = []
    for library in (torch, jtorch):
        names = {"bias": bias_of(library), "attention": library.nn.attention}
        names |= {"attend": library.nn.functional.scaled_dot_product_attention}
        names |= {"q": library.ones(1, 1, 3, 4)}
        with pytest.raises(Exception) as caught:
            eval(text, names)
        said.append((caught.type, str(caught.value)))
    assert said[1] == said[0]


def test_more_queries_than_keys_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="Lower right causal bias will produce NaNs"):
        bias_of(jtorch).causal_lower_right(3, 2)


def test_switches_of_kernels() -> None:
    found = []
    for library in (torch, jtorch):
        cuda, backend = library.backends.cuda, library.nn.attention.SDPBackend
        kernel = library.nn.attention.sdpa_kernel

        def states(cuda: Any = cuda) -> tuple[bool, ...]:
            switches = ("flash", "mem_efficient", "math", "cudnn")
            return tuple(getattr(cuda, f"{name}_sdp_enabled")() for name in switches)

        seen = [states()]
        with kernel([backend.MATH, backend.FLASH_ATTENTION]):
            seen.append(states())
            with kernel(backend.CUDNN_ATTENTION, set_priority=True):
                seen.append(states())
        cuda.enable_math_sdp(False)
        seen.append(states())
        cuda.enable_math_sdp(True)
        found.append((seen, [repr(b) for b in (backend.MATH, backend(1))]))
    assert found[1] == found[0]


@pytest.mark.skipif(not jtorch.cuda.is_available(), reason="cuDNN needs an NVIDIA GPU")
@pytest.mark.parametrize("is_causal", [False, True])
def test_cudnn_attends_as_the_plain_products(is_causal: bool) -> None:
    """Half precision on a GPU, held against float32 on the CPU."""
    random = np.random.RandomState(0)
    values = [random.standard_normal((2, 4, 64, 32)).astype(np.float32) for _ in range(3)]
    found = []
    for device, kind in (("cpu", jtorch.float32), ("cuda", jtorch.bfloat16)):
        inputs = [jtorch.tensor(v, device=device, dtype=kind, requires_grad=True) for v in values]
        attend = jtorch.nn.functional.scaled_dot_product_attention
        output = attend(*inputs, is_causal=is_causal)
        output.float().square().sum().backward()
        found.append([numbers(x.float().cpu()) for x in (output, *(i.grad for i in inputs))])
    for wanted, got in zip(*found, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0.05, atol=0.05)
