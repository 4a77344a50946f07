"""How the fields of a message lie one after the other in its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meshgen.codec.wireformat import LENGTH, WIRE_TYPES, varint
from meshgen.naming import field_name
from meshgen.schema.convert.set_elements import SETS
from meshgen.schema.model import Field, Image, ListOf, Record, Scalar, Tensor, Type
from meshgen.schema.relate.union_members import spread
from meshgen.schema.traits import all_inside, is_deep, without_none
from meshgen.schema.wire_names import member_name

_HIGHEST = 15
"""The number of a field whose tag is one byte."""
_SCALARS = WIRE_TYPES.keys() - {FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_MESSAGE}
"""Types of fields of text and numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A field that is written and read by itself."""

    field: Field
    item: Type
    """Of each value in it."""
    wire: Any
    """Its descriptor."""
    inside: Layout | None = None
    """How the record in it lies."""

    @property
    def tag(self) -> int:
        """The byte before each value."""
        return tag_of(self.wire)

    @property
    def is_list(self) -> bool:
        """Whether there may be more than one value."""
        return isinstance(self.field.type, ListOf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """Neighbours that are left to protobuf."""

    fields: tuple[Field, ...]
    tags: Mapping[int, bool]
    """The byte before each of their values → whether there may be more than one."""


Layout: TypeAlias = tuple[Slot | Others, ...]
"""The fields of a message in the order of their numbers."""


def tag_of(wire: Any) -> int:
    """The byte before each value of a field, in lists of numbers before all of them."""
    kind = LENGTH if wire.is_repeated else WIRE_TYPES[wire.type]
    (tag,) = varint(wire.number << 3 | kind)
    return tag


def layout_of(descriptor: Descriptor, fields: Sequence[Field]) -> Layout | None:
    """How a message lies; None when it is left to protobuf: no tensors or bytes are in it, or not where we look."""
    if any(is_deep(f.type) for f in fields) or not any(_holds_payload(f.type) for f in fields):
        return None
    places = {wire.number: (wire, f) for f in fields for wire in _descriptors(descriptor, f)}
    if max(places) > _HIGHEST:
        return None
    layout: list[Slot | Others] = []
    for _, (wire, field) in sorted(places.items()):
        slot = _slot(wire, field)
        if slot is None and _holds_payload(field.type):
            return None
        last = layout[-1] if layout else None
        if slot is not None:
            layout.append(slot)
        elif isinstance(last, Others):
            layout[-1] = _with(last, wire, field)
        else:
            layout.append(_with(Others(fields=(), tags={}), wire, field))
    return None if _is_split(layout) else tuple(layout)


def holds_tensor(layout: Layout) -> bool:
    """Whether one of the fields holds tensors, however deep."""
    return any(
        isinstance(place, Slot)
        and (isinstance(place.item, Tensor) or (place.inside is not None and holds_tensor(place.inside)))
        for place in layout
    )


def records_in(layout: Layout) -> Iterator[Record]:
    """The records that are written and read by themselves, however deep."""
    for place in layout:
        if isinstance(place, Slot) and isinstance(place.item, Record) and place.inside is not None:
            yield place.item
            yield from records_in(place.inside)


def _descriptors(descriptor: Descriptor, field: Field) -> Iterator[Any]:
    wire, union = field_name(field.name), spread(field.type)
    names = [wire] if union is None else [member_name(m, wire) for m in union.members]
    return (descriptor.fields_by_name[name] for name in names)


def _with(others: Others, wire: Any, field: Field) -> Others:
    fields = others.fields if field in others.fields else (*others.fields, field)
    is_list = wire.is_repeated and not wire.is_packed
    return Others(fields=fields, tags={**others.tags, tag_of(wire): is_list})


def _is_split(layout: Sequence[Slot | Others]) -> bool:
    """Whether other fields lie between the members of a union."""
    names = [f.name for part in layout if isinstance(part, Others) for f in part.fields]
    return len(names) != len(set(names))


def _slot(wire: Any, field: Field) -> Slot | None:
    match field.type:
        case ListOf(item=item, container=container):
            if container in SETS or not _holds_payload(item):
                return None
        case type_:
            item = without_none(type_)
    if spread(field.type) is not None or field.omitted:
        return None
    match item:
        case Record() if _holds_payload(item):
            inside = layout_of(wire.message_type, item.fields)
            return None if inside is None else Slot(field=field, item=item, wire=wire, inside=inside)
        case Tensor() | Scalar(kind="bytes") if wire.type == FieldDescriptor.TYPE_BYTES:
            return Slot(field=field, item=item, wire=wire)
        case _ if wire.type in _SCALARS and not wire.is_repeated:
            return Slot(field=field, item=item, wire=wire)
        case _:
            return None


def _holds_payload(type_: Type) -> bool:
    return any(
        isinstance(inner, Tensor | Image) or (isinstance(inner, Scalar) and inner.kind == "bytes")
        for inner in all_inside(type_)
    )
