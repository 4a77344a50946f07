"""Message descriptors → JSON Schemas, as Envoy reads and prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto

from meshgen.contract.comments import comments_of
from meshgen.contract.model import Contract
from meshgen.contract.shared import shared_files
from meshgen.emit.openapi.model import Schema

_F = FieldDescriptorProto
# 64-bit integers come as strings, because JavaScript's numbers end at 2^53; both are read.
_INT64 = ("string", "integer")
_SCALARS: Mapping[int, Schema] = {
    _F.TYPE_DOUBLE: Schema(type="number", format="double"),
    _F.TYPE_FLOAT: Schema(type="number", format="float"),
    _F.TYPE_INT64: Schema(type=_INT64, format="int64"),
    _F.TYPE_UINT64: Schema(type=_INT64, format="uint64"),
    _F.TYPE_INT32: Schema(type="integer", format="int32"),
    _F.TYPE_UINT32: Schema(type="integer", format="int64"),
    _F.TYPE_BOOL: Schema(type="boolean"),
    _F.TYPE_STRING: Schema(type="string"),
    _F.TYPE_BYTES: Schema(type="string", content_encoding="base64"),
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message and the comments on it and on its fields."""

    descriptor: DescriptorProto
    doc: str
    field_docs: Mapping[str, str]


class Messages:
    """The messages and enums of a contract, by full name."""

    def __init__(self, contract: Contract, required: Mapping[str, tuple[str, ...]]) -> None:
        self._required = required
        self._messages: dict[str, Message] = {}
        self._enums: dict[str, EnumDescriptorProto] = {}
        for file in (*shared_files(), *contract.files):
            docs = comments_of(file)
            for index, message in enumerate(file.message_type):
                fields = {f.name: _clean(docs.get((4, index, 2, i))) for i, f in enumerate(message.field)}
                name = f"{file.package}.{message.name}"
                self._messages[name] = Message(message, _clean(docs.get((4, index))), fields)
            self._enums |= {f"{file.package}.{enum.name}": enum for enum in file.enum_type}

    def reachable(self, names: list[str]) -> dict[str, Schema]:
        """The schemas of these messages and of everything inside them, by full name, in order of name."""
        found: dict[str, Schema] = {}
        while names:
            name = names.pop()
            if name not in found:
                found[name] = self._object(name) if name in self._messages else self._enum(name)
                names += self._inside(name)
        return dict(sorted(found.items()))

    def _inside(self, name: str) -> Iterator[str]:
        message = self._messages.get(name)
        for field in message.descriptor.field if message else ():
            entry = self._entry(name, field)
            for item in (field,) if entry is None else entry.field:
                if item.type_name:
                    yield item.type_name.removeprefix(".")

    def _object(self, name: str) -> Schema:
        message = self._messages[name]
        properties = {f.name: self._field(name, f, message.field_docs[f.name]) for f in message.descriptor.field}
        return Schema(
            title=message.descriptor.name,
            type="object",
            description=message.doc or None,
            properties=properties,
            required=self._required.get(name) or None,
        )

    def _enum(self, name: str) -> Schema:
        enum = self._enums[name]
        return Schema(title=enum.name, type="string", enum=tuple(value.name for value in enum.value))

    def _field(self, message: str, field: FieldDescriptorProto, doc: str) -> Schema:
        entry = self._entry(message, field)
        description = doc or None
        if entry is not None:
            return Schema(type="object", description=description, additional_properties=_single(entry.field[1]))
        single = _single(field)
        if field.label == _F.LABEL_REPEATED:
            return Schema(type="array", description=description, items=single)
        return Schema(
            ref=single.ref,
            type=single.type,
            format=single.format,
            content_encoding=single.content_encoding,
            description=description,
        )

    def _entry(self, message: str, field: FieldDescriptorProto) -> DescriptorProto | None:
        """The entry message of a map field; None for other fields."""
        inner = {f".{message}.{m.name}": m for m in self._messages[message].descriptor.nested_type}
        entry = inner.get(field.type_name)
        return entry if entry is not None and entry.options.map_entry else None


def reference(name: str) -> Schema:
    """A reference to a schema among the components."""
    return Schema(ref=f"#/components/schemas/{name}")


def _single(field: FieldDescriptorProto) -> Schema:
    if field.type_name:
        return reference(field.type_name.removeprefix("."))
    return _SCALARS[field.type]


def _clean(comment: str | None) -> str:
    return "\n".join(line.removeprefix(" ") for line in (comment or "").splitlines()).strip()
