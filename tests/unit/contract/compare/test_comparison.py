"""The words and the verdict of each kind of change."""

from __future__ import annotations

from typing import Any

import pytest
from schema_samples import FLOAT, INT, STR, contract_of, enum_of, params

from meshgen.contract.build import build
from meshgen.contract.compare.comparison import Change, compare
from meshgen.contract.model import Contract, RpcSpec, ServiceSpec
from meshgen.naming import json_name
from meshgen.schema.model import (
    AnyValue,
    Choice,
    Field,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Scalar,
    Tensor,
    Type,
    Union,
    WellKnown,
)
from meshgen.schema.rules import Rules


class Thing:
    pass


class Other:
    pass


def thing(**types: Type) -> Record:
    return Record(name="Thing", kind="dataclass", python=Thing, fields=params(**types))


def graph(fields: tuple[Field, ...] = (), result: Type = INT, lock: Any = None, http: str = "/g") -> Contract:
    """The driver and a node `work`, both with these fields and this result."""
    driver = RpcSpec(name="Predict", params=fields, result=result, http=http)
    node = RpcSpec(name="Run", params=fields, result=result)
    return build("g", [ServiceSpec(node=None, rpcs=(driver,)), ServiceSpec(node="work", rpcs=(node,))], lock)


def changes(*versions: tuple[tuple[Field, ...], Type]) -> list[Change]:
    (fields, result), (new_fields, new_result) = versions
    old = graph(fields, result)
    return list(compare(old.descriptors, graph(new_fields, new_result, old.lock).descriptors))


def request_change(old: Type, new: Type, *, default: bool = False) -> Change:
    """What is said of the driver's field, the only one that differs besides the node's."""
    found = changes((params(x=old), Nothing()), (params(x=new), Nothing()))
    return next(c for c in found if c.place == "field `x` of the request")


def test_nothing_changed() -> None:
    one = graph(params(x=INT))
    assert compare(one.descriptors, graph(params(x=INT), lock=one.lock).descriptors) == ()


def test_a_changed_type_is_said_once_for_a_message_that_several_services_have() -> None:
    found = changes((params(x=INT), ListOf(thing(score=INT))), (params(x=INT), ListOf(thing(score=FLOAT))))
    assert [str(c) for c in found] == [
        (
            "field `score` of `Thing` changed from int to float: old clients do not see it; calls between old and new "
            "nodes fail (`score` is required)"
        )
    ]
    (change,) = found
    assert (change.clients, change.nodes, change.wire, change.json, change.breaking) == (
        False,
        False,
        False,
        True,
        True,
    )
    assert change.way == "Add a field under a new name, and keep `score` as it was until nobody uses it."


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (INT, STR, "changed from int to str"),
        (INT, Scalar("int32"), "changed from int to Int32"),
        (FLOAT, Scalar("float32"), "changed from float to Float32"),
        (INT, ListOf(INT), "changed from int to list[int]"),
        (ListOf(INT), Optional(ListOf(INT)), "changed from list[int] to list[int] | None"),
        (ListOf(INT), ListOf(ListOf(INT)), "changed from list[int] to list[list[int]]"),
        (ListOf(INT), ListOf(Optional(INT)), "changed from list[int] to list[int | None]"),
        (MapOf(STR, INT), MapOf(STR, ListOf(INT)), "changed from dict[str, int] to dict[str, list[int]]"),
        (INT, Union((INT, STR)), "changed from int to int | str"),
        (ListOf(INT), ListOf(Union((INT, STR))), "changed from list[int] to list[int | str]"),
        (STR, WellKnown("datetime"), "changed from str to datetime"),
        (WellKnown("Decimal"), AnyValue(), "changed from Decimal to Any"),
        (Image(), Tensor("numpy"), "changed from Image to Tensor"),
        (thing(a=INT), enum_of("Color", "A"), "changed from Thing to Color"),
        (STR, Choice((1, 2)), "changed from str to Literal[1, 2]"),
    ],
)
def test_types_are_told_as_python_has_them(old: Type, new: Type, what: str) -> None:
    change = request_change(old, new)
    assert change.what == what
    assert change.breaking


def test_a_map_of_something_else_is_one_change() -> None:
    found = changes(((), ListOf(thing(a=MapOf(STR, INT)))), ((), ListOf(thing(a=MapOf(STR, FLOAT)))))
    assert [c.what for c in found] == ["changed from dict[str, int] to dict[str, float]"]
    assert (found[0].wire, found[0].json) == (True, True)


def test_a_required_field_is_refused_and_an_optional_one_is_not() -> None:
    found = changes((params(x=INT), Nothing()), (params(x=INT, y=INT, z=Optional(INT)), Nothing()))
    assert [str(c) for c in found] == [
        "field `y` of the request is new and required: old clients are refused (`y` is required); old nodes still work",
        (
            "parameter `y` of `run` of node `work` is new and required: calls from old callers fail (`y` is required); "
            "old clients still work; old nodes do not see it"
        ),
        "field `z` of the request is new: old clients and nodes still work",
        "parameter `z` of `run` of node `work` is new: old clients and nodes still work; old nodes do not see it",
    ]
    assert [c.breaking for c in found] == [True, True, False, False]
    assert not any(c.wire or c.json for c in found)


def test_removing_a_request_field_is_safe_for_clients_and_not_for_old_nodes() -> None:
    found = changes((params(x=INT), Nothing()), ((), Nothing()))
    assert [str(c) for c in found] == [
        (
            "parameter `x` of `run` of node `work` was removed: calls to old nodes fail (`x` is required); "
            "old clients still work; old callers may go on sending it"
        ),
        "field `x` of the request was removed: old clients and nodes still work; old clients may go on sending it",
    ]


def test_removing_from_a_response() -> None:
    old = thing(a=INT, b=Optional(INT), c=ListOf(INT))
    found = changes(((), ListOf(old)), ((), ListOf(thing())))
    survive = "old clients and nodes still work; old clients and callers"
    assert [str(c) for c in found] == [
        ("field `a` of `Thing` was removed: old clients do not see it; calls from old callers fail (`a` is required)"),
        f"field `b` of `Thing` was removed: {survive} find it absent",
        f"field `c` of `Thing` was removed: {survive} find it empty",
    ]


def test_required_comes_and_goes() -> None:
    assert str(request_change(Optional(INT), INT)) == (
        "field `x` of the request is required now: old clients are refused without `x`; old nodes still work"
    )
    assert str(request_change(INT, Optional(INT))) == (
        "field `x` of the request is no longer required: old clients and nodes still work"
    )
    found = changes(((), thing(a=INT)), ((), thing(a=Optional(INT))))
    assert [str(c) for c in found] == [
        (
            "field `a` of the response and the result of `run` of node `work` is no longer required: old "
            "clients may miss it; old nodes still work; old callers refuse what comes without it"
        )
    ]


def test_a_rename_with_a_marker_costs_json_alone() -> None:
    found = changes(((), thing(a=INT)), ((), _renamed("b", "a")))
    assert [str(c) for c in found] == [
        (
            "field `a` of the response and the result of `run` of node `work` is called `b` now: old clients "
            "that use JSON know the old name only; old nodes still work"
        )
    ]
    assert (found[0].wire, found[0].json, found[0].nodes) == (False, True, True)


def _renamed(new: str, old: str) -> Record:
    fields = (Field(name=new, type=INT, renamed_from=old),)
    return Record(name="Thing", kind="dataclass", python=Thing, fields=fields)


def test_a_result_that_is_a_record_is_told_as_the_record() -> None:
    one = graph(result=thing(a=INT, result=INT))
    two = graph(result=thing(b=INT, result=FLOAT), lock=one.lock)
    assert [f"{c.place} {c.what}" for c in compare(one.descriptors, two.descriptors, two.records)] == [
        "field `result` of `Thing` changed from int to float",
        "field `a` of `Thing` was removed",
        "field `b` of `Thing` is new and required",
    ]
    other = Record(name="Other", kind="dataclass", python=Other, fields=params(b=INT, result=FLOAT, c=Optional(INT)))
    three = graph(result=other, lock=two.lock)
    assert three.records == {}
    found = compare(two.descriptors, three.descriptors, three.records)
    assert [f"{c.place} {c.what}" for c in found] == [
        "field `c` of the response and the result of `run` of node `work` is new"
    ]


def test_a_name_that_comes_back() -> None:
    one = graph(params(x=INT, y=Optional(INT)))
    two = graph(params(x=INT), lock=one.lock)
    three = graph(params(x=INT, y=Optional(INT)), lock=two.lock)
    change = compare(two.descriptors, three.descriptors)[0]
    assert str(change) == (
        "field `y` of the request is back, under a new number: clients from before it was removed do not see it; "
        "old nodes still work"
    )
    assert (change.wire, change.json) == (True, True)


def test_a_field_that_takes_its_first_name_again_is_a_rename() -> None:
    one = graph(result=thing(a=INT))
    two = graph(result=_renamed("b", "a"), lock=one.lock)
    three = graph(result=_renamed("a", "b"), lock=two.lock)
    (change,) = compare(two.descriptors, three.descriptors)
    assert change.what == "is called `a` now"
    assert (change.wire, change.json, change.nodes) == (True, True, True)


def test_an_enum_value_that_comes_back() -> None:
    colors = [enum_of("Color", *names.split()) for names in ("RED BLUE", "RED", "RED BLUE")]
    lock: Any = None
    contracts = []
    for color in colors:
        contracts.append(graph(params(x=color), lock=lock))
        lock = contracts[-1].lock
    (change,) = compare(contracts[1].descriptors, contracts[2].descriptors)
    assert str(change) == (
        "value `BLUE` of `Color` is back, under a new number: clients from before it was removed have another number "
        "for it; old nodes still work; old nodes do not know that value"
    )


def test_enums_and_unions_and_literals() -> None:
    colors = [enum_of("Color", "RED", "GREEN"), enum_of("Color", "RED", "BLUE")]
    found = changes(*((params(x=color), ListOf(color)) for color in colors))
    assert [str(c) for c in found] == [
        (
            "value `GREEN` of `Color` was removed: old clients are refused with that value; calls between old and new "
            "nodes fail with that value"
        ),
        (
            "value `BLUE` of `Color` is new: old clients and nodes still work; old clients, nodes and "
            "callers do not know that value"
        ),
    ]
    assert str(request_change(Union((INT, STR)), Union((INT, FLOAT)))) == (
        "field `x` of the request can no longer be str: old clients are refused with that value; old nodes still work"
    )
    assert str(request_change(Choice(("a", "b")), Choice(("a",)))) == (
        "field `x` of the request can no longer be 'b': old clients are refused with that value; old nodes still work"
    )
    assert str(request_change(STR, Choice(("a",)))) == (
        "field `x` of the request changed from str to Literal['a']: old clients are refused when a value does not fit; "
        "old nodes still work"
    )
    assert not request_change(Choice(("a",)), STR).breaking


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (Rules(), Rules(ge=0), "takes less than before (`ge=0`)"),
        (Rules(ge=0), Rules(), "takes more than before (`ge=0` no longer holds)"),
        (Rules(ge=0), Rules(gt=0), "takes less than before (`gt=0`)"),
        (Rules(gt=0), Rules(ge=0), "takes more than before (`gt=0` no longer holds)"),
        (Rules(le=9), Rules(lt=9), "takes less than before (`lt=9`)"),
        (Rules(lt=9), Rules(lt=10), "takes more than before (`lt=9` no longer holds)"),
        (Rules(ge=1, le=9), Rules(ge=5, le=5), "takes less than before (`ge=5`, `le=5`)"),
        (Rules(multiple_of=2), Rules(multiple_of=4), "takes less than before (`must be a multiple of 4`)"),
    ],
)
def test_rules_of_numbers(old: Rules, new: Rules, what: str) -> None:
    change = request_change(Scalar("int", old), Scalar("int", new))
    assert change.what == what
    assert change.breaking == what.startswith("takes less")


def test_rules_of_text_and_lists() -> None:
    text = [Scalar("str", Rules(min_len=1, pattern="a")), Scalar("str", Rules(min_len=2, max_len=5, pattern="b"))]
    found = [c for c in changes(*((params(x=t), Nothing()) for t in text)) if "request" in c.place]
    assert [c.what for c in found] == [
        "takes less than before (`min_len=2`, `max_len=5`, `pattern='b'`)",
        "takes more than before (`pattern='a'` no longer holds)",
    ]
    assert (
        request_change(ListOf(INT), ListOf(INT, "set", Rules(unique=True))).what == "takes less than before (`unique`)"
    )


def test_literals_inside_containers() -> None:
    for outer in (ListOf, lambda item: MapOf(STR, item)):
        found = changes(*((params(x=outer(Choice(values))), Nothing()) for values in (("a", "b"), ("a",))))
        assert [c.what for c in found] == ["can no longer be 'b'"] * 2


def test_rules_do_not_bind_results() -> None:
    found = changes(((), thing(a=INT)), ((), thing(a=Scalar("int", Rules(ge=0)))))
    assert [c.breaking for c in found] == [False]


def test_nodes_rpcs_and_paths() -> None:
    one = graph()
    driver = RpcSpec(name="Predict", params=(), result=INT, http="/h")
    two = build("g", [ServiceSpec(node=None, rpcs=(driver,))], one.lock)
    assert [str(c) for c in compare(one.descriptors, two.descriptors)] == [
        "node `work` was removed: old clients that call it by itself and old callers are refused",
        "the REST path /g moved to /h: old REST clients get 404; old nodes still work",
    ]
    assert [str(c) for c in compare(two.descriptors, one.descriptors)][1:] == [
        "node `work` is new: old clients and nodes still work"
    ]


def test_a_removed_method() -> None:
    rpcs = tuple(RpcSpec(name=name, params=(), result=INT) for name in ("First", "Second"))
    one = build("g", [ServiceSpec(node="n", rpcs=rpcs)], None)
    two = build("g", [ServiceSpec(node="n", rpcs=rpcs[:1])], one.lock)
    assert [str(c) for c in compare(one.descriptors, two.descriptors)] == [
        "`second` of node `n` was removed: old clients and old callers are refused when they call it"
    ]
    assert [c.breaking for c in compare(two.descriptors, one.descriptors)] == [False]


def test_a_contract_that_did_not_go_through_the_lock() -> None:
    one, two = contract_of(params(a=INT, b=STR)), contract_of(params(b=STR, a=INT))
    found = compare(one.descriptors, two.descriptors)
    assert [str(c) for c in found] == [
        (
            "parameter `a` of `run` of node `n` has number 2, which was that of `b`: old nodes and old callers read "
            "garbage; old clients still work"
        ),
        (
            "parameter `b` of `run` of node `n` has number 1, which was that of `a`: old nodes and old callers read "
            "garbage; old clients still work"
        ),
    ]
    assert all(c.wire and c.json for c in found)


def test_a_history_that_was_lost() -> None:
    one = contract_of(params(a=INT))
    two = contract_of(params(b=INT), lock=one.lock)
    three = contract_of(params(b=INT))
    found = compare(two.descriptors, three.descriptors)
    assert any("garbage" in str(c) for c in found)
    assert all(c.breaking for c in found)


def test_what_is_gone_from_the_lock_too_may_be_misread_later() -> None:
    one = graph(params(a=INT, b=Optional(INT)))
    lock: Any = one.lock
    del lock["rpcs"]["PredictRequest"]["fields"]["b"]
    found = compare(one.descriptors, graph(params(a=INT), lock=lock).descriptors)
    assert str(found[0]) == (
        "field `b` of the request was removed: old clients may come to read garbage; old nodes still work"
    )
    assert (found[0].wire, found[0].json, found[0].breaking) == (True, True, True)
    assert "lock.json" in found[0].way
    assert not any(change.breaking for change in found[1:])


def named(name: str, **types: Type) -> Record:
    return Record(name=name, kind="dataclass", python=type(name, (), {}), fields=params(**types))


REQ = {"text": STR, "count": INT}


@pytest.mark.parametrize(
    ("old", "new", "mark"),
    [
        (named("Req", **REQ), named("Request", **REQ), '`@wire_name("Req")` above `Request`'),
        (named("Req", **REQ), named("Request", **REQ, more=Optional(INT)), '`@wire_name("Req")` above `Request`'),
        (ListOf(named("Req", **REQ)), ListOf(named("Request", **REQ)), '`@wire_name("Req")` above `Request`'),
        (
            ListOf(Optional(named("Req", **REQ))),
            ListOf(Optional(named("Request", **REQ))),
            '`@wire_name("Req")` above `Request`',
        ),
        (enum_of("Colour", "RED", "BLUE"), enum_of("Color", "RED", "BLUE"), '`@wire_name("Colour")` above `Color`'),
        (
            Union((named("Req", **REQ), INT)),
            Union((named("Request", **REQ), INT)),
            '`@wire_name("Req")` above `Request`',
        ),
    ],
    ids=str,
)
def test_a_class_with_a_new_name_is_told_how_to_keep_the_old_one(old: Type, new: Type, mark: str) -> None:
    change = request_change(old, new)
    assert change.breaking
    assert mark in change.way


def test_another_class_is_no_renamed_one() -> None:
    change = request_change(named("Req", **REQ), named("Answer", value=FLOAT, count=INT))
    assert change.way.startswith("Add a field under a new name")
    change = request_change(named("Req", **REQ), ListOf(named("Request", **REQ)))
    assert change.way.startswith("Add a field under a new name")


def test_a_class_inside_the_name_of_another_one_is_what_was_renamed() -> None:
    box, crate = named("BoxReq", item=named("Req", **REQ)), named("BoxRequest", item=named("Request", **REQ))
    change = request_change(box, crate)
    assert '`@wire_name("Req")` above `Request`' in change.way


@pytest.mark.parametrize(
    ("before", "now", "pairs"),
    [
        ({"name": STR}, {"title": STR}, {"name": "title"}),
        ({"name": STR, "size": INT}, {"size": INT, "title": STR}, {"name": "title"}),
        ({"name": STR, "size": INT}, {"title": STR, "length": INT}, {"name": "title", "size": "length"}),
        ({"first": STR, "second": STR}, {"firstName": STR, "other": STR}, {"first": "firstName"}),
        ({"a": STR, "b": STR}, {"x": STR}, {}),
        ({"name": STR}, {"name2": INT}, {}),
        ({"names": ListOf(STR)}, {"titles": ListOf(STR)}, {"names": "titles"}),
        ({"x": Union((INT, STR))}, {"y": Union((INT, STR))}, {"x": "y"}),
        ({"linkID": INT}, {"connectionID": INT}, {"linkID": "connectionID"}),
    ],
)
def test_a_field_that_went_and_one_that_came_may_be_one(
    before: dict[str, Type], now: dict[str, Type], pairs: dict[str, str]
) -> None:
    found = changes((params(x=thing(**before)), INT), (params(x=thing(**now)), INT))
    removed = {
        old: c for c in found for old in before if c.place == f"field `{old}` of `Thing`" and "removed" in c.what
    }
    assert {old for old, c in removed.items() if "RenamedFrom" in c.way} == pairs.keys()
    for old, new in pairs.items():
        change = next(c for c in found if c.place == f"field `{new}` of `Thing`")
        marker = f"write `{new}: Annotated[{removed[old].way.partition('Annotated[')[2].partition(', Renamed')[0]}"
        for each in (change, removed[old]):
            assert marker in each.way
            assert f'RenamedFrom("{old}")]`: it keeps its number.' in each.way
            assert each.breaking or str(each).endswith(each.way)


def test_another_spelling_is_another_name_in_json_alone() -> None:
    (change,) = changes((params(x=thing(linkID=INT)), INT), (params(x=thing(link_id=INT)), INT))
    assert str(change) == (
        "field `linkID` of `Thing` is called `link_id` in JSON now: old clients that use JSON know the old name only; "
        "old nodes still work"
    )
    assert change.json
    assert not change.wire


def test_contracts_of_before_names_in_json_were_those_of_python() -> None:
    """meshgen 0.1 wrote snake case and took lowerCamelCase as well, with no `json_name` of its own."""
    old = graph(params(user_id=INT, linkID=INT, size=INT, _key=INT))
    for file in old.descriptors.file:
        for message in file.message_type:
            for field in message.field:
                field.json_name = json_name(field.name)
    found = compare(
        old.descriptors, graph(params(user_id=INT, linkID=INT, size=INT, _key=INT), lock=old.lock).descriptors
    )
    assert [str(c).partition(": old")[0] for c in found] == [
        "field `link_id` of the request is called `linkID` in JSON now",
        "field `underscore_key` of the request is called `_key` in JSON now",
        "parameter `link_id` of `run` of node `work` is called `linkID` in JSON now",
        "parameter `underscore_key` of `run` of node `work` is called `_key` in JSON now",
        "JSON does not take lowerCamelCase any more: `linkId` is `linkID`, as in Python",
    ]
