"""Closed and open loops: when requests are sent, and what counts. How one is sent is the caller's business."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from benchmarks.histogram import Histogram

OK = "OK"
WRONG = "WRONG_ANSWER"
NOT_SENT = "NOT_SENT"
"""An open loop's request that found too many others waiting; it is an error of who is measured."""

Send: TypeAlias = Callable[[int], Awaitable[str]]
"""Sends the request of that number, and says how it ended: `OK`, `WRONG_ANSWER`, or the name of a gRPC status."""


@dataclass(slots=True)
class Tally:
    """What became of the requests of one window."""

    latencies: Histogram = field(default_factory=Histogram)
    """Of those that were answered rightly."""
    statuses: Counter[str] = field(default_factory=Counter)
    late: Histogram = field(default_factory=Histogram)
    """How much later than intended an open loop sent; the generator's own fault, and part of the latencies."""
    seconds: float = 0.0
    """From the first request to the last answer."""

    def add(self, status: str, nanoseconds: int) -> None:
        self.statuses[status] += 1
        if status == OK:
            self.latencies.add(nanoseconds)

    @property
    def done(self) -> int:
        return self.statuses[OK]

    @property
    def errors(self) -> int:
        return self.statuses.total() - self.done

    def report(self) -> dict[str, Any]:
        """As JSON: requests per second, percentiles in ms, statuses."""
        return {
            "rps": self.done / self.seconds if self.seconds else 0.0,
            "seconds": self.seconds,
            "requests": self.done,
            "errors": self.errors,
            "statuses": dict(self.statuses),
            **{f"p{p}_ms": self.latencies.milliseconds(p) for p in (50, 95, 99)},
            "late_p50_ms": self.late.milliseconds(50),
        }


async def closed_loop(send: Send, *, in_flight: int, seconds: float) -> Tally:
    """Keep that many requests in flight: each answer starts the next one. Those under way at the end still count."""
    tally = Tally()
    begin = time.perf_counter_ns()
    end = begin + int(seconds * 1e9)
    number = 0

    async def one_after_another() -> None:
        nonlocal number
        while (started := time.perf_counter_ns()) < end:
            number += 1
            status = await send(number)
            tally.add(status, time.perf_counter_ns() - started)

    await asyncio.gather(*(one_after_another() for _ in range(in_flight)))
    tally.seconds = (time.perf_counter_ns() - begin) / 1e9
    return tally


async def open_loop(send: Send, *, rate: float, seconds: float, most_waiting: int = 2000) -> Tally:
    """Send at a fixed rate, whatever comes back; a latency counts from when its request was due.

    A contestant that stalls therefore pays for every request that was due meanwhile.

    Args:
        send: sends one request.
        rate: requests per second.
        seconds: for how long.
        most_waiting: requests without answer above which no more are sent; those are counted as `NOT_SENT`.
    """
    tally = Tally()
    waiting: set[asyncio.Task[None]] = set()
    begin = time.perf_counter_ns()

    async def one(number: int, due: int) -> None:
        tally.late.add(time.perf_counter_ns() - due)
        status = await send(number)
        tally.add(status, time.perf_counter_ns() - due)

    for number in range(max(1, round(rate * seconds))):
        due = begin + int(number * 1e9 / rate)
        await asyncio.sleep(max(due - time.perf_counter_ns(), 0) / 1e9)
        if len(waiting) >= most_waiting:
            tally.add(NOT_SENT, 0)
            continue
        task = asyncio.create_task(one(number, due))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await asyncio.gather(*waiting)
    tally.seconds = (time.perf_counter_ns() - begin) / 1e9
    return tally
