"""Reads spans from a file of OTLP JSON, as the OpenTelemetry collector's file exporter and `meshgen run` write it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from meshgen.errors import MeshgenError
from meshgen.tracebacks import kind_and_text

Kind: TypeAlias = Literal["server", "client", "other"]
_KINDS: Mapping[Any, Kind] = {2: "server", "SPAN_KIND_SERVER": "server", 3: "client", "SPAN_KIND_CLIENT": "client"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span. Ids are as the file has them; times are Unix nanoseconds."""

    trace: str
    id: str
    parent: str
    """Empty for a root."""
    service: str
    """`service.name`: a node's name, the graph's for the driver, Envoy's."""
    name: str
    kind: Kind
    start: int
    end: int
    graph: str
    """`meshgen.graph`; empty where nobody says."""

    @property
    def took(self) -> int:
        """Nanoseconds."""
        return self.end - self.start


def read_spans(path: Path) -> tuple[Span, ...]:
    """The spans of a file.

    Args:
        path: one JSON document, or one in each line, with `resourceSpans`.

    Raises:
        MeshgenError: it is no such file.
        OSError: it cannot be read.
    """
    text = path.read_text(encoding="utf-8")
    try:
        found = [span for document in _documents(text) for span in _spans(document)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} is no file of spans in OTLP JSON"
        raise MeshgenError(f"{message} ({kind_and_text(error)}); `meshgen run --trace` writes one") from None
    if not found:
        raise MeshgenError(f"{path} has no spans; send the mesh some requests first")
    return tuple(found)


def _documents(text: str) -> Iterator[Any]:
    try:
        yield json.loads(text)
    except json.JSONDecodeError:
        # A run that was killed may have left half a line.
        lines = [line for line in text.splitlines() if line.strip()]
        for number, line in enumerate(lines):
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                if number != len(lines) - 1 or number == 0:
                    raise


def _spans(document: Mapping[str, Any]) -> Iterator[Span]:
    for resource in document.get("resourceSpans", ()):
        service = _text(resource.get("resource", {}), "service.name")
        for scope in resource.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                yield Span(
                    trace=span["traceId"],
                    id=span["spanId"],
                    parent=span.get("parentSpanId", ""),
                    service=service,
                    name=span["name"],
                    kind=_KINDS.get(span.get("kind"), "other"),
                    start=int(span["startTimeUnixNano"]),
                    end=int(span["endTimeUnixNano"]),
                    graph=_text(span, "meshgen.graph"),
                )


def _text(holder: Mapping[str, Any], key: str) -> str:
    found = (a["value"].get("stringValue", "") for a in holder.get("attributes", ()) if a.get("key") == key)
    return str(next(found, ""))
