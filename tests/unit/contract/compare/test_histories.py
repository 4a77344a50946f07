"""Random edits of a graph, one after the other: numbers keep their meaning, and `buf breaking` agrees with us."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorSet
from histories import Version, histories
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tools import BUF

from meshgen.contract.build import build
from meshgen.contract.compare.comparison import Change, compare
from meshgen.contract.compare.described import Described, reserved_numbers
from meshgen.contract.descriptors import real_oneof
from meshgen.contract.lock import dump_lock, load_lock
from meshgen.contract.model import Contract
from meshgen.emit.envoy.descriptors import merge_descriptors
from meshgen.errors import GraphError, errors_only

REFUSED = {"MG404", "MG406", "MG410", "MG421"}
"""What a build may say to an edit; the edit is then left out, as its user would have to."""
SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True, slots=True)
class Built:
    """A version that could be built, with the lock that it found."""

    version: Version
    lock: Any
    contract: Contract


def built(name: str, versions: Sequence[Version]) -> list[Built]:
    """The versions of a history, each with the lock of the one before."""
    found: list[Built] = []
    for version in versions:
        lock = load_lock(dump_lock(found[-1].contract.lock), "lock.json") if found else None
        try:
            found.append(Built(version, lock, build(name, version.services(), lock)))
        except GraphError as error:
            if not {d.code for d in errors_only(error.diagnostics)} <= REFUSED:
                raise
    return found


def slots(contract: Contract) -> Iterator[tuple[tuple[str, int], tuple[str, Any]]]:
    """(message or enum, number) → (name, type) of everything in use; entries of maps are part of the map's type."""
    described = Described.of(contract.descriptors)
    for full, message in described.messages.items():
        for item in () if message.options.map_entry else message.field:
            entry = described.entry(item)
            inner = None if entry is None else [(part.type, part.type_name) for part in entry.field]
            oneof = bool(real_oneof(message, item))
            yield (full, item.number), (item.name, (item.type, inner or item.type_name, item.label, oneof))
    for full, values in described.enums.items():
        for value in values.value:
            yield (full, value.number), (value.name, None)


def renames(version: Version) -> set[tuple[str, str]]:
    """Pairs of wire names that are one field by the markers of this version, members of unions by their prefix."""
    rows = [*version.records.values(), *(r for r in version.requests.values() if not isinstance(r, str))]
    return {(row.old, row.name) for fields in rows for row in fields if row.old}


def is_rename(old: str, new: str, pairs: set[tuple[str, str]]) -> bool:
    return any(
        (old, new) == (before, now) or (old.startswith(f"{before}_") and new == now + old.removeprefix(before))
        for before, now in pairs
    )


@SLOW
@given(histories())
def test_a_number_never_changes_its_meaning(versions: tuple[Version, ...]) -> None:
    meaning: dict[tuple[str, int], tuple[str, Any]] = {}
    for one in built("g", versions):
        now = dict(slots(one.contract))
        pairs = renames(one.version)
        for place, (name, type_) in now.items():
            if place in meaning:
                before, type_before = meaning[place]
                assert type_ == type_before, place
                assert name == before or is_rename(before, name, pairs), place
        meaning |= now
        all_reserved(one.contract, meaning, now)


def all_reserved(contract: Contract, ever: dict[tuple[str, int], Any], now: dict[tuple[str, int], Any]) -> None:
    described = Described.of(contract.descriptors)
    items: dict[str, DescriptorProto | EnumDescriptorProto] = {**described.messages, **described.enums}
    for full, number in ever.keys() - now.keys():
        if full in items:
            assert number in reserved_numbers(items[full]), (full, number)


def flagged_by_buf(old: FileDescriptorSet, new: FileDescriptorSet, category: str) -> dict[str, list[str]]:
    """Graph → what `buf breaking` says of it."""
    config = {"version": "v2", "breaking": {"use": [category], "ignore": ["google", "buf", "meshgen"]}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "old.binpb").write_bytes(old.SerializeToString())
        (folder / "new.binpb").write_bytes(new.SerializeToString())
        options = ("--against", "old.binpb", "--error-format", "json", "--config", json.dumps(config))
        command = [BUF, "breaking", "new.binpb", *options]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in (0, 100), done.stderr
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        found.setdefault(row["path"].split("/")[0], []).append(row["message"])
    return found


Pair = tuple[FileDescriptorSet, FileDescriptorSet]


def steps(index: int, versions: Sequence[Version]) -> Iterator[tuple[str, Pair]]:
    """The contracts before and after each step, under a name of their own, so that buf can judge all at once."""
    for step, (before, after) in enumerate(pairwise(built("g", versions))):
        name = f"g{index}s{step}"
        old, new = (build(name, one.version.services(), one.lock).descriptors for one in (before, after))
        yield name, (old, new)


@settings(SLOW, max_examples=6)
@given(st.lists(histories(), min_size=10, max_size=10))
def test_buf_breaking_agrees(many: list[tuple[Version, ...]]) -> None:
    pairs = dict(pair for index, versions in enumerate(many) for pair in steps(index, versions))
    ours = {name: compare(*pair) for name, pair in pairs.items()}
    old, new = (merge_descriptors(pair[i] for pair in pairs.values()) for i in (0, 1))
    for category, flag in (("WIRE", "wire"), ("WIRE_JSON", "json")):
        theirs = flagged_by_buf(old, new, category)
        for name, changes in ours.items():
            assert any(getattr(c, flag) for c in changes) == (name in theirs), said(name, theirs, changes)
    for changes in ours.values():
        assert all(change.breaking for change in changes if change.wire or change.json), changes


def said(name: str, theirs: dict[str, list[str]], ours: Sequence[Change]) -> str:
    return "\n".join([*theirs.get(name, ["buf: nothing"]), *(f"{c} wire={c.wire} json={c.json}" for c in ours)])


@settings(SLOW, max_examples=40)
@given(histories())
def test_silence_means_that_nothing_in_use_changed(versions: tuple[Version, ...]) -> None:
    contracts = [one.contract for one in built("g", versions)]
    for one, other in pairwise(contracts):
        assert compare(one.descriptors, one.descriptors) == ()
        if not compare(one.descriptors, other.descriptors):
            assert dict(slots(one)).items() <= dict(slots(other)).items()
