"""Protovalidate rules → the keywords of JSON Schema that mean the same; the rest in words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from meshgen.contract.validation import StatedRules
from meshgen.emit.openapi.model import Schema

_NUMBERS = ("int32", "int64", "float", "double")
_KEYWORDS = {
    **{f"{kind}.gte": "minimum" for kind in _NUMBERS},
    **{f"{kind}.gt": "exclusive_minimum" for kind in _NUMBERS},
    **{f"{kind}.lte": "maximum" for kind in _NUMBERS},
    **{f"{kind}.lt": "exclusive_maximum" for kind in _NUMBERS},
    "string.min_len": "min_length",
    "string.max_len": "max_length",
    "string.pattern": "pattern",
    "repeated.min_items": "min_items",
    "repeated.max_items": "max_items",
    "repeated.unique": "unique_items",
    "map.min_pairs": "min_properties",
    "map.max_pairs": "max_properties",
}
_FORMATS = ("email", "hostname", "ip", "ipv4", "ipv6", "uri", "uuid")
_RE2_ONLY = re.compile(r"\(\?(?!:)|\\[AzQEC]|\[\[:")
"""What JavaScript's patterns, which JSON Schema uses, do not have: flags inside, named groups of Python's form…"""
_TIMES = {"gte": "Not before", "gt": "After", "lte": "Not after", "lt": "Before", "const": "Always"}
_LENGTHS = {"gte": "At least", "gt": "More than", "lte": "At most", "lt": "Less than", "const": "Always"}


def constrained(schema: Schema, rules: StatedRules) -> Schema:
    """The schema of a value with its rules (`int64.gte`, `string.pattern`…) in it."""
    keywords: dict[str, Any] = {}
    words = [] if schema.description is None else [schema.description]
    for path, value in rules.items():
        found = {} if path == "string.pattern" and _RE2_ONLY.search(value) else dict(_keywords(path, value))
        keywords |= found
        if not found:
            words += _in_words(path, value)
    return replace(schema, **keywords, description="\n".join(words) or None)


def inside(rules: StatedRules, prefix: str) -> dict[str, Any]:
    """The rules of the elements: those below `repeated.items.`, `map.keys.` or `map.values.`."""
    return {path.removeprefix(prefix): value for path, value in rules.items() if path.startswith(prefix)}


def _keywords(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    kind, _, rule = path.rpartition(".")
    match kind, rule:
        case _ if path in _KEYWORDS:
            if not isinstance(value, float) or math.isfinite(value):
                yield _KEYWORDS[path], value
        case "int64", "in" | "const":  # a 64-bit integer is read as a string too
            values = value if rule == "in" else (value,)
            yield "enum", (*values, *map(str, values))
        case _, "in":
            yield "enum", value
        case "int32" | "float" | "double", "const":
            if math.isfinite(value):
                yield "const", value
        case "string", "len":
            yield "min_length", value
            yield "max_length", value
        case "string", _ if rule in _FORMATS:
            yield "format", rule
        case "bytes", "len" | "min_len" | "max_len":  # base64 has four letters for three bytes, padding or not
            if rule != "max_len":
                yield "min_length", -(-value * 4 // 3)
            if rule != "min_len":
                yield "max_length", -(-value // 3) * 4
        case _:
            pass


def _in_words(path: str, value: Any) -> Iterator[str]:
    rule = path.rpartition(".")[2]
    match value:
        case datetime():
            yield f"{_TIMES[rule]} {value.isoformat().replace('+00:00', 'Z')}."
        case timedelta():
            yield f"{_LENGTHS[rule]} {value.total_seconds():g} s."
        case str() if rule == "pattern":
            yield f"Matches `{value}` (RE2)."
        case tuple() if rule == "cel":
            yield from (f"{str(item['message']).capitalize()}." for item in value)
        case _:
            pass
