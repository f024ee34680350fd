"""Modes: what changes the meaning of an op without being an argument of it.

A `Modes` is immutable and interned, and part of every node's key: two runs of the same ops in
different modes are different paths of the trie. The mode now in force belongs to the thread (see
trace.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import dtype as dtypes


class Modes:
    """grad: gradients are recorded.  inference: results are inference tensors.
    eager: every op runs at once.  default_dtype: PyTorch's default dtype.
    """

    __slots__ = ("default_dtype", "eager", "grad", "inference")
    _made: dict[tuple, Modes] = {}

    def __new__(
        cls,
        grad: bool = True,
        inference: bool = False,
        eager: bool = False,
        default_dtype: dtypes.dtype = dtypes.float32,
    ) -> Modes:
        key = (grad, inference, eager, default_dtype)
        made = cls._made.get(key)
        if made is None:
            made = cls._made[key] = object.__new__(cls)
            made.grad, made.inference, made.eager, made.default_dtype = key
        return made

    def replace(self, **changes: object) -> Modes:
        """The same modes with some changed."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return Modes(**{**values, **changes})

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While an op's function runs: what it reads of the modes."""
        before = dtypes.get_default_dtype()
        dtypes.set_default_dtype(self.default_dtype)
        try:
            yield
        finally:
            dtypes.set_default_dtype(before)
