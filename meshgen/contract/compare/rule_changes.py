"""Two sets of rules on one field: what the newer one refuses that the older one took, and the other way round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_LOW = {"gt": "gt", "gte": "ge", "min_len": "min_len", "min_items": "min_len", "min_pairs": "min_len"}
_HIGH = {"lt": "lt", "lte": "le", "max_len": "max_len", "max_items": "max_len", "max_pairs": "max_len"}
_BOTH = {"const": ("gte", "lte"), "len": ("min_len", "max_len")}
"""A rule that is a lower and an upper bound in one."""


def narrower(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """The rules, as a user writes them, by which `new` refuses values that `old` took.

    A rule that cannot be compared (a pattern) counts when it is new or another one.
    """
    before, now = _spread(old), _spread(new)
    return tuple(f"`{_words(path, rule)}`" for path, rule in now.items() if _refuses_more(path, rule, before))


def _spread(rules: Mapping[str, Any]) -> dict[str, Any]:
    """The rules with every bound by itself."""
    spread: dict[str, Any] = {}
    for path, rule in rules.items():
        parent, dot, name = path.rpartition(".")
        spread |= {f"{parent}{dot}{part}": rule for part in _BOTH.get(name, (name,))}
    return spread


def _refuses_more(path: str, rule: Any, before: Mapping[str, Any]) -> bool:
    parent, dot, name = path.rpartition(".")
    if name in _LOW:
        return all(_tightness(name, rule) > _tightness(n, r) for n, r in _bounds(f"{parent}{dot}", _LOW, before))
    if name in _HIGH:
        return all(_tightness(name, rule) < _tightness(n, r) for n, r in _bounds(f"{parent}{dot}", _HIGH, before))
    return bool(before.get(path) != rule)


def _bounds(prefix: str, names: Mapping[str, str], rules: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, rules[prefix + name]) for name in names if prefix + name in rules)


def _tightness(name: str, value: Any) -> tuple[Any, int]:
    """Orders bounds by value; of two with one value, the one that leaves the value itself out is the tighter."""
    return (value, {"gt": 1, "lt": -1}.get(name, 0))


def _words(path: str, rule: Any) -> str:
    name = path.rpartition(".")[2]
    if name == "cel":
        return " and ".join(each.get("message", "") for each in rule)
    name = _LOW.get(name) or _HIGH.get(name) or name
    return name if rule is True else f"{name}={rule!r}"
