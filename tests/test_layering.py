"""Imports go down only: the order of the rooms, checked on the source.

`LAYERS` is the order, lowest first; DESIGN's picture of the package and `_core/__init__.py` say the
same in words. A module may import from lower layers and, as long as there is no cycle, from its
own.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "jtorch"

# Lowest first. "room.*" is a room with all its modules but those that are named; in _core every
# module stands by itself.
LAYERS = (
    "_core _core.changes utils utils.hooks utils._pytree",
    "_core.errors _core.dtype _core.modes _core.profiling _core.scope _core.strides _core.size"
    " _core.rng",
    "_core.events",
    "_core.device _core.normals",
    "_core.samplers _core.rejection _core.format",
    "_core.op",
    "_core.trace",
    "_core.region _core.history _core.loops",
    "_core.vjp",
    "_core.graph",
    "_core.layout _core.survivors _core.donation _core.differences",
    "_core.divergence",
    "_core.checks _core.evaluation _core.calls",
    "_core.padding.*",
    "_core.building _core.capture _core.xplane",
    "_core.program",
    "_core.arguments _core.autocast",
    "_core.varying",
    "_core.extend _core.transfer",
    "_core.append",
    "_core.body",
    "_core.control _core.draws _core.forward",
    "_core.grad_mode _core.replay",
    "_core.alias",
    "_core.leaf _core.attributes _core.overlap _core.stand_in",
    "_core.tensor",
    "_core.overrides _core.anomaly _core.packing",
    "_core.selective",
    "_core.foreign _core.generator _core.jax_tree _core.record _core.autograd",
    "_core.backward _core.device_random _core.function_rules",
    "_core.function",
    "_core.traced_function",
    "ops.*",
    "_expose",
    "functions.*",
    "_operators",
    "_methods _aten",
    "_compile.places",
    "_compile.before _compile.watch _compile.results _compile.guards",
    "_compile.shortcut",
    "_compile.direct",
    "_compile.function",
    "_compile.options _compile",
    "nn.* optim.*",
    "_hints _explain _logging",
    "_C _dynamo.* _higher_order_ops.* amp.* autograd.* backends.* compiler.* cpu.* cuda.*"
    " debug.* distributed.* distributions.* fft.* func.* interop.* io.* linalg.* masked.*"
    " nn.attention._block_mask nn.attention.flex_attention overrides profiler.* random.*"
    " serialization signal.* sparse.* special.* testing.* tpu.*"
    " utils.checkpoint utils.data.* utils.dlpack",
)
JAX_ROOMS = ("_core", "ops", "optim", "compiler", "func", "interop", "distributed")
REQUIRED = {"jax", "jaxlib", "ml_dtypes", "numpy", "optax"}


class Import(NamedTuple):
    """What one statement imports: a module of ours (`inside`, without "jtorch."), or another's."""

    module: str
    inside: bool
    in_function: bool
    line: int


def name_of(path: Path) -> str:
    """The module's name without "jtorch."; the package root is ""."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def statements(tree: ast.AST, in_function: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """All import statements that run, and whether they stand in a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, in_function
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        else:
            inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from statements(node, in_function or inner)


def imports_of(name: str) -> list[Import]:
    """What the module imports."""
    path = FILES[name]
    package = list(path.relative_to(PACKAGE).parts[:-1])
    found = []
    for node, in_function in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [(alias.name, alias.name.split(".")[0] == "jtorch") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module or "").split(".")
            start = ".".join(part for part in base if part)
            full = [f"{start}.{alias.name}".lstrip(".") for alias in node.names]
            targets = [(module if module in FILES else start, True) for module in full]
        else:
            assert isinstance(node, ast.ImportFrom) and node.module
            targets = [(node.module, node.module.split(".")[0] == "jtorch")]
        found += [Import(module, ours, in_function, node.lineno) for module, ours in targets]
    return found


IMPORTS = {name: imports_of(name) for name in FILES}


def layer_of(name: str) -> int:
    """The height of a module; the package root stands above all."""
    if not name:
        return len(LAYERS)
    rooms = [".".join(name.split(".")[:k]) + ".*" for k in range(1, name.count(".") + 2)]
    for wanted in ([name], rooms):
        for height, layer in enumerate(LAYERS):
            if not set(wanted).isdisjoint(layer.split()):
                return height
    raise AssertionError(f"jtorch.{name} stands in no layer: give it a place in LAYERS")


def loaded_by(name: str) -> set[str]:
    """The modules of ours that `name` imports, and the packages they are in."""
    loaded = set()
    for target in IMPORTS[name]:
        if target.inside:
            parts = target.module.split(".")
            loaded |= {".".join(parts[: k + 1]) for k in range(len(parts))}
    return {module for module in loaded if not f"{name}.".startswith(f"{module}.")}


@pytest.mark.parametrize("name", FILES)
def test_imports_go_down(name: str) -> None:
    higher = [module for module in loaded_by(name) if layer_of(module) > layer_of(name)]
    assert not higher, f"jtorch.{name} imports what stands above it: {higher}"


@pytest.mark.parametrize("name", FILES)
def test_nothing_imports_the_package_root(name: str) -> None:
    roots = [i.line for i in IMPORTS[name] if i.inside and (not i.module or "jtorch" in i.module)]
    assert not roots, f"jtorch.{name} imports the package root in lines {roots}"


@pytest.mark.parametrize("name", FILES)
def test_jax_stays_in_its_rooms(name: str) -> None:
    lines = [i.line for i in IMPORTS[name] if not i.inside and i.module.split(".")[0] == "jax"]
    assert not lines or name.split(".")[0] in JAX_ROOMS, f"jtorch.{name} imports jax in {lines}"


@pytest.mark.parametrize("name", FILES)
def test_imports_stand_at_the_top(name: str) -> None:
    for target in IMPORTS[name]:
        library = target.module.split(".")[0]
        optional = library not in REQUIRED and library not in sys.stdlib_module_names
        assert not target.in_function or (optional and not target.inside), (
            f"jtorch.{name} imports {target.module} inside a function, in line {target.line}"
        )


def test_there_is_no_cycle() -> None:
    TopologicalSorter({name: loaded_by(name) for name in FILES}).prepare()


def test_every_layer_entry_is_used_correctly() -> None:
    entries = [entry for layer in LAYERS for entry in layer.split()]
    assert len(entries) == len(set(entries))
    single = [entry for entry in entries if not entry.endswith(".*")]
    missing = [entry for entry in single if entry not in FILES]
    assert not missing, f"LAYERS names modules that don't exist: {missing}"
