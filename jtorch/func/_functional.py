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
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. "
            "Valid options are:\n     remove='mutations': all inplace and out= operators will be "
            "removed from the program, and replaced with their out-of-place equivalents.\n     "
            "remove='mutations_and_views': In addition to the above, all aliasing operators {view} "
            "will be replaced with their non-aliasing counterparts, {view}_copy.\n"
        )
    return func
