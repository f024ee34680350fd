"""`torch.autograd.profiler`: the older interface to the profiler."""

from __future__ import annotations

from typing import Any, Self

from ..profiler._averages import EventList, FunctionEvent
from ..profiler._profile import profile as _Profile
from ..profiler._ranges import record_function


class profile(_Profile):  # noqa: N801 (PyTorch's name)
    """A profile of what runs while it is active. See torch.autograd.profiler.profile."""

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(
            record_shapes=record_shapes,
            with_flops=with_flops,
            profile_memory=profile_memory,
            with_stack=with_stack,
            with_modules=with_modules,
        )
        self.enabled = enabled

    def __enter__(self) -> Self:
        return super().__enter__() if self.enabled else self

    def __exit__(self, *error: Any) -> None:
        if self.enabled:
            super().__exit__(*error)

    @property
    def function_events(self) -> EventList:
        """All events."""
        return self.events()

    def table(self, *args: Any, **kwargs: Any) -> str:
        """The table of all events: see `EventList.table`."""
        return self.events().table(*args, **kwargs)

    def __str__(self) -> str:
        return self.table()

    def total_average(self) -> Any:
        """One average of everything."""
        return self.events().total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds on the host."""
        return self.events().self_cpu_time_total


__all__ = ["EventList", "FunctionEvent", "profile", "record_function"]
