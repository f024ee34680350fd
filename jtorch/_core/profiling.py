"""Starting and stopping JAX's profiler, for jtorch/profiler. xplane.py reads what it wrote."""

from __future__ import annotations

import contextlib
from typing import Any

import jax


def start(folder: str, python: bool) -> None:
    """Write a profile of this process to a folder from now on.

    python: of every Python function, too.
    """
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = int(python)
    jax.profiler.start_trace(folder, profiler_options=options)


def stop() -> None:
    """Write no more."""
    jax.profiler.stop_trace()


def annotation(name: str) -> contextlib.AbstractContextManager[Any]:
    """A context that a profile shows under a name."""
    return jax.profiler.TraceAnnotation(name)
