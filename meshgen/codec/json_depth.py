"""How deep an answer may be for Envoy to print it as JSON: a message less than protobuf reads.

What is deeper Envoy would fail at, as if the service could not be reached.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from meshgen.codec.wireformat import varint

_PACKAGE = "meshgen.around"
_TAG = b"\x0a"


class Printable:
    """Tells of the messages of one class which ones Envoy prints."""

    def __init__(self, descriptor: Descriptor) -> None:
        """Args: of the message."""
        self._around = _message_around(descriptor)

    def __call__(self, data: bytes) -> bool:
        """Whether it is not too deep: protobuf reads it with one more message around it."""
        try:
            self._around.FromString(b"".join((_TAG, varint(len(data)), data)))
        except DecodeError:
            return False
        return True


def _message_around(descriptor: Descriptor) -> Any:
    pool, name = descriptor.file.pool, descriptor.full_name.replace(".", "_")
    try:
        return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
    except KeyError:
        file = FileDescriptorProto(
            name=f"{_PACKAGE}/{name}.proto", package=_PACKAGE, syntax="proto3", dependency=[descriptor.file.name]
        )
        file.message_type.add(name=name).field.add(
            name="inside",
            number=1,
            type=FieldDescriptorProto.TYPE_MESSAGE,
            type_name=f".{descriptor.full_name}",
            label=FieldDescriptorProto.LABEL_OPTIONAL,
        )
        pool.Add(file)
        return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
