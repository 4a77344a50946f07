"""Whether the calls of a route are worth threads.

Independent sync calls run in parallel, in threads. To hand a call to a thread and to wait for it takes longer than many
a node itself: measured, 75 to 95 µs of the processor for each call. So a route whose calls have been short is run
compiled, one call after the other, and goes back to threads when they are no longer. Twice is enough for either: a
first request is seldom like the others, and a busy machine makes any one of them late.
"""

from __future__ import annotations

WORTH_S = 50e-6
"""Seconds per call, on average over a request. Below, all calls of a request together take less than the threads alone
would."""

_TRIALS = 2
_MOST_TRIALS = 1024
_LATE = 2
_LASTING = 64
"""Runs in a row; a route that is compiled for less long was judged too soon."""


class CallTimes:
    """How long the calls of one route take; any number of requests at once may tell it that."""

    def __init__(self) -> None:
        self.short = False
        """The calls are short: the next request had better run compiled."""
        self._in_a_row = 0
        self._late = 0
        self._trials = _TRIALS

    def ran_in_threads(self, spent: list[float]) -> None:
        """A request has run with threads, and its sync calls took so many seconds each."""
        self._in_a_row = self._in_a_row + 1 if sum(spent) <= WORTH_S * len(spent) else 0
        if self._in_a_row >= self._trials:
            self.short, self._in_a_row = True, 0

    def ran_compiled(self, seconds: float, calls: int) -> None:
        """A request has run compiled, with so many calls in so many seconds."""
        self._in_a_row += 1
        if seconds <= WORTH_S * calls:
            self._late = 0
            return
        self._late += 1
        if self._late >= _LATE:
            # One that changes all the time is watched for longer each time: it costs requests each time, too.
            hasty = self._in_a_row < _LASTING
            self._trials = min(2 * self._trials, _MOST_TRIALS) if hasty else _TRIALS
            self.short, self._in_a_row, self._late = False, 0, 0
