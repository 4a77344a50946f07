"""Which arguments of a call, and which answers, go on as the bytes that they came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor

from meshgen.codec.lazy import Parts, Received, plain, undecoded
from meshgen.codec.passthrough import (
    Fields,
    Passage,
    Pieces,
    concatenated,
    into_answer,
    into_field,
    into_list,
    parts_of,
)
from meshgen.naming import RESULT_FIELD
from meshgen.schema.model import Field, Type


class Forwarding:
    """What goes into one message, a request or a response. What may go where is asked once for each source."""

    def __init__(self, target: Descriptor, fields: tuple[Field, ...], answer: Type | None = None) -> None:
        """Args: the message, its fields, and the result's type when it is a response."""
        self._target = target
        self._fields = {f.name: f for f in fields}
        self._answer = answer
        self._passages: dict[tuple[object, str, bool], Passage | None] = {}

    def split(self, arguments: Mapping[str, Any]) -> tuple[Fields, dict[str, Any]]:
        """The fields that go on as they are, and the values of those that have to be written."""
        ready: Fields = []
        rest: dict[str, Any] = {}
        for name, value in arguments.items():
            found = self._field(name, value) if undecoded(value) else None
            if found is None:
                rest[name] = plain(value)
            else:
                ready.append(found)
        return ready, rest

    def answer(self, value: Any) -> bytes | None:
        """The response that an undecoded result makes; None when it has to be written anew."""
        found = self._field(RESULT_FIELD, value)
        return None if found is None else concatenated([found])

    def answer_parts(self, value: Any) -> Pieces | None:
        """The same in parts."""
        found = self._field(RESULT_FIELD, value)
        return None if found is None else parts_of([found])

    def _field(self, name: str, value: Any) -> tuple[Passage | None, Pieces] | None:
        pieces: Pieces = []
        if type(value) is Received:
            passage = self._passage(value, name, element=False)
            return (passage, pieces) if passage is not None and passage.put(value.data, pieces) else None
        if type(value) is not Parts:
            return None
        for item in value.items:
            passage = self._passage(item, name, element=True) if type(item) is Received else None
            size = len(pieces)
            # An element that is not written at all would be lost.
            if passage is None or not passage.put(item.data, pieces) or len(pieces) == size:
                return None
        return None, pieces

    def _passage(self, source: Received, name: str, *, element: bool) -> Passage | None:
        key = (source.codec, name, element)
        try:
            return self._passages[key]
        except KeyError:
            passage = self._passages[key] = self._compiled(source, name, element=element)
            return passage

    def _compiled(self, source: Received, name: str, *, element: bool) -> Passage | None:
        codec, field = source.codec, self._fields.get(name)
        here = codec.response
        if self._answer is not None and not element:
            return into_answer(here, codec.result, self._target, self._answer)
        if field is None:
            return None
        return (into_list if element else into_field)(here, codec.result, self._target, field)
