"""The kinds of `WellKnown`: one row for each class of the standard library that travels as it is.

Whoever has to know something about a kind (reflection, both codecs, contracts, OpenAPI, clients) asks its row, so that
a new kind is a row here and the functions that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from meshgen.schema.values.kind import Bounds, Call, Kind, Message, Text
from meshgen.schema.values.standard_library import (
    date_from,
    date_parts,
    decimal_from,
    decimal_parts,
    duration_from,
    duration_of,
    duration_parts,
    duration_text,
    is_aware,
    moment_bound,
    span_bound,
    timestamp_from,
    timestamp_of,
    timestamp_parts,
    timestamp_text,
    uuid_of,
    uuid_text,
)

_ROWS = (
    Kind(
        python=datetime,
        wire=Message(
            name="google.protobuf.Timestamp",
            file="google/protobuf/timestamp.proto",
            parts=(("seconds", "int"), ("nanos", "int32")),
            write=timestamp_parts,
            read=timestamp_from,
            text=Text(write=timestamp_text, read=timestamp_of),
            schema={"type": "string", "format": "date-time"},
        ),
        accepts=is_aware,
        fault=("is no moment in time", "Give it a time zone: `datetime(2020, 1, 1, tzinfo=timezone.utc)`."),
        bounds=Bounds(rules="timestamp", normal=moment_bound),
        call=lambda value: Call(method="fromisoformat", args=(value.isoformat(),)),
    ),
    Kind(
        python=timedelta,
        wire=Message(
            name="google.protobuf.Duration",
            file="google/protobuf/duration.proto",
            parts=(("seconds", "int"), ("nanos", "int32")),
            write=duration_parts,
            read=duration_from,
            text=Text(write=duration_text, read=duration_of),
            schema={"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$", "description": "As `3.5s`."},
        ),
        bounds=Bounds(rules="duration", normal=span_bound),
        call=lambda value: Call(
            kwargs={"days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}
        ),
    ),
    Kind(
        python=date,
        but=(datetime,),
        wire=Message(
            name="google.type.Date",
            file="google/type/date.proto",
            parts=(("year", "int32"), ("month", "int32"), ("day", "int32")),
            write=date_parts,
            read=date_from,
            schema={
                "description": "A day of the Gregorian calendar.",
                "properties": {
                    "year": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 9999},
                    "month": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 12},
                    "day": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 31},
                },
            },
        ),
        call=lambda value: Call(method="fromisoformat", args=(value.isoformat(),)),
    ),
    Kind(
        python=Decimal,
        wire=Message(
            name="google.type.Decimal",
            file="google/type/decimal.proto",
            parts=(("value", "str"),),
            write=decimal_parts,
            read=decimal_from,
            schema={
                "description": "A decimal number of any precision.",
                "properties": {
                    "value": {
                        "type": "string",
                        "pattern": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$",
                        "description": "As `1.50` or `-2.5e-8`.",
                    }
                },
            },
        ),
        accepts=Decimal.is_finite,
    ),
    Kind(python=UUID, wire=Text(write=uuid_text, read=uuid_of, rule="uuid")),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ROWS}
"""Name → row."""

MESSAGES: tuple[Message, ...] = tuple(kind.wire for kind in _ROWS if isinstance(kind.wire, Message))
"""The messages that kinds travel as."""
