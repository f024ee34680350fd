"""autocast, and the decorators of an autograd.Function that is to run under it.

Which op computes in what is the table ops/_autocast.py.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .._core.autocast import DEFAULTS, SUPPORTED, eligible
from .._core.device import device, device_count
from .._core.dtype import dtype as DType
from .._core.tensor import Tensor
from ..functions.autocast import (
    get_autocast_dtype,
    is_autocast_cache_enabled,
    is_autocast_enabled,
    set_autocast_cache_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)


def is_autocast_available(device_type: str) -> bool:
    """Whether there is autocast for a type of device: "cpu", "cuda" and "tpu".

    RuntimeError for what is no type of device. See torch.amp.is_autocast_available.
    """
    return device(device_type).type in DEFAULTS


class autocast:
    """A context manager, and decorator, in which ops choose the dtype they compute in.

    Products and convolutions of floats compute in `dtype` (None: bfloat16, on CUDA float16), losses
    and what else needs the range in float32; float64 stays. Backward runs in the dtypes of the
    forward, so it need not be inside. ValueError for a `device_type` that is no string,
    RuntimeError for one without autocast; a warning, and no autocast, for a dtype that is not
    supported and for "cuda" where there is none. See torch.autocast.
    """

    def __init__(
        self,
        device_type: str,
        dtype: DType | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        _check_type(device_type)
        if not is_autocast_available(device_type):
            raise RuntimeError(
                f"User specified an unsupported autocast device_type '{device_type}'"
            )
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        cached = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        self._cache_enabled = cached
        self._enabled = enabled and _is_possible(device_type, self.fast_dtype)
        self._before: list[tuple] = []

    def __enter__(self) -> autocast:
        where = self.device
        self._before.append(
            (is_autocast_enabled(where), get_autocast_dtype(where), is_autocast_cache_enabled())
        )
        self._set(self._enabled, self.fast_dtype, self._cache_enabled)
        return self

    def __exit__(self, *_: Any) -> None:
        self._set(*self._before.pop())

    def _set(self, enabled: bool, dtype: DType, cached: bool) -> None:
        set_autocast_enabled(self.device, enabled)
        set_autocast_dtype(self.device, dtype)
        set_autocast_cache_enabled(cached)

    def __call__(self, func: Callable) -> Callable:
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. "
                "Did you mean to use autocast as a context manager? For example:\n"
                "    with torch.autocast(device_type=...):\n"
                "        output = model(input)"
            )

        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return wrapped


def _check_type(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def _is_possible(device_type: str, kind: DType) -> bool:
    """Whether autocast to a dtype can be on; warns if it can't."""
    if device_type == "cuda":
        if device_count("cuda"):
            return True
        message = "CUDA is not available or torch_xla is imported. Disabling autocast."
    elif kind in SUPPORTED:
        return True
    else:
        name = device_type.upper()
        message = (
            f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
            f"{name} Autocast only supports dtypes of {', '.join(map(str, SUPPORTED))} currently."
        )
    warnings.warn(message, stacklevel=3)
    return False


def custom_fwd(
    fwd: Callable | None = None, *, device_type: str, cast_inputs: DType | None = None
) -> Callable:
    """A decorator for the `forward` of an autograd.Function used under autocast.

    With `cast_inputs`, where autocast is on, Tensors of floats are cast to that dtype and the
    forward runs without autocast. See torch.amp.custom_fwd.
    """
    _check_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(*args: Any, **kwargs: Any) -> Any:
        context, enabled = args[0], is_autocast_enabled(device_type)
        context._dtype = get_autocast_dtype(device_type)
        context._fwd_used_autocast = enabled and cast_inputs is None
        if cast_inputs is None or not enabled:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            args = _cast(args, device_type, cast_inputs)
            return fwd(*args, **_cast(kwargs, device_type, cast_inputs))

    return forward


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Callable:
    """A decorator for the `backward` that belongs to a `custom_fwd`: autocast is on in it where it
    was in the forward. See torch.amp.custom_bwd."""
    _check_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(*args: Any, **kwargs: Any) -> Any:
        context = args[0]
        with autocast(device_type, context._dtype, context._fwd_used_autocast):
            return bwd(*args, **kwargs)

    return backward


def _cast(value: Any, device_type: str, kind: DType) -> Any:
    """(Nested) arguments with the Tensors that autocast touches in another dtype."""
    if isinstance(value, Tensor):
        touched = value.device.type == device_type and eligible(value.dtype)
        return value.to(kind) if touched else value
    if isinstance(value, (str, bytes, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {k: _cast(v, device_type, kind) for k, v in value.items()}
    if isinstance(value, Iterable):
        items = [_cast(v, device_type, kind) for v in value]
        return type(value)(items) if isinstance(value, (list, tuple)) else iter(items)
    return value
