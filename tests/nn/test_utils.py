"""torch.nn.utils held against PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

from .scenarios import Log, compare


def parameters(lib: Any) -> list[Any]:
    """Three parameters, one of them without a gradient."""
    made = [lib.nn.Parameter(lib.ones(*shape)) for shape in ((2,), (2, 3), (4,))]
    made[0].grad = lib.tensor([3.0, -4.0])
    made[1].grad = lib.arange(6.0).reshape(2, 3)
    return made


def norms(lib: Any, log: Log) -> None:
    utils = lib.nn.utils
    for kind in (1, 2, 2.0, 0, 3, "inf", float("inf"), -float("inf")):
        made = parameters(lib)
        gradient = made[0].grad
        log.attempt(f"{kind}", lambda k=kind, p=made: utils.clip_grad_norm_(p, 1.5, norm_type=k))
        log.note([p.grad for p in made], made[0].grad is gradient)
        log.note(utils.get_total_norm([p.grad for p in made[:2]], float(kind)))
    made = parameters(lib)
    log.note(utils.clip_grad_norm_(made, 100.0), [p.grad for p in made])
    log.note(utils.clip_grad_norm_([], 1.0), utils.clip_grad_norm_(made[2:], 1.0))
    log.note(utils.clip_grad_norm_(made[0], lib.tensor(0.5)), made[0].grad)
    log.note(utils.get_total_norm([]), utils.get_total_norm(made[0].grad))
    utils.clip_grads_with_norm_((p for p in made), 1.0, lib.tensor(4.0))
    log.note([p.grad for p in made])
    made[0].grad = lib.tensor([1.0, float("nan")])
    log.attempt("nan", lambda: utils.clip_grad_norm_(made, 1.0, error_if_nonfinite=True))
    log.attempt("nan", lambda: utils.clip_grad_norm_(made, 1.0))
    log.note([p.grad for p in made])
    log.attempt("empty", lambda: utils.clip_grad_norm_((p for p in ()), 1.0))
    log.attempt("old", lambda: utils.clip_grad_norm(parameters(lib), 1.0))


def values(lib: Any, log: Log) -> None:
    made = parameters(lib)
    log.note(lib.nn.utils.clip_grad_value_(made, 2.5), [p.grad for p in made])
    log.note(lib.nn.utils.clip_grad_value_(made[0], 1), made[0].grad)


def vectors(lib: Any, log: Log) -> None:
    utils = lib.nn.utils
    made = parameters(lib)
    vector = utils.parameters_to_vector(made)
    log.note(vector, vector.requires_grad)
    utils.vector_to_parameters(lib.arange(12.0), made)
    log.note(made, [p.requires_grad for p in made])
    log.attempt("no tensor", lambda: utils.vector_to_parameters([1], made))
    log.attempt("too short", lambda: utils.vector_to_parameters(lib.arange(3.0), made))


@pytest.mark.parametrize("scenario", [norms, values, vectors], ids=lambda s: s.__name__)
def test_as_pytorch(scenario: Any) -> None:
    compare(scenario)
