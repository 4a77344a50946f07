"""Which channel a call takes, when it is tried again, and what its caller is told: each on channels of our own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshgen.runtime.call.metadata import Metadata
from meshgen.runtime.mesh import retry
from meshgen.runtime.mesh.call_errors import as_nodes_own
from meshgen.runtime.mesh.channel import Channel, LostError
from meshgen.runtime.mesh.peers import Peers
from meshgen.status import Code, DeadlineExceeded, InvalidArgument, NotFound, Unavailable


class Fake(Channel):
    """A peer that says its name, or fails as it is told."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name = name
        self.error = error
        self.seconds: list[float] = []

    async def call(self, path: bytes, message: bytes, seconds: float, metadata: Metadata) -> bytes:
        self.seconds.append(seconds)
        if self.error is not None:
            raise self.error
        return b"%s %s %s %d" % (self.name.encode(), path, message, len(metadata))

    def stream(
        self, path: bytes, messages: AsyncIterator[bytes], seconds: float, metadata: Metadata
    ) -> AsyncIterator[bytes]:
        raise AssertionError("nobody has asked for a stream")


class Near:
    """A pool whose one peer is connected to at once, late or never."""

    def __init__(self, channel: Fake | None = None, *, late: bool = False) -> None:
        self.channel = channel
        self.late = late

    def least_busy(self) -> Channel | None:
        return None if self.late else self.channel

    async def settled(self, seconds: float) -> Channel | None:
        assert seconds > 0
        return self.channel


async def called(*pools: Near, envoy: Fake | None = None, idempotent: bool = True) -> str:
    peers = Peers(pools, envoy or Fake("envoy"))
    return (await retry.call(peers, b"/s/R", b"x", 5, (("k", "v"),), idempotent=idempotent)).decode()


# --- choosing ---


async def test_a_replica_here_comes_before_all_others() -> None:
    assert await called(Near(Fake("here")), Near(Fake("elsewhere"))) == "here /s/R x 1"


async def test_a_replica_elsewhere_comes_before_envoy() -> None:
    assert await called(Near(), Near(Fake("elsewhere"))) == "elsewhere /s/R x 1"


async def test_one_that_is_connected_to_is_not_kept_waiting_for() -> None:
    assert await called(Near(Fake("here"), late=True), Near(Fake("elsewhere"))) == "elsewhere /s/R x 1"
    assert await called(Near(Fake("here"), late=True), Near(Fake("elsewhere"), late=True)) == "here /s/R x 1"


async def test_envoy_is_called_when_nobody_else_is_there() -> None:
    assert await called(Near(), Near()) == "envoy /s/R x 1"
    assert await called() == "envoy /s/R x 1"


# --- trying again ---


@pytest.mark.parametrize(("begun", "idempotent"), [(False, False), (False, True), (True, True)])
async def test_a_lost_call_goes_through_envoy_if_it_can_do_no_harm(begun: bool, idempotent: bool) -> None:
    lost, envoy = Fake("here", LostError(begun=begun)), Fake("envoy")
    # Envoy is told when a replica may have begun: it then tries no third one.
    assert await called(Near(lost), envoy=envoy, idempotent=idempotent) == f"envoy /s/R x {1 + begun}"
    assert 0 < envoy.seconds[0] <= lost.seconds[0] <= 5


async def test_a_call_that_may_have_run_and_must_not_run_twice_is_lost() -> None:
    envoy = Fake("envoy")
    with pytest.raises(LostError):
        await called(Near(Fake("here", LostError(begun=True))), envoy=envoy, idempotent=False)
    assert envoy.seconds == []


async def test_a_call_is_tried_twice_at_most() -> None:
    envoy = Fake("envoy", LostError(begun=False))
    with pytest.raises(LostError):
        await called(Near(Fake("here", LostError(begun=False))), envoy=envoy)
    assert len(envoy.seconds) == 1
    with pytest.raises(LostError):
        await called(envoy=envoy)
    assert len(envoy.seconds) == 2


@pytest.mark.parametrize("error", [NotFound("no"), TimeoutError(), ValueError("a\0b")])
async def test_what_is_no_loss_is_not_tried_again(error: Exception) -> None:
    envoy = Fake("envoy")
    with pytest.raises(type(error)):
        await called(Near(Fake("here", error)), envoy=envoy)
    assert envoy.seconds == []


# --- what the caller is told ---


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (TimeoutError(), Code.DEADLINE_EXCEEDED, "node 'leaf' did not answer within 2 s"),
        (DeadlineExceeded("Deadline Exceeded"), Code.DEADLINE_EXCEEDED, "node 'leaf' did not answer within 2 s"),
        (NotFound("no such thing", node="deeper"), Code.NOT_FOUND, "no such thing"),
        (
            LostError(begun=True),
            Code.UNAVAILABLE,
            "node 'leaf' cannot be reached: the connection to the replica was lost",
        ),
        (Unavailable("no healthy upstream"), Code.UNAVAILABLE, "node 'leaf' cannot be reached: no healthy upstream"),
        (InvalidArgument("bad frame"), Code.INVALID_ARGUMENT, "node 'leaf': bad frame"),
    ],
)
def test_a_failed_call_is_a_status_that_names_its_node(error: Any, code: Code, text: str) -> None:
    status = as_nodes_own(error, "leaf", 2)
    assert (status.code, status.message) == (code, text)
    assert status.node == (getattr(error, "node", "") or "leaf")
