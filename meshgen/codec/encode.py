"""Python values → protobuf messages. One closure per type, compiled once; nothing asks for types while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, assert_never

from meshgen.codec.payloads import payload_key
from meshgen.codec.pieces import extend
from meshgen.codec.tensors.content import tensor_writer
from meshgen.codec.well_known import fill_value, message_writer
from meshgen.errors import InternalError
from meshgen.naming import LIST_FIELD, OPTIONAL_FIELD, field_name
from meshgen.schema.convert.extra_fields import extra_fields_check
from meshgen.schema.convert.field_access import ABSENT, elements, getter
from meshgen.schema.convert.set_elements import may_merge, refuse_merged
from meshgen.schema.misfit import EncodeError, describe
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
from meshgen.schema.relate.defaults import NONE_IS_LOST, none_is_lost
from meshgen.schema.relate.union_members import member_chooser, spread
from meshgen.schema.values import any_value, picture, tensor
from meshgen.schema.values.kind import Message, Text
from meshgen.schema.values.scalars import TO_SCALAR, Convert, EnumNumbers, choice_writer, enum_writer, to_bytes
from meshgen.schema.values.well_known import KINDS
from meshgen.schema.wire_names import member_name

Fill = Callable[[Any, Any], None]
"""Puts a value into a message."""


class Encoding:
    """Compiles writers for the messages of one service."""

    def __init__(self, enum_numbers: EnumNumbers, *, for_request: bool = False) -> None:
        """Args: the numbers of each enum, and whether the receiver says what is wrong with a tensor's dtype or shape.

        It is the sender's fault in a request as well, but then the caller's and not a bug in the node that sends it on.
        """
        self._enum_numbers = enum_numbers
        self._for_request = for_request
        self._records: dict[Record, list[Fill]] = {}

    def fields(self, fields: tuple[Field, ...]) -> Fill:
        """Puts a mapping into a message; absent keys stay absent, but for lists and maps with a default.

        Those cannot be absent on the wire, so the receiver could not put the default in.
        """
        rows = [(f, self.field(f)) for f in fields]
        names = {f.name for f in fields}

        def fill(message: Any, arguments: Mapping[str, Any]) -> None:
            for field, write in rows:
                if field.name in arguments:
                    write(message, arguments[field.name])
                elif isinstance(field.type, ListOf | MapOf) and field.has_default:
                    write(message, field.make_default())
                elif field.required:
                    raise EncodeError("is required", field.name)
            if unknown := arguments.keys() - names:
                raise EncodeError("is not a parameter", min(unknown))

        return fill

    def record(self, record: Record) -> Fill:
        """Puts a value of the record into a message. Each record is compiled once, so that it may hold itself."""
        compiled = self._records.get(record)
        if compiled is None:
            compiled = self._records[record] = []
            compiled.append(_record_writer(record, self.field))
        if compiled:
            return compiled[0]
        return lambda message, value: compiled[0](message, value)  # noqa: PLW0108 - it is empty yet

    def value(self, field: Field) -> Fill:
        """Puts the value of the only field into a message."""
        return self.field(field)

    def field(self, field: Field) -> Fill:
        """Puts the value of a field into the message that has it."""
        wire, union = field_name(field.name), spread(field.type)
        if union is None:
            write = _at(field.name, self._member(wire, field.type))
        else:
            write = self._oneof(union, field.name, wire)
            write = _unless_none(write) if isinstance(field.type, Optional) else write
        if field.omitted:
            write = _unless_absent(write)
        return _refuse_none(write, field.name) if none_is_lost(field) else write

    def _member(self, wire: str, type_: Type) -> Fill:
        match type_:
            case Optional(item=AnyValue()):
                return self.singular(wire, AnyValue())
            case Optional(item=item):
                return _unless_none(self._member(wire, item) if isinstance(item, Tensor) else self.singular(wire, item))
            case ListOf(item=item):
                return self._repeated(wire, type_, item)
            case MapOf():
                return self._map(wire, type_)
            case Tensor():
                return _appended(wire, self.tensor(type_))
            case _:
                return self.singular(wire, type_)

    def singular(self, wire: str, type_: Type) -> Fill:
        """Puts a value that is there into a field that is not repeated."""
        convert = self.scalar(type_)
        if convert is not None:
            return lambda message, value: setattr(message, wire, convert(value))
        fill = self._message(type_)

        def write(message: Any, value: Any) -> None:
            inner = getattr(message, wire)
            inner.SetInParent()
            fill(inner, value)

        return write

    def _oneof(self, union: Union, field: str = "", wire: str = "") -> Fill:
        """Writes the member that a value is of; those of a union that is a `field` have its name in theirs."""
        choose = member_chooser(union)
        writers = [_at(member_name(m, field), self.singular(member_name(m, wire), m)) for m in union.members]

        def write(message: Any, value: Any) -> None:
            try:
                index = choose(value)
            except EncodeError as error:
                raise (error.under(field) if field else error) from None
            writers[index](message, value)

        return write

    def _repeated(self, wire: str, type_: ListOf, item: Type) -> Fill:
        convert = self.element(item)
        if convert is not None:
            return _scalars_writer(wire, type_, convert)
        fill, merging = self._message(item), may_merge(type_)

        def write(message: Any, value: Any) -> None:
            field = getattr(message, wire)
            for index, element in enumerate(elements(value, type_)):
                try:
                    fill(field.add(), element)
                except EncodeError as error:
                    raise error.under(f"[{index}]") from None
            if merging:
                refuse_merged(element.SerializeToString(deterministic=True) for element in field)

        return write

    def _map(self, wire: str, type_: MapOf) -> Fill:
        to_key, convert = TO_SCALAR[type_.key.kind], self.scalar(type_.value)
        fill = None if convert is not None else self._message(type_.value)

        def write(message: Any, value: Any) -> None:
            if not isinstance(value, Mapping):
                raise EncodeError(f"must be {type_}, got {describe(value)}")
            add = getattr(message, wire).add
            for key, element in value.items():
                try:
                    entry = add()
                    entry.key = to_key(key)
                    if convert is not None:
                        entry.value = convert(element)
                    elif fill is not None:
                        entry.value.SetInParent()
                        fill(entry.value, element)
                except EncodeError as error:
                    raise error.under(f"[{key!r}]") from None

        return write

    def tensor(self, type_: Tensor) -> Convert:
        """Turns an array or tensor into the bytes of its message."""
        return tensor_writer(self.asked(type_))

    def asked(self, type_: Tensor) -> Tensor:
        """What is asked of an array or tensor when it is written."""
        return Tensor(type_.library) if self._for_request else type_

    def element(self, type_: Type) -> Convert | None:
        """Turns a value into what a list holds; None for types that are messages there."""
        return self.tensor(type_) if isinstance(type_, Tensor) else self.scalar(type_)

    def scalar(self, type_: Type) -> Convert | None:
        """Turns a value into what a scalar field holds; None for types that are messages."""
        match type_:
            case Scalar(kind="bytes"):
                return lambda value: payload_key(to_bytes(value))
            case Scalar(kind=kind):
                return TO_SCALAR[kind]
            case WellKnown(kind=kind):
                form = KINDS[kind].wire
                return form.write if isinstance(form, Text) else None
            case Choice():
                return choice_writer(type_)
            case EnumOf():
                return enum_writer(type_, self._enum_numbers(type_))
            case _:
                return None

    def _message(self, type_: Type) -> Fill:
        match type_:
            case Record() | Ref():
                return self.record(type_.record)
            case WellKnown(kind=kind):
                message = KINDS[kind].wire
                assert isinstance(message, Message), "a text is a scalar"
                return message_writer(message)
            case AnyValue():
                return lambda message, value: fill_value(message, any_value.to_plain(value))
            case Image():
                return _parts_writer(picture.image_parts)
            case Tensor():
                return _parts_writer(lambda value: tensor.tensor_parts(value, self.asked(type_)))
            case ListOf() | MapOf():
                return self._member(LIST_FIELD, type_)
            case Optional():
                return self._member(OPTIONAL_FIELD, type_)
            case Union():
                return self._oneof(type_)
            case Scalar() | Choice() | EnumOf() | Nothing() | Unknown():
                raise InternalError(f"no message for {type_}")
            case _:
                assert_never(type_)


def _record_writer(record: Record, writer: Callable[[Field], Fill]) -> Fill:
    rows = [(getter(record, f), writer(f)) for f in record.fields]
    whole, check = extra_fields_check(record)

    def fill(message: Any, value: Any) -> None:
        if type(value) is not whole:
            check(value)
        for get, write in rows:
            write(message, get(value))

    return fill


def _appended(wire: str, convert: Convert) -> Fill:
    return lambda message, value: getattr(message, wire).append(convert(value))


def _scalars_writer(wire: str, type_: ListOf, convert: Convert) -> Fill:
    merging = may_merge(type_)

    def write(message: Any, value: Any) -> None:
        items = list(elements(value, type_))
        try:
            converted = [convert(item) for item in items]
        except EncodeError:
            for index, item in enumerate(items):
                try:
                    convert(item)
                except EncodeError as error:
                    raise error.under(f"[{index}]") from None
            raise
        if merging:
            refuse_merged(converted)
        extend(getattr(message, wire), converted)

    return write


def _at(name: str, write: Fill) -> Fill:
    """The same, with the field in the path of errors."""

    def write_at(message: Any, value: Any) -> None:
        try:
            write(message, value)
        except EncodeError as error:
            raise error.under(name) from None

    return write_at


def _refuse_none(write: Fill, name: str) -> Fill:
    def write_value(message: Any, value: Any) -> None:
        if value is None:
            raise EncodeError(NONE_IS_LOST, name)
        write(message, value)

    return write_value


def _unless_none(write: Fill) -> Fill:
    def write_unless_none(message: Any, value: Any) -> None:
        if value is not None:
            write(message, value)

    return write_unless_none


def _unless_absent(write: Fill) -> Fill:
    def write_unless_absent(message: Any, value: Any) -> None:
        if value is not ABSENT:
            write(message, value)

    return write_unless_absent


def _parts_writer(parts: Callable[[Any], Mapping[str, Any]]) -> Fill:
    def fill(message: Any, value: Any) -> None:
        for name, part in parts(value).items():
            if isinstance(part, list):
                getattr(message, name).extend(part)
            else:
                setattr(message, name, payload_key(part) if isinstance(part, bytes | memoryview) else part)

    return fill
