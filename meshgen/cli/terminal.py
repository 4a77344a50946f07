"""What goes to stdout and what to stderr, and how errors look there."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from meshgen.errors import Diagnostic, GraphError, MeshgenError, errors_only
from meshgen.harmless import escaped, one_message
from meshgen.status import Code, StatusError

_PACKAGE = str(Path(__file__).resolve().parents[1]) + os.sep
_OURS = (_PACKAGE, "meshgen: ")
"""Where the frames of our own code are; routes are compiled into functions that no file has."""
_STDLIB = str(Path(os.__file__).parent) + os.sep


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
        rest = (escaped(line) + "\n").encode()
        try:
            while rest:
                rest = rest[os.write(real, rest) :]
        except BrokenPipeError:  # `| head`, which click takes care of
            raise
        except OSError as error:
            raise MeshgenError(f"stdout: {error.strerror}") from None

    try:
        yield write
    finally:
        sys.stdout.flush()
        os.dup2(real, 1)
        os.close(real)


def require_stdout() -> None:
    """Refuse to work for nobody (`>&-`): the next file to be opened would be taken for stdout.

    Raises:
        MeshgenError: there is no stdout.
    """
    if sys.stderr is None:
        _open_null_as(2)
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open as stderr does
    if sys.stdout is None:
        raise MeshgenError(f"stdout: {os.strerror(errno.EBADF)}")


def _open_null_as(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)


def say(message: str, margin: str = "  ") -> None:
    """One message on stderr; should it have further lines, they begin with the margin."""
    say_block(one_message(message, margin))


def say_block(text: str) -> None:
    """Lines on stderr, as they are but for what steers a terminal."""
    print(escaped(text), file=sys.stderr, flush=True)


def report(error: BaseException) -> None:
    """Print an error as a person wants it: problems with their places, statuses with their codes."""
    match error:
        case GraphError():
            for problem in error.diagnostics:
                say_block(problem.render())
        case StatusError():
            if error.code is Code.INTERNAL and error.__cause__ is not None:
                say_block(user_traceback(error.__cause__))
            say(f"{error.code.name}: {error.message}")
            for note in getattr(error, "__notes__", ()):
                say(f"  {note}", margin="    ")
        case MeshgenError():
            say(f"error: {error}")
        case _:
            raise error


def show(problems: Sequence[Diagnostic]) -> None:
    """Print warnings on stderr.

    Raises:
        GraphError: there are errors among them.
    """
    if errors_only(problems):
        raise GraphError(problems)
    for problem in problems:
        say_block(problem.render())


def user_traceback(error: BaseException) -> str:
    """The traceback without the frames, and the chained errors, of what brought the request to the user's code."""
    shown = traceback.TracebackException.from_exception(error)
    _only_user_frames(shown)
    return "\n".join(map(_one_part, shown.format()))


def _one_part(part: str) -> str:
    """A frame, or what an error says: all of which but the first line stands further right."""
    return part.rstrip("\n") if part.startswith("  ") else one_message(part.rstrip("\n"))


def _only_user_frames(link: traceback.TracebackException) -> None:
    frames = _user_frames(link.stack)
    link.stack = traceback.StackSummary.from_list(frames or list(link.stack))  # none of the user's: a bug in meshgen
    link.__notes__ = link.__notes__ and [f"  {one_message(str(note))}" for note in link.__notes__]
    if link.__context__ is not None and not _user_frames(link.__context__.stack):
        link.__context__ = None
    for earlier in (link.__cause__, link.__context__):
        if earlier is not None:
            _only_user_frames(earlier)


def _user_frames(stack: traceback.StackSummary) -> list[traceback.FrameSummary]:
    frames = [frame for frame in stack if not frame.filename.startswith(_OURS)]
    while frames and _is_stdlib(frames[0].filename):  # threads and event loops, below the user's first frame
        frames.pop(0)
    return frames


def _is_stdlib(filename: str) -> bool:
    return filename.startswith((_STDLIB, "<frozen")) and "site-packages" not in filename
