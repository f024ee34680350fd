"""What a function can reach: the Python values that a captured run of it relies on.

`Places` walks from a function, its arguments and the globals that its code names, through modules,
containers, closures and attributes, and notes what it finds where. Before a run that says what to
guard; compared with the places after the run, what the run itself has changed. Of objects of
unknown classes only those attributes count that some code of the run names.
"""

from __future__ import annotations

import functools
import random
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from .._core.device import device
from .._core.dtype import dtype
from .._core.size import Size, layout, memory_format, strided
from .._core.tensor import Tensor

# What these have made is not looked into: objects of theirs, what their functions refer to.
ENGINES = frozenset({"jax", "jaxlib", "ml_dtypes", "numpy", "optax", "scipy"})
# Code of these is not the user's: what it reads from its own module doesn't change.
LIBRARIES = ENGINES | {"jtorch"} | sys.stdlib_module_names
# Values that can't change, and are compared by what they are.
ATOMS = frozenset(
    {
        *(type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented)),
        *(slice, range, dtype, device, layout, memory_format, Size, BuiltinFunctionType, np.dtype),
    }
)
# How the rooms above have their objects visited: class -> function(places, object).
visitors: dict[type, Callable[[Any, Any], None]] = {}
MISSING = object()
LIMIT = 20_000  # places; what reaches more is not guarded but run
_SMALL = 1024  # elements of a NumPy array that is compared by its values


class Place(NamedTuple):
    """A value, and where it was found: read(container, key)."""

    read: Callable[[Any, Any], Any]
    container: Any
    key: Any
    value: Any

    def now(self) -> Any:
        """The value that is there now."""
        return self.read(self.container, self.key)

    @property
    def is_gradient(self) -> bool:
        """Whether it is the `.grad` of a Tensor."""
        return self.read is _of_slot and self.key == "_grad"

    def put(self, value: Any) -> None:
        """Replace the value, as an assignment of the function's would."""
        if self.read is _of_slot:
            setattr(self.container, self.key, value)
        elif self.read is _of_cell:
            self.container.cell_contents = value
        else:
            self.container[self.key] = value

    def __str__(self) -> str:
        kind = type(self.container)
        if self.read is _count:
            return "which attributes there are"
        if self.read is _of_slot:
            return f"{self.key.lstrip('_')} of a {kind.__name__}"
        return f"a {kind.__name__}" if self.key is MISSING else f"{self.key!r}"


def of_dict(container: Any, key: Any) -> Any:
    return container.get(key, MISSING)


def of_list(container: Any, key: int) -> Any:
    return container[key] if key < len(container) else MISSING


def _of_slot(container: Any, key: str) -> Any:
    return getattr(container, key, MISSING)


def _of_cell(container: Any, key: Any) -> Any:
    try:
        return container.cell_contents
    except ValueError:
        return MISSING


def _length(container: Any, key: Any) -> int:
    return len(container)


def keys_of(container: Any, key: Any) -> tuple:
    """The keys of a dictionary, in their order."""
    return tuple(container)


def _count(container: Any, key: Any) -> int:
    """How many attributes there are: a new one may hide another, or be asked for."""
    return len(container)


def _copied(container: Any, key: Any) -> Any:
    """The contents of what is compared by them: a set, a small NumPy array."""
    if isinstance(container, np.ndarray):
        return container.dtype.str, container.shape, container.tobytes()
    return frozenset([v if type(v) in ATOMS else id(v) for v in container])


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    """The code of all functions that are made in a piece of code."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_in(constant)


def is_library(name: str | None) -> bool:
    """Whether a module of this name is not the user's."""
    root = (name or "").partition(".")[0]
    return root in LIBRARIES or root.startswith("namedtuple_")


def is_engine(name: str | None) -> bool:
    """Whether what a module of this name has made is the engine's own affair."""
    name = name or ""
    return name.partition(".")[0] in ENGINES or name.startswith(("jtorch._c", "jtorch.ops"))


class Places:
    """All places that can be reached from some roots.

    names: of the attributes and globals that the code of the run names.  found: by container and
    key.  members: the same for those whose changes are counted (see changes.py).  tensors: by id.
    bare: where their attributes and hooks will be, of those that have none.
    guards: of another kind, objects that `hold()`.  codes: of the functions that were reached.
    reason: why what is reached can't be guarded.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        self.found: dict[tuple[int, Any], Place] = {}
        self.members: dict[tuple[int, Any], Place] = {}
        self.tensors: dict[int, Tensor] = {}
        self.bare: list[dict[str, Any]] = []
        self.guards: list[Any] = []
        self.codes: set[CodeType] = set()
        self.reason: str | None = None
        self._seen: dict[int, Any] = {}
        self._counts = False  # whether changes of what is visited are counted
        # Random numbers that are not the library's: a run that draws some would draw others.
        numbers = np.random.get_state(legacy=False)
        self.drawn = (random.getstate(), repr(numbers))

    def has(self, value: Any) -> bool:
        """Whether an object was reached."""
        return id(value) in self._seen

    def take_back(self) -> None:
        """Put the Tensors back where others have been put since."""
        for place in (*self.found.values(), *self.members.values()):
            if _is_slot_for_tensors(place.value) and place.now() is not place.value:
                place.put(place.value)

    def has_gradient(self, tensor: Tensor) -> bool:
        """Whether the `.grad` of a Tensor is among the places."""
        return (id(tensor), "_grad") in self.found

    def empty(self, value: Any) -> bool:
        """Whether a value was an empty container when it was visited."""
        place = self.found.get((id(value), MISSING)) or self.members.get((id(value), MISSING))
        return place is not None and place.read in (_length, keys_of) and not place.value

    def globals_of(self, codes: Mapping[CodeType, dict]) -> None:
        """Visit the globals that pieces of code name."""
        for code, names in codes.items():
            for name in code.co_names:
                if name in names:
                    self._place(of_dict, names, name, names[name])

    def check_reached(self, codes: Iterable[CodeType]) -> None:
        """See to it that all functions with closures were reached whose code runs, but for those
        that other code makes when it runs."""
        made = {inner for code in codes for inner in _codes_in(code)}
        for code in codes:
            if code.co_freevars and code not in self.codes and code not in made:
                self.reason = self.reason or f"it calls {code.co_name}(), which is out of reach"

    def visit(self, value: Any) -> None:
        """Note everything that can be reached from a value."""
        kind = type(value)
        if kind in ATOMS or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, Tensor):
            self._visit_tensor(value)
            return
        visitor = next((v for base, v in visitors.items() if isinstance(value, base)), None)
        if visitor is not None:
            visitor(self, value)
        elif isinstance(value, (dict, list, tuple, set, frozenset, deque)):
            self._visit_container(value)
        elif isinstance(value, (FunctionType, MethodType, functools.partial)):
            self._visit_function(value)
        elif isinstance(value, (type, ModuleType)):
            self._visit_namespace(value)
        else:
            self._visit_object(value)

    @contextmanager
    def counted(self, counted: bool = True) -> Iterator[None]:
        """While active: whether changes of what is visited are counted."""
        before, self._counts = self._counts, counted
        try:
            yield
        finally:
            self._counts = before

    def attributes(self, value: Any) -> None:
        """Visit all attributes of an object; which there are counts, too."""
        state = vars(value)
        self._note(_length, state)
        for name, item in list(state.items()):
            self._place(of_dict, state, name, item)

    # ------------------------------------------------------------------------------------- by kind

    def _note(self, read: Callable, container: Any, key: Any = MISSING) -> None:
        """Note what is read of a container."""
        found = self.members if self._counts else self.found
        found[id(container), key] = Place(read, container, key, read(container, key))

    def _place(self, read: Callable, container: Any, key: Any, value: Any) -> None:
        """Note a value, and what is reached from it."""
        self._note(read, container, key)
        if len(self.found) + len(self.members) > LIMIT:
            self.reason = "it reaches too many Python objects"
            return
        self.visit(value)

    def _visit_tensor(self, tensor: Tensor) -> None:
        state = tensor.__dict__
        if tensor.layout is not strided:
            self.reason = "it uses a sparse Tensor"
            return
        self.tensors[id(tensor)] = tensor
        with self.counted(False):
            self._place(_of_slot, tensor, "_grad", tensor._grad)
            if state:
                self.visit(state)
            else:
                self.bare.append(state)

    def _visit_container(self, value: Any) -> None:
        if isinstance(value, (set, frozenset)):
            self._note(_copied, value)
            for item in value:
                self.visit(item)
            return
        if not isinstance(value, tuple):
            self._note(keys_of if isinstance(value, dict) else _length, value)
        items: Iterable = enumerate(value)
        read = of_list
        if isinstance(value, dict):
            items, read = list(value.items()), of_dict
        for key, item in items:
            self._place(read, value, key, item)
        if type(value) not in (dict, list, tuple, deque):
            self._visit_attributes(value)

    def _visit_function(self, value: Any) -> None:
        if isinstance(value, MethodType):
            self.visit(value.__self__)
            self.visit(value.__func__)
        elif isinstance(value, functools.partial):
            for part in (value.func, value.args, value.keywords):
                self.visit(part)
        elif not is_engine(value.__module__):
            self.codes.add(value.__code__)
            for cell in value.__closure__ or ():
                self._place(_of_cell, cell, 0, _of_cell(cell, 0))
            if not is_library(value.__module__):
                for part in (value.__defaults__, value.__kwdefaults__, value.__dict__):
                    self.visit(part)

    def _visit_namespace(self, value: Any) -> None:
        """A class or a module of the user's: what of it is named."""
        name = value.__module__ if isinstance(value, type) else value.__name__
        if is_library(name):
            return
        with self.counted(False):
            for space in value.__mro__ if isinstance(value, type) else (value,):
                if isinstance(space, type) and is_library(space.__module__):
                    continue
                state = vars(space)
                self._note(_count, state)
                for name in self.names.intersection(state):
                    self._place(of_dict, state, name, state[name])

    def _visit_object(self, value: Any) -> None:
        kind = type(value)
        if isinstance(value, (classmethod, staticmethod)):
            self.visit(value.__func__)
        elif isinstance(value, property):
            for part in (value.fget, value.fset):
                self.visit(part)
        elif isinstance(value, np.ndarray):
            if value.size > _SMALL or value.dtype.hasobject:
                self.reason = "it uses a large NumPy array"
            else:
                self._note(_copied, value)
        elif isinstance(value, (random.Random, np.random.Generator, np.random.RandomState)):
            self.reason = "it uses a random generator that is not the library's"
        elif isinstance(value, Iterator):
            self.reason = f"it uses an iterator ({kind.__name__})"
        elif isinstance(value, CodeType) or is_engine(kind.__module__):
            return
        else:
            self._visit_attributes(value)
            self.visit(kind)

    def _visit_attributes(self, value: Any) -> None:
        state = getattr(value, "__dict__", None)
        wrapped = getattr(value, "__wrapped__", None)  # of functools.cache, say
        if wrapped is not None:
            self.visit(wrapped)
        whole = is_library(type(value).__module__) or not self.names.isdisjoint(_REFLECTION)
        if isinstance(state, dict):
            self._note(_count, state)
            for name in list(state) if whole else self.names.intersection(state):
                self._place(of_dict, state, name, state[name])
        for kind in type(value).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name not in ("__dict__", "__weakref__"):
                    self._place(_of_slot, value, name, getattr(value, name, MISSING))


_REFLECTION = frozenset({"__dict__", "vars"})


def same(a: Any, b: Any) -> bool:
    """Whether two values are one to the code that reads them."""
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        return False
    if kind is float:
        return repr(a) == repr(b)
    if kind in ATOMS or kind is MethodType:
        return a == b
    if kind is tuple or kind is frozenset:
        return len(a) == len(b) and all(map(same, a, b)) if kind is tuple else a == b
    return isinstance(a, (dict, list)) and not len(a) and not len(b)


def changed(before: Places, after: Places) -> tuple[list[Place], str | None]:
    """What a run has changed: the places where it put another Tensor, as they are now; and the
    first other change, in words."""
    effects: list[Place] = []
    if before.drawn != after.drawn:
        return effects, "it draws random numbers that are not the library's"
    if any(before.bare):
        return effects, "it gives a Tensor an attribute or a hook"
    for known, now in ((before.found, after.found), (before.members, after.members)):
        for key, place in known.items():
            if before.has(place.container) and not after.has(place.container):
                continue  # a container that has been replaced
            value = place.now() if key not in now else now[key].value
            if same(place.value, value) or (before.empty(place.value) and after.empty(value)):
                continue
            if _is_slot_for_tensors(place.value) and _is_slot_for_tensors(value):
                effects.append(place._replace(value=value))
            else:
                return effects, f"it changes {place}"
        for key, place in now.items():
            if key not in known and before.has(place.container):
                return effects, f"it adds {place}"
    return effects, None


def _is_slot_for_tensors(value: Any) -> bool:
    return value is None or isinstance(value, Tensor)
