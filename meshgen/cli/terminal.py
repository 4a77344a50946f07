"""What goes to stdout and what to stderr, and how errors look there."""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator

from meshgen.errors import GraphError, MeshgenError
from meshgen.status import Code, StatusError

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STDLIB = sysconfig.get_path("stdlib") + os.sep


@contextlib.contextmanager
def only_results_on_stdout() -> Iterator[Callable[[str], None]]:
    """Send everything that user code prints to stderr; yield the one function that writes to the real stdout.

    Done with file descriptors, so that it also holds for native code and child processes, and so that a debugger still
    finds a terminal behind descriptors 0 and 1.
    """
    sys.stdout.flush()
    real = os.dup(1)
    os.dup2(2, 1)

    def write(line: str) -> None:
        with open(real, "w", encoding="utf-8", closefd=False) as stream:
            stream.write(line + "\n")

    try:
        yield write
    finally:
        sys.stdout.flush()
        os.dup2(real, 1)
        os.close(real)


def say(line: str) -> None:
    """One line on stderr."""
    print(line, file=sys.stderr, flush=True)


def report(error: BaseException) -> None:
    """Print an error as a person wants it: problems with their places, statuses with their codes."""
    match error:
        case GraphError():
            for problem in error.diagnostics:
                say(problem.render())
        case StatusError():
            if error.code is Code.INTERNAL and error.__cause__ is not None:
                say(user_traceback(error.__cause__))
            say(f"{error.code.name}: {error.message}")
            for violation in error.violations:
                say(f"  {violation.field}: {violation.description}")
        case MeshgenError():
            say(f"error: {error}")
        case _:
            raise error


def user_traceback(error: BaseException) -> str:
    """The traceback without the frames that brought the request to the user's code."""
    shown = traceback.TracebackException.from_exception(error)
    link: traceback.TracebackException | None = shown
    while link is not None:
        link.stack = _user_frames(link.stack)
        link = link.__cause__ or link.__context__
    return "".join(shown.format()).rstrip("\n")


def _user_frames(stack: traceback.StackSummary) -> traceback.StackSummary:
    frames = [frame for frame in stack if not frame.filename.startswith(_PACKAGE)]
    while frames and _is_stdlib(frames[0].filename):  # threads and event loops, below the user's first frame
        frames.pop(0)
    return traceback.StackSummary.from_list(frames or list(stack))  # nothing of the user's: a bug in meshgen


def _is_stdlib(filename: str) -> bool:
    return filename.startswith((_STDLIB, "<frozen")) and "site-packages" not in filename
