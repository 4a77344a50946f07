from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from schema_samples import BYTES, FLOAT, INT, LABEL, STR, contract_of, enum_of, params
from tools import buf_complaints, write_workspace

from meshgen.contract import RpcSpec, ServiceSpec, build, dump_lock, load_lock
from meshgen.contract.lock import Entry, Ledger, Slot
from meshgen.errors import GraphError
from meshgen.schema.model import Choice, ListOf, Nothing, Optional, Record, Type


class Thing:
    pass


def thing(**types: Type) -> Record:
    return Record(name="Thing", kind="dataclass", python=Thing, fields=params(**types))


def numbers(contract: Any, message: str) -> dict[str, int]:
    found = next(m for m in contract.files[0].message_type if m.name == message)
    return {f.name: f.number for f in found.field}


def after(*versions: dict[str, Type]) -> Any:
    """The contract after building these versions of one record, one after the other."""
    contract: Any = None
    for types in versions:
        lock = None if contract is None else load_lock(dump_lock(contract.lock), "lock.json")
        contract = contract_of(params(x=thing(**types)), lock=lock)
    return contract


def test_first_build_numbers_in_order_of_declaration() -> None:
    assert numbers(after({"b": INT, "a": STR}), "Thing") == {"b": 1, "a": 2}


def test_order_does_not_matter() -> None:
    one, two = after({"a": INT, "b": STR}), after({"a": INT, "b": STR}, {"b": STR, "a": INT})
    assert one.lock == two.lock
    assert [f.SerializeToString() for f in one.files] == [f.SerializeToString() for f in two.files]


def test_a_removed_field_stays_reserved(tmp_path: Path) -> None:
    contract = after({"a": INT, "b": STR, "c": FLOAT}, {"a": INT})
    message = next(m for m in contract.files[0].message_type if m.name == "Thing")
    assert [(r.start, r.end) for r in message.reserved_range] == [(2, 3), (3, 4)]
    assert list(message.reserved_name) == ["b", "c"]
    protos = write_workspace(tmp_path, contract)
    assert buf_complaints(protos) == ""
    assert 'reserved 2, 3;\n  reserved "b", "c";' in (protos / "g/n/v1/n.proto").read_text()


def test_numbers_are_never_given_out_again() -> None:
    contract = after({"a": INT, "b": STR}, {"a": INT}, {"a": INT, "c": STR})
    assert numbers(contract, "Thing") == {"a": 1, "c": 3}


def test_a_field_that_comes_back_takes_a_new_number() -> None:
    contract = after({"a": INT, "b": STR}, {"a": INT}, {"a": INT, "b": STR})
    assert numbers(contract, "Thing") == {"a": 1, "b": 3}
    message = next(m for m in contract.files[0].message_type if m.name == "Thing")
    assert not message.reserved_name  # the name is in use again
    assert [r.start for r in message.reserved_range] == [2]


@pytest.mark.parametrize("new", [STR, ListOf(INT), Optional(ListOf(INT)), BYTES, LABEL])
def test_another_type_takes_a_new_number_and_is_told(new: Type) -> None:
    contract = after({"a": INT, "b": STR}, {"a": new, "b": STR})
    assert numbers(contract, "Thing") == {"a": 3, "b": 2}
    assert [d.code for d in contract.diagnostics] == ["MG407"]
    assert "'Thing.a' was int64" in contract.diagnostics[0].message


@pytest.mark.parametrize(
    ("old", "new"), [(INT, Optional(INT)), (STR, Choice(("a",))), (ListOf(INT), ListOf(INT, "tuple"))]
)
def test_types_with_one_wire_form_keep_their_number(old: Type, new: Type) -> None:
    contract = after({"z": STR, "a": old}, {"a": new, "z": STR})
    assert numbers(contract, "Thing") == {"z": 1, "a": 2}
    assert not contract.diagnostics


def test_the_lock_only_grows() -> None:
    first = after({"a": INT, "b": STR})
    gone = contract_of(params(y=INT), lock=first.lock)
    assert gone.lock["types"] == first.lock["types"]
    back = contract_of(params(x=thing(b=STR, a=INT)), lock=gone.lock)
    assert numbers(back, "Thing") == {"a": 1, "b": 2}


def test_enums() -> None:
    one = contract_of(params(x=enum_of("E", "A", "B", "UNSPECIFIED")))
    two = contract_of(params(x=enum_of("E", "C", "B")), lock=one.lock)
    found = two.files[0].enum_type[0]
    assert {v.name: v.number for v in found.value} == {"E_UNSPECIFIED": 0, "E_B": 2, "E_C": 3}
    assert [(r.start, r.end) for r in found.reserved_range] == [(1, 1)]
    assert list(found.reserved_name) == ["E_A"]


def test_a_result_that_becomes_another_record_is_told() -> None:
    one = contract_of(result=LABEL)
    two = contract_of(result=ListOf(LABEL), lock=one.lock)
    assert [d.code for d in two.diagnostics] == ["MG407"]
    assert "'n.RunResponse' was Label" in two.diagnostics[0].message
    assert not contract_of(result=LABEL, lock=one.lock).diagnostics


def test_protobufs_own_numbers_are_skipped() -> None:
    entry = Entry(live={"a": Slot("a", 18_999, "int64")}).assign({"a": "int64", "b": "int64"})
    assert entry.live["b"].number == 20_000


def test_text_has_one_line_for_each_field_and_round_trips() -> None:
    contract = after({"a": INT, "b": STR, "c": STR}, {"c": STR, "a": INT})
    text = dump_lock(contract.lock)
    assert '  "enums": {},\n' in text
    assert '        "a": {"number": 1, "type": "int64"},\n' in text
    assert '        "2": {"name": "b", "type": "string"}\n' in text
    assert json.loads(text) == contract.lock
    assert dump_lock(load_lock(text, "x")) == text
    assert dump_lock(Ledger.of(json.loads(text)).document()) == text


GOOD = dump_lock(contract_of(params(a=INT, b=INT)).lock)


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("{", "MG401", "not JSON"),
        ("", "MG401", "not JSON"),
        ("[]", "MG401", "version None"),
        ('{"version": 2}', "MG401", "version 2"),
        ('{"version": 1, "more": {}}', "MG401", "unknown part 'more'"),
        ('{"version": 1, "types": []}', "MG401", "not an object"),
        ('{"version": 1, "types": {"A": {"fields": {"a": {"type": "int64"}}}}}', "MG401", "'A' has a line without"),
        ('{"version": 1, "types": {"A": {"fields": {"a": {"number": 0}}}}}', "MG401", "out of range"),
        ('{"version": 1, "types": {"A": {"fields": {"a": {"number": true}}}}}', "MG401", "out of range"),
        ('{"version": 1, "types": {"A": {"fields": {"a": {"number": 19001}}}}}', "MG401", "out of range"),
        ('{"version": 1, "types": {"A": {"reserved": {"x": {"name": "a"}}}}}', "MG401", "without"),
        (GOOD.replace('"number": 2', '"number": 1'), "MG402", "'a' and 'b' both have number 1"),
        (GOOD.replace('"b":', '"a":'), "MG401", "'a' is written twice"),
        ("{\n<<<<<<< HEAD\n", "MG401", "unresolved merge conflict"),
    ],
)
def test_a_bad_lock_is_refused(text: str, code: str, part: str) -> None:
    with pytest.raises(GraphError, match=code) as caught:
        load_lock(text, "protos/g/lock.json")
    assert part in str(caught.value)
    assert "lock.json:" in str(caught.value)


def test_rpcs_of_driver_and_nodes_are_apart() -> None:
    rpc = RpcSpec(name="Run", params=params(a=INT), result=Nothing())
    contract = build("g", [ServiceSpec(node=None, rpcs=(rpc,)), ServiceSpec(node="n", rpcs=(rpc,))], None)
    rpcs: Any = contract.lock["rpcs"]
    assert set(rpcs) == {"RunRequest", "RunResponse", "n.RunRequest", "n.RunResponse"}
