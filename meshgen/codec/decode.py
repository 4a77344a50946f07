"""Protobuf messages → Python values. One closure per type, compiled once; nothing asks for types while it runs."""

from __future__ import annotations

from typing import Any, assert_never

from meshgen.codec.payloads import payload_of
from meshgen.codec.pieces import elements_of
from meshgen.codec.tensors.content import (
    FieldReader,
    big_tensor_reader,
    merged,
    tensor_class,
    tensor_field_reader,
    tensor_message_reader,
    tensor_reader,
)
from meshgen.codec.well_known import message_reader, read_value
from meshgen.errors import InternalError
from meshgen.naming import LIST_FIELD, OPTIONAL_FIELD, field_name
from meshgen.schema.convert.field_access import ABSENT
from meshgen.schema.convert.readers import (
    Reader,
    entries_reader,
    held,
    list_reader,
    one_member,
    reader_of_fields,
    reader_of_record,
)
from meshgen.schema.misfit import Misfit
from meshgen.schema.model import (
    AnyValue,
    Choice,
    EnumOf,
    Field,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Ref,
    Scalar,
    Tensor,
    Type,
    Union,
    Unknown,
    WellKnown,
)
from meshgen.schema.relate.union_members import spread
from meshgen.schema.values import picture, tensor
from meshgen.schema.values.kind import Text
from meshgen.schema.values.scalars import EnumNumbers, enum_names, one_of
from meshgen.schema.values.well_known import KINDS
from meshgen.schema.wire_names import UNION_FIELD, member_name


class Decoding:
    """Compiles readers for the messages of one service.

    Args:
        enum_numbers: gives those of an enum.
        rules: for requests: what can be read is checked when other parts cannot be, so that all problems come at once.
        own: nobody else gets the values, so that arrays may be written to, where that costs no further copy.
    """

    def __init__(self, enum_numbers: EnumNumbers, *, rules: bool = False, own: bool = False) -> None:
        self._enum_numbers = enum_numbers
        self._own = own
        self._rules = rules
        self._records: dict[Record, list[Reader]] = {}

    def fields(self, fields: tuple[Field, ...]) -> Reader:
        """Message → dict of the fields' values."""
        return reader_of_fields(fields, self.field, rules=self._rules)

    def record(self, record: Record) -> Reader:
        """Message → value of the record. Each record is compiled once, so that it may hold itself."""
        compiled = self._records.get(record)
        if compiled is None:
            compiled = self._records[record] = []
            compiled.append(reader_of_record(record, self.field, rules=self._rules))
        return compiled[0] if compiled else lambda message: compiled[0](message)  # noqa: PLW0108 - it is empty yet

    def value(self, field: Field) -> Reader:
        """Message → the value of its only field."""
        read = self.fields((field,))
        return lambda message: read(message)[field.name]

    def field(self, field: Field) -> Reader:
        """Message → value of one of its fields, or `ABSENT`."""
        wire, union = field_name(field.name), spread(field.type)
        return self._member(wire, field.type) if union is None else self._oneof(union, wire, field.name)

    def _oneof(self, union: Union, oneof: str, field: str) -> Reader:
        """Reads the member that is set; the members of a union that is a `field` have its name in theirs."""
        readers: dict[str | None, Reader] = {}
        for member in union.members:
            wire = member_name(member, oneof if field else "")
            readers[wire] = held(member_name(member, field), _got(wire, self.element(member)))

        def read(message: Any) -> Any:
            member = readers.get(message.WhichOneof(oneof))
            return ABSENT if member is None else member(message)

        return read

    def _member(self, wire: str, type_: Type) -> Reader:
        match type_:
            case Optional(item=Tensor() as item) | (Tensor() as item):
                read_tensor = self.tensor(item)
                return lambda message: read_tensor(merged(pieces)) if (pieces := getattr(message, wire)) else ABSENT
            case Optional(item=item):
                return _present(wire, self.element(item))
            case ListOf(item=item, container=container):
                read_list = list_reader(self.item(item), container)
                return lambda message: read_list(elements_of(getattr(message, wire)))
            case MapOf(value=value):
                return _map_reader(wire, self.element(value))
            case _:
                return _present(wire, self.element(type_))

    def item(self, type_: Type) -> Reader | None:
        """Reads one element of a list; None when it is the value already."""
        return self.tensor(type_) if isinstance(type_, Tensor) else self.element(type_)

    def tensor(self, type_: Tensor) -> Reader:
        """Reads an array or tensor from the bytes of its message."""
        from_message = self._tensor_reader(type_)

        def otherwise(data: bytes) -> Any:
            return from_message(tensor_class().FromString(data))

        return tensor_reader(type_, big_tensor_reader(type_, otherwise), own=self._own)

    def tensor_field(self, type_: Tensor, tag: int) -> FieldReader:
        """The same for a field of a small message."""
        return tensor_field_reader(type_, tag, own=self._own)

    def element(self, type_: Type) -> Reader | None:  # noqa: C901 - one case per type
        """Reads one element; None when it is the value already."""
        match type_:
            case Scalar(kind="bytes"):
                return lambda content: bytes(payload_of(content))
            case Scalar():
                return None
            case WellKnown(kind=kind):
                form = KINDS[kind].wire
                return form.read if isinstance(form, Text) else message_reader(form)
            case AnyValue():
                return read_value
            case Choice():
                return _choice_reader(type_)
            case EnumOf():
                return self._enum_reader(type_)
            case Record() | Ref():
                return self.record(type_.record)
            case Union():
                return one_member(type_, self._oneof(type_, UNION_FIELD, ""))
            case Image():
                read_parts = self._parts(picture.PARTS)
                return lambda message: picture.image_from(read_parts(message))
            case Tensor():
                return self._tensor_reader(type_)
            case ListOf() | MapOf():
                return held(LIST_FIELD, self._member(LIST_FIELD, type_))
            case Optional():
                return held(OPTIONAL_FIELD, _or_none(self._member(OPTIONAL_FIELD, type_)))
            case Nothing() | Unknown():
                raise InternalError(f"no wire type for {type_}")
            case _:
                assert_never(type_)

    def _parts(self, parts: tuple[Field, ...]) -> Reader:
        """Reads an image or tensor. Big bytes are a view of the message, in which others may read."""
        return reader_of_fields(
            parts, lambda f: _present(f.name, payload_of) if f.type == Optional(Scalar("bytes")) else self.field(f)
        )

    def _tensor_reader(self, type_: Tensor) -> Reader:
        read_parts = self._parts(tensor.PARTS)
        return tensor_message_reader(type_, lambda message: tensor.tensor_from(read_parts(message), type_))

    def _enum_reader(self, enum: EnumOf) -> Reader:
        numbers = self._enum_numbers(enum)
        members = {numbers[name]: member for member, name in enum_names(enum).items()}
        expected = f"must be {one_of(tuple(enum_names(enum).values()))}"

        def read(number: int) -> Any:
            member = members.get(number)
            if member is None:
                raise Misfit.here(expected)
            return member

        return read


def _got(wire: str, element: Reader | None) -> Reader:
    if element is None:
        return lambda message: getattr(message, wire)
    return lambda message: element(getattr(message, wire))


def _present(wire: str, element: Reader | None) -> Reader:
    if element is None:
        return lambda message: getattr(message, wire) if message.HasField(wire) else ABSENT
    return lambda message: element(getattr(message, wire)) if message.HasField(wire) else ABSENT


def _or_none(read: Reader) -> Reader:
    def read_or_none(message: Any) -> Any:
        value = read(message)
        return None if value is ABSENT else value

    return read_or_none


def _map_reader(wire: str, element: Reader | None) -> Reader:
    """Reads the entries in the order in which they came; of those with one key the last one counts, as in protobuf."""
    if element is None:
        return lambda message: {entry.key: entry.value for entry in getattr(message, wire)}

    read = entries_reader(element)
    return lambda message: read({entry.key: entry.value for entry in getattr(message, wire)})


def _choice_reader(choice: Choice) -> Reader:
    def read(value: str | int) -> str | int:
        if value not in choice.values:
            raise Misfit.here(f"must be {one_of(choice.values)}")
        return value

    return read
