"""Checkpoints of a training run: all that it needs to go on, in one file, written at once."""

from __future__ import annotations

import contextlib
import os
import random
import re
from pathlib import Path
from typing import Any

import numpy as np

from .._core import device_random
from .._core.generator import default_generator
from .._core.program import materialise_all
from .._core.varying import varied_sites
from ..functions.creation import from_numpy
from .pt import FilePath, load, save
from .storages import MapLocation

_NAME = re.compile(r"checkpoint-(\d+)\.pt")
_UNFINISHED = re.compile(r"\.checkpoint-\d+\.pt\..*")


class Checkpoints:
    """The checkpoints of a run in a folder, of which the newest `keep` stay (None: all).

        checkpoints = Checkpoints("runs/digits", keep=3)
        first = checkpoints.restore(model=model, optimizer=optimizer, scheduler=scheduler)
        for step in range(first, steps):
            ...
            checkpoints.save(step + 1, model=model, optimizer=optimizer, scheduler=scheduler)

    The parts are objects with `state_dict` and `load_state_dict` (modules, optimizers, schedulers,
    loaders, ...), or dicts of what else is to be kept, which are filled again. The state of the
    random numbers goes with them: jtorch's, NumPy's and Python's. A run that goes on computes what
    an uninterrupted one would have, bit for bit on the same machine.

    A checkpoint is complete or not there, whenever the process is killed. The files are `.pt` files
    as of `jtorch.save`, which PyTorch reads, too. One process writes to a folder at a time.
    """

    def __init__(self, folder: FilePath, keep: int | None = 3) -> None:
        if keep is not None and keep < 1:
            raise ValueError(f"keep is the number of checkpoints that stay, at least 1: {keep}")
        self.folder = Path(folder)
        self.keep = keep

    def steps(self) -> list[int]:
        """The steps of which there are checkpoints, in order."""
        if not self.folder.is_dir():
            return []
        found = (_NAME.fullmatch(entry.name) for entry in self.folder.iterdir())
        return sorted(int(match[1]) for match in found if match)

    def path(self, step: int) -> Path:
        """The file of a step."""
        return self.folder / f"checkpoint-{step:08d}.pt"

    def save(self, step: int, **parts: Any) -> Path:
        """Write the checkpoint of a step, and delete those that are too many. TypeError for a part
        without a state; then nothing is written."""
        state = state_of_run(step, parts)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(step)
        save(state, path)
        _write_through(path)
        for entry in self.folder.iterdir():  # of processes that were killed
            if _UNFINISHED.fullmatch(entry.name):
                entry.unlink()
        if self.keep is not None:
            for old in self.steps()[: -self.keep]:
                self.path(old).unlink()
        return path

    def restore(
        self, step: int | None = None, map_location: MapLocation = "cpu", **parts: Any
    ) -> int:
        """Give the parts the state of a checkpoint, the newest one unless a step is named.

        Returns the step; 0 if there are no checkpoints, and then nothing changes.
        FileNotFoundError for a step without one, KeyError for a part that it lacks.
        """
        if step is None:
            steps = self.steps()
            if not steps:
                return 0
            step = steps[-1]
        path = self.path(step)
        return load_run(load(path, map_location), parts, path)


def state_of_run(step: int, parts: dict[str, Any]) -> dict[str, Any]:
    """What a run needs to go on. TypeError for a part without a state."""
    return {
        "step": step,
        "parts": {name: state_of(name, part) for name, part in parts.items()},
        "random": _random_state(),
        "varied_sites": sorted(varied_sites, key=str),
    }


def load_run(found: dict[str, Any], parts: dict[str, Any], path: Path) -> int:
    """Give the parts and the random numbers the state that was found; the step. KeyError for a part
    that it lacks; then nothing changes."""
    missing = [name for name in parts if name not in found["parts"]]
    if missing:
        raise KeyError(f"{path} has no parts named {missing}: {list(found['parts'])}")
    for name, part in parts.items():
        if isinstance(part, dict):
            part.clear()
            part.update(found["parts"][name])
        else:
            part.load_state_dict(found["parts"][name])
    _load_random_state(found["random"])
    varied_sites.update(found["varied_sites"])
    materialise_all()  # the next step is then the program of all others, to the last digit
    return found["step"]


def state_of(name: str, part: Any) -> Any:
    """The state of a part of a run: a dict is its own. TypeError for a part without a state."""
    if isinstance(part, dict):
        return dict(part)
    if not (hasattr(part, "state_dict") and hasattr(part, "load_state_dict")):
        raise TypeError(
            f"{name} is a {type(part).__name__}, which has no state_dict and load_state_dict; put "
            "values into a dict"
        )
    return part.state_dict()


def _random_state() -> dict[str, Any]:
    kind, words, *rest = np.random.get_state(legacy=True)
    return {
        "jtorch": default_generator.get_state(),
        "devices": device_random.states(),
        "numpy": (str(kind), from_numpy(np.asarray(words)), *rest),
        "python": random.getstate(),
    }


def _load_random_state(state: dict[str, Any]) -> None:
    default_generator.set_state(state["jtorch"])
    device_random.load_states(state["devices"])
    kind, words, *rest = state["numpy"]
    np.random.set_state((kind, words.numpy(), *rest))
    random.setstate(state["python"])


def _write_through(path: Path) -> None:
    """Wait until a file and its name are on the disk, so that they outlast the machine, too."""
    for place in (path, path.parent):
        with contextlib.suppress(OSError):  # some file systems can't do it for folders
            descriptor = os.open(place, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
