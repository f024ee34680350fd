"""torch.nn.utils.prune held against PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch.nn.utils.prune  # noqa: F401 (PyTorch imports it on demand only)

from .scenarios import Log, compare


def layer(lib: Any, kind: str = "Conv2d") -> Any:
    lib.manual_seed(0)
    return lib.nn.Conv2d(3, 4, 2) if kind == "Conv2d" else lib.nn.Linear(3, 4)


def described(pruned: Any) -> list[Any]:
    return [list(pruned.state_dict()), pruned.weight_mask, pruned.weight, pruned.weight_orig]


def calls(lib: Any, log: Log) -> None:
    prune = lib.nn.utils.prune
    image = lib.arange(27.0).reshape(1, 3, 3, 3).sin()
    scores = lib.arange(48.0).cos().reshape(4, 3, 2, 2)
    for name, options in (
        ("identity", {}),
        ("random_unstructured", {"amount": 5}),
        ("random_unstructured", {"amount": 0.3}),
        ("random_unstructured", {"amount": 0}),
        ("l1_unstructured", {"amount": 0.4}),
        ("l1_unstructured", {"amount": 7, "importance_scores": scores}),
        ("random_structured", {"amount": 2, "dim": 1}),
        ("random_structured", {"amount": 0.5, "dim": 0}),
        ("ln_structured", {"amount": 1, "n": 2, "dim": 1}),
        ("ln_structured", {"amount": 0.5, "n": 1, "dim": -1}),
        ("ln_structured", {"amount": 0.0, "n": float("inf"), "dim": 0}),
        ("ln_structured", {"amount": 2, "n": 2, "dim": 0, "importance_scores": scores}),
        ("custom_from_mask", {"mask": scores > 0}),
    ):
        pruned = layer(lib)
        log.note(name, getattr(prune, name)(pruned, "weight", **options) is pruned)
        log.note(*described(pruned), prune.is_pruned(pruned), pruned)
        pruned(image).sum().backward()
        log.note(pruned.weight_orig.grad, lib.rand(2))
        log.note(prune.remove(pruned, "weight") is pruned, pruned.weight, list(pruned.state_dict()))
        log.note(prune.is_pruned(pruned), len(pruned._forward_pre_hooks))


def one_after_another(lib: Any, log: Log) -> None:
    prune = lib.nn.utils.prune
    pruned = layer(lib)
    prune.random_structured(pruned, "weight", 1, 0)
    prune.l1_unstructured(pruned, "weight", 6)
    log.note(*described(pruned))
    prune.ln_structured(pruned, "weight", 0.5, 2, 1)
    log.note(*described(pruned))
    prune.custom_from_mask(pruned, "weight", lib.arange(48).reshape(4, 3, 2, 2) % 3 != 0)
    log.note(*described(pruned))
    (hook,) = pruned._forward_pre_hooks.values()
    log.note(len(hook), [type(method).__name__ for method in hook], type(hook[0]).__name__)
    prune.l1_unstructured(pruned, "bias", 1)
    log.note(list(pruned.state_dict()), len(pruned._forward_pre_hooks), pruned.bias)
    prune.remove(pruned, "weight")
    log.note(pruned.weight, list(pruned.state_dict()))
    plain = prune.L1Unstructured(3)
    log.note(plain.prune(lib.arange(6.0)), plain.prune(lib.arange(4.0), lib.tensor([1.0, 1, 1, 0])))
    log.attempt("scores", lambda: plain.prune(lib.ones(3), importance_scores=lib.ones(2)))


def together(lib: Any, log: Log) -> None:
    prune = lib.nn.utils.prune
    parts = [(layer(lib), "weight"), (layer(lib, "Linear"), "weight"), (layer(lib), "bias")]
    prune.l1_unstructured(parts[1][0], "weight", 2)
    prune.global_unstructured(parts, pruning_method=prune.L1Unstructured, amount=0.3)
    log.note([getattr(module, name) for module, name in parts])
    scores = {parts[1]: lib.ones(4, 3) * 9}
    prune.global_unstructured(parts, prune.RandomUnstructured, scores, amount=5)
    log.note([getattr(module, f"{name}_mask") for module, name in parts])
    log.note(lib.rand(2))
    log.attempt("parts", lambda: prune.global_unstructured(3, prune.Identity))
    log.attempt("scores", lambda: prune.global_unstructured(parts, prune.Identity, [3]))
    bad = {"amount": 1, "n": 2}
    with pytest.raises(TypeError, match='Only "unstructured" PRUNING_TYPE supported'):
        prune.global_unstructured(parts, prune.LnStructured, **bad)


def refusals(lib: Any, log: Log) -> None:
    prune = lib.nn.utils.prune
    for amount in ("a", -1, -0.1, 1.5, 49):
        log.attempt(f"{amount}", lambda a=amount: prune.l1_unstructured(layer(lib), "weight", a))
    log.attempt("bias", lambda: prune.ln_structured(layer(lib), "bias", 1, 2, 0))
    log.attempt("dim", lambda: prune.random_structured(layer(lib), "weight", 1, 4))
    wrong = {"importance_scores": lib.ones(2)}
    log.attempt("scores", lambda: prune.l1_unstructured(layer(lib), "weight", 1, **wrong))
    log.attempt("mask", lambda: prune.custom_from_mask(layer(lib), "weight", lib.ones(2)))
    log.attempt("remove", lambda: prune.remove(layer(lib), "weight"))
    log.attempt("name", lambda: prune.identity(layer(lib), "no"))
    kept = layer(lib)
    log.attempt("back", lambda: prune.l1_unstructured(kept, "weight", 100))
    log.note(list(kept.state_dict()), type(kept.weight).__name__)
    container = prune.PruningContainer()
    container._tensor_name = "weight"
    log.attempt("method", lambda: container.add_pruning_method(3))

    class Own(prune.BasePruningMethod):
        PRUNING_TYPE = "other"

        def compute_mask(self, t: Any, default_mask: Any) -> Any:
            return default_mask

    pruned = layer(lib)
    Own.apply(pruned, "weight")
    log.note(*described(pruned))
    log.attempt("kind", lambda: Own.apply(pruned, "weight"))
    Own.PRUNING_TYPE = "structured"
    log.attempt("no dim", lambda: Own.apply(pruned, "weight"))


@pytest.mark.parametrize(
    "scenario", [calls, one_after_another, together, refusals], ids=lambda s: s.__name__
)
def test_as_pytorch(scenario: Any) -> None:
    compare(scenario)
