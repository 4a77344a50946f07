"""The types that get a message or an enum of their own, and what it is called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from meshgen.contract.wire import Leaf, WireField, Wrapper, field_shape, wire_field, wire_fields
from meshgen.naming import pascal
from meshgen.schema.model import EnumOf, Field, Record, Ref, Type

Named: TypeAlias = Record | EnumOf | Wrapper
"""A leaf with a message or an enum of its own in the file."""


def message_name(item: Named | Ref) -> str:
    """What the message or enum of a type is called, where nothing else has that name."""
    return item.name if isinstance(item, Wrapper) else pascal(item.name)


def stand_in_name(name: str) -> str:
    """What a record's message is called where its own name is that of a request or a response."""
    return f"{name}Value"


def named_types(types: Iterable[Type]) -> Iterator[Named]:
    """Every named type inside fields of these types, each before those inside it. A class comes once."""
    seen: set[Record] = set()
    for type_ in types:
        yield from _named(wire_field(Field(name="value", type=type_)), seen)


def _named(fields: Iterable[WireField], seen: set[Record]) -> Iterator[Named]:
    for wire in fields:
        leaf = field_shape(wire).leaf
        # A record inside itself needs a message also where it is an rpc's own request or response.
        item = leaf.record if isinstance(leaf, Ref) else leaf
        if item in seen:
            continue
        if isinstance(item, Record):
            seen.add(item)
        if isinstance(item, Record | EnumOf | Wrapper):
            yield item
        yield from _named(_inside(item), seen)


def _inside(item: Leaf) -> tuple[WireField, ...]:
    """The fields of a message that is made for this graph."""
    match item:
        case Record(fields=fields):
            return wire_fields(fields)
        case Wrapper(fields=fields):
            return fields
        case _:
            return ()
