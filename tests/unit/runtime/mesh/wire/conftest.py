"""A replica on a socket and a caller of it, on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from wire_ends import LOOPS, Node, policy

from meshgen.runtime.mesh.wire.peer import Peer


@pytest.fixture(params=LOOPS)
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    return policy(request.param)


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
