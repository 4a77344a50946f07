"""What Envoy's transcoder, which turns JSON into messages and back, does otherwise than protobuf.

It prints answers that are a message less deep than those that protobuf reads; at others it fails, as if the service
could not be reached. Of a number that 64 bits do not hold it makes a double, and of that, when it is -2^63, an integer
again: so -2^63 may have been any number down to 1024 below it. It refuses all others beyond the range of their field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from meshgen.codec.wireformat import Buffer, varint
from meshgen.schema.misfit import Misfit, path_below, subscript
from meshgen.schema.values.scalars import INT64_MIN

_PACKAGE = "meshgen.around"
_TAG = b"\x0a"
_LEAST = varint(INT64_MIN % (1 << 64))
_DOUBTFUL = "must be greater than -2^63 over REST, where numbers below arrive as that; gRPC carries it"


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


class Doubtful:
    """Tells of the requests of one class which ones have a number that may have been another in JSON."""

    def __init__(self, request_class: Callable[[], type[Message]]) -> None:
        """Args: gives the class, with protobuf's maps; asked when there may be such a number."""
        self._class = request_class

    def refuse(self, data: Buffer) -> None:
        """Raise InvalidArgument, with a violation for each such number, if there are any."""
        whole = bytes(data)
        if _LEAST not in whole:
            return
        try:
            message = self._class().FromString(whole)
        except DecodeError:
            return  # which the codec has better words for
        paths = list(_least(message, ""))
        if paths:
            raise Misfit((path, _DOUBTFUL) for path in paths).as_status()


def has_whole_numbers(descriptor: Descriptor) -> bool:
    """Whether a message has an integer of 64 bits with a sign, in itself or in a message inside."""
    seen, left = {descriptor.full_name}, [descriptor]
    while left:
        for field in left.pop().fields:
            inside = field.message_type
            if field.type == FieldDescriptor.TYPE_INT64:
                return True
            if inside is not None and inside.full_name not in seen:
                seen.add(inside.full_name)
                left.append(inside)
    return False


def _least(message: Message, path: str) -> Iterator[str]:
    """The paths of what is -2^63. Keys of maps are texts in JSON, and so are what they were."""
    for field, value in message.ListFields():
        at = path_below(path, field.json_name)
        kind, items = _items(field, value)
        for step, item in items:
            if kind.message_type is not None:
                yield from _least(item, at + step)
            elif kind.type == FieldDescriptor.TYPE_INT64 and item == INT64_MIN:
                yield at + step


def _items(field: FieldDescriptor, value: Any) -> tuple[FieldDescriptor, Iterable[tuple[str, Any]]]:
    """What the field holds, and each with the step to it."""
    if not field.is_repeated:
        return field, [("", value)]
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return entry.fields_by_name["value"], ((subscript(key), item) for key, item in value.items())
    return field, ((subscript(index), item) for index, item in enumerate(value))


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
