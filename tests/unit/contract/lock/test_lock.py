from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from schema_samples import BYTES, FLOAT, INT, LABEL, STR, contract_of, enum_of, params
from tools import buf_complaints, write_workspace

from meshgen.contract.build import build
from meshgen.contract.lock import dump_lock, load_lock
from meshgen.contract.lock.document import document_of, ledger_of
from meshgen.contract.lock.ledger import Entry, Slot, Want
from meshgen.contract.model import RpcSpec, ServiceSpec
from meshgen.errors import GraphError
from meshgen.schema.model import Choice, Field, ListOf, Nothing, Optional, Record, Type, Union


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
def test_another_type_takes_a_new_number(new: Type) -> None:
    contract = after({"a": INT, "b": STR}, {"a": new, "b": STR})
    assert numbers(contract, "Thing") == {"a": 3, "b": 2}


@pytest.mark.parametrize(
    ("old", "new"), [(INT, Optional(INT)), (STR, Choice(("a",))), (ListOf(INT), ListOf(INT, "tuple"))]
)
def test_types_with_one_wire_form_keep_their_number(old: Type, new: Type) -> None:
    contract = after({"z": STR, "a": old}, {"a": new, "z": STR})
    assert numbers(contract, "Thing") == {"z": 1, "a": 2}


def test_the_lock_only_grows() -> None:
    first = after({"a": INT, "b": STR})
    gone = contract_of(params(y=INT), lock=first.lock)
    assert gone.lock["types"] == first.lock["types"]
    back = contract_of(params(x=thing(b=STR, a=INT)), lock=gone.lock)
    assert numbers(back, "Thing") == {"a": 1, "b": 2}


def test_enums() -> None:
    one = contract_of(params(x=enum_of("E", "A", "B")))
    two = contract_of(params(x=enum_of("E", "C", "B")), lock=one.lock)
    found = two.files[0].enum_type[0]
    assert {v.name: v.number for v in found.value} == {"E_UNSPECIFIED": 0, "E_B": 2, "E_C": 2**31 - 1}
    assert [(r.start, r.end) for r in found.reserved_range] == [(1, 1)]
    assert list(found.reserved_name) == ["E_A"]


def message(contract: Any, name: str) -> tuple[dict[str, int], list[int], list[str]]:
    """Its fields by number, and what is reserved."""
    found = next(m for m in contract.files[0].message_type if m.name == name)
    return numbers(contract, name), [r.start for r in found.reserved_range], list(found.reserved_name)


class Other:
    pass


OTHER = Record(name="Other", kind="dataclass", python=Other, fields=params(z=INT, label=STR, score=INT))


def test_a_result_that_becomes_another_record_keeps_what_every_number_means() -> None:
    one = contract_of(result=LABEL)
    two = contract_of(result=OTHER, lock=one.lock)
    assert message(one, "RunResponse") == ({"label": 1, "score": 2}, [], [])
    # `score` has another type; `z` and `score` are new in this message, whatever their numbers in `Other`.
    assert message(two, "RunResponse") == ({"label": 1, "z": 3, "score": 4}, [2], [])
    rpcs: Any = two.lock["rpcs"]
    assert rpcs["n.RunResponse"]["record"] == "Other"
    back = contract_of(result=LABEL, lock=two.lock)
    assert message(back, "RunResponse") == ({"label": 1, "score": 5}, [2, 3, 4], ["z"])


def test_own_fields_that_become_a_record_and_back() -> None:
    one = contract_of(params(score=FLOAT, label=STR))
    two = contract_of(record=LABEL, lock=one.lock)
    assert message(two, "RunRequest")[0] == {"score": 1, "label": 2}
    three = contract_of(params(label=STR), lock=two.lock)
    assert message(three, "RunRequest") == ({"label": 2}, [1], ["score"])


def test_a_message_in_step_with_its_record_stays_so() -> None:
    one = contract_of(result=thing(a=INT, b=INT))
    two = contract_of(result=thing(b=INT, c=INT), lock=one.lock)
    assert message(two, "RunResponse") == ({"b": 2, "c": 3}, [1], ["a"])
    rpcs: Any = two.lock["rpcs"]
    assert rpcs["n.RunResponse"] == {"record": "Thing"}


def test_the_class_of_a_result_may_be_renamed() -> None:
    one = contract_of(result=thing(a=INT, b=INT))
    same = Record(name="Same", kind="dataclass", python=Other, fields=params(b=INT, a=INT))
    two = contract_of(result=same, lock=one.lock)
    assert numbers(two, "RunResponse") == {"a": 1, "b": 2}


def marked(name: str, type_: Type, old: str) -> Field:
    return Field(name=name, type=type_, renamed_from=old)


def test_a_renamed_field_keeps_its_number_and_its_old_name_is_reserved() -> None:
    one = contract_of(params(a=INT, b=STR))
    two = contract_of((marked("c", INT, "a"), *params(b=STR)), lock=one.lock)
    assert message(two, "RunRequest") == ({"c": 1, "b": 2}, [], ["a"])
    for later in ((marked("c", INT, "a"), *params(b=STR)), params(c=INT, b=STR)):  # the marker may stay or go
        assert message(contract_of(later, lock=two.lock), "RunRequest") == ({"c": 1, "b": 2}, [], ["a"])
    gone = contract_of(params(b=STR), lock=load_lock(dump_lock(two.lock), "x"))
    assert message(gone, "RunRequest") == ({"b": 2}, [1], ["a", "c"])


def test_a_renamed_field_of_another_type_cannot_keep_its_number() -> None:
    one = contract_of(params(a=INT))
    with pytest.raises(GraphError, match=r"MG410: 'n\.Run\.c' is marked as renamed from 'a', which had another type"):
        contract_of((marked("c", STR, "a"),), lock=one.lock)
    two = contract_of((marked("c", INT, "a"),), lock=one.lock)
    retyped = contract_of((marked("c", STR, "a"),), lock=two.lock)  # the marker has done its work
    assert message(retyped, "RunRequest") == ({"c": 2}, [1], ["a"])


def test_two_fields_cannot_be_the_same_one_renamed() -> None:
    one = contract_of(params(a=INT))
    with pytest.raises(GraphError, match=r"MG410: 'n\.Run\.c' is marked as renamed from 'a', and so is 'b'"):
        contract_of((marked("b", INT, "a"), marked("c", INT, "a")), lock=one.lock)


def test_a_renamed_union_keeps_its_numbers() -> None:
    one = contract_of(params(a=Union((INT, STR))))
    assert numbers(one, "RunRequest") == {"a_int": 1, "a_str": 2}
    two = contract_of((marked("c", Union((STR, INT, FLOAT)), "a"),), lock=one.lock)
    assert message(two, "RunRequest") == ({"c_int": 1, "c_str": 2, "c_float": 3}, [], ["a_int", "a_str"])


def test_a_union_that_grows_keeps_its_numbers_and_leaving_it_costs_them() -> None:
    one = contract_of(params(a=INT))
    two = contract_of(params(a=Union((INT, STR))), lock=one.lock)
    assert message(two, "RunRequest") == ({"a_int": 2, "a_str": 3}, [1], ["a"])
    three = contract_of(params(a=Union((FLOAT, STR, INT))), lock=two.lock)
    assert numbers(three, "RunRequest") == {"a_int": 2, "a_str": 3, "a_float": 4}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ((marked("c", INT, "x"),), "'n.Run.c' is marked as renamed from 'x', which the lock has never seen"),
        ((marked("c", INT, "a"), *params(a=INT)), "which is still there"),
        ((marked("c", INT, "b"),), "which an earlier build removed"),
    ],
)
def test_a_rename_of_what_is_not_there(fields: tuple[Field, ...], reason: str) -> None:
    one = contract_of(params(a=INT), lock=contract_of(params(a=INT, b=INT)).lock)
    with pytest.raises(GraphError, match="MG410") as caught:
        contract_of(fields, lock=one.lock)
    assert reason in str(caught.value)


def test_names_cannot_be_swapped_in_one_step() -> None:
    one = contract_of(params(a=INT, b=INT))
    swapped = (marked("b", INT, "a"), marked("a", INT, "b"))
    for lock in (one.lock, None):
        with pytest.raises(GraphError, match=r"MG410: 'n\.Run\.a' is marked as renamed from 'b', which is still there"):
            contract_of(swapped, lock=lock)


def test_a_marker_that_has_done_its_work_may_stay_when_the_old_name_comes_back() -> None:
    one = contract_of(params(a=INT, u=Union((INT, STR))))
    renamed = (marked("b", INT, "a"), marked("v", Union((INT, STR)), "u"))
    two = contract_of(renamed, lock=one.lock)
    three = contract_of((*renamed, *params(a=INT)), lock=two.lock)
    assert numbers(three, "RunRequest") == {"b": 1, "v_int": 2, "v_str": 3, "a": 4}


def test_a_marker_without_a_history_is_harmless() -> None:
    assert numbers(contract_of((marked("c", INT, "a"),)), "RunRequest") == {"c": 1}


def test_a_method_and_a_class_that_share_a_name_do_not_take_over_each_others_numbers() -> None:
    record = Record(name="RunRequest", kind="dataclass", python=Other, fields=params(a=INT, b=STR))

    def version(lock: Any, *rpcs: RpcSpec) -> Any:
        return build("g", [ServiceSpec(node="n", rpcs=rpcs)], lock)

    go, run = (
        RpcSpec(name="Go", params=params(x=record), result=INT),
        RpcSpec(name="Run", params=params(b=INT), result=INT),
    )
    one = version(None, go)
    assert message(one, "RunRequest") == ({"a": 1, "b": 2}, [], [])
    two = version(one.lock, go, run)
    assert message(two, "RunRequest") == ({"b": 3}, [1, 2], ["a"])
    assert numbers(two, "RunRequestValue") == {"a": 1, "b": 2}
    three = version(two.lock, go)
    assert [m.name for m in three.files[0].message_type] == ["GoRequest", "GoResponse", "RunRequestValue"]


def test_a_holder_does_not_take_over_a_class() -> None:
    one = contract_of(params(x=Record(name="IntList", kind="dataclass", python=Thing, fields=params(values=STR))))
    with pytest.raises(GraphError, match=r"MG406.*'IntList' was the message of a class"):
        contract_of(params(x=ListOf(ListOf(INT))), lock=one.lock)


def test_protobufs_own_numbers_are_skipped() -> None:
    entry = Entry(live={"a": Slot("a", 18_999, "int64")}).assign({"a": Want("int64"), "b": Want("int64")})
    assert entry.live["b"].number == 20_000


def test_text_has_one_line_for_each_field_and_round_trips() -> None:
    contract = after({"a": INT, "b": STR, "c": STR}, {"c": STR, "a": INT})
    text = dump_lock(contract.lock)
    assert '  "enums": {},\n' in text
    assert '        "a": {"number": 1, "type": "int64"},\n' in text
    assert '        "2": {"name": "b", "type": "string"}\n' in text
    assert json.loads(text) == contract.lock
    assert dump_lock(load_lock(text, "x")) == text
    assert dump_lock(document_of(ledger_of(json.loads(text)))) == text


GOOD = dump_lock(contract_of(params(a=INT, b=INT)).lock)


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("{", "MG401", "not JSON"),
        ("", "MG401", "not JSON"),
        ("[]", "MG401", "version None"),
        ('{"version": 2}', "MG401", "version 2"),
        ('{"version": true}', "MG401", "version True"),
        ("[" * 100_000, "MG401", "not JSON"),
        ('{"version": 1, "more": {}}', "MG401", "unknown part 'more'"),
        ('{"version": 1, "types": []}', "MG401", "not an object"),
        ('{"version": 1, "types": {"A": {"fields": {"a": {"type": "int64"}}}}}', "MG401", "'A' has a line without"),
        ('{"version": 1, "types": {"A": {"fields": {"a": {"number": 0}}}}}', "MG401", "out of range"),
        ('{"version": 1, "types": {"A": {"fields": {"a": {"number": true}}}}}', "MG401", "out of range"),
        ('{"version": 1, "types": {"A": {"fields": {"a": {"number": 19001}}}}}', "MG401", "out of range"),
        ('{"version": 1, "types": {"A": {"reserved": {"x": {"name": "a"}}}}}', "MG401", "without"),
        ('{"version": 1, "types": {"A": {"fields": {"a": {"number": 1, "was": [1]}}}}}', "MG401", "not a name"),
        ('{"version": 1, "types": {"A": {"fields": {"a": {"number": 1, "was": "bc"}}}}}', "MG401", "without"),
        ('{"version": 1, "types": {"A": {"fields": {"a": {"number": 1, "x": 1}}}}}', "MG401", "without"),
        ('{"version": 1, "types": {"A": {"fields": {"a b": {"number": 1}}}}}', "MG401", "not a name"),
        ('{"version": 1, "types": {"A": {"reserved": {"01": {"name": "a"}}}}}', "MG401", "without"),
        ('{"version": 1, "rpcs": {"R": {"record": "A"}}}', "MG401", "record 'A', which the lock does not have"),
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
