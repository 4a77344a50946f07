"""A real browser for tests, in real time.

`chromium --dump-dom` can only wait for the end of a budget of virtual time. That time leaps to the page's next timer,
such as the deadline of a call, while the answer is still on its way.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[2] / "build/clients/node_modules"
SCRIPT = Path(__file__).with_name("browse.mjs")
LIMIT_S = 120
"""For all of it; the script itself waits for a minute."""


@dataclass(frozen=True)
class Seen:
    """What a browser saw of a page."""

    value: str | None
    html: str
    log: list[str]

    def __str__(self) -> str:
        return "\n".join([self.html[-3000:], *self.log])


def needs(*programs: str) -> None:
    """Programs, and the packages of npm. Without them a test skips; in continuous integration it fails."""
    missing = [program for program in programs if not shutil.which(program)]
    # The one that is installed last.
    missing += [] if (PACKAGES / "puppeteer-core").is_dir() else ["packages of npm"]
    if missing:
        reason = f"missing: {', '.join(missing)}; `make clients` installs them"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)


def browse(url: str, script: str, profile: Path) -> Seen:
    """Open a page, and wait until a script in it has a value other than null."""
    needs("node", "chromium")
    command = ["node", str(SCRIPT), shutil.which("chromium") or "", str(profile), url, script]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=LIMIT_S)
        except BaseException:
            end(process)
            raise
    assert process.returncode == 0, err
    return Seen(**json.loads(out))


def end(process: subprocess.Popen[str]) -> None:
    """End the script and its browser, which has a process group of its own: a SIGTERM lets the script kill that."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
