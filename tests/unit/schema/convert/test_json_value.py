from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schema_samples import (
    BOOL,
    BOX,
    BYTES,
    FLOAT,
    INT,
    LABEL,
    STR,
    Color,
    HTTPMode,
    Label,
    codec_of,
    enum_of,
    params,
    same,
    typed_fields,
)

from meshgen.codec.rpc import RpcCodec
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.misfit import EncodeError
from meshgen.schema.model import (
    AnyValue,
    Choice,
    EnumOf,
    Field,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Tensor,
    Type,
    Unknown,
)
from meshgen.schema.values.any_value import WHOLE_MAX
from meshgen.status import InvalidArgument

ERROR = object()
SETTINGS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def by_json(fields: tuple[Field, ...], document: Any) -> Any:
    try:
        return from_json(fields, document)
    except InvalidArgument:
        return ERROR


def inexact_in_any(fields: tuple[Field, ...], document: Any) -> bool:
    """Whether a whole number that no double is lies where Any does: we refuse what protobuf rounds."""
    try:
        from_json(fields, document)
    except InvalidArgument as error:
        return "since Any has doubles" in str(error)
    return False


def by_protobuf(codec: RpcCodec, document: Any) -> Any:
    message = codec.request_class()
    try:
        json_format.ParseDict(document, message, ignore_unknown_fields=True)
    except Exception:
        return ERROR
    try:
        return codec.decode_request(message.SerializeToString())
    except InvalidArgument:
        return ERROR


def normal(value: Any) -> Any:
    """Without what the two writers do differently: integers as strings and as doubles, empty lists in a tensor."""
    match value:
        case dict():
            return {k: normal(v) for k, v in value.items() if not (k.endswith("_contents") and v == [])}
        case list():
            return [normal(v) for v in value]
        case int() if not isinstance(value, bool):
            return str(value)
        case float() if value.is_integer() and abs(value) <= WHOLE_MAX:
            return str(int(value))
        case _:
            return value


@SETTINGS
@given(typed_fields())
def test_writing_agrees_with_protobuf(drawn: tuple[tuple[Field, ...], dict[str, Any]]) -> None:
    fields, values = drawn
    codec = codec_of(fields)
    written = to_json(fields, values)
    message = codec.request_class.FromString(codec.encode_request(values))
    expected = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    assert normal(written) == normal(expected)
    assert same(from_json(fields, json.loads(json.dumps(written))), values)


_PLAIN_JSON: st.SearchStrategy[Any] = st.sampled_from([None, 0, 1, 1.0, -1, 2**63, {}])
_LOOSE_JSON: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 1.5, "5", "x", [], [1], "NaN", "-Infinity", "1.5", " 1", "COLOR_RED", 1e400]
)


@st.composite
def _mutated(draw: st.DrawFn, others: st.SearchStrategy[Any]) -> tuple[tuple[Field, ...], Any]:
    """Fields, and a document for them in which one place holds something else or is gone."""
    fields, values = draw(typed_fields())
    document = json.loads(json.dumps(to_json(fields, values)))
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, item in items:
            places.append((node, key))
            walk(item)

    walk(document)
    if places:
        holder, key = draw(st.sampled_from(places))
        if draw(st.booleans()) or isinstance(holder, list):
            holder[key] = draw(others)
        else:
            del holder[key]
    return fields, document


@SETTINGS
@given(_mutated(_PLAIN_JSON))
def test_reading_agrees_with_protobuf(drawn: tuple[tuple[Field, ...], Any]) -> None:
    fields, document = drawn
    assume(not inexact_in_any(fields, document))
    ours, theirs = by_json(fields, document), by_protobuf(codec_of(fields), document)
    assert (ours is ERROR) == (theirs is ERROR)
    assert ours is ERROR or same(ours, theirs)


@SETTINGS
@given(_mutated(_LOOSE_JSON))
def test_reading_takes_nothing_that_protobuf_refuses(drawn: tuple[tuple[Field, ...], Any]) -> None:
    """Not so the other way round: Python's `json_format` takes `[]` for a message, True for 1, 1.5 for an enum."""
    fields, document = drawn
    ours = by_json(fields, document)
    if ours is not ERROR:
        assert same(ours, by_protobuf(codec_of(fields), document))


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (INT, 5, 5),
        (INT, "5", 5),
        (INT, "-9223372036854775808", -(2**63)),
        (INT, 5.0, 5),
        (FLOAT, 5, 5.0),
        (FLOAT, "1.5e3", 1500.0),
        (FLOAT, "-Infinity", -math.inf),
        (FLOAT, "NaN", math.nan),
        (BYTES, "+/8=", b"\xfb\xff"),
        (BYTES, "-_8", b"\xfb\xff"),
        (BYTES, "YQ==", b"a"),
        (BYTES, "", b""),
        (EnumOf(Color), "COLOR_RED", Color.RED),
        (EnumOf(Color), 7, Color.lightBlue),
        (EnumOf(HTTPMode), 5, HTTPMode.OTHER),
        (EnumOf(HTTPMode), "1", HTTPMode.KEEP_ALIVE),
        (EnumOf(HTTPMode), 5.0, HTTPMode.OTHER),
        (Optional(INT), None, None),
        (ListOf(INT), None, []),
        (ListOf(ListOf(INT)), [{"values": [1]}, {}], [[1], []]),
        (ListOf(Optional(INT)), [{}, {"value": 1}], [None, 1]),
        (MapOf(INT, STR), {"1": "a"}, {1: "a"}),
        (MapOf(BOOL, STR), {"true": "a"}, {True: "a"}),
        (Unknown(), {"any": [1]}, {"any": [1]}),
    ],
)
def test_accepted(type_: Type, value: Any, expected: Any) -> None:
    assert same(from_json(params(some_name=type_), {"some_name": value})["some_name"], expected)
    assert same(from_json(params(someName=type_), {"someName": value})["someName"], expected)
    assert same(from_json(params(someName=type_), {"some_name": value})["someName"], expected)
    assert same(from_json(type_, {"result": value}), expected)


@pytest.mark.parametrize(
    ("type_", "value", "path"),
    [
        (INT, 1.5, "x"),
        (INT, True, "x"),
        (INT, "1.5", "x"),
        (INT, " 1", "x"),
        (INT, 2**63, "x"),
        (INT, [], "x"),
        (INT, None, "x"),
        (FLOAT, math.inf, "x"),
        (FLOAT, 10**400, "x"),
        (FLOAT, "1_0", "x"),
        (FLOAT, True, "x"),
        (BOOL, 1, "x"),
        (BOOL, "true", "x"),
        (STR, 1, "x"),
        (STR, "\ud800", "x"),
        (BYTES, "a", "x"),
        (BYTES, "a!bc", "x"),
        (BYTES, "YQ=", "x"),
        (Choice(("a",)), "b", "x"),
        (EnumOf(Color), "RED", "x"),
        (EnumOf(Color), 0, "x"),
        (EnumOf(Color), 2, "x"),
        (EnumOf(HTTPMode), 2, "x"),
        (EnumOf(HTTPMode), True, "x"),
        (ListOf(AnyValue()), None, "x"),
        (ListOf(INT), {}, "x"),
        (ListOf(INT), [1, None, "z"], "x[2]"),
        (ListOf(ListOf(INT)), [[1]], "x[0]"),
        (ListOf(ListOf(INT)), [{"values": [1, "a"]}], "x[0].values[1]"),
        (ListOf(Optional(INT)), [{"value": "a"}], "x[0].value"),
        (MapOf(STR, INT), {"k": None}, "x['k']"),
        (MapOf(INT, INT), {"k": 1}, "x['k']"),
        (LABEL, {"score": "a"}, "x.score"),
        (LABEL, {"score": 1}, "x.label"),
        (LABEL, "a", "x"),
        (Image(), {"pixels": "YQ=="}, "x.mode"),
        (Tensor("numpy"), {"datatype": "UINT8", "shape": [1], "uint64_contents": [256]}, "x.uint64_contents[0]"),
    ],
)
def test_refused(type_: Type, value: Any, path: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        from_json(params(x=type_), {"x": value})
    assert path in [v.field for v in caught.value.violations]


@pytest.mark.parametrize("value", [None, [], "a", 1])
def test_the_whole_must_be_an_object(value: Any) -> None:
    for what in (params(x=INT), LABEL, INT, Nothing()):
        with pytest.raises(InvalidArgument, match="must be an object"):
            from_json(what, value)


def test_two_spellings_of_one_key() -> None:
    with pytest.raises(InvalidArgument, match="given twice"):
        from_json(params(userId=INT), {"user_id": 1, "userId": 1})


def test_unknown_keys_are_reported() -> None:
    found: list[str] = []
    fields = params(a=LABEL, b=ListOf(ListOf(LABEL)), c=MapOf(STR, BOX), d=Image())
    label = {"label": "x", "extra": 1}
    document = {
        "z": 1,
        "a": label,
        "b": [{"values": [label], "v": 0}],
        "c": {"k": {"width": 1, "depth": 2}},
        "d": {"mode": "L", "width": 0, "height": 0, "pixels": "", "format": "PNG"},
    }
    from_json(fields, document, unknown_key=found.append)
    assert found == ["z", "a.extra", "b[0].values[0].extra", "b[0].v", "c['k'].depth", "d.format"]


def test_shapes_of_results() -> None:
    assert to_json(FLOAT, 16) == {"result": 16.0}
    assert json.dumps(to_json(FLOAT, 16)) == '{"result": 16.0}'
    assert to_json(LABEL, Label("a", 1)) == {"label": "a", "score": 1.0}
    assert to_json(Nothing(), None) == {}
    assert to_json(Optional(INT), None) == {}
    assert to_json(ListOf(LABEL), []) == {"result": []}
    assert to_json(MapOf(BOOL, FLOAT), {True: math.nan}) == {"result": {"true": "NaN"}}
    assert to_json(EnumOf(Color), Color.lightBlue) == {"result": "COLOR_LIGHT_BLUE"}
    assert to_json(BOX, {"width": 1, "height": None}) == {"width": 1}
    assert from_json(LABEL, {"label": "a"}) == Label("a", 0.5)
    assert from_json(Nothing(), {}) is None


def test_a_value_that_does_not_fit_is_named() -> None:
    bad: Any = "c"
    with pytest.raises(EncodeError, match=r"result\[1\]\.score must be a float"):
        to_json(ListOf(LABEL), [Label("a"), Label("b", bad)])
    with pytest.raises(EncodeError, match="result must be None"):
        to_json(Optional(Nothing()), 1)


def test_enum_numbers_count_from_the_first_member() -> None:
    kind = enum_of("Kind", "B", "A")
    assert [from_json(params(x=kind), {"x": n})["x"].name for n in (1, "2")] == ["B", "A"]
    with pytest.raises(InvalidArgument, match="x must be one of 'KIND_B', 'KIND_A'"):
        from_json(params(x=kind), {"x": 0})


def test_violations_are_collected() -> None:
    record = Record(name="R", kind="tuple", python=tuple, fields=params(item_0=INT, item_1=LABEL))
    with pytest.raises(InvalidArgument) as caught:
        from_json(record, {"item_0": "a", "item_1": {"score": []}})
    assert [v.field for v in caught.value.violations] == ["item_0", "item_1.label", "item_1.score"]


def test_nothing_heavy_is_imported() -> None:
    heavy = "('google.protobuf', 'numpy', 'PIL', 'torch')"
    code = f"import sys, meshgen.schema.convert.json_value; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
