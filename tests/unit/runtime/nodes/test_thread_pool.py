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
