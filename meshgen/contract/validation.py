"""Protovalidate's options on fields and oneofs: writing them, and reading them back as plain data.

Rules are a flat mapping from the path inside `buf.validate.FieldRules` to the value:
`{"required": True, "repeated.min_items": 1, "repeated.items.string.in": ("a", "b"), "timestamp.gt": datetime(…)}`.

The extension lives in a pool of its own, and options travel as bytes: protobuf's default pool never sees
`buf/validate/validate.proto`, so that a program that brings its own copy can register it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, OneofDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass, GetMessageClassesForFiles

VALIDATE_PATH: Final = "buf/validate/validate.proto"
# Protovalidate's definitions, Apache-2.0, Copyright Buf Technologies: as a descriptor, and the same as text.
_VENDORED = Path(__file__).parent / "vendored"
VALIDATE_SOURCE: Final = _VENDORED / VALIDATE_PATH
"""The file as text, for those who compile contracts."""

Rule: TypeAlias = Any
"""bool, int, float, str, bytes, datetime (aware), timedelta, or a tuple of these; of `cel` a tuple of mappings."""
StatedRules: TypeAlias = Mapping[str, Rule]


@cache
def validate_file() -> FileDescriptorProto:
    """The descriptor of `buf/validate/validate.proto`. Do not change it."""
    return FileDescriptorProto.FromString((_VENDORED / "validate.binpb").read_bytes())


def set_rules(field: FieldDescriptorProto, rules: StatedRules) -> None:
    """State the rules of a field that has none yet."""
    if not rules:
        return
    options = _options("FieldOptions")()
    target = options.Extensions[_extension("field")]
    for path, value in rules.items():
        _put(target, path, value)
    field.options.MergeFromString(options.SerializeToString(deterministic=True))


def rules_of(field: FieldDescriptorProto) -> dict[str, Rule]:
    """The rules of a field, in the order of protovalidate's field numbers; empty when there are none."""
    if not field.HasField("options"):
        return {}
    options = _options("FieldOptions").FromString(field.options.SerializeToString())
    return dict(_flat(options.Extensions[_extension("field")], ""))


def require_one(oneof: OneofDescriptorProto) -> None:
    """State that one member of a oneof must be set."""
    options = _options("OneofOptions")()
    options.Extensions[_extension("oneof")].required = True
    oneof.options.MergeFromString(options.SerializeToString(deterministic=True))


def one_is_required(oneof: OneofDescriptorProto) -> bool:
    """Whether one member of the oneof must be set."""
    if not oneof.HasField("options"):
        return False
    options = _options("OneofOptions").FromString(oneof.options.SerializeToString())
    return bool(options.Extensions[_extension("oneof")].required)


@cache
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.Add(validate_file())
    GetMessageClassesForFiles([VALIDATE_PATH], pool)
    return pool


@cache
def _options(name: str) -> type[Any]:
    return GetMessageClass(_pool().FindMessageTypeByName(f"google.protobuf.{name}"))


@cache
def _extension(name: str) -> FieldDescriptor:
    return _pool().FindExtensionByName(f"buf.validate.{name}")


def _put(target: Any, path: str, value: Rule) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        target = getattr(target, parent)
    match value:
        case datetime():
            getattr(target, name).FromDatetime(value)
        case timedelta():
            getattr(target, name).FromTimedelta(value)
        case tuple() if name == "cel":
            for rule in value:
                target.cel.add(**rule)
        case tuple():
            getattr(target, name).extend(value)
        case _:
            setattr(target, name, value)


def _flat(message: Message, prefix: str) -> Iterator[tuple[str, Rule]]:
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        if field.message_type is None:
            yield path, tuple(value) if field.is_repeated else value
        elif field.name == "cel":
            yield path, tuple({f.name: v for f, v in rule.ListFields()} for rule in value)
        elif field.message_type.full_name == "google.protobuf.Timestamp" and not field.is_repeated:
            yield path, value.ToDatetime(UTC)
        elif field.message_type.full_name == "google.protobuf.Duration" and not field.is_repeated:
            yield path, value.ToTimedelta()
        elif not field.is_repeated:
            yield from _flat(value, f"{path}.")
