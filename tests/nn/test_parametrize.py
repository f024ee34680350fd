"""Parametrizations and the older norms of weights, held against PyTorch's."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from .scenarios import Log, compare


def made(lib: Any, kind: str = "Linear", *args: Any) -> Any:
    lib.manual_seed(0)
    return getattr(lib.nn, kind)(*(args or (3, 4)))


def doubling(lib: Any, right: Any = None) -> Any:
    """A parametrization; `right` is its right_inverse."""

    class Doubling(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            return 2 * x

    kind = Doubling
    if right is not None:
        kind = type("Doubling", (Doubling,), {"right_inverse": lambda self, x: right(x)})
    return kind()


def registering(lib: Any, log: Log) -> None:
    tools = lib.nn.utils.parametrize
    layer = made(lib)
    weight = layer.weight
    before = lib.nn.Linear
    log.note(tools.is_parametrized(layer), tools.type_before_parametrizations(layer) is before)
    log.note(tools.register_parametrization(layer, "weight", doubling(lib)) is layer, layer)
    log.note(layer.parametrizations.weight.original is weight, list(layer.state_dict()))
    log.note([name for name, _ in layer.named_parameters()], layer.weight, type(layer).__name__)
    log.note(tools.type_before_parametrizations(layer) is before, isinstance(layer, before))
    log.note(tools.is_parametrized(layer), tools.is_parametrized(layer, "bias"))
    layer(lib.ones(2, 3)).sum().backward()
    log.note(weight.grad, hasattr(layer, "weight"), "weight" in dir(layer))
    log.attempt("assign", lambda: setattr(layer, "weight", lib.ones(4, 3)))
    log.attempt("parameter", lambda: setattr(layer, "weight", lib.nn.Parameter(lib.ones(4, 3))))
    log.attempt("pickle", lambda: pickle.dumps(layer))
    twin = copy.deepcopy(layer)
    with lib.no_grad():
        twin.parametrizations.weight.original.fill_(1.0)
    log.note(twin, twin.weight, layer.weight, type(twin) is type(layer))
    tools.register_parametrization(layer, "weight", doubling(lib, lambda x: x / 2))
    log.note(layer, layer.weight, list(layer.state_dict()))
    log.note(tools.remove_parametrizations(layer, "weight") is layer, layer, layer.weight is weight)
    log.note(layer.weight, list(layer.state_dict()), type(layer) is before)
    norm = made(lib, "BatchNorm1d", 2)
    tools.register_parametrization(norm, "running_var", doubling(lib))
    log.note(norm, norm.running_var, list(norm.state_dict()))
    tools.remove_parametrizations(norm, "running_var", leave_parametrized=False)
    log.note(norm.running_var, list(norm.state_dict()))
    for wrong in ("nothing", "parametrizations"):
        log.attempt(wrong, lambda n=wrong: tools.register_parametrization(norm, n, doubling(lib)))
    log.attempt("remove", lambda: tools.remove_parametrizations(norm, "weight"))


def inverses(lib: Any, log: Log) -> None:
    tools = lib.nn.utils.parametrize
    layer = made(lib)
    old = layer.weight.detach().clone()
    tools.register_parametrization(layer, "weight", doubling(lib, lambda x: x / 2))
    log.note((layer.weight - old).abs().max() == 0)
    layer.weight = lib.ones(4, 3)
    log.note(layer.weight, layer.parametrizations.weight.original)
    log.attempt("dtype", lambda: setattr(layer, "weight", lib.ones(4, 3).double()))
    tools.remove_parametrizations(layer, "weight", leave_parametrized=False)
    log.note(layer.weight)

    class Sum(lib.nn.Module):
        def forward(self, x: Any, y: Any) -> Any:
            return x + y

        def right_inverse(self, value: Any) -> Any:
            return value * 0.25, value * 0.75

    layer = made(lib)
    tools.register_parametrization(layer, "weight", Sum())
    log.note(layer, list(layer.state_dict()), layer.weight.requires_grad)
    layer.weight = lib.ones(4, 3)
    log.note(layer.parametrizations.weight.original0, layer.parametrizations.weight.original1)
    log.attempt(
        "leave", lambda: tools.remove_parametrizations(layer, "weight", leave_parametrized=False)
    )
    other = lib.nn.Linear(3, 4)
    tools.transfer_parametrizations_and_params(layer, other)
    kept = other.parametrizations.weight
    log.note(other, other.weight, kept.original0 is layer.parametrizations.weight.original0)
    empty = lib.nn.Module()
    tools.transfer_parametrizations_and_params(layer, empty, "weight")
    log.note(empty, empty.weight)
    log.note(tools.remove_parametrizations(layer, "weight").weight)


def refusals(lib: Any, log: Log) -> None:
    tools = lib.nn.utils.parametrize

    def attempt(label: str, forward: Any, right: Any = None, **options: Any) -> None:
        members = {"forward": lambda self, *x: forward(*x)}
        if right is not None:
            members["right_inverse"] = lambda self, x: right(x)
        for second in (False, True):
            layer = made(lib)
            if second:
                tools.register_parametrization(layer, "weight", doubling(lib))
            map = type("Map", (lib.nn.Module,), members)()
            log.attempt(
                f"{label} {second}",
                lambda a=layer, m=map: tools.register_parametrization(a, "weight", m, **options),
            )

    attempt("shape", lambda x: x.sum())
    attempt("shape", lambda x: x.sum(), unsafe=True)
    attempt("dtype", lambda x: x.double())
    attempt("no tensor", lambda x: 3)
    attempt("right: no tensor", lambda x: x, lambda x: 3)
    attempt("right: dtype", lambda x: x.float(), lambda x: x.double())
    attempt("right: shape", lambda x: x, lambda x: x[0])
    attempt("right: several", lambda x, y=0: x, lambda x: (x, 3))
    attempt("right: none", lambda x: x, lambda x: _raise(NotImplementedError()))
    log.attempt("empty", lambda: tools.ParametrizationList([], lib.ones(2)))
    parts = [lambda x: (x, x), lambda x: 3, lambda x: (x,), lambda x: (x, 3)]
    parts.append(lambda x: (x, x.double()))

    class Two(lib.nn.Module):
        k = 0

        def forward(self, x: Any, y: Any) -> Any:
            return x

        def right_inverse(self, value: Any) -> Any:
            return parts[self.k](value)

    layer, two = made(lib), Two()
    tools.register_parametrization(layer, "weight", two)
    for two.k in range(len(parts)):
        log.attempt(f"put {two.k}", lambda: setattr(layer, "weight", lib.ones(4, 3)))
    layer = made(lib)
    tools.register_parametrization(layer, "weight", doubling(lib))
    log.attempt("no inverse", lambda: setattr(layer, "weight", lib.ones(4, 3)))


def _raise(error: Exception) -> None:
    raise error


def caching(lib: Any, log: Log) -> None:
    tools = lib.nn.utils.parametrize
    calls = []

    class Counting(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            calls.append(1)
            return x + 1

    layer = made(lib)
    tools.register_parametrization(layer, "weight", Counting())
    calls.clear()
    with tools.cached():
        first = layer.weight
        with tools.cached():
            log.note(layer.weight is first)
        log.note(layer.weight is first, len(calls))
    log.note(layer.weight is first, len(calls))


def orthogonal(lib: Any, log: Log) -> None:
    tools = lib.nn.utils.parametrizations
    for shape in ((4, 4), (3, 5), (5, 3)):
        for kind in (None, "matrix_exp", "cayley", "householder"):
            for base in (True, False):
                layer = made(lib, "Linear", *shape)
                tools.orthogonal(layer, "weight", kind, use_trivialization=base)
                log.note(shape, layer, list(layer.state_dict()))
                weight = layer.weight
                near = lib.eye(min(shape))
                product = weight @ weight.T if len(weight) == min(shape) else weight.T @ weight
                log.note((product - near).abs().max() < 1e-5)
                log.note(weight, layer.parametrizations.weight[0].training)
                (weight * lib.arange(weight.numel()).reshape(weight.shape)).sum().backward()
                grad = layer.parametrizations.weight.original.grad
                log.note(grad)
                new = lib.linalg.qr(lib.arange(16.0).square().sin().reshape(4, 4))[0]
                if shape == (4, 4):
                    log.attempt("put", lambda a=layer, n=new: setattr(a, "weight", n))
                    log.note(layer.weight)
    layer = made(lib)
    log.attempt("name", lambda: tools.orthogonal(layer, "nothing"))
    log.attempt("vector", lambda: tools.orthogonal(layer, "bias"))
    log.attempt("map", lambda: tools.orthogonal(layer, orthogonal_map="no"))
    tools.orthogonal(layer)
    log.attempt("shape", lambda: setattr(layer, "weight", lib.ones(2, 2)))


def weight_norms(lib: Any, log: Log) -> None:
    tools = lib.nn.utils.parametrizations
    old = lib.nn.utils
    image = lib.arange(72.0).reshape(2, 4, 3, 3).sin()
    for dim in (0, 1, -1, None):
        layer = made(lib, "Conv2d", 4, 5, 2)
        log.note(tools.weight_norm(layer, dim=dim) is layer, layer, list(layer.state_dict()))
        layer(image).sum().backward()
        log.note([p.grad for p in layer.parameters()])
        layer = made(lib, "Conv2d", 4, 5, 2)
        log.attempt(f"{dim}", lambda a=layer, d=dim: old.weight_norm(a, dim=d))
        (hook,) = layer._forward_pre_hooks.values()
        log.note(layer, list(layer.state_dict()), layer(image), hook.dim, hook.name)
        layer(image).sum().backward()
        log.note([p.grad for p in layer.parameters()])
        state = layer.state_dict()
        log.note(old.remove_weight_norm(layer), layer.weight, list(layer.state_dict()))
        newer = tools.weight_norm(lib.nn.Conv2d(4, 5, 2), dim=dim)
        log.note(newer.load_state_dict(state), newer(image))
    layer = made(lib)
    log.attempt("twice", lambda: old.weight_norm(old.weight_norm(layer)))
    log.attempt("no", lambda: old.remove_weight_norm(layer, "bias"))
    log.attempt("lazy", lambda: old.weight_norm(lib.nn.LazyLinear(2)))
    log.note(lib.norm_except_dim(lib.arange(6.0).reshape(2, 3), 2, 1), copy.deepcopy(made(lib)))


def spectral_norms(lib: Any, log: Log) -> None:
    tools = lib.nn.utils.parametrizations
    old = lib.nn.utils
    image = lib.arange(72.0).reshape(2, 4, 3, 3).sin()
    for kind in ("Conv2d", "ConvTranspose2d"):
        for steps, dim in ((1, None), (3, 1)):
            layer = made(lib, kind, 4, 5, 2)
            tools.spectral_norm(layer, n_power_iterations=steps, dim=dim)
            log.note(layer, list(layer.state_dict()))
            layer(image).sum().backward()
            log.note([p.grad for p in layer.parameters()], layer.eval().weight)
            log.note(layer.weight, layer.state_dict())
            layer = made(lib, kind, 4, 5, 2)
            log.note(old.spectral_norm(layer, n_power_iterations=steps, dim=dim) is layer, layer)
            log.note(list(layer.state_dict()), layer.state_dict()._metadata)
            layer(image).sum().backward()
            log.note([p.grad for p in layer.parameters()], layer.eval()(image))
            state = layer.state_dict()
            twin = old.spectral_norm(made(lib, kind, 4, 5, 2), dim=dim)
            log.note(twin.load_state_dict(state), twin.state_dict())
            log.note(old.remove_spectral_norm(layer), layer.state_dict(), layer(image))
            log.note(len(layer._state_dict_hooks), len(layer._forward_pre_hooks))
    layer = made(lib)
    tools.spectral_norm(layer, "bias")
    log.note(layer.bias, list(layer.state_dict()))
    log.attempt("name", lambda: tools.spectral_norm(layer, "nothing"))
    log.attempt("dim", lambda: tools.spectral_norm(layer, dim=2))
    log.attempt("steps", lambda: tools.spectral_norm(layer, n_power_iterations=0))
    layer = made(lib)
    log.attempt("steps", lambda: old.spectral_norm(layer, n_power_iterations=0))
    log.attempt("twice", lambda: old.spectral_norm(old.spectral_norm(layer)))
    log.attempt("no", lambda: old.remove_spectral_norm(layer, "bias"))
    log.attempt("none", lambda: old.spectral_norm(lib.nn.Linear(2, 3, bias=False), "bias"))
    log.attempt("lazy", lambda: old.spectral_norm(lib.nn.LazyLinear(2)))


def old_spectral_state(lib: Any, log: Log) -> None:
    layer = lib.nn.utils.spectral_norm(made(lib))
    state = layer.state_dict()
    del state._metadata[""]["spectral_norm"]
    log.attempt("new without version", lambda: layer.load_state_dict(state))
    state["weight"] = layer.weight.detach()
    del state["weight_v"]
    log.attempt("version 0", lambda: layer.load_state_dict(state))
    log.note(layer.state_dict(), layer.eval()(lib.ones(1, 3)))
    log.attempt("partly", lambda: layer.load_state_dict({"bias": lib.ones(4)}))


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize(
    "scenario",
    [
        registering,
        inverses,
        refusals,
        caching,
        orthogonal,
        weight_norms,
        spectral_norms,
        old_spectral_state,
    ],
    ids=lambda s: s.__name__,
)
def test_as_pytorch(scenario: Any) -> None:
    compare(scenario)
