"""Options of a field in `.proto` text, its name in JSON and protovalidate's rules, in the style of `buf format`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from meshgen.contract.validation import StatedRules

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def with_options(head: str, extension: str, rules: StatedRules, json_name: str = "") -> list[str]:
    """The lines of a field.

    Args:
        head: everything up to its options.
        extension: what the file calls the rules.
        rules: those of the field.
        json_name: its name in JSON; empty for the one that protobuf gives it.
    """
    options = [*_options("json_name", json_name)] if json_name else []
    options += [option for path, value in rules.items() for option in _options(f"({extension}).{path}", value)]
    match options:
        case []:
            return [f"{head};"]
        case [[first, *rest]]:
            lines = [f"{head} [{first}", *rest]
            return [*lines[:-1], f"{lines[-1]}];"]
        case _:
            body = [f"  {line}" for option in options for line in (*option[:-1], f"{option[-1]},")]
            return [f"{head} [", *body[:-1], body[-1].removesuffix(","), "];"]


def _options(name: str, value: Any) -> Iterator[list[str]]:
    """The lines of each option that states a rule; the values of a list are an option each."""
    for item in value if isinstance(value, tuple) else (value,):
        match item:
            case datetime():
                stamp = Timestamp()
                stamp.FromDatetime(item)
                yield _block(name, _fields(stamp))
            case timedelta():
                duration = Duration()
                duration.FromTimedelta(item)
                yield _block(name, _fields(duration))
            case Mapping():
                yield _block(name, item)
            case _:
                yield [f"{name} = {_literal(item)}"]


def _block(name: str, fields: Mapping[str, Any]) -> list[str]:
    lines = [f"{key}: {_literal(value)}" for key, value in fields.items()]
    if len(lines) > 1:
        return [f"{name} = {{", *(f"  {line}" for line in lines), "}"]
    return [f"{name} = {{{''.join(lines)}}}"]


def _fields(message: Message) -> dict[str, Any]:
    return {field.name: value for field, value in message.ListFields()}


def _literal(value: bool | float | str) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{"".join(map(_character, value))}"'
        case _:
            return repr(value)


def _character(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char.isprintable() or char > "\x9f" else "".join(f"\\x{byte:02x}" for byte in char.encode())
