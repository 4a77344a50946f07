"""JSON Schemas of the messages that protobuf or Google define: some have a JSON form of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from meshgen.contract.wire import VALUE
from meshgen.emit.openapi.model import Schema
from meshgen.schema.values.kind import Message
from meshgen.schema.values.well_known import MESSAGES

NAMES = Schema(min_length=1)
"""Keys that nobody knows are ignored, but Envoy reads none that is empty."""


def _schema(keywords: Mapping[str, Any]) -> Schema:
    properties = {name: _schema(inner) for name, inner in keywords.get("properties", {}).items()}
    return Schema(**{**keywords, "properties": properties or None})


def _object(message: Message) -> Schema:
    title = message.name.rpartition(".")[2]
    made = _schema({"title": title, "type": "object", "required": message.names, **message.schema})
    return replace(made, property_names=NAMES)


INLINE: Mapping[str, Schema] = {
    **{message.name: _schema(message.schema) for message in MESSAGES if message.text is not None},
    VALUE: Schema(description="Any JSON value."),
}
"""Those that are no objects."""

OBJECTS: Mapping[str, Schema] = {message.name: _object(message) for message in MESSAGES if message.text is None}
"""Those that have their parts as properties."""
