"""Writes the type stubs: the names that come from tables, with their signatures, for editors and
pyright.

    python -m tools.stubs

The stubs are checked in; tests/test_stubs.py says when they are stale. Here is which names there
are and what each of them is: a row, a function written by hand, which is imported from where it
stands, or one that other code has made. declarations.py has the text of each. Methods are in
_core/methods.pyi, from which Tensor inherits as far as type checkers see. Rooms whose names stand
in their source (random, signal.windows, testing, ...) need no stub.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import jtorch
from jtorch._core import attributes, tensor
from jtorch._core.dtype import dtype
from jtorch._core.op import ROWS, Op
from jtorch.functions.typed import CONSTRUCTORS

from .declarations import (
    PLACES,
    annotation_of,
    fields_of,
    function_lines,
    head,
    names_of,
    result_name,
    row_lines,
)

PACKAGE = Path(jtorch.__file__).parent
ROOMS = ("fft", "linalg", "masked", "nn.functional", "sparse", "special")

ROWS_OF: dict[int, list[Op]] = {}  # id of a JAX function -> the rows that it is the function of
for _op in ROWS.values():
    ROWS_OF.setdefault(id(_op.function), []).append(_op)


def unwrapped(value: Any) -> Any:
    """The function inside what makes it overridable, or what checks its arguments."""
    if not callable(value):
        return value
    return inspect.unwrap(value, stop=lambda inner: id(inner) in ROWS_OF)


def row_of(value: Any) -> tuple[Op, bool] | None:
    """The row that a function or method is made of, and whether it is the in-place one."""
    for op in ROWS_OF.get(id(unwrapped(value)), ()):
        if value.__name__ in (op.name, f"{op.name}_"):
            return op, value.__name__ != op.name
    return None


# ------------------------------------------------------------------------------ Tensor's methods


def written_by_hand() -> set[str]:
    """The names in the class bodies of Tensor and its base."""
    names: set[str] = set()
    for module, name in ((tensor, "Tensor"), (attributes, "Attributes")):
        tree = ast.parse(inspect.getsource(module))
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                names |= {n.name for n in node.body if isinstance(n, ast.FunctionDef)}
                for statement in node.body:
                    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                        targets = getattr(statement, "targets", None) or [statement.target]
                        names |= {t.id for t in targets if isinstance(t, ast.Name)}
    return names


def method_lines(name: str, value: Any) -> list[str]:
    """A method, a property or a class method of Tensor."""
    if isinstance(value, property):
        result = inspect.signature(value.fget).return_annotation
        said = annotation_of(result, names_of(value.fget), given=False)
        doc = (value.__doc__ or name).strip()
        return ["@property", f"def {name}(self) -> {said}:", f'    """{doc}"""']
    if isinstance(value, classmethod):
        return ["@classmethod", *function_lines(name, value.__func__, "cls")]
    row = row_of(value)
    if row is not None:
        return row_lines(name, row[0], True, row[1])
    return function_lines(name, value, "self")


def result_classes() -> list[str]:
    """The results with named fields."""
    lines = []
    for op in ROWS.values():
        if op.result is not None and "Array |" not in str(op.signature.return_annotation):
            lines += [f"class {result_name(op)}(NamedTuple):"]
            lines += [f"    {field}: Tensor" for field in fields_of(op)] + [""]
    return lines


def methods() -> str:
    """_core/methods.pyi."""
    lines = []
    skipped = written_by_hand() | {"__new__"}
    for name, value in sorted(vars(jtorch.Tensor).items()):
        made = isinstance(value, (FunctionType, property, classmethod))
        if made and name not in skipped:
            lines += method_lines(name, value)
    lines += ["def __hash__(self) -> _int:", "    ..."]
    lines += ["def __init__(self, *args: Any, **kwargs: Any) -> None:", "    ..."]
    lines = [*result_classes(), "class Methods:", *(f"    {line}" for line in lines)]
    body = "\n".join([*lines, ""])
    return head("Tensor's methods: from rows and from functions.", body, "..") + body


# -------------------------------------------------------------------------- the functions of rooms


def lines_of(name: str, value: Any, room: str, dots: str) -> list[str]:
    """The declaration of one public name, or its import. room: the module whose stub it is."""
    if isinstance(value, ModuleType):
        return [f"from . import {name} as {name}"]
    if value in CONSTRUCTORS.values():
        return [f"class {name}(Tensor):", f'    """{value.__doc__}"""']
    row = row_of(value)
    if row is not None:
        return row_lines(name, row[0], inplace=row[1])
    if value is None or not callable(value) or isinstance(value, dtype):
        return [f"{name}: {_class_of(value)}"]
    module = place_of(unwrapped(value))
    if module is None or module == room:
        return function_lines(name, value)
    own = unwrapped(value).__name__
    return [f"from {dots}{module.removeprefix('jtorch.')} import {own} as {name}"]


def place_of(value: Any) -> str | None:
    """The module in whose source a function or class stands, so that a type checker finds its
    signature there; None for one that a function or a decorator has made."""
    if value is jtorch.Tensor:
        return tensor.__name__  # it says that it is of jtorch, where users know it
    made = isinstance(value, FunctionType) and "<locals>" in value.__code__.co_qualname
    source = value.__globals__["__name__"] if isinstance(value, FunctionType) else value.__module__
    stands = getattr(sys.modules[source], value.__name__, None) is value
    return source if stands and not made else None


def _class_of(value: Any) -> str:
    """The class of an object, as stubs say it."""
    if value is None:
        return "None"
    name = type(value).__name__
    assert type(value).__module__ == "builtins" or name in PLACES, f"add {name} to PLACES"
    return f"_{name}"


def stub_of(room: str, title: str) -> str:
    """The stub of a module: imports first."""
    module = importlib.import_module(room)
    depth = room.count(".")
    if room == "jtorch":
        names = {name for name in dir(module) if name not in ("Tensor", "functions", "io")}
        names.add("__version__")
    else:
        names = set(module.__all__)
    imports: list[str] = []
    lines: list[str] = []
    for name in sorted(names):
        found = lines_of(name, getattr(module, name), room, "." * max(depth, 1))
        (imports if found[0].startswith("from") else lines).extend(found)
    body = "\n".join([*imports, *lines, ""])
    return head(title, body, "." * max(depth, 1)) + body


def stubs() -> dict[Path, str]:
    """Every stub: path -> text."""
    found = {
        PACKAGE / "__init__.pyi": stub_of("jtorch", "jtorch's public names."),
        PACKAGE / "_core" / "methods.pyi": methods(),
    }
    for room in ROOMS:
        path = PACKAGE.joinpath(*room.split(".")).with_suffix(".pyi")
        found[path] = stub_of(f"jtorch.{room}", f"torch.{room}.")
    return found


def main() -> None:
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
