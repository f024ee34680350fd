"""`Compiled`: a function that is run once for each structure of its arguments, then repeated.

The first run shows which code runs; the second is captured: if nothing in it has to happen anew, a
`Shortcut` repeats it from then on, as long as its guards hold: the Python values that the code can
reach. What can't be captured runs as it would without `compile`: recorded anew each time, which is
as right, and compiles no more often.
"""

from __future__ import annotations

import copy
import functools
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import is_
from types import CodeType, MethodType
from typing import Any

from .._core.capture import Capture, Unsupported
from .._core.device import default_device
from .._core.events import graph_break, materialises
from .._core.generator import default_generator
from .._core.overrides import plain_tensors
from .._core.program import fail, is_daring, materialise, materialise_all
from .._core.tensor import Tensor
from .._core.trace import Context, local
from ..utils._pytree import tree_flatten
from .before import Uncapturable, before_run
from .direct import MISS, Direct
from .guards import Guards
from .places import ATOMS, Places, changed, visitors
from .results import part_from_bases
from .shortcut import Shortcut
from .watch import Watch, names_of


class Limits:
    """recompile: a function with more shortcuts, or more captures that failed, is run as it is from
    then on.  stance: "default"; "force_eager" runs all functions as they are, "eager_on_recompile"
    those that no shortcut fits; for these, "fail_on_recompile" is an error."""

    recompile = 8
    stance = "default"


UNUSED = 64  # so many shortcuts that nobody took, one after the other, and no more are made
everything: weakref.WeakSet[Any] = weakref.WeakSet()  # all compiled functions, for `reset`


class Signature:
    """The arguments of a call: tensors: those among them.  objects: others that are no atoms.
    key: all that decides which shortcut may fit, but for the avals of the Tensors; with their
    shapes if there will be many.  marked: whether the sizes of a Tensor are known to vary.
    TypeError for arguments that can't be part of one."""

    __slots__ = ("key", "marked", "objects", "tensors")

    def __init__(
        self, context: Context, args: tuple, kwargs: dict[str, Any], shapes: bool = False
    ) -> None:
        self.tensors: list[Tensor] = []
        self.objects: list[Any] = []
        self.marked = False
        parts: list[Any] = [context.modes, default_device()]
        for value in args:
            self._add(value, parts)
        for name, value in kwargs.items():
            parts.append(name)
            self._add(value, parts)
        if len(set(map(id, self.tensors))) < len(self.tensors):
            first = {id(t): k for k, t in reversed(list(enumerate(self.tensors)))}
            parts.append(tuple([first[id(t)] for t in self.tensors]))
        if shapes:
            parts += [tensor.shape for tensor in self.tensors]
        self.key = tuple(parts)
        hash(self.key)

    def _add(self, value: Any, parts: list[Any]) -> None:
        kind = type(value)
        if kind in plain_tensors or isinstance(value, Tensor):
            if value.__dict__:
                if not _HOOKS.isdisjoint(value.__dict__):
                    raise TypeError("a Tensor with hooks")
                self.marked = self.marked or DYNAMIC in value.__dict__
            self.tensors.append(value)
            parts.append(kind)
        elif kind is float:
            parts.append((kind, repr(value)))
        elif kind in ATOMS:
            parts.append((kind, _hashable(value)))
        else:
            leaves, spec = tree_flatten(value)
            if spec.is_leaf():
                self.objects.append(value)
                parts.append((kind, id(value)))
                return
            parts.append(spec)
            for leaf in leaves:
                self._add(leaf, parts)


_HOOKS = frozenset({"_hooks", "_post_hooks"})
DYNAMIC = "_dynamo_dynamic_indices"  # PyTorch's name for the dimensions that vary


def _hashable(value: Any) -> Any:
    return (value.start, value.stop, value.step) if isinstance(value, slice) else value


class Entry:
    """A shortcut, the guards under which it may be taken, and its program, if it is one."""

    __slots__ = ("direct", "guards", "objects", "shortcut", "used")

    def __init__(self, shortcut: Shortcut, guards: Guards, objects: list[Any]) -> None:
        self.shortcut = shortcut
        self.guards = guards
        self.objects = objects  # so that their ids stay theirs
        self.direct: Direct | None = None
        self.used = False


class Compiled:
    """A function that `compile` was given. Called as the function is."""

    def __init__(
        self,
        function: Callable,
        fullgraph: bool = False,
        limit: int | None = None,
        dynamic: bool | None = None,
    ) -> None:
        self.function = function
        self.fullgraph = fullgraph
        self.limit = limit
        self.dynamic = dynamic
        everything.add(self)
        self.entries: dict[tuple, list[Entry]] = {}
        self.closed: set[tuple] = set()  # the keys of calls that are programs by themselves
        self.codes: dict[CodeType, dict] = {}
        self.reasons: list[tuple[str, str]] = []
        self.latest: Entry | None = None
        self.runs = self.failures = self.unused = 0
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        functools.update_wrapper(self, function, updated=())
        self._torchdynamo_orig_callable = function

    def __copy__(self) -> Compiled:
        return Compiled(self.function, *self._options())

    def __deepcopy__(self, memo: dict) -> Compiled:
        return Compiled(copy.deepcopy(self.function, memo), *self._options())

    def _options(self) -> tuple:
        return self.fullgraph, self.limit, self.dynamic

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def reset(self) -> None:
        """Forget all that was captured."""
        self.__init__(self.function, *self._options())

    @materialises(
        "compiled function", "a compiled function ends that made a step, or returns no history"
    )
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        context = local.context
        if not self.dynamic:
            return self._call(context, args, kwargs)
        with sharing_sizes(context):
            return self._call(context, args, kwargs)

    def _call(self, context: Context, args: tuple, kwargs: dict[str, Any]) -> Any:
        if not _can_capture(context) or Limits.stance == "force_eager":
            return self.function(*args, **kwargs)
        try:
            signature = Signature(context, args, kwargs, bool(self.dynamic))
        except TypeError:
            return self.function(*args, **kwargs)
        if signature.marked and self.dynamic is None:
            self.dynamic = True
            return self(*args, **kwargs)
        if context.trace.device is None:
            context.on(default_device())
        entries = self._entries(context, signature)
        for entry in entries:
            if entry.guards.hold():
                found = self._repeat(context, entry, signature.tensors)
                if found is not MISS:
                    entry.used = True
                    return found
        if Limits.stance == "fail_on_recompile" and self.codes:
            raise RuntimeError(
                f"{self.__name__} would have to be compiled again, and the stance is "
                "fail_on_recompile"
            )
        limit = Limits.recompile if self.limit is None else self.limit
        full = len(entries) >= limit or self.failures >= limit or self.unused >= UNUSED
        if full or Limits.stance == "eager_on_recompile":
            return self.function(*args, **kwargs)
        return self._record(context, signature, args, kwargs)

    def _entries(self, context: Context, signature: Signature) -> Sequence[Entry]:
        """The shortcuts that begin where the trace is now. A function known to be a program by
        itself begins with an empty trace, where it has none."""
        state = context.trace.state
        entries = self.entries.get((signature.key, state), ())
        if not entries and state.parent is not None and signature.key in self.closed:
            materialise_all()
            state = context.trace.state
            entries = self.entries.get((signature.key, state), ())
        return entries

    def _repeat(self, context: Context, entry: Entry, tensors: list[Tensor]) -> Any:
        shortcut = entry.shortcut
        trace = context.traces.get(shortcut.device)
        if trace is None or trace.state is not shortcut.begin:
            return MISS
        if not all([tensors[k] is known for k, known in shortcut.reached]):
            return MISS
        if entry.direct is not None:
            found = entry.direct.run(tensors)
            if found is not MISS:
                return found
        cells = shortcut.cells_of(tensors)
        if not shortcut.starts(trace, cells, tensors):
            return MISS
        shortcut.check(tensors)
        context.on(shortcut.device)
        shortcut.act(cells)
        found = shortcut.jump(trace, cells, tensors)
        cells.clear()
        if shortcut.stepped:
            materialise_all()
        shortcut.conclude()
        return found

    # --------------------------------------------------------------------------------- recording

    def _record(self, context: Context, signature: Signature, args: tuple, kwargs: dict) -> Any:
        """Run the function; where its code is known by now, capture the run."""
        if self.fullgraph:  # what fails then is the function's own
            materialise_all()
        self.runs += 1
        self.unused = 0 if self.latest is None or self.latest.used else self.unused + 1
        given, known = tree_flatten((args, kwargs)), len(self.codes)
        places = self._places(signature)
        capture = Capture(self.fullgraph)
        if places.reason is not None and self.runs > 1:
            capture.stop(places.reason)
        before = before_run(context, places, signature.tensors)
        try:
            result = self._watched(context, capture, args, kwargs)
        except Unsupported as error:
            for trace in tuple(context.traces.values()):
                fail(trace, error)
            places.take_back()
            raise
        part_from_bases(result)
        entry = None
        if capture.reason is None and len(self.codes) == known:
            try:
                _check_unchanged(given, tree_flatten((args, kwargs)))
                effects = self._effects(places, signature)
                shortcut = Shortcut(context, capture, before, effects, result)
                entry = Entry(shortcut, Guards(places, effects), signature.objects)
            except Uncapturable as error:
                capture.stop(str(error))
        if capture.reason is not None and self.runs > 1:
            self.failures += 1
            self.reasons.append(capture.reason)
            graph_break(*capture.reason)
        capture.clear()
        del before, places
        self._end(context, signature, entry, capture.stepped or not _has_history(result))
        return result

    def _watched(self, context: Context, capture: Capture, args: tuple, kwargs: dict) -> Any:
        """What the function returns, while the capture is noted."""
        moves = default_generator.moves
        context.capture = capture
        try:
            with Watch(self.codes, capture):
                result = self.function(*args, **kwargs)
        finally:
            context.capture = None
        if capture.reason is None and default_generator.moves - moves != capture.moves:
            capture.stop("it draws random numbers of a kind that depends on values")
        return result

    def _places(self, signature: Signature) -> Places:
        places = Places(names_of(self.codes))
        places.globals_of(self.codes)
        for value in (self.function, *signature.objects):
            places.visit(value)
        places.check_reached(self.codes)
        return places

    def _effects(self, places: Places, signature: Signature) -> list[Any]:
        effects, reason = changed(places, self._places(signature))
        if reason is not None:
            raise Uncapturable(reason)
        return effects

    def _end(
        self, context: Context, signature: Signature, entry: Entry | None, closed: bool
    ) -> None:
        """Keep what was captured. What is a program by itself runs now."""
        if entry is not None:
            self.latest = entry
            begin = (signature.key, entry.shortcut.begin)
            self.entries.setdefault(begin, []).insert(0, entry)
        if not closed:
            return
        self.closed.add(signature.key)
        if entry is None or entry.shortcut.begin.parent is not None:
            materialise_all()
            return
        trace = context.traces[entry.shortcut.device]
        daring = is_daring(trace.state, trace.device)
        program = materialise(trace)
        materialise_all()
        if program is not None and daring and Direct.suits(entry.shortcut, program):
            entry.direct = Direct(entry.shortcut, program)


def _visit_compiled(places: Places, compiled: Compiled) -> None:
    places.visit(compiled.function)


visitors[Compiled] = _visit_compiled


def _check_unchanged(before: tuple[list, Any], after: tuple[list, Any]) -> None:
    """`Uncapturable` where a run has changed a container among its arguments."""
    (leaves, spec), (found, now) = before, after
    if spec != now or not all(map(is_, leaves, found)):
        raise Uncapturable("it changes a container that it was given")


def _has_history(result: Any) -> bool:
    """Whether a gradient flows through what a function returns."""
    return any(isinstance(t, Tensor) and t.requires_grad for t in tree_flatten(result)[0])


@contextmanager
def sharing_sizes(context: Context) -> Iterator[None]:
    """The programs of what is recorded meanwhile, and of what goes on from there, may be shared
    between sizes."""
    before, context.shares = context.shares, True
    for trace in context.traces.values():
        trace.shares = True
    try:
        yield
    finally:
        context.shares = before
        for trace in context.traces.values():
            trace.shares = before or trace.state.parent is not None


def _can_capture(context: Context) -> bool:
    """Whether a call can be captured here: not inside of another one, a functional transform or a
    backward, and not where each op runs at once."""
    modes = context.modes
    busy = context.capture is not None or context.bodies or context.transforms or context.walking
    return not (busy or modes.eager or modes.packing or modes.dual)
