"""What a profile consists of, and its table. See torch.autograd.profiler_util."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

_SCALES = ((1e6, "s"), (1e3, "ms"), (1.0, "us"))
_UNITS = {"s": 1e6, "ms": 1e3, "us": 1.0}


@dataclass
class FunctionEvent:
    """A range of the host, or a piece of a program on a device. Times are microseconds.

    name: of the range, or of the op.  module: whose forward recorded the op.  device: "CPU", or as
    the profile names it.  cpu_time_total, device_time_total: how long it took there; self_: without
    what is inside of it.
    """

    name: str
    start: float
    cpu_time_total: float = 0.0
    self_cpu_time_total: float = 0.0
    device_time_total: float = 0.0
    self_device_time_total: float = 0.0
    module: str = ""
    device: str = "CPU"
    is_user_annotation: bool = False
    count: int = 1

    @property
    def key(self) -> str:
        """What events are averaged by."""
        return self.name


@dataclass
class FunctionEventAvg:
    """All events of a name, and of a module where those are told apart."""

    key: str
    module: str = ""
    count: int = 0
    cpu_time_total: float = 0.0
    self_cpu_time_total: float = 0.0
    device_time_total: float = 0.0
    self_device_time_total: float = 0.0
    is_user_annotation: bool = False

    def add(self, event: Any) -> None:
        """Add an event, or another average."""
        self.count += event.count
        self.cpu_time_total += event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total
        self.device_time_total += event.device_time_total
        self.self_device_time_total += event.self_device_time_total
        self.is_user_annotation = event.is_user_annotation

    @property
    def cpu_time(self) -> float:
        """The average on the host."""
        return self.cpu_time_total / max(self.count, 1)

    @property
    def device_time(self) -> float:
        """The average on the device."""
        return self.device_time_total / max(self.count, 1)

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={_time(self.self_cpu_time_total)} "
            f"cpu_time={_time(self.cpu_time)}  self_device_time="
            f"{_time(self.self_device_time_total)} device_time={_time(self.device_time)}>"
        )


@dataclass
class _Column:
    """A column of the table: its title, the text of a row, and whether it is left-aligned."""

    title: str
    cells: list[str] = field(default_factory=list)
    left: bool = False

    def lines(self, widest: int) -> list[str]:
        """The title, a rule and the cells, equally wide."""
        texts = [cut(text, widest) for text in (self.title, *self.cells)]
        width = max(map(len, texts))
        aligned = [text.ljust(width) if self.left else text.rjust(width) for text in texts]
        return [aligned[0], "-" * width, *aligned[1:]]


class EventList(list):
    """A list of events or averages. See torch.autograd.profiler_util.EventList."""

    @property
    def self_cpu_time_total(self) -> float:
        """The time on the host, nothing counted twice."""
        return sum(event.self_cpu_time_total for event in self)

    @property
    def self_device_time_total(self) -> float:
        """The time on the devices."""
        return sum(event.self_device_time_total for event in self)

    def total_average(self) -> FunctionEventAvg:
        """One average of everything."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        return total

    def key_averages(self, by_module: bool = False) -> EventList:
        """An average for each name, or each name in a module."""
        found: dict[tuple[str, str], FunctionEventAvg] = {}
        for event in self:
            key = event.key, event.module if by_module else ""
            found.setdefault(key, FunctionEventAvg(*key)).add(event)
        return EventList(found.values())

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The rows with the largest `sort_by` ("self_cpu_time_total", "device_time_total", "count";
        "cuda" means "device"), as text. See torch.autograd.profiler_util.EventList.table."""
        rows: Sequence[Any] = self
        if sort_by is not None:
            name = sort_by.replace("cuda", "device")
            rows = sorted(self, key=lambda event: getattr(event, name), reverse=True)
        columns = _columns(self, rows[:row_limit], time_unit)
        lines = list(zip(*[c.lines(max_name_column_width) for c in columns], strict=True))
        text = [header] if header is not None else []
        text += ["  ".join(line).rstrip() for line in (lines[1], *lines, lines[1])]
        text.append(f"Self CPU time total: {_time(self.self_cpu_time_total, time_unit)}")
        if self.self_device_time_total:
            total = _time(self.self_device_time_total, time_unit)
            text.append(f"Self device time total: {total}")
        return "\n".join(text) + "\n"

    def __str__(self) -> str:
        return self.table()


def _columns(whole: EventList, rows: Iterable[Any], unit: str | None) -> list[_Column]:
    rows = list(rows)
    columns = [_Column("Name", [row.key for row in rows], left=True)]
    if any(row.module for row in whole):
        columns.append(_Column("Module", [row.module for row in rows], left=True))
    for kind, title in (("cpu", "CPU"), ("device", "Device")):
        total = getattr(whole, f"self_{kind}_time_total")
        if kind == "device" and not total:
            continue
        own = [getattr(row, f"self_{kind}_time_total") for row in rows]
        all_ = [getattr(row, f"{kind}_time_total") for row in rows]
        each = [t / max(row.count, 1) for t, row in zip(all_, rows, strict=True)]
        columns += [
            _Column(f"Self {title} %", [_share(t, total) for t in own]),
            _Column(f"Self {title}", [_time(t, unit) for t in own]),
            _Column(f"{title} total", [_time(t, unit) for t in all_]),
            _Column(f"{title} time avg", [_time(t, unit) for t in each]),
        ]
    columns.append(_Column("# of Calls", [str(row.count) for row in rows]))
    return columns


def cut(text: str, width: int) -> str:
    """A text that is at most so wide."""
    return text if len(text) <= width else text[: width - 3] + "..."


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "0.00%"


def _time(microseconds: float, unit: str | None = None) -> str:
    if unit is not None:
        return f"{microseconds / _UNITS[unit]:.3f}{unit}"
    for scale, name in _SCALES:
        if microseconds >= scale:
            return f"{microseconds / scale:.3f}{name}"
    return f"{microseconds:.3f}us"
