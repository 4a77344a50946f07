"""What the OpenAPI document says of unions, standard classes and constraints, and that real JSON fits it."""

from __future__ import annotations

import json
import math
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Le, Len, Lt, MultipleOf
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator, ValidationError
from openapi_spec_validator import validate
from pydantic import Field as PydanticField
from schema_samples import codec_of, contract_of, typed_fields
from test_openapi import plan

from meshgen import Float32, Int32
from meshgen.emit.openapi import openapi_document
from meshgen.emit.openapi.messages import Messages
from meshgen.emit.openapi.model import to_schema
from meshgen.schema.model import Field, Record
from meshgen.schema.reflect.reflector import reflect


@dataclass
class Circle:
    radius: Annotated[float, Gt(0)]


@dataclass
class Square:
    side: float


@dataclass
class Tree:
    label: str
    children: list[Tree]


Stamp = Annotated[datetime, Ge(datetime(2020, 1, 1, tzinfo=UTC))]


@dataclass
class New:
    shape: Annotated[Circle | Square, PydanticField(description="What to draw.")]
    other: Circle | str | None
    shapes: list[Circle | Square]
    tree: Tree
    at: Stamp | None
    span: Annotated[timedelta, Lt(timedelta(minutes=1))] | None
    day: date | None
    price: Decimal | None
    key: uuid.UUID | None
    anything: Any
    loose: dict[str, Any]
    small: Annotated[int, Int32, Ge(0), Le(9)] | None
    even: Annotated[int, MultipleOf(2)] | None
    ratio: Annotated[float, Float32, Lt(0.5)] | None
    word: Annotated[str, Len(1, 8), PydanticField(pattern="^[a-z]+$")] | None
    any_case: Annotated[str, PydanticField(pattern="(?i)^a$")] | None
    mode: Literal["a", "b"]
    level: Literal[1, 2] | None
    two: Annotated[int, Ge(2), Le(2)] | None
    tags: Annotated[set[Annotated[str, Len(1)]], Len(0, 3)]
    scores: Annotated[dict[Annotated[str, Len(2)], Annotated[float, Ge(0)]], Len(1)]
    blob: Annotated[bytes, Len(1, 4)] | None


PREFIX = "#/components/schemas/"


def schemas_of(fields: tuple[Field, ...], record: Record | None = None) -> dict[str, Any]:
    found = Messages(contract_of(fields, record=record)).reachable(["g.n.v1.RunRequest"])
    return {name: to_schema(schema) for name, schema in found.items()}


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    record = reflect(New)
    assert isinstance(record, Record)
    return schemas_of(record.fields, record)


def test_a_union_is_a_choice_of_properties(schemas: dict[str, Any]) -> None:
    new = schemas["g.n.v1.RunRequest"]
    shape, other = new["allOf"]
    assert shape == {"oneOf": [{"required": ["shape_circle"]}, {"required": ["shape_square"]}]}
    either = [{"required": ["other_circle"]}, {"required": ["other_str"]}]
    assert other == {"oneOf": [*either, {"not": {"anyOf": either}}]}
    assert new["properties"]["shape_circle"] == {"$ref": f"{PREFIX}g.n.v1.Circle"}
    assert "What to draw. Exactly one of `shape_circle`, `shape_square`." in new["description"]
    assert "At most one of `other_circle`, `other_str`." in new["description"]
    assert schemas["g.n.v1.CircleOrSquare"]["oneOf"] == [{"required": ["circle"]}, {"required": ["square"]}]


WIDE = {"format": "int64", "pattern": "^-?[0-9]{1,19}$", "minimum": 1 - 2**63, "maximum": 2**63 - 1}
FLOAT32 = {"minimum": -3.4028234663852886e38, "maximum": 3.4028234663852886e38}
BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==)?|[A-Za-z0-9+/]{3}=?)?$"


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """What may be left out may be null."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [*types, "null"], **enum}


EXPECTED: dict[str, Any] = {
    "tree": {"$ref": f"{PREFIX}g.n.v1.Tree"},
    "at": {"type": "string", "format": "date-time", "description": "Not before 2020-01-01T00:00:00Z."},
    "span": {"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$", "description": "As `3.5s`.\nLess than 60 s."},
    "day": {"$ref": f"{PREFIX}google.type.Date"},
    "price": {"$ref": f"{PREFIX}google.type.Decimal"},
    "key": {"type": "string", "format": "uuid"},
    "anything": {"description": "Any JSON value."},
    "loose": {"type": "object", "additionalProperties": {"description": "Any JSON value."}},
    "small": {"type": "integer", "format": "int32", "minimum": 0, "maximum": 9},
    "even": {"type": ["string", "integer"], **WIDE, "description": "Must be a multiple of 2."},
    "ratio": {"type": "number", "format": "float", "exclusiveMaximum": 0.5, **FLOAT32},
    "word": {"type": "string", "minLength": 1, "maxLength": 8, "pattern": "^[a-z]+$"},
    "any_case": {"type": "string", "description": "Matches `(?i)^a$` (RE2)."},
    "mode": {"type": "string", "enum": ["a", "b"]},
    "level": {"type": ["string", "integer"], **WIDE, "enum": [1, 2, "1", "2"]},
    "two": {"type": ["string", "integer"], **WIDE, "enum": [2, "2"]},
    "tags": {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 3, "uniqueItems": True},
    "scores": {
        "type": "object",
        "additionalProperties": {"type": "number", "format": "double", "minimum": 0},
        "propertyNames": {"minLength": 2},
        "minProperties": 1,
    },
    "blob": {"type": "string", "contentEncoding": "base64", "pattern": BASE64, "minLength": 2, "maxLength": 8},
}


REQUIRED = ["tree", "anything", "mode", "scores"]
"""A map that may not be empty has to be there, too."""


@pytest.mark.parametrize("name", EXPECTED)
def test_every_new_type(schemas: dict[str, Any], name: str) -> None:
    shown = EXPECTED[name] if name in REQUIRED or name == "anything" else or_null(EXPECTED[name])
    assert schemas["g.n.v1.RunRequest"]["properties"][name] == shown


def test_the_document_is_valid() -> None:
    validate(openapi_document(plan(New)))


def test_what_must_be_sent(schemas: dict[str, Any]) -> None:
    assert schemas["g.n.v1.RunRequest"]["required"] == REQUIRED
    children = schemas["g.n.v1.Tree"]["properties"]["children"]
    assert children == {"type": ["array", "null"], "items": {"$ref": f"{PREFIX}g.n.v1.Tree"}}
    assert schemas["google.type.Decimal"]["required"] == ["value"]


def _finite(value: Any) -> bool:
    """NaN and infinities are text in JSON, which the schema of a number does not mention."""
    match value:
        case float():
            return math.isfinite(value)
        case dict():
            return all(map(_finite, value.values()))
        case list():
            return all(map(_finite, value))
        case str():
            return value not in ("NaN", "Infinity", "-Infinity")
        case _:
            return True


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(typed_fields())
def test_json_as_the_front_prints_it_fits_the_schemas(drawn: tuple[tuple[Field, ...], dict[str, Any]]) -> None:
    fields, values = drawn
    pool = DescriptorPool()
    for file in contract_of(fields).descriptors.file:
        pool.Add(file)
    message = GetMessageClass(pool.FindMessageTypeByName("g.n.v1.RunRequest"))()
    message.ParseFromString(codec_of(fields).encode_request(values))
    data = json.loads(json.dumps(MessageToDict(message, descriptor_pool=pool)))
    if _finite(data):
        validator(schemas_of(fields)).validate(data)


def validator(schemas: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"{PREFIX}g.n.v1.RunRequest", "components": {"schemas": schemas}})


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"shape_square": {"side": 1.0}},
        {"other_str": "a", "other_circle": {"radius": 1.0}},
        {"word": "A"},
        {"tags": ["a", "a"]},
        {"level": "3"},
        {"scores": {}},
    ],
    ids=str,
)
def test_json_that_breaks_a_rule_does_not_fit(schemas: dict[str, Any], wrong: dict[str, Any]) -> None:
    right = {"shape_circle": {"radius": 1.0}, "tree": {"label": "x"}, "anything": None, "mode": "a"}
    right |= {"scores": {"ab": 1.0}}
    validator(schemas).validate(right)
    validator(schemas).validate(right | {"other_str": "a"})
    with pytest.raises(ValidationError):
        validator(schemas).validate(right | wrong if wrong else {})
