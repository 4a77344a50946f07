"""Requests and answers of a contestant's contract, from its descriptor set: Python values → bytes → Python values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_DATATYPES = {"float32": "FP32"}


class Contract:
    """The messages of one service."""

    def __init__(self, descriptors: Path, service: str) -> None:
        from google.protobuf.descriptor_pb2 import FileDescriptorSet
        from google.protobuf.descriptor_pool import DescriptorPool

        pool = DescriptorPool()
        for file in FileDescriptorSet.FromString(descriptors.read_bytes()).file:
            pool.Add(file)
        self._service = pool.FindServiceByName(service)

    def method(self, rpc: str) -> str:
        """The path to call."""
        return f"/{self._service.full_name}/{rpc}"

    def request(self, rpc: str, values: Mapping[str, Any]) -> bytes:
        """A request with these parameters."""
        return bytes(_filled(self._service.methods_by_name[rpc].input_type, values).SerializeToString())

    def answer(self, rpc: str, fields: Mapping[str, Any]) -> bytes:
        """An answer with these fields."""
        return bytes(_filled(self._service.methods_by_name[rpc].output_type, fields).SerializeToString())

    def right(self, rpc: str, answer: bytes, fields: Mapping[str, Any]) -> bool:
        """Whether an answer says just that."""
        wanted = _filled(self._service.methods_by_name[rpc].output_type, fields)
        given = type(wanted).FromString(answer)
        # Padding, which says nothing, so that a tensor lies aligned.
        given.DiscardUnknownFields()
        return bool(given == wanted)


def _filled(descriptor: Any, values: Mapping[str, Any]) -> Any:
    from google.protobuf.message_factory import GetMessageClass

    message = GetMessageClass(descriptor)()
    for name, value in values.items():
        _fill(message, name, value)
    return message


def _fill(message: Any, name: str, value: Any) -> None:
    field = message.DESCRIPTOR.fields_by_name[name]
    if hasattr(value, "dtype") and field.message_type is None:
        setattr(message, name, value.tobytes())
    elif hasattr(value, "dtype"):
        tensor = getattr(message, name)
        tensor.datatype, tensor.raw = _DATATYPES[value.dtype.name], value.tobytes()
        tensor.shape.extend(value.shape)
    elif isinstance(value, Mapping):
        inner = getattr(message, name)
        inner.SetInParent()
        for key, item in value.items():
            _fill(inner, key, item)
    elif isinstance(value, list | tuple):
        items = getattr(message, name)
        for item in value:
            if isinstance(item, Mapping):
                added = items.add()
                for key, part in item.items():
                    _fill(added, key, part)
            else:
                items.append(item)
    else:
        setattr(message, name, value)
