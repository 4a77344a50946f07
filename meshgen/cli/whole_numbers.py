"""Whole numbers of 64 bits: texts in protobuf's JSON, numbers here, as `meshgen local` prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor

_OTHERS = "google.protobuf."
"""Messages that have a JSON form of their own, in which there is none."""


def as_numbers(value: Any, message: Descriptor) -> Any:
    """The JSON of a message, with numbers for its 64-bit integers.

    JavaScript's numbers end at 2^53, so protobuf and Envoy write texts; Python and most shell tools read any.
    """
    if message.full_name.startswith(_OTHERS):
        return value
    by_name = {name: field for field in message.fields for name in (field.name, field.json_name)}
    return {name: _of_field(item, by_name[name]) for name, item in value.items()}


def _of_field(value: Any, field: FieldDescriptor) -> Any:
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        return {key: _single(item, inner.fields_by_name["value"]) for key, item in value.items()}
    if field.is_repeated:
        return [_single(item, field) for item in value]
    return _single(value, field)


def _single(value: Any, field: FieldDescriptor) -> Any:
    if field.message_type is not None:
        return as_numbers(value, field.message_type)
    return int(value) if field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64) else value
