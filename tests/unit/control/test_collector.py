"""A collector that is away is told of, once."""

from __future__ import annotations

import asyncio
import socket
from typing import Self

import pytest

from meshgen.control import collector
from meshgen.emit.envoy import Otlp


class _Told:
    """What was told, and the next of it."""

    def __init__(self, endpoint: str) -> None:
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._task = asyncio.create_task(collector.watch_collector(Otlp(endpoint=endpoint), self._queue.put_nowait))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def next(self) -> str:
        return await asyncio.wait_for(self._queue.get(), 20)

    async def is_still(self) -> bool:
        await asyncio.sleep(0.2)
        return self._queue.empty()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "_LOOK_S", 0.02)


async def test_one_that_is_away_and_comes_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    async with _Told(endpoint) as told:
        refused = f"no traces are kept: the collector at {endpoint} cannot be reached (Connection refused)"
        assert await told.next() == refused
        assert await told.is_still(), "once is enough"
        with socket.create_server(("127.0.0.1", port)):
            assert await told.next() == f"the collector at {endpoint} is there again"
        assert await told.next() == refused


@pytest.mark.parametrize("endpoint", ["http://no-such-host.invalid:4317", "http://127.0.0.1:99999"])
async def test_addresses_that_cannot_be(endpoint: str) -> None:
    async with _Told(endpoint) as told:
        said = await told.next()
    assert said.startswith(f"no traces are kept: the collector at {endpoint} cannot be reached (")
    assert not said.endswith("()")


async def test_no_answer_is_told_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> object:
        raise TimeoutError

    monkeypatch.setattr(asyncio, "open_connection", never)
    async with _Told("http://127.0.0.1:4317") as told:
        said = await told.next()
    assert "(no answer within 3 s)" in said
