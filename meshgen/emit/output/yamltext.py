"""Plain values as block YAML: the text of PyYAML's `safe_dump`, in a third of its time.

Its representer and serializer build a node for each value, in case two values are one and want an anchor. Ours are
written out each time, as equal parts would otherwise depend on each other when a person edits one; so values become
the emitter's events at once. What the emitter finds out about a text is kept: most of them are keys that come again.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import yaml
from yaml.emitter import Emitter, ScalarAnalysis
from yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

_WIDTH = 120
_KEPT = 10_000
_BREAKS = frozenset(" \n\x85\u2028\u2029")


def block_text(value: Any) -> str:
    """YAML of dicts, lists and scalars."""
    stream = io.StringIO()
    emit = _Emitter(stream, allow_unicode=True, width=_WIDTH).emit
    emit(StreamStartEvent())
    emit(DocumentStartEvent(explicit=False))
    _emit(value, emit)
    emit(DocumentEndEvent(explicit=False))
    emit(StreamEndEvent())
    return stream.getvalue()


class _Emitter(Emitter):
    def analyze_scalar(self, scalar: str) -> ScalarAnalysis:
        return _analysis(scalar)

    def write_plain(self, text: str, split: bool = True) -> None:
        if self.root_context or not text or not _BREAKS.isdisjoint(text):
            super().write_plain(text, split)
            return
        data = text if self.whitespace else f" {text}"  # in one piece, as there is nothing to fold
        self.whitespace = self.indention = False
        self.column += len(data)
        self.stream.write(data)


@lru_cache(_KEPT)
def _analysis(text: str) -> ScalarAnalysis:
    return Emitter(io.StringIO(), allow_unicode=True).analyze_scalar(text)


def _emit(value: Any, emit: Callable[[Event], None]) -> None:
    match value:
        case dict():
            emit(MappingStartEvent(None, None, True, flow_style=False))
            for key, item in value.items():
                emit(_scalar(key))
                _emit(item, emit)
            emit(MappingEndEvent())
        case list() | tuple():
            emit(SequenceStartEvent(None, None, True, flow_style=False))
            for item in value:
                _emit(item, emit)
            emit(SequenceEndEvent())
        case _:
            emit(_scalar(value))


def _scalar(value: Any) -> ScalarEvent:
    if isinstance(value, str):
        return _text(value)
    node = yaml.SafeDumper(io.StringIO()).represent_data(value)
    return ScalarEvent(None, node.tag, (True, False), node.value)


@lru_cache(_KEPT)
def _text(value: str) -> ScalarEvent:
    resolved = _RESOLVER.resolve(yaml.ScalarNode, value, (True, False))  # type: ignore[no-untyped-call]
    return ScalarEvent(None, _STRING, (resolved == _STRING, True), value)


_STRING = "tag:yaml.org,2002:str"
_RESOLVER = yaml.resolver.Resolver()
