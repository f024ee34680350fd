"""The options of `torch.compile`, checked. Most of them choose what only PyTorch has: XLA compiles
in any case."""

from __future__ import annotations

from typing import Any

from .function import Compiled

MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
# PyTorch's backends that a script may name; all of them mean XLA here.
BACKENDS = (
    *("aot_eager", "aot_eager_decomp_partition", "aot_ts", "cudagraphs", "eager", "inductor"),
    *("onnxrt", "openxla", "openxla_eval", "tensorrt", "tvm", "xla"),
)


class InvalidBackend(RuntimeError):
    """A backend of another name than PyTorch has. See torch._dynamo.exc.InvalidBackend."""


def compile_function(
    function: Any,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    name: str | None = None,
    disable: bool = False,
    recompile_limit: int | None = None,
) -> Any:
    """The compiled function; the function itself, if compilation is disabled.

    RuntimeError for a mode or backend that PyTorch doesn't know, and for both `mode` and `options`;
    TypeError for a backend that is a function: there is no graph of FX to give it.
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if mode is not None and mode not in MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(MODES)}")
    if callable(backend):
        raise TypeError(
            "compile() takes the name of a backend, not a function: what is compiled here is a "
            "program of JAX, and no graph of torch.fx exists that could be given to a function"
        )
    if backend is not None and backend not in BACKENDS:
        raise InvalidBackend(
            f"Invalid backend: {backend!r}, see `torch._dynamo.list_backends()` for available "
            "backends."
        )
    return function if disable else Compiled(function, fullgraph, recompile_limit, dynamic)
