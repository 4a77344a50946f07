"""What a replica logs: fit to be read, and errors also in one file for the whole mesh; `meshgen run` follows it.

They are in the replica's own log as well, with everything else. The file gets only so many that a person can read it,
and that a node which fails all the time is not slowed down by it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable

from meshgen.harmless import one_message

VARIABLE = "MESHGEN_ERROR_FILE"
"""Environment variable: the file into which a replica writes its errors; without it, it writes none."""

_MOST = 5
_WINDOW_S = 10.0


class Harmless(logging.Filter):
    """Lets every record pass, as text that only begins where it begins: errors repeat what callers send."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Make the record's text, and that of its traceback, harmless for all handlers."""
        record.msg, record.args = one_message(record.getMessage().rstrip("\n")), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = one_message(f"\n{logging.Formatter().formatException(record.exc_info)}").lstrip("\n")
        return True


_HARMLESS = Harmless()


class ErrorFile(logging.Handler):
    """Appends what is logged as an error: at most 5 records in 10 seconds, and how many were left out since."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.ERROR)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._clock = clock
        self._window = clock()
        self._written = self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write it, unless there were too many. A full disk must not fail a request."""
        now = self._clock()
        if now - self._window >= _WINDOW_S:
            self._window, self._written = now, 0
        if self._written == _MOST:
            self._left_out += 1
            return
        self._written += 1
        with contextlib.suppress(OSError):
            # One write, so that the replicas' errors do not mix.
            os.write(self._file, (self._before() + self.format(record).rstrip("\n") + "\n").encode(errors="replace"))

    def close(self) -> None:
        """Let the file go."""
        os.close(self._file)
        super().close()

    def _before(self) -> str:
        count, self._left_out = self._left_out, 0
        return f"({count} more of the same replica, which its log has)\n" if count else ""


def set_up(logger: logging.Logger) -> None:
    """Make what a logger gets harmless, and let its errors reach `meshgen run`, if that started this process."""
    logger.addFilter(_HARMLESS)  # once, however often
    if path := os.environ.get(VARIABLE):
        logger.addHandler(ErrorFile(path))
