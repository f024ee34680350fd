"""`profile`: PyTorch's interface to JAX's profiler."""

from __future__ import annotations

import glob
import gzip
import json
import os
import shutil
import socket
import tempfile
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Self

from .._core import profiling
from .._core.device import wait
from .._core.xplane import device_events
from ._averages import EventList, FunctionEvent
from ._ranges import Ranges, record_function
from ._schedule import ProfilerAction, ProfilerActivity, always

_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


class Recording:
    """One profile: JAX's, in a folder of its own until it is let go, and the ranges of the host."""

    def __init__(self, with_stack: bool) -> None:
        self._folder = tempfile.mkdtemp(prefix="jtorch-profile-")
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._ranges = Ranges()
        self._events: EventList | None = None
        profiling.start(self._folder, with_stack)
        self._ranges.start()

    def stop(self) -> None:
        """End it, when all programs have ended."""
        wait()
        self._ranges.stop()
        profiling.stop()

    def events(self) -> EventList:
        """Ranges of the host, and what ran on the devices."""
        if self._events is None:
            self._events = EventList(self._ranges.events)
            for piece in device_events(self._folder):
                event = FunctionEvent(piece.op, piece.start, module=piece.module)
                event.device = piece.device
                if piece.device == "CPU":
                    event.cpu_time_total, event.self_cpu_time_total = piece.duration, piece.own
                else:
                    event.device_time_total = piece.duration
                    event.self_device_time_total = piece.own
                self._events.append(event)
        return self._events

    def export_chrome_trace(self, path: str, metadata: dict[str, Any]) -> None:
        """Write JAX's trace as JSON, compressed if the name ends in .gz."""
        (source,) = glob.glob(os.path.join(self._folder, "**", "*.trace.json.gz"), recursive=True)
        with gzip.open(source, "rt", encoding="utf-8") as file:
            trace = json.load(file)
        trace.setdefault("metadata", {}).update(metadata)
        opened = gzip.open if path.endswith(".gz") else open
        with opened(path, "wt", encoding="utf-8") as file:
            json.dump(trace, file)

    def export_to(self, folder: str, worker: str) -> None:
        """Copy what TensorBoard's profile plugin shows below a folder."""
        shutil.copytree(self._folder, folder, dirs_exist_ok=True, copy_function=_named(worker))


def _named(worker: str) -> Callable[[str, str], None]:
    """How files are copied: their names begin with the worker's instead of this host's."""

    def copy(source: str, target: str) -> None:
        folder, name = os.path.split(target)
        kind = name[name.index(".xplane") :] if ".xplane" in name else name[name.index(".trace") :]
        shutil.copy2(source, os.path.join(folder, worker + kind))

    return copy


class profile:  # noqa: N801 (PyTorch's name)
    """A profile of what runs while it is active, by JAX's profiler. See torch.profiler.profile.

    schedule: says by the number of the step, which `step()` counts, when it records.
    on_trace_ready: is called with this when a recording has ended.  with_stack: every Python
    function is part of the exported trace.  with_modules: averages are told apart by module.
    The activities are recorded whether they are named or not; shapes, memory and flops aren't.
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:
        self.activities = set(activities) if activities is not None else supported_activities()
        self.schedule = schedule or always
        self.on_trace_ready = on_trace_ready
        self.record_steps = schedule is not None
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.with_stack, self.with_flops, self.with_modules = with_stack, with_flops, with_modules
        self.step_num = 0
        self.current_action = self.schedule(0)
        self._recording: Recording | None = None
        self._running = False
        self._step: record_function | None = None
        self._metadata: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def start(self) -> None:
        """Begin, as the schedule says of the present step."""
        self._follow(self.current_action)
        self._begin_step()

    def stop(self) -> None:
        """End, and hand over what is recorded."""
        self._end_step()
        if self._running:
            self._save(self.current_action)

    def step(self) -> None:
        """Say that the next step begins."""
        self._end_step()
        before = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD_AND_SAVE or self.current_action not in _RECORDING:
            self._save(before)
        self._follow(self.current_action)
        self._begin_step()

    def _follow(self, action: ProfilerAction) -> None:
        if action in _RECORDING and not self._running:
            self._recording = Recording(self.with_stack)
            self._running = True

    def _save(self, action: ProfilerAction) -> None:
        if not self._running or self._recording is None:
            return
        self._running = False
        self._recording.stop()
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def _begin_step(self) -> None:
        if self.record_steps:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _end_step(self) -> None:
        if self._step is not None:
            self._step.__exit__(None, None, None)
            self._step = None

    def _recorded(self) -> Recording:
        """The last recording. AssertionError if there is none."""
        if self._recording is None or self._running:
            raise AssertionError("Profiler must be initialized and stopped before its results")
        return self._recording

    def events(self) -> EventList:
        """The ranges of the host, and all that ran on the devices."""
        return EventList(self._recorded().events())

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0
    ) -> EventList:
        """An average for each name; for each name in a module if `with_modules`. Shapes and stacks
        aren't recorded. See torch.profiler.profile.key_averages."""
        return self.events().key_averages(self.with_modules)

    def export_chrome_trace(self, path: str) -> None:
        """Write the trace for chrome://tracing or https://ui.perfetto.dev: JAX's, as JSON."""
        self._recorded().export_chrome_trace(os.fspath(path), self._metadata)

    def add_metadata(self, key: str, value: str) -> None:
        """Add a text to the exported trace."""
        self._metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Add a value, given as JSON, to the exported trace."""
        self._metadata[key] = json.loads(value)


def supported_activities() -> set[ProfilerActivity]:
    """What is recorded. See torch.profiler.supported_activities."""
    return set(ProfilerActivity)


def tensorboard_trace_handler(
    dir_name: str,
    worker_name: str | None = None,
    use_gzip: bool = False,
    use_python_export: bool = False,
) -> Callable[[profile], None]:
    """An `on_trace_ready` that writes for TensorBoard, whose profile plugin (`pip install xprof`)
    shows it: `tensorboard --logdir dir_name`. The files are JAX's. See
    torch.profiler.tensorboard_trace_handler."""

    def handle(prof: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        prof._recorded().export_to(dir_name, worker)

    return handle
