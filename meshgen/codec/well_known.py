"""Python values ⇄ the messages that others have defined for them: Value, Timestamp, Duration, Date, Decimal."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from meshgen.codec.pycode import CompiledFunctions, field_of
from meshgen.schema.values.any_value import number_of, read_at
from meshgen.schema.values.kind import Message


@cache
def message_reader(message: Message) -> Callable[[Any], Any]:
    """A function from the message of a kind to its value; it raises Misfit."""
    functions = CompiledFunctions()
    parts = ", ".join(field_of("m", name) for name in message.names)
    line = f"return {functions.refer(message.read)}({parts})"
    return functions.define("m", [line], f"reader of {message.name}")


@cache
def message_writer(message: Message) -> Callable[[Any, Any], None]:
    """A function that puts a value of a kind into its message; it raises EncodeError."""
    functions = CompiledFunctions()
    parts = "".join(f"{field_of('m', name)}, " for name in message.names)
    line = f"{parts}= {functions.refer(message.write)}(v)"
    return functions.define("m, v", [line], f"writer of {message.name}")


def fill_value(message: Any, plain: Any) -> None:
    """Put what `to_plain` gave into a `google.protobuf.Value`."""
    match plain:
        case None:
            message.null_value = 0
        case bool():
            message.bool_value = plain
        case str():
            message.string_value = plain
        case int() | float():
            message.number_value = plain
        case dict():
            message.struct_value.SetInParent()
            add = message.struct_value.fields.add
            for key, item in plain.items():
                entry = add()
                entry.key = key
                fill_value(entry.value, item)
        case _:
            message.list_value.SetInParent()
            values = message.list_value.values
            for item in plain:
                fill_value(values.add(), item)


def read_value(message: Any) -> Any:
    """The value of a `google.protobuf.Value`; one that says nothing is None.

    Raises:
        Misfit: it holds a number that is not finite.
    """
    match message.WhichOneof("kind"):
        case "number_value":
            return number_of(message.number_value)
        case "struct_value":
            return {entry.key: read_at(read_value, entry.value, entry.key) for entry in message.struct_value.fields}
        case "list_value":
            return [read_at(read_value, item, i) for i, item in enumerate(message.list_value.values)]
        case None | "null_value":
            return None
        case kind:
            return getattr(message, kind)
