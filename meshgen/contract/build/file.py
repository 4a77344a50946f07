"""One service → its file descriptor: the service, its requests and responses, and its copy of every type it uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from meshgen.contract.build.name_clashes import local_name, own_names
from meshgen.contract.comments import Comments, Path
from meshgen.contract.constraints import stated_rules
from meshgen.contract.descriptors import ENUM, FIELD, MESSAGE, METHOD, ONEOF, SERVICE
from meshgen.contract.field_comments import field_comment
from meshgen.contract.fields import add_field, add_map
from meshgen.contract.lock.ledger import Entry, Ledger, rpc_key
from meshgen.contract.model import RpcSpec, ServiceSpec
from meshgen.contract.named_types import Named, named_types
from meshgen.contract.names import package, proto_path, request, response, service
from meshgen.contract.shared_messages import ANNOTATIONS_PATH, STANDARD_PATHS
from meshgen.contract.validation import VALIDATE_PATH, require_one, set_rules
from meshgen.contract.wire import (
    PROTO_SCALAR,
    Leaf,
    Mapped,
    Repeated,
    Single,
    WireField,
    Wrapper,
    field_shape,
    standard_message,
    wire_field,
)
from meshgen.naming import enum_value, enum_zero, pascal
from meshgen.schema.model import (
    AnyValue,
    EnumOf,
    Field,
    Image,
    MapOf,
    Optional,
    Record,
    Ref,
    Scalar,
    Tensor,
    Union,
    WellKnown,
)


@dataclass(frozen=True, slots=True)
class _FieldGroup:
    """What carries one Python field: one field, or the fields of a oneof."""

    fields: Mapping[int, WireField]
    """The fields on the wire, by number."""
    doc: str = ""
    required: bool = False
    shared: bool = False
    """The message serves every type of its name, as `stated_rules` has it."""

    @property
    def oneof(self) -> str:
        return next(iter(self.fields.values())).oneof


class FileBuilder:
    """Builds the file of one service. The ledger has the numbers of this build already."""

    def __init__(self, graph: str, spec: ServiceSpec, ledger: Ledger) -> None:
        self._spec = spec
        self._ledger = ledger
        self._comments = Comments()
        self._file = FileDescriptorProto(name=proto_path(graph, spec.node), syntax="proto3")
        self._file.package = package(graph, spec.node)
        self._service = service(graph, spec.node).rsplit(".", 1)[1]
        self._imports: set[str] = set()
        self._own_names = own_names(graph, spec.node, ledger)

    def build(self) -> FileDescriptorProto:
        """The file, complete."""
        self._add_service()
        for rpc in self._spec.rpcs:
            self._add_rpc_messages(rpc)
        for _, item in sorted(self._needed().items()):
            match item:
                case Record():
                    entry = self._ledger.get("types", pascal(item.name))
                    self._add_message(self._local(item), item.fields, entry, item.doc)
                case Wrapper():
                    self._add_wrapper(item)
                case EnumOf():
                    self._add_enum(item)
        self._file.dependency.extend(sorted(self._imports))
        self._comments.write(self._file)
        return self._file

    def _needed(self) -> dict[str, Named]:
        types = [field.type for rpc in self._spec.rpcs for field in rpc.fields]
        return {self._local(item): item for item in named_types(types)}

    def _local(self, item: Named | Ref) -> str:
        return local_name(item, self._own_names)

    def _add_service(self) -> None:
        descriptor = self._file.service.add(name=self._service)
        self._comments.add((SERVICE, 0), self._spec.doc)
        for index, rpc in enumerate(self._spec.rpcs):
            method = descriptor.method.add(name=rpc.name)
            method.input_type = self._full(request(rpc.name))
            method.output_type = self._full(response(rpc.name))
            self._comments.add((SERVICE, 0, METHOD, index), rpc.doc)
            if rpc.http is not None:
                rule = method.options.Extensions[annotations_pb2.http]
                rule.post, rule.body = rpc.http, "*"
                self._imports.add(ANNOTATIONS_PATH)

    def _add_rpc_messages(self, rpc: RpcSpec) -> None:
        self._add_rpc_message(request(rpc.name), rpc.request_record, rpc.request_fields)
        self._add_rpc_message(response(rpc.name), rpc.response_record, rpc.response_fields)

    def _add_rpc_message(self, name: str, record: Record | None, fields: Sequence[Field]) -> None:
        entry = self._ledger.message(rpc_key(self._spec.node, name))
        self._add_message(name, fields, entry, "" if record is None else record.doc)

    def _add_message(self, name: str, fields: Sequence[Field], entry: Entry, doc: str) -> None:
        groups = [_FieldGroup(_numbered(item, entry), field_comment(item), required=item.required) for item in fields]
        message = self._add_groups(name, groups, doc)
        for number in sorted(entry.reserved):
            message.reserved_range.add(start=number, end=number + 1)
        message.reserved_name.extend(entry.reserved_names)

    def _add_wrapper(self, wrapper: Wrapper) -> None:
        union = isinstance(wrapper.inner, Union)
        group = _FieldGroup(dict(enumerate(wrapper.fields, 1)), required=union, shared=True)
        self._add_groups(self._local(wrapper), [group], _wrapper_doc(wrapper))

    def _add_groups(self, name: str, groups: Iterable[_FieldGroup], doc: str) -> DescriptorProto:
        """A message of these fields by number, the members of a oneof together."""
        message = self._file.message_type.add(name=name)
        path = (MESSAGE, len(self._file.message_type) - 1)
        self._comments.add(path, doc)
        ordered = sorted(groups, key=lambda group: min(group.fields))
        for group in ordered:  # before the fields: protobuf wants these oneofs ahead of those of optional fields
            if group.oneof:
                self._add_oneof(message, group, path)
        for group in ordered:
            for number, wire in sorted(group.fields.items()):
                if not group.oneof:
                    self._comments.add((*path, FIELD, len(message.field)), group.doc)
                self._add_field(message, number, wire, group)
        return message

    def _add_oneof(self, message: DescriptorProto, group: _FieldGroup, path: Path) -> None:
        self._comments.add((*path, ONEOF, len(message.oneof_decl)), group.doc)
        oneof = message.oneof_decl.add(name=group.oneof)
        if group.required:
            require_one(oneof)
            self._imports.add(VALIDATE_PATH)

    def _add_field(self, message: DescriptorProto, number: int, wire: WireField, group: _FieldGroup) -> None:
        field = self._new_field(message, number, wire)
        if rules := stated_rules(wire, required=group.required, shared=group.shared):
            set_rules(field, rules)
            self._imports.add(VALIDATE_PATH)

    def _new_field(self, message: DescriptorProto, number: int, wire: WireField) -> FieldDescriptorProto:
        match field_shape(wire):
            case Single(leaf=item):
                return add_field(message, wire.name, number, self._reference(item), json=wire.json, oneof=wire.oneof)
            case Repeated(leaf=item):
                return add_field(message, wire.name, number, self._reference(item), json=wire.json, repeated=True)
            case Mapped(key=key, leaf=item):
                full = self._full(message.name)
                value = self._reference(item)
                return add_map(message, full, wire.name, number, PROTO_SCALAR[key.kind], value, json=wire.json)

    def _reference(self, item: Leaf) -> str:
        match item:
            case Scalar(kind=kind):
                return PROTO_SCALAR[kind]
            case WellKnown() | AnyValue() | Image() | Tensor():
                message = standard_message(item)
                self._imports.add(STANDARD_PATHS[message])
                return f"message .{message}"
            case EnumOf():
                return f"enum {self._full(self._local(item))}"
            case Record() | Ref() | Wrapper():
                return f"message {self._full(self._local(item))}"

    def _add_enum(self, enum: EnumOf) -> None:
        name = pascal(enum.name)
        entry = self._ledger.get("enums", name)
        descriptor: EnumDescriptorProto = self._file.enum_type.add(name=name)
        self._comments.add((ENUM, len(self._file.enum_type) - 1), _enum_doc(enum))
        descriptor.value.add(name=enum_zero(name), number=0)
        members = {enum_value(name, m.name) for m in enum.python}
        for number, value in sorted((s.number, s.name) for s in entry.live.values() if s.name in members):
            descriptor.value.add(name=value, number=number)
        for number in sorted(entry.reserved):
            descriptor.reserved_range.add(start=number, end=number)
        descriptor.reserved_name.extend(entry.reserved_names)

    def _full(self, name: str) -> str:
        return f".{self._file.package}.{name}"


def _numbered(field: Field, entry: Entry) -> dict[int, WireField]:
    return {entry.live[wire.name].number: wire for wire in wire_field(field)}


def _enum_doc(enum: EnumOf) -> str:
    return enum.python.__dict__.get("__doc__") or ""


def _wrapper_doc(wrapper: Wrapper) -> str:
    match wrapper.inner:
        case Optional():
            return "A value that may be absent."
        case Union():
            return "One of several types where protobuf has no place for a oneof."
        case MapOf():
            return "A map where protobuf has no place for one."
        case _:
            return "A list where protobuf has no place for one."
