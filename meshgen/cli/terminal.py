"""What goes to stdout and what to stderr, and how errors look there."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence

from meshgen.errors import Diagnostic, GraphError, MeshgenError, errors_only
from meshgen.harmless import escaped, one_message
from meshgen.status import Code, StatusError
from meshgen.tracebacks import notes, said, user_traceback


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


def say_ignored(field: str) -> None:
    """A note about a field that goes nowhere."""
    say(f"note: the request has the field '{field}', which the contract does not know; it is ignored")


def report(error: BaseException) -> None:
    """Print an error as a person wants it: problems with their places, statuses with their codes."""
    match error:
        case GraphError():
            for problem in error.diagnostics:
                say_block(problem.render())
        case StatusError():
            if error.code is Code.INTERNAL and error.__cause__ is not None:
                say_block(user_traceback(error.__cause__))
            say(f"{error.code.name}: {error.message}" if error.message else error.code.name)
            for note in notes(error):
                say(f"  {note}", margin="    ")
        case MeshgenError():
            say(f"error: {said(error)}")
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
