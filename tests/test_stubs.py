"""The type stubs are current, and say the signatures of what comes from tables."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import jtorch
from tools.stubs import PACKAGE, stubs, written_by_hand

STUBS = stubs()


@pytest.mark.parametrize("path", STUBS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_stub_is_current(path: Path) -> None:
    written = path.read_text(encoding="utf-8")
    assert written == STUBS[path], "run python -m tools.stubs"


@cache
def definitions(path: str) -> dict[str, ast.FunctionDef]:
    """The functions and methods of a stub."""
    tree = ast.parse(STUBS[PACKAGE / path])
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def signature(path: str, name: str) -> str:
    return ast.unparse(definitions(path)[name].args)


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        (
            "__init__.pyi",
            "add",
            "input: Tensor | _Number, other: Tensor | _Number, *, alpha: _Number=1, "
            "out: Tensor | None=None",
        ),
        ("__init__.pyi", "exp", "input: Tensor, *, out: Tensor | None=None"),
        ("_core/methods.pyi", "exp", "self"),
        ("_core/methods.pyi", "add_", "self, other: Tensor | _Number, *, alpha: _Number=1"),
        ("_core/methods.pyi", "permute", "self, *dims: _int"),
        ("_core/methods.pyi", "T", "self"),
        ("nn/functional.pyi", "relu", "input: Tensor, inplace: _bool=False"),
        (
            "linalg.pyi",
            "cross",
            "input: Tensor, other: Tensor, *, dim: _int=-1, out: Tensor | None=None",
        ),
        ("special.pyi", "expit", "input: Tensor, *, out: Tensor | None=None"),
    ],
)
def test_signature(path: str, name: str, expected: str) -> None:
    assert signature(path, name) == expected


def test_every_public_name_is_in_the_stub() -> None:
    tree = ast.parse(STUBS[PACKAGE / "__init__.pyi"])
    said = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            said |= {alias.asname for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            said.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            said.add(node.target.id)
    assert set(dir(jtorch)) - said <= {"functions", "io"}  # no rooms of PyTorch's


def test_a_function_is_not_lost_in_what_wraps_it() -> None:
    """Made overridable, checked, turned in place: the signature is still the one inside."""
    assert signature("_core/methods.pyi", "gather").startswith("self, dim: _int, index: Tensor")
    assert signature("_core/methods.pyi", "t_") == "self"
    assert signature("__init__.pyi", "abs_") == "input: Tensor"
    assert signature("masked.pyi", "cumsum").startswith("input: Tensor, dim: _int, *, dtype: _dty")
    assert "from .functions.shaping import reshape as reshape" in STUBS[PACKAGE / "__init__.pyi"]


def test_the_arguments_decide_by_overloads() -> None:
    tree = ast.parse(STUBS[PACKAGE / "__init__.pyi"])
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "max"]
    results = [ast.unparse(node.returns) for node in found if node.returns]
    assert results == ["Tensor", "_max_result", "Tensor"]


@pytest.mark.parametrize("path", STUBS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_name_is_without_a_type(path: Path) -> None:
    tree = ast.parse(STUBS[path])
    bare = [ast.unparse(n) for n in tree.body if isinstance(n, ast.AnnAssign)]
    assert not [text for text in bare if text.endswith(": Any")]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert not [f.name for f in functions if ast.unparse(f.args) == "*args: Any, **kwargs: Any"]


def test_every_method_is_in_the_stub() -> None:
    missing = {
        name
        for name in vars(jtorch.Tensor)
        if not name.startswith("_") and name not in definitions("_core/methods.pyi")
    }
    assert missing <= written_by_hand()
