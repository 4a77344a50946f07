"""Message descriptors → JSON Schemas, as Envoy reads and prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto

from meshgen.contract.comments import Path, comments_of
from meshgen.contract.descriptors import FIELD, MESSAGE, ONEOF, map_entry, oneofs
from meshgen.contract.model import Contract
from meshgen.contract.shared_messages import shared_files
from meshgen.contract.validation import one_is_required, rules_of
from meshgen.emit.openapi.model import Schema
from meshgen.emit.openapi.rules import constrained, inside
from meshgen.emit.openapi.scalars import KEYS, SCALARS, or_null
from meshgen.emit.openapi.shared import SHARED
from meshgen.emit.openapi.standard import INLINE, NAMES, OBJECTS

_F = FieldDescriptorProto
_ELEMENTS = ("repeated.items.", "map.keys.", "map.values.")


@dataclass(frozen=True, slots=True)
class Message:
    """A message and the comments on it, on its fields and on its oneofs."""

    descriptor: DescriptorProto
    doc: str
    field_docs: Mapping[str, str]
    oneof_docs: Mapping[str, str]


class Messages:
    """The messages and enums of a contract, by full name."""

    def __init__(self, contract: Contract) -> None:
        self._messages: dict[str, Message] = {}
        self._enums: dict[str, EnumDescriptorProto] = {}
        for file in (*shared_files(), *contract.files):
            docs = comments_of(file)
            for index, message in enumerate(file.message_type):
                self._messages[f"{file.package}.{message.name}"] = _message(message, (MESSAGE, index), docs)
            self._enums |= {f"{file.package}.{enum.name}": enum for enum in file.enum_type}

    def reachable(self, names: list[str]) -> dict[str, Schema]:
        """The schemas of these messages and of everything inside them, by full name, in order of name."""
        found: dict[str, Schema] = {}
        while names:
            name = names.pop()
            if name not in found and name not in INLINE:
                found[name] = self._component(name)
                names += self._inside(name)
        return dict(sorted(found.items()))

    def _component(self, name: str) -> Schema:
        if name in OBJECTS:
            return OBJECTS[name]
        made = self._object(name) if name in self._messages else self._enum(name)
        return SHARED[name](made) if name in SHARED else made

    def _inside(self, name: str) -> Iterator[str]:
        message = self._messages.get(name)
        for field in message.descriptor.field if message else ():
            entry = self._entry(name, field)
            for item in (field,) if entry is None else entry.field:
                if item.type_name:
                    yield item.type_name.removeprefix(".")

    def _object(self, name: str) -> Schema:
        message = self._messages[name]
        choices = _choices(message)
        remarks = [_remark(message, oneof, members) for oneof, members in oneofs(message.descriptor).items()]
        fields = message.descriptor.field
        return Schema(
            title=message.descriptor.name,
            type="object",
            description="\n\n".join(filter(None, (message.doc, *remarks))) or None,
            property_names=NAMES,
            properties={f.json_name: self._field(name, f, message.field_docs[f.name]) for f in fields},
            required=tuple(f.json_name for f in fields if _must_be_there(f)) or None,
            one_of=choices[0] if len(choices) == 1 else None,
            all_of=tuple(Schema(one_of=choice) for choice in choices) if len(choices) > 1 else None,
        )

    def _enum(self, name: str) -> Schema:
        """An enum without its zero, which stands for a value that nobody gave: neither side may send it."""
        enum = self._enums[name]
        return Schema(title=enum.name, type="string", enum=tuple(v.name for v in enum.value if v.number))

    def _field(self, message: str, field: FieldDescriptorProto, doc: str) -> Schema:
        rules = rules_of(field)
        entry = self._entry(message, field)
        if entry is not None:
            keys = constrained(KEYS.get(entry.field[0].type, Schema()), inside(rules, "map.keys."))
            values = constrained(_single(entry.field[1]), inside(rules, "map.values."))
            own = Schema(type="object", additional_properties=values, property_names=None if keys == Schema() else keys)
        elif field.label == _F.LABEL_REPEATED:
            own = Schema(type="array", items=constrained(_single(field), inside(rules, "repeated.items.")))
        else:
            own = _single(field)
        own = replace(own, description="\n".join(filter(None, (doc, own.description))) or None)
        own = constrained(own, {path: value for path, value in rules.items() if not path.startswith(_ELEMENTS)})
        return own if _must_be_there(field) or self._is_only_choice(message, field) else or_null(own)

    def _is_only_choice(self, message: str, field: FieldDescriptorProto) -> bool:
        """One of a oneof of which one must be there."""
        descriptor = self._messages[message].descriptor
        return any(
            field in members and one_is_required(descriptor.oneof_decl[field.oneof_index])
            for members in oneofs(descriptor).values()
        )

    def _entry(self, message: str, field: FieldDescriptorProto) -> DescriptorProto | None:
        """The entry message of a map field; None for other fields."""
        return map_entry(self._messages[message].descriptor, message, field)


def reference(name: str) -> Schema:
    """A reference to a schema among the components."""
    return Schema(ref=f"#/components/schemas/{name}")


def _message(message: DescriptorProto, path: Path, docs: Mapping[Path, str]) -> Message:
    return Message(
        message,
        _clean(docs.get(path)),
        {f.name: _clean(docs.get((*path, FIELD, i))) for i, f in enumerate(message.field)},
        {o.name: _clean(docs.get((*path, ONEOF, i))) for i, o in enumerate(message.oneof_decl)},
    )


def _choices(message: Message) -> list[tuple[Schema, ...]]:
    """A schema for each oneof: exactly one of its members is there; or none, when it need not be set."""
    required = {oneof.name for oneof in message.descriptor.oneof_decl if one_is_required(oneof)}
    found = []
    for oneof, members in oneofs(message.descriptor).items():
        there = tuple(Schema(required=(member.json_name,)) for member in members)
        found.append(there if oneof in required else (*there, Schema(not_=Schema(any_of=there))))
    return found


def _remark(message: Message, oneof: str, members: Sequence[FieldDescriptorProto]) -> str:
    required = any(one_is_required(o) for o in message.descriptor.oneof_decl if o.name == oneof)
    names = ", ".join(f"`{member.json_name}`" for member in members)
    rule = f"{'Exactly' if required else 'At most'} one of {names}."
    return " ".join(filter(None, (message.oneof_docs[oneof], rule)))


def _must_be_there(field: FieldDescriptorProto) -> bool:
    """Required; or a list or map that may not be empty, as one that is left out is."""
    rules = rules_of(field)
    return bool(rules.get("required") or rules.get("repeated.min_items") or rules.get("map.min_pairs"))


def _single(field: FieldDescriptorProto) -> Schema:
    name = field.type_name.removeprefix(".")
    if name:
        return INLINE.get(name) or reference(name)
    return SCALARS[field.type]


def _clean(comment: str | None) -> str:
    return "\n".join(line.removeprefix(" ") for line in (comment or "").splitlines()).strip()
