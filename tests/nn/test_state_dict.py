"""state_dict and load_state_dict held against PyTorch's: entries, messages, hooks.

Each scenario is run with both libraries (see scenarios.py).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch

import jtorch

from .scenarios import Log, compare, net


def state(lib: Any, log: Log) -> None:
    n = lib.nn.Sequential(net(lib), lib.nn.BatchNorm1d(3))
    saved = n.state_dict()
    log.note(type(saved).__name__, list(saved), saved._metadata)
    log.note(list(n.state_dict(prefix="p.")), n.state_dict(keep_vars=True)["0.lin.weight"])
    log.note(saved["0.lin.weight"].requires_grad)
    log.attempt("positional", lambda: list(n.state_dict({}, "q.")))
    destination: dict[str, Any] = {}
    log.note(n.state_dict(destination=destination) is destination, list(destination))
    other = lib.nn.Sequential(net(lib), lib.nn.BatchNorm1d(3)).double()
    log.attempt("load", lambda: other.load_state_dict(saved))
    log.note(other.state_dict())
    old = OrderedDict((k, v) for k, v in saved.items() if "tracked" not in k)
    log.attempt("version 1", lambda: other.load_state_dict(old))


def bad_state(lib: Any, log: Log) -> None:
    n = net(lib)
    good = dict(n.state_dict())

    def changed(**entries: Any) -> dict[str, Any]:
        new = {**good, **{k.replace("__", "."): v for k, v in entries.items()}}
        return {k: v for k, v in new.items() if v is not None}

    cases = {
        "missing": changed(buf=None),
        "unexpected": changed(zz=lib.ones(1), lin__zz=lib.ones(1), lin__a__b=lib.ones(1)),
        "misshapen": changed(lin__weight=lib.ones(5), buf=lib.ones(2, 1)),
        "no tensor": changed(lin__bias=3),
        "all": changed(buf=None, zz=lib.ones(1), lin__weight=lib.ones(5), lin__bias=3),
        "other": {"a": lib.ones(1)},
        "empty": {},
        "dtype": changed(buf=lib.ones(2, dtype=lib.float64)),
    }
    for name, entries in cases.items():
        log.attempt(name, lambda entries=entries: n.load_state_dict(entries))
        log.attempt(f"{name} loose", lambda e=entries: n.load_state_dict(e, strict=False))
    log.attempt("no dict", lambda: n.load_state_dict(3))


def assigning(lib: Any, log: Log) -> None:
    n = net(lib)
    entries = dict(n.state_dict())
    entries["buf"] = lib.ones(2, dtype=lib.float64)
    entries["lin.bias"] = lib.ones(3, dtype=lib.float64)
    log.attempt("assign", lambda: n.load_state_dict(entries, assign=True))
    log.note(n.lin.bias, n.lin.bias.requires_grad, n.buf, n.lin._parameters)
    frozen = lib.nn.Parameter(lib.ones(3), requires_grad=False)
    entries["lin.bias"] = frozen
    log.attempt("parameter", lambda: n.load_state_dict(entries, assign=True))
    log.note(n.lin.bias is frozen, frozen.requires_grad)


def extra_state(lib: Any, log: Log) -> None:
    class Extra(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.value = 1

        def get_extra_state(self) -> Any:
            return {"v": self.value}

        def set_extra_state(self, state: Any) -> None:
            self.value = state["v"]

    n = lib.nn.Sequential(Extra())
    log.note(n.state_dict())
    log.attempt("load", lambda: n.load_state_dict({"0._extra_state": {"v": 5}}))
    log.note(n[0].value)
    log.attempt("missing", lambda: n.load_state_dict({}))
    log.attempt("unexpected", lambda: net(lib).lin.load_state_dict({"_extra_state": 1}))


def state_hooks(lib: Any, log: Log) -> None:
    n = lib.nn.Linear(1, 1)
    n.register_state_dict_pre_hook(lambda module, *a: log.note("pre", *a))
    n._register_state_dict_hook(lambda module, d, *a: log.note("hook", list(d), *a))

    def post(module: Any, d: Any, *a: Any) -> None:
        log.note("post", list(d), *a)
        d["more"] = 1

    handle = n.register_state_dict_post_hook(post)
    log.note(list(n.state_dict(prefix="q.")))
    log.attempt("twice", lambda: n._register_state_dict_hook(post))
    handle.remove()
    n._register_state_dict_hook(lambda module, d, *a: {"replaced": 1})
    log.note(n.state_dict())
    n.register_state_dict_post_hook(lambda *a: 3)
    log.attempt("returns", lambda: n.state_dict())
    m = lib.nn.Sequential(lib.nn.Linear(1, 1))
    m[0].register_load_state_dict_pre_hook(lambda module, d, *a: log.note("pre", list(d), *a))
    m[0]._register_load_state_dict_pre_hook(lambda d, *a: d.pop("0.bias", None))
    m.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    saved = lib.nn.Sequential(lib.nn.Linear(1, 1)).state_dict()
    log.attempt("load", lambda: m.load_state_dict(saved))
    m.register_load_state_dict_post_hook(lambda module, keys: 3)
    log.attempt("returns", lambda: m.load_state_dict(saved))


def custom_loading(lib: Any, log: Log) -> None:
    class Renamed(lib.nn.Linear):
        _version = 4

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
            log.note(prefix, local_metadata, len(rest))
            if prefix + "old" in state_dict:
                state_dict[prefix + "weight"] = state_dict.pop(prefix + "old")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    n = lib.nn.Sequential(Renamed(1, 1))
    saved = n.state_dict()
    saved["0.old"] = saved.pop("0.weight") * 0 + 7
    log.attempt("load", lambda: n.load_state_dict(saved))
    log.note(n[0].weight, saved._metadata)


@pytest.mark.parametrize(
    "scenario",
    [assigning, bad_state, custom_loading, extra_state, state, state_hooks],
    ids=lambda s: s.__name__,
)
def test_as_pytorch(scenario: Any) -> None:
    compare(scenario)


def test_failed_load_changes_nothing() -> None:
    """Stricter than PyTorch, which keeps what it had copied before it found the error."""
    n = net(jtorch)
    before = {k: v.clone() for k, v in n.state_dict().items()}
    for assign in (False, True):
        entries = {k: v + 1 for k, v in before.items()}
        entries["lin.bias"] = jtorch.ones(7)
        with pytest.raises(RuntimeError, match="size mismatch for lin.bias"):
            n.load_state_dict(entries, assign=assign)
        for name, value in n.state_dict().items():
            assert value.tolist() == before[name].tolist()


def test_versions() -> None:
    assert jtorch.nn.BatchNorm1d(1)._version == torch.nn.BatchNorm1d(1)._version
