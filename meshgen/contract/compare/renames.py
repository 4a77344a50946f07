"""Classes that seem to have a new name: a message or enum that is gone, and a new one that has mostly its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from meshgen.contract.compare.described import Described
from meshgen.naming import enum_zero

Renames: TypeAlias = Mapping[str, str]
"""Name of before → name of now."""

_ALIKE = 0.5
"""The part of all names of two classes that has to be in both."""


def renames(old: Described, new: Described) -> Renames:
    """What each class that is gone seems to be called now. A guess, for hints alone."""
    before, now = _names(old), _names(new)
    found: dict[str, str] = {}
    for gone in sorted(before.keys() - now.keys()):
        heirs = [(_alike(before[gone], now[name]), name) for name in now.keys() - before.keys()]
        likeness, heir = max(heirs, default=(0.0, ""))
        if likeness >= _ALIKE:
            found[gone] = heir
    return found


def renamed_in(type_: str, now: str, known: Renames) -> tuple[tuple[str, str], ...]:
    """The classes whose new names make the one type, in Python's words, the other: `list[Req]`, `list[Request]`."""
    names = [name for name in known if re.search(rf"\b{name}\b", type_)]
    if not names or re.sub(rf"\b({'|'.join(names)})\b", lambda word: known[word[0]], type_) != now:
        return ()
    return tuple(dict.fromkeys(_innermost(name, known) for name in names))


def _innermost(name: str, known: Renames) -> tuple[str, str]:
    """`BoxReq` has another name because `Req` has."""
    parts = [part for part in known if part in name and name.replace(part, known[part]) == known[name]]
    part = min(parts, key=len)
    return part, known[part]


def _names(contract: Described) -> dict[str, frozenset[str]]:
    """The names of the fields or values of each class, by its own; an enum's without its prefix."""
    calls = {name.lstrip(".") for r in contract.rpcs.values() for name in (r.method.input_type, r.method.output_type)}
    found = {
        full.rpartition(".")[2]: frozenset(f.name for f in message.field)
        for full, message in contract.messages.items()
        if full not in calls and not message.options.map_entry
    }
    for full, enum in contract.enums.items():
        name = full.rpartition(".")[2]
        prefix = enum_zero(name).removesuffix("UNSPECIFIED")
        found[name] = frozenset(value.name.removeprefix(prefix) for value in enum.value if value.number)
    return found


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0
