"""A collector that is away is told of, once."""

from __future__ import annotations

import asyncio
import socket

import pytest

from meshgen.control import collector
from meshgen.emit.envoy import Otlp


async def _told(endpoint: str, wanted: int, act: object = None) -> list[str]:
    told: list[str] = []
    watching = asyncio.create_task(collector.watch_collector(Otlp(endpoint=endpoint), told.append))
    try:
        async with asyncio.timeout(20):
            while len(told) < wanted:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    finally:
        watching.cancel()
    return told


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "_LOOK_S", 0.02)


async def test_one_that_is_away_and_comes_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    [away] = await _told(endpoint, 1)
    assert away == f"no traces are kept: the collector at {endpoint} cannot be reached (Connection refused)"
    told: list[str] = []
    watching = asyncio.create_task(collector.watch_collector(Otlp(endpoint=endpoint), told.append))
    while not told:
        await asyncio.sleep(0.01)
    with socket.create_server(("127.0.0.1", port)):
        async with asyncio.timeout(20):
            while len(told) < 2:
                await asyncio.sleep(0.01)
    watching.cancel()
    assert told[1] == f"the collector at {endpoint} is there again"


@pytest.mark.parametrize("endpoint", ["http://no-such-host.invalid:4317", "http://127.0.0.1:99999"])
async def test_addresses_that_cannot_be(endpoint: str) -> None:
    [said] = await _told(endpoint, 1)
    assert said.startswith(f"no traces are kept: the collector at {endpoint} cannot be reached (")
    assert not said.endswith("()")


async def test_no_answer_is_told_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> object:
        raise TimeoutError

    monkeypatch.setattr(asyncio, "open_connection", never)
    [said] = await _told("http://127.0.0.1:4317", 1)
    assert "(no answer within 3 s)" in said
