"""Reading a profile of JAX's: which op of which module each piece of an XLA program belongs to.

`jax.profiler.ProfileData` gives the times of a profile's events, by the names that XLA's compiler
has chosen ("add_reduce_fusion"). What these were is said by the programs themselves, which stand in
the same file as protocol buffers, and which ProfileData doesn't show: a few field numbers of
xplane.proto and hlo.proto are all that has to be known of those.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jax.profiler import ProfileData

from .evaluation import scopes


@dataclass
class DeviceEvent:
    """A piece of a program that ran: the op and module it belongs to, the device, microseconds.

    own: without the pieces that ran inside of it, as in a loop.
    """

    op: str
    module: str
    device: str
    start: float
    duration: float
    own: float


def device_events(folder: str) -> list[DeviceEvent]:
    """What ran on the devices according to the profile in a folder."""
    found: list[DeviceEvent] = []
    for path in glob.glob(os.path.join(folder, "**", "*.xplane.pb"), recursive=True):
        with open(path, "rb") as file:
            names = _names_of(file.read())
        for plane in ProfileData.from_file(path).planes:
            for line in plane.lines:
                found += _events_of(plane.name, line, names)
    return found


def _events_of(plane: str, line: Any, names: dict[str, dict[str, str]]) -> list[DeviceEvent]:
    """The pieces of programs on one line, a thread or a stream."""
    found: list[DeviceEvent] = []
    outer: list[DeviceEvent] = []
    device = plane.removeprefix("/device:") if plane.startswith("/device:") else "CPU"
    for event in sorted(line.events, key=lambda e: (e.start_ns, -e.duration_ns)):
        about = dict(event.stats)
        if "hlo_op" not in about:
            continue
        program = names.get(f"{about.get('hlo_module')}({about.get('program_id')})", {})
        module, op = _scope_of(program.get(about["hlo_op"], ""), about["hlo_op"])
        start, duration = event.start_ns / 1e3, event.duration_ns / 1e3
        piece = DeviceEvent(op, module, device, start, duration, duration)
        while outer and outer[-1].start + outer[-1].duration <= start:
            outer.pop()
        if outer:
            outer[-1].own -= duration
        outer.append(piece)
        found.append(piece)
    return found


def _scope_of(path: str, name: str) -> tuple[str, str]:
    """Module and op of "jit(evaluate)/Net.layer1/linear/dot_general"; XLA's own name for what has
    no such path, a copy for instance."""
    parts = path.split("/")[1:]
    for length in (2, 1):
        known = scopes.get("/".join(parts[:length]))
        if known is not None:
            return known
    return "", re.sub(r"[.\d]+$", "", name)


# --------------------------------------------------------------------------------- protocol buffers

# Fields: XSpace.planes; XPlane.name, event_metadata (a map); XEventMetadata.name, stats;
# XStat.bytes_value; HloProto.hlo_module; HloModuleProto.computations;
# HloComputationProto.instructions; HloInstructionProto.name, metadata; OpMetadata.op_name.
_PLANES = 1
_PLANE_NAME, _EVENT_METADATA = 2, 4
_METADATA_NAME, _METADATA_STATS = 2, 5
_BYTES = 6
_MODULE, _COMPUTATIONS, _INSTRUCTIONS = 1, 3, 2
_NAME, _METADATA, _OP_NAME = 1, 7, 2
_MAP_VALUE = 2


def _names_of(data: bytes) -> dict[str, dict[str, str]]:
    """For each program, by its name: the path of each of its instructions."""
    found: dict[str, dict[str, str]] = {}
    for plane in _all(data, _PLANES):
        if _first(plane, _PLANE_NAME) != b"/host:metadata":
            continue
        for entry in _all(plane, _EVENT_METADATA):
            metadata = _first(entry, _MAP_VALUE)
            program = found.setdefault(_first(metadata, _METADATA_NAME).decode(), {})
            for stat in _all(metadata, _METADATA_STATS):
                program.update(_paths(_first(_first(stat, _BYTES), _MODULE)))
    return found


def _paths(module: bytes) -> Iterator[tuple[str, str]]:
    for computation in _all(module, _COMPUTATIONS):
        for instruction in _all(computation, _INSTRUCTIONS):
            path = _first(_first(instruction, _METADATA), _OP_NAME)
            if path:
                yield _first(instruction, _NAME).decode(), path.decode()


def _first(message: bytes, number: int) -> bytes:
    return next(_all(message, number), b"")


def _all(message: bytes, number: int) -> Iterator[bytes]:
    """The values of a field that are strings or messages."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == 0:
            _, place = _varint(message, place)
        elif kind == 2:
            length, place = _varint(message, place)
            if tag >> 3 == number:
                yield message[place : place + length]
            place += length
        else:
            place += 8 if kind == 1 else 4


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place
