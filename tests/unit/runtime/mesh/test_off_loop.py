"""Big messages are worked on beside the loop, and share a bound on memory."""

from __future__ import annotations

import asyncio
import threading

import pytest

from meshgen.runtime.mesh.off_loop import BIG, Room, beside, beside_if_big


async def test_big_work_leaves_the_loop() -> None:
    here = threading.get_ident()
    assert await beside(threading.get_ident) != here
    assert await beside_if_big(threading.get_ident) == here
    token = BIG.set(True)
    try:
        assert await beside_if_big(threading.get_ident) != here
    finally:
        BIG.reset(token)


async def test_an_error_comes_back() -> None:
    def fail() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError):
        await beside(fail)


async def hold(room: Room, size: int, log: list[str], name: str, until: asyncio.Event) -> None:
    async with room.taken(size):
        log.append(name)
        await until.wait()


async def test_room_is_given_in_the_order_of_asking() -> None:
    room, log = Room(10), list[str]()
    ends = {name: asyncio.Event() for name in "abcd"}
    sizes = {"a": 6, "b": 6, "c": 1, "d": 99}
    tasks = {name: asyncio.create_task(hold(room, size, log, name, ends[name])) for name, size in sizes.items()}
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert log == ["a"]  # `c` would fit, and waits for its turn
    ends["a"].set()
    await tasks["a"]
    await asyncio.sleep(0)
    assert log == ["a", "b", "c"]
    for name in "bcd":
        ends[name].set()
        await tasks[name]
    assert log == ["a", "b", "c", "d"]  # `d` needs more than there is, and got all of it


@pytest.mark.parametrize("granted", [False, True])
async def test_who_is_cancelled_takes_no_room(granted: bool) -> None:
    room, log = Room(10), list[str]()
    first, never = asyncio.Event(), asyncio.Event()
    holder = asyncio.create_task(hold(room, 10, log, "a", first))
    waiting = asyncio.create_task(hold(room, 10, log, "b", never))
    await asyncio.sleep(0.01)
    if granted:
        first.set()
        await asyncio.sleep(0)  # `a` ends and gives its room to `b`, which has not run yet
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    first.set()
    await holder
    async with asyncio.timeout(1), room.taken(10):
        pass
