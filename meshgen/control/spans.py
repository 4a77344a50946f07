"""The spans of a run in a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshgen.control.model import MeshError


def environment(file: Path, port: int) -> dict[str, str]:
    """What makes every process send its spans to `port`; the file is empty from now on.

    Raises:
        MeshError: they are to go somewhere else already.
        OSError: the file cannot be written.
    """
    for name in ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        if os.environ.get(name):
            text = "spans go to one place only; unset it, or let that collector write the file"
            raise MeshError(f"--trace, and {name} is set: {text}")
    file.write_bytes(b"")  # not only when Ray has started, for it may not be possible
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}


@contextmanager
def written(file: Path | None, port: int) -> Iterator[None]:
    """While the block runs, what comes to `port` goes to the file; without a file nobody listens."""
    if file is None:
        yield
        return
    from meshgen.control.otlp import Receiver

    with Receiver(port, file):
        yield
