"""Checkpoints through orbax: written in the background, sharded arrays by shards.

    from jtorch.io.orbax import Checkpoints, load, save

A state is kept as orbax keeps a dict of arrays: each Tensor under its path, such as
"parts.model.0.weight", so that other JAX programs find it; "tree" is the pickle of everything
around them. The library is an extra: `jtorch-jax[orbax]`. For one process and no shards,
checkpoints.py needs no library.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._core.foreign import described, from_jax, wide
from .._core.tensor import Tensor
from ..functions.creation import empty
from .checkpoints import load_run, state_of, state_of_run
from .pickler import PersistentId, Pickler
from .pt import FilePath
from .unpickler import Unpickler

__all__ = ["Checkpoints", "load", "save"]

_TREE = "tree"


def _library() -> Any:
    try:
        import orbax.checkpoint
    except ImportError:
        raise ImportError("orbax checkpoints need: pip install orbax-checkpoint") from None
    return orbax.checkpoint


def save(path: FilePath, state: Any) -> None:
    """Write a state (Tensors, numbers, text and containers of them) to a folder of its own.

    ValueError if there is one already. Several processes call it together, each writes its shards.
    """
    with _library().StandardCheckpointer() as checkpointer:
        checkpointer.save(os.path.abspath(path), _taken_apart(state))


def load(path: FilePath, like: Any = None) -> Any:
    """The state that a folder holds.

    like: a state, or a part of one, whose Tensors say how those of the same path and shape are laid
    out on the devices; the others are as they were when they were saved.
    """
    path = os.path.abspath(path)
    with _library().StandardCheckpointer() as checkpointer:
        target = _target(checkpointer.metadata(path).item_metadata.tree, like)
        with wide():
            return _put_together(checkpointer.restore(path, target))


class Checkpoints:
    """The checkpoints of a run in a folder, written by orbax in the background.

        with Checkpoints("runs/digits", keep=3) as checkpoints:
            first = checkpoints.restore(model=model, optimizer=optimizer)
            for step in range(first, steps):
                ...
                checkpoints.save(step + 1, model=model, optimizer=optimizer)

    As `jtorch.io.Checkpoints` in what it keeps and restores. `save` returns as soon as the values
    are safe: what is written are those at the call, whatever the program does next. The next
    `save`, `restore`, `wait`, `close` and the end of the `with` wait until it is done.

    manager: orbax's own CheckpointManager; options are its CheckpointManagerOptions.
    """

    def __init__(self, folder: FilePath, keep: int | None = 3, **options: Any) -> None:
        self.folder = Path(folder).absolute()
        self._orbax = _library()
        self.manager = self._orbax.CheckpointManager(
            self.folder,
            options=self._orbax.CheckpointManagerOptions(max_to_keep=keep, **options),
            item_handlers=self._orbax.StandardCheckpointHandler(),
        )

    def steps(self) -> list[int]:
        """The steps of which there are checkpoints, in order."""
        return sorted(self.manager.all_steps())

    def save(self, step: int, **parts: Any) -> bool:
        """Begin to write the checkpoint of a step. False if the manager's options leave it out.
        TypeError for a part without a state."""
        state = _taken_apart(state_of_run(step, parts))
        return self.manager.save(step, args=self._orbax.args.StandardSave(state))

    def restore(self, step: int | None = None, **parts: Any) -> int:
        """Give the parts the state of a checkpoint, the newest one unless a step is named.

        Tensors that the parts have keep their layout on the devices. Returns the step; 0 if there
        are no checkpoints, and then nothing changes. FileNotFoundError for a step without one,
        KeyError for a part that it lacks.
        """
        self.wait()
        if step is None:
            step = self.manager.latest_step()
            if step is None:
                return 0
        like = {"parts": {name: state_of(name, part) for name, part in parts.items()}}
        target = _target(self.manager.item_metadata(step).tree, like)
        with wide():
            found = self.manager.restore(step, args=self._orbax.args.StandardRestore(target))
        return load_run(_put_together(found), parts, self.folder / str(step))

    def wait(self) -> None:
        """Wait until what was saved is written; what went wrong is raised here."""
        self.manager.wait_until_finished()

    def close(self) -> None:
        """Wait, and end the manager's threads."""
        self.manager.close()

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


# ---------------------------------------------------------------------------------- states, arrays


def _paths(value: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """The Tensors of a state that have elements, by path: orbax keeps no empty arrays."""
    if isinstance(value, Tensor):
        if value.numel():
            yield path, value
        return
    parts: Any = ()
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list | tuple):
        parts = enumerate(value)
    for key, part in parts:
        yield from _paths(part, f"{path}.{key}" if path else str(key))


class _TreePickler(Pickler):
    """Writes a state with the paths of its Tensors in place of their values."""

    def __init__(self, file: Any, names: dict[int, str]) -> None:
        super().__init__(file, 2)
        self._names = names

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        """Write an object."""
        if isinstance(obj, Tensor):
            if obj.numel() and id(obj) not in self._names:
                raise TypeError("a state's Tensors stand in dicts, lists and tuples")
            name = self._names.get(id(obj), "")
            obj = PersistentId((name, tuple(obj.shape), obj.dtype))
        super().save(obj, save_persistent_id)


def _taken_apart(state: Any) -> dict[str, Any]:
    """path -> array, and the tree around them."""
    found = list(_paths(state))
    tensors = dict(found)
    if len(tensors) < len(found) or _TREE in tensors or "" in tensors:
        raise ValueError(
            f"the paths of a state's Tensors differ, and none is {_TREE!r}: {[p for p, _ in found]}"
        )
    tree = io.BytesIO()
    _TreePickler(tree, {id(tensor): path for path, tensor in tensors.items()}).dump(state)
    # An array that somebody reads is not donated: it stays as it is while the program goes on.
    arrays: dict[str, Any] = {path: tensor.jax() for path, tensor in tensors.items()}
    return {**arrays, _TREE: np.frombuffer(tree.getvalue(), np.uint8)}


def _put_together(found: dict[str, Any]) -> Any:
    def persistent_load(persistent_id: Any) -> Tensor:
        path, shape, kind = persistent_id
        return from_jax(found[path]) if math.prod(shape) else empty(shape, dtype=kind)

    tree = np.asarray(found[_TREE]).tobytes()
    return Unpickler(io.BytesIO(tree), {}, persistent_load).load()


def _target(metadata: dict[str, Any], like: Any) -> dict[str, Any]:
    """What orbax is to make: each array as it was, or laid out as the Tensor of its path is."""
    present = dict(_paths(like))
    found = {}
    for path, kept in metadata.items():
        sharding = None if kept.sharding is None else kept.sharding.to_jax_sharding()
        tensor = present.get(path)
        if tensor is not None and tuple(tensor.shape) == tuple(kept.shape):
            sharding = tensor.jax().sharding
        if path == _TREE:
            found[path] = np.empty(kept.shape, kept.dtype)
        else:
            found[path] = described(tuple(kept.shape), kept.dtype, sharding)
    return found
