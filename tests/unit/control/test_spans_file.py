"""`meshgen run --trace`: what is refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgen.control import spans
from meshgen.control.model import MeshError


def test_spans_go_to_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "spans.jsonl"
    file.write_text("of an earlier run")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")
    with pytest.raises(MeshError, match="OTEL_EXPORTER_OTLP_ENDPOINT is set"):
        spans.environment(file, 4317)
    assert file.read_text() == "of an earlier run"
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    assert spans.environment(file, 4317)["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4317"
    assert file.read_text() == ""


def test_a_file_that_cannot_be_written_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FileNotFoundError):
        spans.environment(tmp_path / "no such folder" / "spans.jsonl", 4317)
