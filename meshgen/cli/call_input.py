"""What protobuf reads otherwise than it was meant in the JSON of a call, without a word.

Whole numbers of `Any` are doubles on the wire; a number for a member of an enum is that of the contract, which need not
be the member's value; keys that nobody knows are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from meshgen.schema.misfit import Misfit, path_below, subscript
from meshgen.schema.values.any_value import from_plain
from meshgen.schema.values.scalars import one_of

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

_VALUE = "google.protobuf.Value"


def refuse_misreadings(value: Any, message: Descriptor) -> None:
    """Look at every `google.protobuf.Value` and every enum in the JSON of a message; what fits none is left alone.

    Raises:
        InvalidArgument: with a violation for each value that is not exact, and each number for a member.
    """
    if problems := list(_misread(value, message)):
        raise Misfit(problems).as_status()


def _misread(value: Any, message: Descriptor) -> Iterator[tuple[str, str]]:
    if message.full_name == _VALUE:
        try:
            from_plain(value)
        except Misfit as misfit:
            yield from misfit.problems
    for path, item, field in _elements(value, message):
        if field.enum_type is not None and _is_number(item):
            yield path, f"must be {one_of(_members(field.enum_type))}"
        elif field.message_type is not None:
            yield from ((path_below(path, inner), problem) for inner, problem in _misread(item, field.message_type))


def unknown_keys(value: Any, message: Descriptor) -> Iterator[str]:
    """The paths of the keys in the JSON of a message that it does not have."""
    if message.full_name == _VALUE or not isinstance(value, dict):
        return
    known = {name for field in message.fields for name in (field.json_name, field.name)}
    yield from (key for key in value if key not in known)
    for path, item, field in _elements(value, message):
        if field.message_type is not None:
            yield from (path_below(path, inner) for inner in unknown_keys(item, field.message_type))


def _elements(value: Any, message: Descriptor) -> Iterator[tuple[str, Any, FieldDescriptor]]:
    """What is in the fields of an object: each element of a list and each value of a map by itself."""
    if not isinstance(value, dict):
        return
    for field in message.fields:
        item = value.get(field.json_name, value.get(field.name))
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            entries = item.items() if isinstance(item, dict) else ()
            part = field.message_type.fields_by_name["value"]
            yield from ((path_below(field.json_name, subscript(key)), each, part) for key, each in entries)
        elif field.is_repeated:
            items = item if isinstance(item, list) else ()
            yield from ((f"{field.json_name}[{index}]", each, field) for index, each in enumerate(items))
        else:
            yield field.json_name, item, field


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.removeprefix("-").isdecimal()
    return isinstance(value, int | float) and not isinstance(value, bool)


def _members(enum: EnumDescriptor) -> tuple[str, ...]:
    return tuple(value.name for value in enum.values if value.number)
