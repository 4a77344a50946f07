"""A descriptor set by name, and where each of its messages travels: what comparing two contracts starts from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

_FOREIGN = ("buf/validate/", "google/", "meshgen/image/", "meshgen/tensor/")
"""Files that are the same in every contract."""
_ERRORS = "google/rpc/error_details.proto"

Party: TypeAlias = Literal["client", "node"]
Position: TypeAlias = tuple[Party, Literal["request", "response"]]
"""Where a message travels: between a client and the driver, or a caller and a node; there, or back."""


@dataclass(frozen=True, slots=True)
class DescribedRpc:
    """An rpc as its descriptor has it, and whose it is."""

    service: ServiceDescriptorProto
    method: MethodDescriptorProto
    node: str
    """Name of the node; empty for the driver."""
    alone: bool
    """It is the only rpc of its service."""

    @property
    def http(self) -> str:
        """REST path; empty when there is none."""
        path: str = self.method.options.Extensions[annotations_pb2.http].post
        return path


@dataclass(slots=True)
class Described:
    """A graph's own messages, enums and services, by full name without the leading dot."""

    messages: dict[str, DescriptorProto] = field(default_factory=dict)
    """Every message, the entries of maps among them."""
    enums: dict[str, EnumDescriptorProto] = field(default_factory=dict)
    nodes: dict[str, str] = field(default_factory=dict)
    """Service → its node; empty for the driver."""
    rpcs: dict[str, DescribedRpc] = field(default_factory=dict)
    camel_case: bool = False
    """It is of meshgen 0.1: JSON took lowerCamelCase, and answers had the names of the contract."""

    @classmethod
    def of(cls, descriptors: FileDescriptorSet) -> Described:
        """Read a descriptor set."""
        found = cls()
        for file in descriptors.file:
            if not file.name.startswith(_FOREIGN):
                found._file(file)
            elif file.name == _ERRORS:
                found.camel_case = any(f.json_name != f.name for message in file.message_type for f in message.field)
        return found

    def _file(self, file: FileDescriptorProto) -> None:
        for message in file.message_type:
            self.messages[f"{file.package}.{message.name}"] = message
            self.messages |= {f"{file.package}.{message.name}.{n.name}": n for n in message.nested_type}
        self.enums |= {f"{file.package}.{e.name}": e for e in file.enum_type}
        for service in file.service:
            name = f"{file.package}.{service.name}"
            parts = file.package.split(".")
            self.nodes[name] = node = parts[1] if len(parts) > 2 else ""
            alone = len(service.method) == 1
            self.rpcs |= {f"{name}.{m.name}": DescribedRpc(service, m, node, alone) for m in service.method}

    def entry(self, item: FieldDescriptorProto) -> DescriptorProto | None:
        """The entry of a map field; None for any other field."""
        message = self.messages.get(item.type_name.lstrip("."))
        return message if message is not None and message.options.map_entry else None

    def positions(self) -> Mapping[str, frozenset[Position]]:
        """Where each message and enum travels."""
        found: dict[str, set[Position]] = {}
        for rpc in self.rpcs.values():
            party: Party = "node" if rpc.node else "client"
            self._reach(rpc.method.input_type, (party, "request"), found)
            self._reach(rpc.method.output_type, (party, "response"), found)
        return {name: frozenset(positions) for name, positions in found.items()}

    def _reach(self, type_name: str, position: Position, found: dict[str, set[Position]]) -> None:
        name = type_name.lstrip(".")
        if name not in self.messages and name not in self.enums:
            return
        known = found.setdefault(name, set())
        if position in known:
            return
        known.add(position)
        for item in self.messages[name].field if name in self.messages else ():
            self._reach(item.type_name, position, found)


def reserved_numbers(item: DescriptorProto | EnumDescriptorProto) -> set[int]:
    """All numbers that nothing may use again."""
    return set(_reserved(item))


def _reserved(item: DescriptorProto | EnumDescriptorProto) -> Iterator[int]:
    inclusive = 1 if isinstance(item, EnumDescriptorProto) else 0  # an enum's range has its end in it
    for span in item.reserved_range:
        yield from range(span.start, span.end + inclusive)
