"""Reading pickles: an interpreter that runs no code but what is known to be safe, and Python's own.

`Unpickler` builds numbers, text, containers, and what names.py, the Tensors of a file and the
user's `add_safe_globals` offer; any other name is an error before anything is called. The opcodes
are those of Python's pickletools. `Trusting` is for files that the caller trusts. Read pickler.py
next.
"""

from __future__ import annotations

import collections
import pickle
import pickletools
from collections.abc import Callable
from typing import IO, Any

from .._core.tensor import Tensor
from .names import SAFE_CALLS, SAFE_VALUES, Name, added, counterpart, is_added, of_its_own

PersistentLoad = Callable[[Any], Any]
_MARK = object()
_PUSHED = (
    "BININT BININT1 BININT2 LONG1 LONG4 BINFLOAT INT LONG FLOAT BINUNICODE SHORT_BINUNICODE "
    "BINUNICODE8 UNICODE SHORT_BINBYTES BINBYTES BINBYTES8"
).split()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}
_LONGEST_INTEGER = 1024  # bytes of an integer in a pickle


class Unpickler:
    """One pickle, read from a file as far as it goes.

    functions: what may be called besides.  persistent_load: what a persistent id stands for.
    UnpicklingError for anything unsafe or damaged, RuntimeError for Tensors that can't be.
    """

    def __init__(
        self,
        file: IO[bytes],
        functions: dict[Name, Callable],
        persistent_load: PersistentLoad,
        encoding: str = "utf-8",
    ) -> None:
        self._file = file
        self._functions = functions
        self._persistent_load = persistent_load
        self._encoding = encoding
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._callable: dict[int, Any] = {}  # what came from a name, by its id

    def load(self) -> Any:
        """The object."""
        try:
            for opcode, argument, _ in pickletools.genops(self._file):
                if opcode.name == "STOP":
                    return self._stack.pop()
                self._run(opcode.name, argument)
        except (pickle.UnpicklingError, RuntimeError):
            raise
        except Exception as error:
            raise pickle.UnpicklingError(f"{type(error).__name__}: {error}") from error
        raise pickle.UnpicklingError("the pickle has no end")

    def _run(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _PUSHED:
            if isinstance(argument, int) and argument.bit_length() > 8 * _LONGEST_INTEGER:
                raise pickle.UnpicklingError("an integer of more than 1,024 bytes")
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name in ("BINSTRING", "SHORT_BINSTRING", "STRING"):  # Python 2's text, or bytes
            raw = argument.encode("latin-1") if isinstance(argument, str) else argument
            stack.append(raw if self._encoding == "bytes" else raw.decode(self._encoding))
        elif name == "MARK":
            stack.append(_MARK)
        elif name not in ("PROTO", "FRAME"):
            method = getattr(self, f"_{name.lower()}", None)
            if method is None:
                raise pickle.UnpicklingError(f"opcode {name} is not among the safe ones")
            method(argument)

    def _marked(self) -> list[Any]:
        """What lies above the last mark, which goes."""
        stack = self._stack
        place = len(stack) - 1
        while stack[place] is not _MARK:  # IndexError without a mark
            place -= 1
        found = stack[place + 1 :]
        del stack[place:]
        return found

    # --------------------------------------------------------------------------------------- memory

    def _binput(self, place: int) -> None:
        self._memo[place] = self._stack[-1]

    _long_binput = _put = _binput

    def _memoize(self, _: None) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _binget(self, place: int) -> None:
        self._stack.append(self._memo[place])

    _long_binget = _get = _binget

    def _pop(self, _: None) -> None:
        self._stack.pop()

    def _pop_mark(self, _: None) -> None:
        self._marked()

    # ----------------------------------------------------------------------------------- containers

    def _tuple(self, _: None) -> None:
        self._stack.append(tuple(self._marked()))

    def _last(self, count: int) -> None:
        self._stack[-count:] = [tuple(self._stack[-count:])]

    def _tuple1(self, _: None) -> None:
        self._last(1)

    def _tuple2(self, _: None) -> None:
        self._last(2)

    def _tuple3(self, _: None) -> None:
        self._last(3)

    def _list(self, _: None) -> None:
        self._stack.append(self._marked())

    def _dict(self, _: None) -> None:
        parts = self._marked()
        self._stack.append(dict(zip(parts[::2], parts[1::2], strict=True)))

    def _frozenset(self, _: None) -> None:
        self._stack.append(frozenset(self._marked()))

    def _append(self, _: None) -> None:
        value = self._stack.pop()
        self._of(list).append(value)

    def _appends(self, _: None) -> None:
        values = self._marked()
        self._of(list).extend(values)

    def _setitem(self, _: None) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._of(dict)[key] = value

    def _setitems(self, _: None) -> None:
        parts = self._marked()
        self._of(dict).update(zip(parts[::2], parts[1::2], strict=True))

    def _additems(self, _: None) -> None:
        values = self._marked()
        self._of(set).update(values)

    def _of(self, kind: type) -> Any:
        """The object on top, which is filled in place."""
        if not isinstance(self._stack[-1], kind):
            raise pickle.UnpicklingError(f"a {type(self._stack[-1]).__name__} is no {kind}")
        return self._stack[-1]

    # -------------------------------------------------------------------------------- names, calls

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._stack.append(self._found(Name(module, name)))

    def _stack_global(self, _: None) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(self._found(Name(str(module), str(name))))

    def _found(self, name: Name) -> Any:
        if name in SAFE_VALUES:
            return SAFE_VALUES[name]
        value = self._functions.get(name) or SAFE_CALLS.get(name) or added(name)
        if value is None:
            raise pickle.UnpicklingError(
                f"the file calls {name}, which is not known to be safe. If you trust it, say "
                f"jtorch.serialization.add_safe_globals([{name.name}]) before you load the file, "
                "or load it with weights_only=False, which runs whatever the file says"
            )
        self._callable[id(value)] = value
        return value

    def _reduce(self, _: None) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if id(function) not in self._callable or not isinstance(arguments, tuple):
            raise pickle.UnpicklingError(f"a call of {function!r}")
        self._stack.append(function(*arguments))

    def _newobj(self, _: None) -> None:
        arguments, kind = self._stack.pop(), self._stack.pop()
        if id(kind) not in self._callable or not isinstance(kind, type):
            raise pickle.UnpicklingError(f"an object of {kind!r}")
        self._stack.append(kind.__new__(kind, *arguments))

    def _build(self, _: None) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, (collections.OrderedDict, Tensor)):
            target.__dict__.update(state)
        elif id(type(target)) not in self._callable and not is_added(type(target)):
            raise pickle.UnpicklingError(f"the state of a {type(target).__name__}")
        elif hasattr(target, "__setstate__"):
            target.__setstate__(state)
        else:
            target.__dict__.update(state)

    def _binpersid(self, _: None) -> None:
        self._stack.append(self._persistent_load(self._stack.pop()))


class Scan(Unpickler):
    """What a pickle says, without a call of anything: the names that it uses, and its persistent
    ids."""

    def __init__(self, file: IO[bytes], encoding: str = "utf-8") -> None:
        self.names: set[Name] = set()
        self.persistent_ids: list[Any] = []
        super().__init__(file, {}, self.persistent_ids.append, encoding)

    def _found(self, name: Name) -> Any:
        self.names.add(name)
        return SAFE_VALUES.get(name, name)

    def _reduce(self, _: None) -> None:
        self._stack[-2:] = [object()]

    _newobj = _reduce

    def _build(self, _: None) -> None:
        self._stack.pop()

    def _of(self, kind: type) -> Any:
        return kind()  # what fills an object is not kept


class Trusting(pickle.Unpickler):
    """One pickle, read by Python's own rules: it runs whatever the file says."""

    def __init__(
        self,
        file: IO[bytes],
        functions: dict[Name, Callable],
        persistent_load: PersistentLoad,
        **options: Any,
    ) -> None:
        super().__init__(file, **options)
        self._functions = functions
        self.persistent_load = persistent_load

    def find_class(self, module: str, name: str) -> Any:
        """What stands behind a name."""
        known = Name(module, name)
        for table in (self._functions, SAFE_CALLS, SAFE_VALUES):
            if known in table:
                return table[known]
        if module.partition(".")[0] == "torch":
            return counterpart(known)
        return of_its_own(known, super().find_class(module, name))
