"""What `meshgen call` prints is what `meshgen local` prints, though protobuf's JSON has texts for 64-bit integers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import pytest
from google.protobuf import json_format
from schema_samples import codec_of

from meshgen import Int32
from meshgen.cli.whole_numbers import as_numbers
from meshgen.schema.convert.json_value import to_json
from meshgen.schema.model import Record
from meshgen.schema.reflect.reflector import reflect


@dataclass
class Box:
    words: int
    narrow: Annotated[int, Int32]
    ratio: float
    text: str


@dataclass
class Boxes:
    box: Box
    boxes: list[Box]
    named: dict[str, Box]
    counts: dict[int, int]
    rows: list[list[int]]
    either: int | str
    maybe: int | None
    at: datetime
    took: timedelta
    price: Decimal
    anything: Any


BOX = Box(4, 5, 16.0, "6")
LARGE = 2**63 - 1


@pytest.mark.parametrize(
    "value",
    [
        BOX,
        Boxes(
            box=BOX,
            boxes=[BOX, Box(-LARGE, 1, 0.5, "")],
            named={"a": BOX},
            counts={7: LARGE},
            rows=[[1], [LARGE]],
            either=3,
            maybe=2,
            at=datetime(2026, 1, 1, tzinfo=UTC),
            took=timedelta(seconds=1.5),
            price=Decimal("1.50"),
            anything={"a": ["5", 1.5]},
        ),
    ],
    ids=["flat", "deep"],
)
def test_as_local_prints_it(value: Any) -> None:
    kind = reflect(type(value))
    assert isinstance(kind, Record)
    codec = codec_of(result=kind)
    message = codec.response_class.FromString(bytes(codec.encode_response(value)))
    printed = json_format.MessageToDict(message, preserving_proto_field_name=True)
    assert as_numbers(printed, message.DESCRIPTOR) == to_json(kind, value)


@pytest.mark.parametrize(("annotation", "value"), [(int, LARGE), (list[int], [1, 2]), (dict[str, int], {"a": 5})])
def test_results_that_are_no_records(annotation: Any, value: Any) -> None:
    kind = reflect(annotation)
    codec = codec_of(result=kind)
    message = codec.response_class.FromString(bytes(codec.encode_response(value)))
    printed = json_format.MessageToDict(message, preserving_proto_field_name=True)
    assert as_numbers(printed, message.DESCRIPTOR) == to_json(kind, value)
