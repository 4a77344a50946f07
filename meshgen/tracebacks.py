"""What a person gets to see of an exception: the user's frames, without those that brought a request to them."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable

from meshgen.harmless import one_message
from meshgen.source import INSTALLED, is_ours, is_pythons

VARIABLE = "MESHGEN_TRACEBACK"
"""Environment variable: with `full` a traceback has all frames, those of meshgen and of Ray, too."""

_ROUTES = "meshgen: "
"""Routes are compiled into functions that no file has."""
_HOSTS = tuple(f"{folder}{package}{os.sep}" for folder in INSTALLED for package in ("ray", "grpc"))
"""What runs a replica; below the user's first frame these are not his."""


def user_traceback(error: BaseException) -> str:
    """The traceback as the user's code has it: no frame of ours, no chained error that lies in our code alone.

    An error of our own that no frame of the user's has is its message: a result that does not fit its type. Any other
    one without such a frame is a bug of meshgen, and keeps all frames.
    """
    if os.environ.get(VARIABLE) == "full":
        return _text(traceback.format_exception(error))
    shown = traceback.TracebackException.from_exception(error)
    if type(error).__module__.partition(".")[0] == __name__.partition(".")[0] and not _user_frames(shown.stack):
        return _text([said(error), *notes(error)])
    _only_user_frames(shown)
    return _text(shown.format())


def _text(parts: Iterable[str]) -> str:
    """Frames as they are; of what an error says, all lines but the first stand further right."""
    each = (part.rstrip("\n") for part in parts)
    return "\n".join(part if part.startswith("  ") else one_message(part) for part in each)


def said(error: BaseException) -> str:
    """What an exception says, or its kind when it says nothing, as `TimeoutError()` does."""
    return str(error).strip() or type(error).__name__


def kind_and_text(error: BaseException) -> str:
    """Its kind, and what it says if it says something: `ValueError: no such thing`, `TimeoutError`."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def notes(error: BaseException) -> tuple[str, ...]:
    """What stands beside an error for those who run the graph."""
    return tuple(map(str, getattr(error, "__notes__", ())))


def _only_user_frames(link: traceback.TracebackException) -> None:
    frames = _user_frames(link.stack)
    link.stack = traceback.StackSummary.from_list(frames or list(link.stack))
    link.__notes__ = link.__notes__ and [f"  {one_message(str(note))}" for note in link.__notes__]
    if link.__context__ is not None and not _user_frames(link.__context__.stack):
        link.__context__ = None
    for other in (link.__cause__, link.__context__, *(link.exceptions or ())):
        if other is not None:
            _only_user_frames(other)


def _user_frames(stack: traceback.StackSummary) -> list[traceback.FrameSummary]:
    frames = [frame for frame in stack if not is_ours(frame.filename) and not frame.filename.startswith(_ROUTES)]
    while frames and _is_below_users(frames[0].filename):
        frames.pop(0)
    return frames


def _is_below_users(filename: str) -> bool:
    """Threads and event loops, and what hosts a replica."""
    return is_pythons(filename) or any(host in filename for host in _HOSTS)
