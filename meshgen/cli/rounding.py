"""Finds whole numbers in JSON that protobuf would round without a word: those of `Any` are doubles on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from meshgen.schema.misfit import Misfit, path_below, subscript
from meshgen.schema.values.any_value import from_plain

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor

_VALUE = "google.protobuf.Value"


def refuse_rounding(value: Any, message: Descriptor) -> None:
    """Look at every `google.protobuf.Value` in the JSON of a message; what fits no message is left alone.

    Raises:
        InvalidArgument: with a violation for each value that is not exact.
    """
    if problems := list(_in_message(value, message)):
        raise Misfit(problems).as_status()


def _in_message(value: Any, message: Descriptor) -> Iterator[tuple[str, str]]:
    if message.full_name == _VALUE:
        try:
            from_plain(value)
        except Misfit as misfit:
            yield from misfit.problems
    elif isinstance(value, dict):
        for field in message.fields:
            for path, problem in _in_field(value.get(field.name, value.get(field.json_name)), field):
                yield path_below(field.name, path), problem


def _in_field(value: Any, field: FieldDescriptor) -> Iterator[tuple[str, str]]:
    message = field.message_type
    rows: Iterable[tuple[Any, Any]]
    if message is not None and message.GetOptions().map_entry:
        message = message.fields_by_name["value"].message_type
        rows = value.items() if isinstance(value, dict) else ()
    elif field.is_repeated:
        rows = enumerate(value) if isinstance(value, list) else ()
    else:
        rows = ((None, value),)
    if message is None:
        return
    for key, item in rows:
        for path, problem in _in_message(item, message):
            yield path if key is None else path_below(subscript(key), path), problem
