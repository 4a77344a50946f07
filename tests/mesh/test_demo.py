"""`make demo` does what it says: answers by both ways, a trace, a clean end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.mesh
@pytest.mark.models
def test_demo() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docs.demo"], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for text in ("classification", "caption", "objects", "What to try next", "Stopped; nothing of it is left running."):
        assert text in done.stdout
    trace = done.stdout.partition("as one trace")[2]
    for service in (
        "content_understanding",
        "download",
        "preprocess",
        "segmenter",
        "captioner",
        "classifier_v3",
        "render",
    ):
        assert service in trace
    for other in ("classifier_v1", "classifier_v2"):
        assert other not in trace
