"""Descriptors in a user's own words: fields as Python has them, with Python's types, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from meshgen.contract.compare.described import Described, DescribedRpc
from meshgen.contract.descriptors import real_oneof
from meshgen.contract.validation import one_is_required, rules_of
from meshgen.contract.wire import IMAGE, PROTO_SCALAR, TENSOR, VALUE
from meshgen.naming import LIST_FIELD, OPTIONAL_FIELD, RESULT_FIELD, snake
from meshgen.schema.values.kind import Message, Text
from meshgen.schema.values.well_known import KINDS
from meshgen.schema.wire_names import UNION_FIELD

_SCALARS = {proto: kind for kind, proto in PROTO_SCALAR.items()} | {"int32": "Int32", "float": "Float32"}
_STANDARD = {
    **{kind.wire.name: name for name, kind in KINDS.items() if isinstance(kind.wire, Message)},
    VALUE: "Any",
    IMAGE: "Image",
    TENSOR: "Tensor",
}
TEXTS = {f"string.{k.wire.rule}": name for name, k in KINDS.items() if isinstance(k.wire, Text) and k.wire.rule}
"""The rule of each kind that is text, and its class in Python (`UUID`)."""
_OF_TYPE = ("string.in", "int64.in", *TEXTS)
"""Rules that are a type in Python, wherever they are: `Literal` and `UUID`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenField:
    """A field as its user wrote it: one field on the wire, or the members of a union."""

    name: str
    """Its name in the contract; for a union that of its oneof."""
    json: str
    """Its name in Python, and in JSON."""
    types: Mapping[str, str]
    """The type of each member in Python's words, by name on the wire. A field by itself is its only member."""
    members: Mapping[str, FieldDescriptorProto]
    wire: Mapping[str, str]
    """The wire type of each member."""
    union: bool
    required: bool
    many: bool
    """It is a list or a map: never required, and empty when absent."""
    choices: tuple[Any, ...] = ()
    """The values of a Literal."""
    rules: Mapping[str, Any] = field(default_factory=dict)
    """What is asked beyond the type, by its path in protovalidate's rules."""

    @property
    def type(self) -> str:
        """The whole type in Python's words."""
        return " | ".join(self.types.values())

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers that carry it."""
        return frozenset(member.number for member in self.members.values())


def written_fields(message: DescriptorProto, contract: Described) -> dict[str, WrittenField]:
    """The fields of a message by their names in the contract."""
    groups: dict[str, list[FieldDescriptorProto]] = {}
    for item in message.field:
        groups.setdefault(real_oneof(message, item) or item.name, []).append(item)
    oneofs = {oneof.name: one_is_required(oneof) for oneof in message.oneof_decl}
    return {name: _written(name, items, message, oneofs, contract) for name, items in groups.items()}


def _written(
    name: str,
    items: list[FieldDescriptorProto],
    message: DescriptorProto,
    oneofs: Mapping[str, bool],
    contract: Described,
) -> WrittenField:
    union = bool(real_oneof(message, items[0]))
    rules = {f"{item.name} {path}" if union else path: rule for item in items for path, rule in rules_of(item).items()}
    of_type = {path for path in rules if path.endswith(_OF_TYPE)}
    return WrittenField(
        name=name,
        json=name if contract.camel_case else items[0].json_name.removesuffix(items[0].name.removeprefix(name)),
        types={item.name: type_words(item, contract) + _absent(item, union, contract) for item in items},
        members={item.name: item for item in items},
        wire={item.name: _wire(item, contract) for item in items},
        union=union,
        required=oneofs[name] if union else bool(rules.get("required")),
        many=items[0].label == FieldDescriptorProto.LABEL_REPEATED,
        choices=tuple(v for path in sorted(of_type) if path.endswith(".in") for v in rules[path]),
        rules={path: rule for path, rule in rules.items() if path != "required" and path not in of_type},
    )


def _wire(item: FieldDescriptorProto, contract: Described) -> str:
    entry = contract.entry(item)
    if entry is not None:
        return f"map {[_wire(part, contract) for part in entry.field]}"
    return f"{item.label} {item.type} {item.type_name.rpartition('.')[2]}"


def _absent(item: FieldDescriptorProto, union: bool, contract: Described) -> str:
    """A message that holds a list or a dict tells an empty one from none; in a union it is just that member."""
    repeated = item.label == FieldDescriptorProto.LABEL_REPEATED
    return " | None" if not (union or repeated) and type_words(item, contract).startswith(("list[", "dict[")) else ""


def type_words(item: FieldDescriptorProto, contract: Described) -> str:
    """`list[Label]`, `dict[str, int]`, `Literal['a', 'b']`."""
    rules = rules_of(item)
    entry = contract.entry(item)
    if entry is not None:
        key, value = (_element(part, rules, f"map.{half}.", contract) for part, half in _halves(entry))
        return f"dict[{key}, {value}]"
    if item.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"list[{_element(item, rules, 'repeated.items.', contract)}]"
    return _element(item, rules, "", contract)


def _halves(entry: DescriptorProto) -> tuple[tuple[FieldDescriptorProto, str], ...]:
    return tuple(zip(entry.field, ("keys", "values"), strict=True))


def _element(item: FieldDescriptorProto, rules: Mapping[str, Any], prefix: str, contract: Described) -> str:
    name = item.type_name.lstrip(".")
    if item.type == FieldDescriptorProto.TYPE_MESSAGE:
        message = contract.messages.get(name)
        return _STANDARD.get(name, "") or (_held(message, contract) if message else "") or name.rpartition(".")[2]
    if item.type == FieldDescriptorProto.TYPE_ENUM:
        return name.rpartition(".")[2]
    if text := next((name for rule, name in TEXTS.items() if prefix + rule in rules), ""):
        return text
    scalar = FieldDescriptorProto.Type.Name(item.type).removeprefix("TYPE_").lower()
    values = rules.get(f"{prefix}{scalar}.in")
    return f"Literal[{', '.join(map(repr, values))}]" if values else _SCALARS.get(scalar, scalar)


def _held(message: DescriptorProto, contract: Described) -> str:
    """What a message holds that stands for a list, map, optional value or union; empty for a record."""
    first = message.field[0] if message.field else None
    if first is None:
        return ""
    if message.oneof_decl and real_oneof(message, first) == UNION_FIELD and "Or" in message.name:
        return " | ".join(type_words(item, contract) for item in message.field)
    if len(message.field) > 1:
        return ""
    many = first.label == FieldDescriptorProto.LABEL_REPEATED
    if many and first.name == LIST_FIELD and message.name.endswith(("List", "Map")):
        return type_words(first, contract)
    if not many and first.name == OPTIONAL_FIELD and message.name.startswith("Optional"):
        return f"{type_words(first, contract)} | None"
    return ""


def field_words(owner: DescribedRpc | None, is_request: bool, name: str) -> str:
    """`field `score``, `parameter `x``, `the result`."""
    if owner is not None and owner.node and is_request:
        return f"parameter `{name}`"
    return "the result" if owner is not None and owner.node and name == RESULT_FIELD else f"field `{name}`"


def owner_words(owner: DescribedRpc, is_request: bool, name: str) -> str:
    """Whose request or response it is: `` `forward` of node `model_1` ``, `the request of /labels`."""
    if owner.node:
        method = rpc_words(owner)
        return method if is_request or name == RESULT_FIELD else f"the result of {method}"
    noun = "the request" if is_request else "the response"
    return noun if owner.alone else f"{noun} of {owner.http or owner.method.name}"


def rpc_words(rpc: DescribedRpc) -> str:
    """`` `forward` of node `model_1` ``, `` node `combine` `` for a function, `route /labels` of the driver."""
    if not rpc.node:
        return f"route {rpc.http}" if rpc.http else f"rpc {rpc.method.name}"
    method = snake(rpc.method.name)
    return f"node `{rpc.node}`" if method == rpc.node else f"`{method}` of node `{rpc.node}`"
