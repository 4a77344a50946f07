"""The numbers of an enum's members: their values where these are numbers, so that a number in JSON means what it says.

Envoy takes a number of JSON as the contract's. The lock, which never gives a name another number, may have others: it
is older than the values, or another member had the value before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgen.contract.lock.ledger import Entry, Want
from meshgen.errors import Diagnostic
from meshgen.naming import enum_value
from meshgen.schema.model import EnumOf
from meshgen.schema.values.scalars import number_of
from meshgen.source import of_callable


def wanted_values(name: str, enum: EnumOf) -> Mapping[str, Want]:
    """What a build wants of an enum's values; `name` is that of the enum in the contract."""
    # First those that have a number, so that no other gets it.
    members = sorted(enum.python, key=lambda member: number_of(member) is None)
    numbers = any(type(member.value) is int for member in members)
    return {enum_value(name, m.name): Want(number=(number_of(m) or 0) if numbers else None) for m in members}


def other_numbers(name: str, enum: EnumOf, entry: Entry) -> Iterator[Diagnostic]:
    """A warning when the lock has another number for a member than its value."""
    live = {member: entry.live[enum_value(name, member.name)].number for member in enum.python}
    others = [member for member in enum.python if number_of(member) not in (None, live[member])]
    if not others:
        return
    member = others[0]
    taken = next((f"read as {m.name}" for m, number in live.items() if number == number_of(member)), "refused")
    more = " (and it is not the only one)" if len(others) > 1 else ""
    yield Diagnostic(
        code="MG411",
        message=f"'{name}.{member.name}' is {member.value}, and {live[member]} in the lock{more}: "
        f"the number {member.value} in JSON over REST is {taken}",
        severity="warning",
        span=of_callable(enum.python),
        hint="Let clients send names; or give it a new name on the wire, which has new numbers (`@wire_name`).",
    )
