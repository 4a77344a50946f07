"""Threads of sync user code: how many, when, and what is left of a call that never ends."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from meshgen.runtime.nodes.thread_pool import DaemonThreads


@pytest.fixture
def _eager_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_eager_switches")
async def test_calls_that_may_run_at_once_do() -> None:
    threads = DaemonThreads(4, "meet")
    for _ in range(200):
        meeting = threading.Barrier(2)
        await asyncio.gather(*(threads.run(lambda m=meeting: m.wait(5), None) for _ in range(2)))
    threads.close()


async def test_a_stand_in_leaves_when_the_stuck_call_comes_back() -> None:
    threads = DaemonThreads(1, "stand-in")
    free = threading.Event()
    stuck = asyncio.ensure_future(threads.run(free.wait, time.monotonic() - 1))
    await asyncio.sleep(0.05)
    assert await threads.run(lambda: "answered", None) == "answered"
    free.set()
    await stuck

    running, most, lock = 0, 0, threading.Lock()

    def count() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1

    await asyncio.gather(*(threads.run(count, None) for _ in range(6)))
    assert most == 1
    threads.close()


async def test_only_calls_that_run_for_long_count_as_such() -> None:
    threads = DaemonThreads(2, "slow")
    free = threading.Event()
    call = asyncio.ensure_future(threads.run(free.wait, time.monotonic() + 0.01))
    await asyncio.sleep(0.1)
    assert threads.running_longer_than(5) == 0
    assert threads.running_longer_than(0.05) == 1
    free.set()
    await call
    assert threads.running_longer_than(0) == 0
    threads.close()


async def test_a_result_that_nobody_waits_for_any_more_is_given_up() -> None:
    threads = DaemonThreads(1, "given-up")
    free = threading.Event()
    begun = threading.Event()

    def work() -> str:
        begun.set()
        free.wait(5)
        return "made"

    given_up: list[str] = []
    at_work = asyncio.create_task(threads.run(work, None, given_up.append))
    await asyncio.to_thread(begun.wait, 5)
    never = asyncio.create_task(threads.run(work, None, given_up.append))
    await asyncio.sleep(0)
    at_work.cancel()
    never.cancel()
    await asyncio.gather(at_work, never, return_exceptions=True)
    assert given_up == []
    free.set()
    assert await threads.run(lambda: "next", None) == "next"
    assert given_up == ["made"]

    # The result is there, and the caller is cancelled before it gets its turn.
    running = threads.run(lambda: "made too", None, given_up.append)
    waiting = running.send(None)
    while not waiting.done():  # noqa: ASYNC110 - whoever waits for it is this test
        await asyncio.sleep(0.001)
    with pytest.raises(asyncio.CancelledError):
        running.throw(asyncio.CancelledError())
    assert given_up == ["made", "made too"]
    threads.close()
