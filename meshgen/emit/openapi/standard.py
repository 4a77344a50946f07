"""JSON Schemas of the messages that protobuf or Google define: some have a JSON form of their own."""

from __future__ import annotations

from collections.abc import Mapping

from meshgen.contract.wire import VALUE, WELL_KNOWN
from meshgen.emit.openapi.model import Schema

INLINE: Mapping[str, Schema] = {
    WELL_KNOWN["datetime"]: Schema(type="string", format="date-time"),
    WELL_KNOWN["timedelta"]: Schema(type="string", pattern=r"^-?[0-9]+(\.[0-9]{1,9})?s$", description="As `3.5s`."),
    VALUE: Schema(description="Any JSON value."),
}
"""Those that are no objects."""

OBJECTS: Mapping[str, Schema] = {
    WELL_KNOWN["date"]: Schema(
        title="Date",
        type="object",
        description="A day of the Gregorian calendar.",
        properties={
            "year": Schema(type="integer", format="int32", minimum=1, maximum=9999),
            "month": Schema(type="integer", format="int32", minimum=1, maximum=12),
            "day": Schema(type="integer", format="int32", minimum=1, maximum=31),
        },
        required=("year", "month", "day"),
    ),
    WELL_KNOWN["Decimal"]: Schema(
        title="Decimal",
        type="object",
        description="A decimal number of any precision.",
        properties={"value": Schema(type="string", description="As `1.50` or `-2.5e-8`.")},
        required=("value",),
    ),
}
