"""Which channel a call takes, when it is tried again, and what its caller is told: each on channels of our own."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from meshgen.rayserve.fork import ask, ends
from meshgen.runtime.call.context import CURRENT, RequestContext
from meshgen.runtime.call.metadata import Metadata
from meshgen.runtime.mesh import retry
from meshgen.runtime.mesh.call_errors import as_nodes_own
from meshgen.runtime.mesh.channel import Channel, LostError
from meshgen.runtime.mesh.peers import Peers
from meshgen.status import Code, DeadlineExceeded, InvalidArgument, NotFound, StatusError, Unavailable


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
    return (await retry.call(peers, "leaf", b"/s/R", b"x", 5, (("k", "v"),), idempotent=idempotent)).decode()


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
async def test_a_failed_call_is_a_status_that_names_its_node(error: Any, code: Code, text: str) -> None:
    status = await as_nodes_own(error, "leaf", 2)
    assert (status.code, status.message) == (code, text)
    assert status.node == (getattr(error, "node", "") or "leaf")


# --- a replica that ended ---

SEGFAULT, KILLED, EXIT_3 = 11, 9, 3 << 8
CONTEXT = RequestContext(graph="g", route="/r", node="", metadata={}, deadline=None, trace_id="7" * 32)


@pytest.fixture
def died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fake]:
    """Makes replicas that end with a call, in a way of their own."""
    monkeypatch.setenv(ask.FOLDER, str(tmp_path))

    def make(replica: str, status: int, *, is_stopped: bool = False) -> Fake:
        pid = 10_000 + len(replica)
        ends.folder_in(tmp_path).mkdir(exist_ok=True)
        end = ends.End("g", "leaf", replica, pid, is_stopped=is_stopped)
        (ends.folder_in(tmp_path) / f"{pid}.alive").write_text(json.dumps(dataclasses.asdict(end)))
        ends.note(pid, status)
        channel = Fake(replica, LostError(begun=True))
        channel.replica = replica
        return channel

    return make


async def failed(*args: Any, **options: Any) -> StatusError:
    token = CURRENT.set(CONTEXT)
    try:
        await called(*args, **options)
    except (LostError, StatusError) as error:
        return await as_nodes_own(error, "leaf", 2)
    finally:
        CURRENT.reset(token)
    raise AssertionError("it was answered")


async def test_a_caller_is_told_how_the_replica_ended(died: Any, caplog: pytest.LogCaptureFixture) -> None:
    envoy = Fake("envoy")
    error = await failed(Near(died("one", SEGFAULT)), envoy=envoy, idempotent=False)
    assert envoy.seconds == []
    assert (error.code, error.node, error.reason) == (Code.UNAVAILABLE, "leaf", "REPLICA_DIED")
    assert error.metadata == {"replica": "one", "signal": "SIGSEGV"}
    assert error.message == (
        "node 'leaf' ended (signal 11, SIGSEGV) while it worked on the call; it was not tried again: "
        "try again if that can do no harm"
    )
    [logged] = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert logged == (
        "node 'leaf' ended (signal 11, SIGSEGV) while it worked on a call "
        f"(replica one, process 10003; graph 'g', trace {'7' * 32})"
    )


CUT = "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
SUSPECT = "the request itself may be the cause, so look into it before it is sent again"


@pytest.mark.parametrize(
    ("word", "rest"),
    [
        (CUT, f"and so did the replica that was tried next: {SUSPECT}"),
        ("no healthy upstream", "and no other could be reached: no healthy upstream"),
    ],
)
async def test_a_caller_is_told_what_became_of_the_second_try(died: Any, word: str, rest: str) -> None:
    error = await failed(Near(died("one", EXIT_3)), envoy=Fake("envoy", Unavailable(word)))
    assert error.message == f"node 'leaf' ended (exit code 3) while it worked on the call, {rest}"
    assert (error.reason, error.metadata) == ("REPLICA_DIED", {"replica": "one", "exit_code": "3"})


async def test_two_replicas_may_be_called_straight(died: Any, caplog: pytest.LogCaptureFixture) -> None:
    error = await failed(Near(died("one", SEGFAULT)), envoy=died("other", KILLED))
    assert "and so did the replica that was tried next" in error.message
    await asyncio.sleep(0)
    logged = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert ["replica one" in logged[0], "replica other" in logged[1], len(logged)] == [True, True, 2]


async def test_the_answer_of_the_second_is_its_own(died: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert await called(Near(died("one", SEGFAULT))) == "envoy /s/R x 2"
    await asyncio.sleep(0.01)
    assert [r.levelname for r in caplog.records] == ["ERROR"], "the trace is told although the call went well"
    its_own = Unavailable("closed for today", node="deeper")
    error = await failed(Near(died("one", SEGFAULT)), envoy=Fake("envoy", its_own))
    assert error is its_own


async def test_a_replica_that_nobody_saw_end_hung_up(caplog: pytest.LogCaptureFixture) -> None:
    one = Fake("one", LostError(begun=True))
    one.replica = "one"
    error = await failed(Near(one), idempotent=False)
    assert error.message.startswith("node 'leaf' hung up while it worked on the call; it was not tried again")
    assert (error.reason, error.metadata) == ("REPLICA_DIED", {})
    assert f"(replica one; graph 'g', trace {'7' * 32})" in caplog.text


async def test_nothing_is_logged_of_a_replica_that_was_stopped(died: Any, caplog: pytest.LogCaptureFixture) -> None:
    error = await failed(Near(died("one", KILLED, is_stopped=True)), idempotent=False)
    assert error.message.startswith("node 'leaf' stopped while it worked on the call")
    assert not caplog.records
