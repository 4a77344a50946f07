"""A profile, or two, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from benchmarks.profile.usage import DRIVER, ROLES
from benchmarks.tables import number, table

Recorded: TypeAlias = Mapping[str, Any]
"""What `python -m benchmarks.profile` writes."""
Split: TypeAlias = Mapping[str, float]
"""µs per request, by whose code it is."""
_EXPLAINED = """\
CPU time of every process of a mesh, from `/proc`, over the requests that were answered meanwhile. Within a replica the
thread that runs requests is sampled by py-spy, native frames included, and a sample belongs to the innermost frame that
is anybody's: Python's own library and C code count for whoever called them. Waiting is left out. *Idle replicas* are
those of nodes that this work does not call; they and Ray cost the same per second whether requests come or not, so that
their share falls as throughput rises."""


def report(before: Recorded | None, after: Recorded | None) -> str:
    """Tables with a column for each that there is; empty without any."""
    found = {name: each for name, each in (("before", before), ("after", after)) if each is not None}
    if not found:
        return ""
    columns = list(found.values())
    head = tuple(f"{name} (`{each['commit']}`)" for name, each in found.items())
    what = columns[-1]
    parts = [
        f"`{what['work']}` with {what['in_flight']} requests in flight. {_EXPLAINED}",
        table(("", *head), [*_facts(columns), *_processes(columns)]),
        _within("the driver", head, [each["within"].get(DRIVER, {}) for each in columns]),
        _within("one node", head, [_node(each["within"]) for each in columns]),
    ]
    return "\n\n".join(parts)


def _facts(columns: Sequence[Recorded]) -> list[Sequence[str]]:
    """The first lines: how fast it was, and what an idle mesh takes."""
    return [
        ["requests per second", *(number(each["rps"]) for each in columns)],
        ["the mesh without requests, % of a core", *(number(each["idle_percent"]) for each in columns)],
        ["**µs of CPU per request**", *(f"**{number(sum(each['us_per_request'].values()))}**" for each in columns)],
    ]


def _processes(columns: Sequence[Recorded]) -> list[Sequence[str]]:
    return [
        [name, *(number(each["us_per_request"].get(role, 0.0)) for each in columns)]
        for role, name in ROLES.items()
        if any(role in each["us_per_request"] for each in columns)
    ]


def _node(within: Mapping[str, Split]) -> Split:
    """Of the node that was sampled, whichever that was."""
    return next((split for role, split in within.items() if role != DRIVER), {})


def _within(name: str, head: Sequence[str], splits: Sequence[Split]) -> str:
    """What a replica does with its time, the most first, by the last column."""
    owners = sorted(
        {owner for split in splits for owner in split}, key=lambda owner: (-splits[-1].get(owner, 0.0), owner)
    )
    lines = [[owner, *(number(split.get(owner, 0.0)) for split in splits)] for owner in owners]
    total = ["**together**", *(f"**{number(sum(split.values()))}**" for split in splits)]
    return table((f"µs per request in {name}", *head), [*lines, total])
