"""The lock: which numbers and names were ever used on the wire. It only grows.

It has three sections:

- `types`: records, by message name; `enums`: enums; `rpcs`: requests and responses, by `PredictRequest` for the driver
  and `model.ForwardRequest` for a node.
- A request or response that *is* a record has the record's numbers, and its entry says no more than the record's name.
  Once it has been something else, its numbers and the record's are two histories, and the entry has numbers of its own
  for good.
- A new name takes 1 + the highest number ever used. A member of an enum of ints takes its value instead, where that is
  free and a number that protobuf has; those that cannot count down from the highest number there is, which nobody
  sends to mean something else. A name that is gone leaves its number and name reserved. A name
  whose wire type changed takes a new number, and the old one is reserved. A field that was renamed keeps its number;
  the names that it had (`was`) stay reserved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal, TypeAlias

Section: TypeAlias = Literal["types", "enums", "rpcs"]
SECTIONS: tuple[Section, ...] = ("enums", "rpcs", "types")

PROTOBUFS_OWN = range(19_000, 20_000)
"""Field numbers that no message may use."""

MOST_OF_ENUM = (1 << 31) - 1
"""The highest number of a value of an enum."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A name and a number that belong together, and the wire type that they had (empty for enum values)."""

    name: str
    number: int
    type: str = ""
    was: tuple[str, ...] = ()
    """Names that the number had before."""


@dataclass(frozen=True, slots=True)
class Want:
    """What a build wants of a name."""

    type: str = ""
    """The wire type; empty for enum values."""
    old_name: str = ""
    """The name of before, when the name is marked as new for an old field."""
    old_type: str = ""
    """The wire type under the old name, which has the name of a oneof in it."""
    number: int | None = None
    """The number to take when it is new and that is free; 0 for one that must have no other member's value. None where
    the next one will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the lock knows of one message or enum."""

    live: Mapping[str, Slot] = field(default_factory=dict)
    """The names and numbers in use, by name."""
    reserved: Mapping[int, Slot] = field(default_factory=dict)
    """The names and numbers that nothing may use again, by number."""
    record: str = ""
    """The message name of the record that a request or response is; empty for any other."""

    @property
    def own(self) -> bool:
        """Whether it has, or ever had, numbers itself."""
        return bool(self.live or self.reserved)

    @property
    def reserved_names(self) -> tuple[str, ...]:
        """Names that nothing may use again, sorted. A name that came back under a new number is not among them."""
        return tuple(sorted(self._past_names() - self.live.keys()))

    def assign(self, wanted: Mapping[str, Want]) -> Entry:
        """The entry after a build that wants these names, new ones numbered in this order."""
        before = self._renamed(wanted)
        kept = {name: slot for name, slot in before.items() if name in wanted and wanted[name].type == slot.type}
        gone = {slot.number: slot for name, slot in before.items() if name not in kept}
        reserved = {**self.reserved, **gone}
        live = dict(kept)
        for name, want in wanted.items():
            if name not in live:
                number = _new_number(want, {*reserved, *(slot.number for slot in live.values())})
                live[name] = Slot(name, number, want.type)
        return replace(self, live=live, reserved=reserved)

    def slots(self, name: str) -> tuple[Slot, ...]:
        """What is live of a field: its own slot, or those of its members when it is a oneof."""
        return tuple(s for s in self.live.values() if s.name == name or s.type.startswith(f"oneof {name} "))

    def knows(self, name: str) -> bool:
        """Whether there is, or ever was, such a field."""
        old = any(s.type.startswith(f"oneof {name} ") for s in self.reserved.values())
        return bool(self.slots(name)) or old or name in self._past_names()

    def _renamed(self, wanted: Mapping[str, Want]) -> dict[str, Slot]:
        """The live slots under their new names."""
        live = dict(self.live)
        for name, want in wanted.items():
            old = live.get(want.old_name)
            if old is None or name in live or old.name in wanted or old.type != want.old_type:
                continue
            del live[old.name]
            past = dict.fromkeys((*old.was, old.name))
            live[name] = Slot(name, old.number, want.type, tuple(n for n in past if n != name))
        return live

    def _past_names(self) -> set[str]:
        slots = (*self.live.values(), *self.reserved.values())
        return {s.name for s in self.reserved.values()} | {name for s in slots for name in s.was}


def _new_number(want: Want, used: set[int]) -> int:
    if want.number and want.number not in used:
        return want.number
    following = max(used, default=0) + 1
    if want.number is None and following <= MOST_OF_ENUM:
        return PROTOBUFS_OWN.stop if following in PROTOBUFS_OWN else following
    return next(number for number in count(MOST_OF_ENUM, -1) if number not in used)


def rpc_key(node: str | None, message: str) -> str:
    """Where the lock keeps a request or a response."""
    return message if node is None else f"{node}.{message}"


@dataclass(slots=True)
class Ledger:
    """The lock during a build."""

    entries: dict[Section, dict[str, Entry]] = field(default_factory=lambda: {section: {} for section in SECTIONS})
    _messages: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set), init=False, repr=False)
    """Keys of `rpcs` by what comes before their last dot: the node."""

    def __post_init__(self) -> None:
        for key in self.entries["rpcs"]:
            self._note_message(key)

    def get(self, section: Section, key: str) -> Entry:
        """The entry of that name; an empty one when there is none yet."""
        return self.entries[section].get(key, Entry())

    def put(self, section: Section, key: str, entry: Entry) -> None:
        """Replace an entry."""
        self.entries[section][key] = entry
        if section == "rpcs":
            self._note_message(key)

    def messages(self, node: str | None) -> frozenset[str]:
        """Names of all requests and responses that the driver or a node ever had."""
        return frozenset(self._messages.get(node or "", ()))

    def _note_message(self, key: str) -> None:
        node, _, message = key.rpartition(".")
        self._messages[node].add(message)

    def message(self, key: str) -> Entry:
        """The numbers of a request or response: its own, or those of the record that it is."""
        entry = self.get("rpcs", key)
        return self.get("types", entry.record) if entry.record and not entry.own else entry
