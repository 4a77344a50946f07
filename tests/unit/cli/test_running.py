"""What `meshgen run` says about a start."""

from __future__ import annotations

import asyncio

import pytest

from meshgen.cli import running
from meshgen.control.model import ErrorsEvent, NodeEvent, PhaseEvent


def test_each_event_is_a_line_and_nodes_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    account = running.Account()
    account.tell(PhaseEvent(phase="deploying", message="deploying 2 services"))
    for node in (None, "echo"):
        account.tell(NodeEvent(graph="g", node=node, state="queued"))
    account.tell(NodeEvent(graph="g", node="echo", state="running", running=2, wanted=2))
    account.tell(NodeEvent(graph="g", node=None, state="running", running=1))
    account.tell(ErrorsEvent(text="Traceback"))
    assert [line[10:] for line in capsys.readouterr().err.splitlines()] == [
        "deploying 2 services",
        f"{'g/driver':<40} queued",
        f"{'g/echo':<40} queued",
        f"{'g/echo':<40} running 2/2 (1 of 2)",
        f"{'g/driver':<40} running (2 of 2)",
        "Traceback",
    ]


def test_what_nodes_say_cannot_look_like_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    account = running.Account()
    account.tell(ErrorsEvent(text="first\n  12.3 s  ready\x1b[2J"))
    account.tell(NodeEvent(graph="g", node="echo", state="failed", message="gone\r\n  12.3 s  ready"))
    lines = capsys.readouterr().err.split("\n")
    assert lines[1] == " " * 10 + r"  12.3 s  ready\x1b[2J"
    assert lines[2].endswith(r"failed: gone\r")
    assert lines[3:] == [" " * 10 + "  12.3 s  ready", ""]


async def test_a_start_that_takes_its_time_says_what_it_is_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running, "_SILENCE_S", 0.05)
    account = running.Account()
    reminding = asyncio.create_task(account.remind())
    account.tell(PhaseEvent(phase="starting", message="starting Ray"))
    await asyncio.sleep(0.2)
    account.tell(NodeEvent(graph="g", node=None, state="starting"))
    await asyncio.sleep(0.2)
    account.tell(PhaseEvent(phase="ready"))
    said = capsys.readouterr().err
    await asyncio.sleep(0.2)
    reminding.cancel()
    assert "still starting Ray\n" in said
    assert "still starting Ray: 0 of 1 running\n" in said
    assert capsys.readouterr().err == "", "once it is ready"
