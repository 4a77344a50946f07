"""Every row of the table of well-known kinds, so that a new one is tested as it comes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.descriptor import FieldDescriptor

from meshgen.contract.wire import PROTO_SCALAR
from meshgen.schema.model import SCALARS, Optional, Record, Union, WellKnown
from meshgen.schema.reflect.reflector import reflect
from meshgen.schema.relate.assignable import holds
from meshgen.schema.values.kind import Kind, Message, Text
from meshgen.schema.values.well_known import KINDS, MESSAGES

VALUES: dict[type[Any], Any] = {
    datetime: datetime(2024, 5, 17, 12, 0, 0, 250000, tzinfo=UTC),
    timedelta: timedelta(days=-3, microseconds=5),
    date: date(2024, 5, 17),
    Decimal: Decimal("1.50"),
    UUID: UUID("7d444840-9dc0-11d1-b245-5ffdce74fad2"),
}

kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
messages = pytest.mark.parametrize("message", MESSAGES, ids=[message.name for message in MESSAGES])


@kinds
def test_its_class_reflects_to_it(kind: Kind) -> None:
    type_ = WellKnown(kind.name)
    assert reflect(kind.python) == type_
    assert reflect(kind.python | None) == Optional(type_)
    assert str(type_) == kind.python.__name__


@kinds
def test_a_value_comes_back_from_the_wire_and_from_json(kind: Kind) -> None:
    value = VALUES[kind.python]
    for form in (kind.wire, kind.json):
        match form:
            case Text():
                assert form.read(form.write(value)) == value
            case Message():
                assert form.read(*form.write(value)) == value


@kinds
def test_code_makes_an_equal_value(kind: Kind) -> None:
    value, call = VALUES[kind.python], kind.call(VALUES[kind.python])
    make = getattr(kind.python, call.method) if call.method else kind.python
    assert make(*call.args, **call.kwargs) == value
    assert all(eval(repr(arg)) == arg for arg in (*call.args, *call.kwargs.values()))


@kinds
def test_only_values_of_a_kind_are_held_by_it(kind: Kind) -> None:
    assert [name for name in KINDS if holds(VALUES[kind.python], WellKnown(name))] == [kind.name]


@kinds
def test_it_is_told_from_every_other_kind_in_a_union(kind: Kind) -> None:
    for other in KINDS.values():
        if other is not kind:
            assert isinstance(reflect(kind.python | other.python), Union)


@messages
def test_a_message_is_as_its_file_defines_it(message: Message) -> None:
    module = import_module(f"{message.file.removesuffix('.proto').replace('/', '.')}_pb2")
    descriptor = module.DESCRIPTOR.message_types_by_name[message.name.rpartition(".")[2]]
    assert descriptor.full_name == message.name
    types = {f.name: getattr(FieldDescriptor, f"TYPE_{PROTO_SCALAR[kind].upper()}") for f in descriptor.fields
             for name, kind in message.parts if name == f.name}  # fmt: skip
    assert {f.name: f.type for f in descriptor.fields} == types


@messages
def test_what_a_message_writes_is_of_the_kinds_of_its_parts(message: Message) -> None:
    (kind,) = (kind for kind in KINDS.values() if kind.wire is message)
    written = message.write(VALUES[kind.python])
    assert [type(part) for part in written] == [SCALARS[scalar] for _, scalar in message.parts]


@messages
def test_its_schema_has_its_parts_when_it_is_an_object(message: Message) -> None:
    if message.text is None:
        assert tuple(message.schema["properties"]) == message.names
    else:
        assert message.schema["type"] == "string"


def test_a_record_of_all_kinds_has_a_contract() -> None:
    record = reflect(tuple[tuple(KINDS[name].python for name in KINDS)])  # type: ignore[misc]
    assert isinstance(record, Record)
    assert [f.type for f in record.fields] == [WellKnown(name) for name in KINDS]
