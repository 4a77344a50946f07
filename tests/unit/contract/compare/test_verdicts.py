"""What the gate promises is so: messages of the old contract, read by the new one, and the other way round."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

from google.protobuf import json_format
from google.protobuf.message import Message
from histories import Version, histories
from hypothesis import given, settings
from hypothesis import strategies as st
from random_messages import Messages
from test_histories import SLOW, built

from meshgen.contract.compare.comparison import Change, compare


def carried(name: str, writer: Messages, reader: Messages, rand: random.Random) -> tuple[Message, Message]:
    """A random message, as it was written and as it is read."""
    written = writer.fill(writer.new(name), rand)
    assert [*writer.faults(written)] == []
    read = reader.new(name)
    read.ParseFromString(written.SerializeToString())
    read.DiscardUnknownFields()  # type: ignore[attr-defined]
    return written, read


def same_by_json(written: Message, read: Message, reader: Messages) -> bool:
    """Whether JSON carries what bytes do; both leave out what the reader does not know."""
    found = json_format.ParseDict(
        json_format.MessageToDict(written),
        type(read)(),
        ignore_unknown_fields=True,
        descriptor_pool=reader.pool,
    )
    return found.SerializeToString(deterministic=True) == read.SerializeToString(deterministic=True)


def said(changes: Sequence[Change], *words: str) -> bool:
    return any(word in str(change) for change in changes for word in words)


@settings(SLOW, max_examples=60)
@given(histories(), st.integers(0, 1 << 30))
def test_who_still_works_does(versions: tuple[Version, ...], seed: int) -> None:
    rand = random.Random(seed)  # hypothesis' own is slow
    for one, other in pairwise(built("g", versions)):
        changes = compare(one.contract.descriptors, other.contract.descriptors, other.contract.records)
        old, new = Messages(one.contract.descriptors), Messages(other.contract.descriptors)
        for _ in range(4):
            if all(change.clients for change in changes):
                clients_work(old, new, changes, rand)
            for node in ("one", "two"):
                if all(change.nodes for change in changes) and f"g.{node}.v1.RunRequest" in old:
                    nodes_work(f"g.{node}.v1", old, new, changes, rand)


def clients_work(old: Messages, new: Messages, changes: Sequence[Change], rand: random.Random) -> None:
    written, read = carried("g.v1.RunRequest", old, new, rand)
    assert [*new.faults(read)] == [], changes
    assert same_by_json(written, read, new), changes
    if not said(changes, "do not know that value"):
        written, read = carried("g.v1.RunResponse", new, old, rand)
        assert same_by_json(written, read, old), changes


def nodes_work(package: str, old: Messages, new: Messages, changes: Sequence[Change], rand: random.Random) -> None:
    """Rules do not bind results; a new value is not sent before all know it, as a remark says."""
    request, response = f"{package}.RunRequest", f"{package}.RunResponse"
    assert [*new.faults(carried(request, old, new, rand)[1])] == [], changes
    if not said(changes, "takes less"):
        assert [*new.faults(carried(response, old, new, rand)[1])] == [], changes
    if not said(changes, "do not know that value", "refuse"):
        assert [*old.faults(carried(request, new, old, rand)[1])] == [], changes
        if not said(changes, "takes"):
            assert [*old.faults(carried(response, new, old, rand)[1])] == [], changes
