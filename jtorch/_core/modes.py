"""Modes: what changes the meaning of an op without being an argument of it.

A `Modes` is immutable and interned, and part of every node's key: two runs of the same ops in
different modes are different paths of the trie. The mode now in force belongs to the thread (see
trace.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import jax

from . import dtype as dtypes

# torch.set_float32_matmul_precision -> jax.lax.Precision: float32; TensorFloat-32, or three
# products of bfloat16; the fastest there is.
PRECISIONS = {"highest": "highest", "high": "high", "medium": "default"}


class Modes:
    """grad: gradients are recorded.  inference: results are inference tensors.
    eager: every op runs at once.  default_dtype: PyTorch's default dtype.
    precision, convolutions: how exact float32 matrix products and convolutions are, where the
    device has a choice; as PyTorch's, the latter use TensorFloat-32 unless told otherwise.
    autocast: (type of device, dtype) for those on which it is enabled; see autocast.py.
    region: not 0 where values are to be computed anew for the backward, see region.py.
    packing: saved-tensor hooks are active, see packing.py.
    dual: a level of forward mode is open, see forward.py.
    """

    __slots__ = (
        "autocast",
        "convolutions",
        "default_dtype",
        "dual",
        "eager",
        "grad",
        "inference",
        "packing",
        "precision",
        "region",
    )
    _made: dict[tuple, Modes] = {}
    _replaced: dict[tuple, Modes] = {}

    def __new__(
        cls,
        grad: bool = True,
        inference: bool = False,
        eager: bool = False,
        default_dtype: dtypes.dtype = dtypes.float32,
        precision: str = "highest",
        convolutions: str = "high",
        autocast: tuple[tuple[str, dtypes.dtype], ...] = (),
        region: int = 0,
        packing: bool = False,
        dual: bool = False,
    ) -> Modes:
        key = (
            *(grad, inference, eager, default_dtype, precision, convolutions),
            *(autocast, region, packing, dual),
        )
        made = cls._made.get(key)
        if made is None:
            made = cls._made[key] = object.__new__(cls)
            made.grad, made.inference, made.eager, made.default_dtype = key[:4]
            made.precision, made.convolutions, made.autocast = key[4:7]
            made.region, made.packing, made.dual = region, packing, dual
        return made

    def replace(self, **changes: object) -> Modes:
        """The same modes with some changed."""
        key = (self, *changes.items())
        made = self._replaced.get(key)
        if made is None:
            values = {name: getattr(self, name) for name in self.__slots__}
            made = self._replaced[key] = Modes(**{**values, **changes})
        return made

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While an op's function runs: what it reads of the modes."""
        before = dtypes.get_default_dtype(), _running.convolutions
        dtypes.set_default_dtype(self.default_dtype)
        _running.convolutions = PRECISIONS[self.convolutions]
        try:
            with jax.default_matmul_precision(PRECISIONS[self.precision]):
                yield
        finally:
            dtypes.set_default_dtype(before[0])
            _running.convolutions = before[1]


class _Running(threading.local):
    convolutions = PRECISIONS["high"]


_running = _Running()


def convolution_precision() -> str:
    """For the function of an op: the precision of convolutions in the mode that it runs in."""
    return _running.convolutions
