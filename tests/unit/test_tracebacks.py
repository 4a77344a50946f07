"""What a person gets to see of an exception."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from meshgen import DAGDriver, InputNode, deployment, local, tracebacks
from meshgen.schema.misfit import EncodeError


class Empty(Exception):
    """Says nothing."""


@deployment
def outer(text: str) -> str:
    try:
        return str({}[text])
    except KeyError as error:
        raise ValueError("outer") from error


@deployment
async def several(text: str) -> str:
    async def fail(number: int) -> None:
        raise ValueError(f"number {number}")

    async with asyncio.TaskGroup() as group:
        group.create_task(fail(1))
        group.create_task(fail(2))
    return text


@deployment
def threaded(text: str) -> str:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(int, text).result() and text


with InputNode(text=str) as request:
    app = DAGDriver.bind(
        {
            "/outer": outer.bind(request.text),
            "/several": several.bind(request.text),
            "/threaded": threaded.bind(request.text),
        }
    )


def _raised(route: str, engine: str = "auto") -> BaseException:
    with pytest.raises(Exception) as caught:
        local(app)("x", route=route)
    return caught.value


def _files(text: str) -> list[str]:
    return [line.split('"')[1] for line in text.splitlines() if line.lstrip(" |").startswith('File "')]


@pytest.mark.parametrize("route", ["/outer", "/several", "/threaded"])
def test_the_first_frame_is_the_users_and_none_is_ours(route: str) -> None:
    error = _raised(route)
    shown = [frame for frame in _files(tracebacks.user_traceback(error)) if frame != __file__]
    assert not [file for file in shown if "/meshgen/" in file.replace("/meshgen/tests/", "")], shown
    assert _files(tracebacks.user_traceback(error))[0] == __file__


def test_chained_errors_of_the_user_stay() -> None:
    text = tracebacks.user_traceback(_raised("/outer"))
    assert "KeyError: 'x'" in text
    assert "ValueError: outer" in text
    assert "in node 'outer'" in text


def test_all_errors_of_a_group_are_there_without_our_frames() -> None:
    text = tracebacks.user_traceback(_raised("/several"))
    assert "number 1" in text
    assert "number 2" in text


def test_all_frames_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tracebacks.VARIABLE, "full")
    assert any("/meshgen/runtime/" in file for file in _files(tracebacks.user_traceback(_raised("/outer"))))


def test_an_error_of_our_own_is_its_message() -> None:
    error = EncodeError("must be a str, got int 5")
    error.add_note("in node 'leaf' (g.py:3:5)")
    assert tracebacks.user_traceback(error) == "must be a str, got int 5\nin node 'leaf' (g.py:3:5)"


def test_a_bug_of_meshgen_keeps_its_frames() -> None:
    try:
        tracebacks._user_frames(None)  # type: ignore[arg-type]
    except TypeError as error:
        ours: Any = error
        ours.__traceback__ = error.__traceback__.tb_next  # type: ignore[union-attr]
        assert "tracebacks.py" in tracebacks.user_traceback(ours)


@pytest.mark.parametrize(
    ("error", "said", "kind"),
    [
        (ValueError("no"), "no", "ValueError: no"),
        (TimeoutError(), "TimeoutError", "TimeoutError"),
        (Empty(" "), "Empty", "Empty"),
        (
            OSError(2, "No such file", "x"),
            "[Errno 2] No such file: 'x'",
            "FileNotFoundError: [Errno 2] No such file: 'x'",
        ),
    ],
)
def test_an_error_that_says_nothing_is_its_kind(error: Exception, said: str, kind: str) -> None:
    assert tracebacks.said(error) == said
    assert tracebacks.kind_and_text(error) == kind
