"""Words of a name, and the cases that protobuf style asks for.

The splitting is the one that `buf lint` checks names with, so that what is generated is clean whatever a user's names
look like. A new word starts at a capital that follows a small letter or comes before one; digits belong to the word
around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

RESULT_FIELD = "result"
"""The one field of a response whose Python result is not a record."""
LIST_FIELD = "values"
"""The one field of a message that holds a list or a map."""
OPTIONAL_FIELD = "value"
"""The one field of a message that holds a value that may be absent."""

RESERVED_RPCS = frozenset({"Check", "ServerReflectionInfo", "Watch"})
"""The rpcs of every server."""

_SEPARATOR = re.compile(r"[^A-Za-z0-9]+")
_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z0-9])(?=[A-Z][a-z])")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def words(name: str) -> list[str]:
    """`HTTPMode` → `['HTTP', 'Mode']`, `Box[int]` → `['Box', 'int']`."""
    return [word for part in _SEPARATOR.split(name) if part for word in _BOUNDARY.split(part)]


@lru_cache(maxsize=4096)  # each field is asked for by every part that compiles something for it
def snake(name: str) -> str:
    """`LowerSnake`: `ResNetModel` → `res_net_model`, `user_ID` → `user_id`, `_private` → `private`."""
    return "_".join(word.lower() for word in words(name))


def field_name(name: str) -> str:
    """What a field is called in a contract: `userID` → `user_id`.

    `_id` is `underscore_id`, because its name in JSON may not be that of the oneof `_id`, which an optional `id` has.
    """
    own = snake(name)
    return f"underscore_{own}" if name == f"_{own}" else own


def pascal(name: str) -> str:
    """`model_1` → `Model1`. Capitals inside words stay: `HTTPMode` → `HTTPMode`."""
    return "".join(word[0].upper() + word[1:] for word in words(name))


def upper_snake(name: str) -> str:
    """`HTTPMode` → `HTTP_MODE`."""
    return snake(name).upper()


def json_name(name: str) -> str:
    """What protobuf itself would call the field `name` in JSON: `user_id` → `userId`, `top_5` → `top5`."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def enum_zero(enum: str) -> str:
    """The value that stands for "not said" in the enum of Python class `enum`: `COLOR_UNSPECIFIED`."""
    return enum_value(enum, "UNSPECIFIED")


def enum_value(enum: str, member: str) -> str:
    """The wire name of a member: `('HTTPMode', 'keepAlive')` → `HTTP_MODE_KEEP_ALIVE`."""
    return f"{upper_snake(pascal(enum))}_{upper_snake(member)}"


def writable(name: str) -> bool:
    """Whether a Python name has a protobuf name: ASCII, with a letter before any digit."""
    return name.isascii() and _IDENTIFIER.match(snake(name)) is not None


def collisions(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of field names that protobuf cannot tell apart: `('userId', 'user_id')`, `('x1', 'x_1')`.

    Each name that clashes comes with the first one that it clashes with.
    """
    seen: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    for name in names:
        key = json_name(snake(name))  # `_id` and `id` are one as well
        if key in seen:
            pairs.append((seen[key], name))
        else:
            seen[key] = name
    return pairs
