"""`torch.profiler`: PyTorch's names for JAX's profiler. docs/debugging.md says what is measured."""

from ._profile import profile, supported_activities, tensorboard_trace_handler
from ._ranges import record_function
from ._schedule import ProfilerAction, ProfilerActivity, schedule

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
