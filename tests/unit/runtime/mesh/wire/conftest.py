"""A replica on a socket and a caller of it, on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop
from wire_ends import Node

from meshgen.runtime.mesh.wire.peer import Peer


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Ray runs replicas on uvloop where it is installed."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica closes its end of a connection soon after it has said why; to be asked for before `node`."""
    monkeypatch.setattr("meshgen.runtime.mesh.wire.exchange._LINGER_S", 0.0)
    monkeypatch.setattr("meshgen.runtime.mesh.wire.server._LOOK_S", 0.005)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    made = Node()
    await made.listen(tmp_path / "s")
    yield made
    made.close()


@pytest.fixture
async def peer(node: Node, tmp_path: Path) -> AsyncIterator[Peer]:
    made = Peer(tmp_path / "s")
    yield made
    made.close()
