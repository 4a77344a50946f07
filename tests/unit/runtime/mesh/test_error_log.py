"""What a replica logs as an error reaches the person who runs the mesh."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshgen.control.follow import follow
from meshgen.runtime.mesh.error_log import VARIABLE, ErrorFile, set_up


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.Logger("of a replica")
    yield logger
    for handler in logger.handlers:
        handler.close()


def test_errors_and_nothing_else(logger: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(logger)
    assert not logger.handlers
    monkeypatch.setenv(VARIABLE, str(tmp_path / "errors"))
    set_up(logger)
    logger.warning("mind the gap")
    logger.error("%s/Predict: internal error (trace %s)\n%s", "leaf", "0af7", "Traceback\n")
    logger.error("a lone \ud800")
    written = "leaf/Predict: internal error (trace 0af7)\n  Traceback\na lone \\ud800\n"
    assert (tmp_path / "errors").read_text() == written


def test_errors_cannot_look_like_other_lines(
    logger: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "errors"))
    set_up(logger)
    forged = "gone\r\n  12.3 s  ready\x1b[2J\x1b]0;title\x07\x9b1m\N{RIGHT-TO-LEFT OVERRIDE}"
    logger.error("leaf: %s", forged)
    logger.error("100 % of it", exc_info=ValueError(forged))
    lines = (tmp_path / "errors").read_text().split("\n")
    assert [line for line in lines if not line.startswith("  ")] == ["leaf: gone\\r", "100 % of it", ""]
    assert lines[1] == r"    12.3 s  ready\x1b[2J\x1b]0;title\x07\x9b1m\u202e"
    assert lines[3:] == [r"  ValueError: gone\r", lines[1], ""]


def test_a_node_that_always_fails_does_not_flood(logger: logging.Logger, tmp_path: Path) -> None:
    now = 0.0
    logger.addHandler(ErrorFile(str(tmp_path / "errors"), clock=lambda: now))
    for number in range(1000):
        logger.error("failed %d", number)
    now = 10.0
    logger.error("failed later")
    told = ["(995 more of the same replica, which its log has)", "failed later"]
    assert (tmp_path / "errors").read_text().splitlines() == [*(f"failed {n}" for n in range(5)), *told]


async def test_lines_are_shown_when_they_are_whole(tmp_path: Path) -> None:
    path, shown = tmp_path / "errors", list[str]()
    path.write_bytes(b"one\ntwo\nth")
    following = asyncio.create_task(follow(path, shown.append))

    async def until(lines: list[str]) -> None:
        for _ in range(500):
            if shown == lines:
                return
            await asyncio.sleep(0.01)
        pytest.fail(f"{shown} instead of {lines}")

    await until(["one\ntwo"])
    with path.open("ab") as file:
        file.write(b"ree\n")
    await until(["one\ntwo", "three"])
    with path.open("ab") as file:
        file.write(b"the last\n")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert shown[-1] == "the last"
