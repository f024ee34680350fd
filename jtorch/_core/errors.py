"""Where the user's line is, and the errors that are not PyTorch's own.

Errors of users are raised where an op is recorded, with PyTorch's class and words. What can only
fail when a program is compiled or run is raised as `ProgramError`, with the op and the user's line.
"""

from __future__ import annotations

import contextlib
import copy
import difflib
import os
import sys
from collections.abc import Iterable
from types import FrameType

import jax

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# Frames of these are not the user's: this package, and what calls our functions for the user: JAX,
# and two of Python's modules.
FOREIGN = (_PACKAGE, os.path.dirname(jax.__file__) + os.sep, contextlib.__file__, copy.__file__)
_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep


class ProgramError(RuntimeError):
    """A program failed to compile or to run. No Tensor was changed by it."""


class OutOfMemoryError(ProgramError):
    """The device has too little memory for a program. See `torch.OutOfMemoryError`."""


class DeviceError(RuntimeError, AssertionError):
    """A device that this machine doesn't have. PyTorch raises either class, by the case."""


def user_frame() -> FrameType | None:
    """The innermost frame of the call stack outside this package."""
    frame = sys._getframe(1)
    while frame is not None and is_ours(frame):
        frame = frame.f_back
    return frame


def is_ours(frame: FrameType) -> bool:
    """Whether a frame is of this package, or of JAX, which calls our functions."""
    return frame.f_code.co_filename.startswith(FOREIGN)


def user_line() -> str:
    """'file:line' of the user's code that is running now."""
    return _line_of(user_frame())


def script_line() -> str:
    """The same, but of what is installed (tqdm, which asks a loader for its batches) the line that
    called it."""
    inner = frame = user_frame()
    while frame is not None and _is_installed(frame.f_code.co_filename):
        frame = frame.f_back
    return _line_of(frame or inner)


def _is_installed(file: str) -> bool:
    return file.startswith(_STANDARD_LIBRARY) or f"{os.sep}site-packages{os.sep}" in file


def _line_of(frame: FrameType | None) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "<unknown>"


def user_site() -> tuple:
    """The call of the user's code that is running now: file, function, its first line, and the
    place in it."""
    frame = user_frame()
    if frame is None:
        return ()
    code = frame.f_code
    return code.co_filename, code.co_qualname, code.co_firstlineno, frame.f_lasti


def absent(room: str, name: str, known: Iterable[str]) -> AttributeError:
    """What to raise for a name that a public room lacks: it names the nearest one that is there."""
    hint = ""
    if not name.startswith("_"):
        public = [k for k in known if not k.startswith("_")]
        near = difflib.get_close_matches(name, public, 1, 0.7)
        hint = f" Did you mean {near[0]!r}?" if near else ""
    return AttributeError(f"{room} has no {name!r} (PyTorch's name, or a misspelling).{hint}")


def first_line(error: BaseException) -> str:
    """What an exception says, without JAX's explanations that follow."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def no_way_back(error: ValueError) -> Exception:
    """What to raise for an error of a gradient in reverse mode: JAX's own for a loop that keeps
    nothing for it says what to do in words of JAX."""
    if not str(error).startswith("Reverse-mode differentiation does not work for lax.while_loop"):
        return error
    return NotImplementedError(
        "torch.while_loop has first derivatives in reverse mode, not second ones, nor those of a "
        "derivative in forward mode: how often it runs is not known when the program is compiled. "
        "Use scan, or detach() what the loop uses before it."
    )
