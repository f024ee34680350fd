"""functionalize: a function without in-place writes."""

from __future__ import annotations

from collections.abc import Callable


def functionalize(func: Callable, *, remove: str = "mutations") -> Callable:
    """The function itself: what is recorded here has no in-place writes and no views to remove.

    remove: "mutations" or "mutations_and_views". RuntimeError otherwise. See
    torch.func.functionalize.
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            "functionalize(f, remove='mutations'): received invalid argument for `remove`. "
            f"Valid options are: 'mutations', 'mutations_and_views'. Got remove={remove}"
        )
    return func
