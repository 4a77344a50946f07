"""Our verdict on a request is protovalidate's, by the rules that the contract states."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import protovalidate
import pytest
from hypothesis import HealthCheck, given, provisional, settings
from hypothesis import strategies as st
from schema_samples import (
    ANY,
    BOOL,
    BYTES,
    DATETIME,
    FLOAT,
    FLOAT32,
    INT,
    INT32,
    LABEL,
    STR,
    TIMEDELTA,
    TREE,
    UUID,
    Color,
    Tree,
    codec_of,
    pair,
    params,
)

from meshgen.codec.rpc import RpcCodec
from meshgen.schema.check.formats import FORMATS
from meshgen.schema.check.requests import request_check
from meshgen.schema.model import (
    EnumOf,
    Field,
    ListOf,
    MapOf,
    Optional,
    Record,
    Ref,
    Tensor,
    Type,
    Union,
)
from meshgen.schema.re2 import searcher
from meshgen.schema.rules import Rules
from meshgen.status import InvalidArgument

SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Case = tuple[Type, st.SearchStrategy[Any]]


def ruled(type_: Any, **rules: Any) -> Any:
    return dataclasses.replace(type_, rules=Rules(**rules))


def ours(fields: tuple[Field, ...], values: Any) -> list[tuple[str, str]]:
    check = request_check(fields)
    if check is None:
        return []
    try:
        check(values)
    except InvalidArgument as error:
        return [(v.field, v.description) for v in error.violations]
    return []


def theirs(codec: RpcCodec, data: bytes) -> list[str]:
    message = codec.request_class.FromString(data)
    validator = protovalidate.Validator()  # one remembers messages by name, and ours are all called the same
    return [_path(v.proto.field.elements) for v in validator.collect_violations(message)]


def _path(elements: Any) -> str:
    path = ""
    for element in elements:
        path += f".{element.field_name}"
        if element.subscript is not None:
            path += f"[{element.subscript.value!r}]"
    return path.lstrip(".")


_INT = st.integers(-3, 9)
_FLOAT = st.floats(-3, 9) | st.sampled_from([math.nan, math.inf, -math.inf, 0.1, -0.0])
_TEXT = st.text("ab1 \n\v\u00e9\u0660\U0001f642", max_size=4)
_PATTERNS = [
    *("^a", "b$", "a|b", ".", "^$", r"^\d+$", r"\w", r"\W$", r"\s$", r"^\S*$", r"[\s]", r"[^\s]", r"[^\S1]"),
    *("^[a-c]{2,3}$", "(?i)AB", r"\bb", "(?m)^a$", "é", r"a\$", "[$]", r"(a|b\d)+?$", r"(?s)a.b", r"\x61", r"\\"),
]
_START = datetime(2000, 1, 1, tzinfo=UTC)


def _bounds(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> dict[str, Any]:
    """At most one on each side, with room between them, as reflection leaves them."""
    low, high = sorted(draw(st.tuples(values, values)))
    chosen = {draw(st.sampled_from(["gt", "ge", ""])): low, draw(st.sampled_from(["lt", "le", ""])): high}
    chosen.pop("", None)
    return chosen if low < high else dict(list(chosen.items())[:1])


def _sizes(draw: st.DrawFn) -> dict[str, Any]:
    low, high = sorted(draw(st.tuples(st.integers(0, 4), st.integers(0, 4))))
    return {"min_len": low or None, "max_len": draw(st.sampled_from([high, None]))}


@st.composite
def _ruled_values(draw: st.DrawFn) -> Case:
    kind = draw(st.sampled_from(["int", "float", "float32", "str", "bytes", "datetime", "timedelta"]))
    match kind:
        case "int":
            type_ = draw(st.sampled_from([INT, INT32]))
            return ruled(type_, **_bounds(draw, _INT), multiple_of=draw(st.sampled_from([None, 1, 2, 3]))), _INT
        case "float":
            finite = draw(st.booleans())
            return ruled(FLOAT, **_bounds(draw, st.floats(-3, 9)), finite=finite), _FLOAT
        case "float32":
            bound, values = st.floats(-3, 9, width=32), st.floats(width=32) | st.floats(-3, 9)
            return ruled(FLOAT32, **_bounds(draw, bound), finite=draw(st.booleans())), values
        case "str":
            pattern = draw(st.sampled_from([None, *_PATTERNS]))
            return ruled(STR, **_sizes(draw), pattern=pattern), _TEXT
        case "bytes":
            return ruled(BYTES, **_sizes(draw)), st.binary(max_size=5)
        case "datetime":
            moments = st.integers(-5, 5).map(lambda s: _START + timedelta(milliseconds=s * 500))
            return ruled(DATETIME, **_bounds(draw, moments)), moments
        case _:
            spans = st.integers(-5, 5).map(lambda s: timedelta(milliseconds=s * 500))
            return ruled(TIMEDELTA, **_bounds(draw, spans)), spans


@st.composite
def _ruled_types(draw: st.DrawFn, depth: int) -> Case:
    kind = draw(st.sampled_from(["value", "optional", "list", "set", "map", "record", "union"] if depth else ["value"]))
    if kind == "set":
        # Protovalidate compares scalars and enums; no `unique` among floats, where 0.0 is -0.0 and NaN is not NaN.
        item, values = draw(st.sampled_from([(INT, _INT), (STR, _TEXT), (EnumOf(Color), st.sampled_from(Color))]))
        rules = ruled(ListOf(item), **_sizes(draw), unique=draw(st.booleans()))
        return rules, st.lists(values, max_size=4)
    item, values = draw(_ruled_values() if kind == "value" else _ruled_types(depth - 1))
    match kind:
        case "optional" if not isinstance(item, Optional | ListOf | MapOf):
            return Optional(item), st.none() | values
        case "list" if not isinstance(item, Optional | ListOf | MapOf | Union):
            return ruled(ListOf(item), **_sizes(draw)), st.lists(values, max_size=4)
        case "map" if not isinstance(item, Optional | ListOf | MapOf | Union):
            key = ruled(STR, **_sizes(draw), pattern=draw(st.sampled_from([None, *_PATTERNS])))
            return ruled(MapOf(key, item), **_sizes(draw)), st.dictionaries(_TEXT, values, max_size=4)
        case "union" if not isinstance(item, Optional | Union | MapOf):
            other = (BOOL, st.booleans())
            return Union((item, other[0])), values | other[1]
        case "record":
            name = f"Rec{depth}"
            python = dataclasses.make_dataclass(name, ["part"])
            record = Record(name=name, kind="dataclass", python=python, fields=(Field(name="part", type=item),))
            return record, st.builds(python, values)
        case _:
            return item, values


@SETTINGS
@given(st.data())
def test_our_verdict_is_that_of_protovalidate(data: st.DataObject) -> None:
    type_, values = data.draw(_ruled_types(2))
    fields, request = params(x=type_), {"x": data.draw(values)}
    codec = codec_of(fields)
    expected = theirs(codec, codec.encode_request(request))
    # Not how often: the rules of a list in a union are one expression of the contract, and some of ours.
    assert {path for path, _ in ours(fields, request)} == set(expected)
    if expected:
        with pytest.raises(InvalidArgument):
            codec.decode_request(codec.encode_request(request))
    else:
        codec.decode_request(codec.encode_request(request))


_NEAR_ADDRESSES = st.text("0159af:.%[]/@-~é \x00", max_size=12) | st.lists(
    st.sampled_from(["1", "::", ":", "ffff", "12345", "1.2.3.4", "256.1.1.1", "01.2.3.4", "%eth0", "%", ".", "0", "a"]),
    max_size=9,
).map("".join)
_NEAR_URIS = st.lists(
    st.sampled_from(["http", ":", "//", "/", "@", "a", "[::1]", "[v1.a]", "[fe80::1%25a]", "%41", "%ff", "%4", "?", "#",
                     ":80", "é", " ", "é", "1", "."]),
    max_size=8,
).map("".join)  # fmt: skip
_NEAR = st.one_of(
    st.emails(),
    st.ip_addresses().map(str),
    provisional.domains(),
    provisional.urls(),
    _NEAR_ADDRESSES,
    _NEAR_URIS,
    st.lists(st.sampled_from(["a", "1", "-", ".", "@", "b-c", "x" * 63, "y" * 64, "_"]), max_size=6).map("".join),
)


@SETTINGS
@given(st.sampled_from(sorted(FORMATS)), _NEAR)
def test_formats_are_those_of_protovalidate(format_: Any, text: str) -> None:
    codec = FORMAT_CODECS[format_]
    expected = not theirs(codec, codec.encode_request({"x": text}))
    assert FORMATS[format_][0](text) is expected


FORMAT_CODECS: dict[Any, RpcCodec] = {f: codec_of(params(x=ruled(STR, format=f))) for f in FORMATS}


@pytest.mark.parametrize(
    ("type_", "value", "violation"),
    [
        (ruled(INT, ge=0), -1, ("x", "must be at least 0")),
        (ruled(INT, gt=0), 0, ("x", "must be greater than 0")),
        (ruled(INT, lt=5), 5, ("x", "must be less than 5")),
        (ruled(INT, le=5), 6, ("x", "must be at most 5")),
        (ruled(INT, multiple_of=5), 6, ("x", "must be a multiple of 5")),
        (ruled(FLOAT, ge=0.5), math.nan, ("x", "must be at least 0.5")),
        (ruled(FLOAT, finite=True), math.inf, ("x", "must be finite")),
        (ruled(FLOAT32, gt=0.10000000149011612), 0.1, ("x", "must be greater than 0.10000000149011612")),
        (ruled(STR, max_len=2), "🙂🙂🙂", ("x", "must have at most 2 characters")),
        (ruled(STR, min_len=1), "", ("x", "must have at least 1 character")),
        (ruled(BYTES, min_len=2), b"a", ("x", "must have at least 2 bytes")),
        (ruled(BYTES, min_len=2, max_len=2), b"a", ("x", "must have exactly 2 bytes")),
        (ruled(STR, pattern="^a$"), "a\n", ("x", "must match '^a$'")),
        (ruled(STR, format="email"), "a", ("x", "must be an email address")),
        (ruled(ListOf(INT), min_len=1), [], ("x", "must have at least 1 element")),
        (ruled(ListOf(INT), unique=True), [1, 1], ("x", "must have no element twice")),
        (ListOf(ruled(INT, ge=0)), [0, -1], ("x[1]", "must be at least 0")),
        (ListOf(ListOf(ruled(INT, ge=0))), [[0, -1]], ("x[0].values[1]", "must be at least 0")),
        (ListOf(Optional(ruled(INT, ge=0))), [None, -1], ("x[1].value", "must be at least 0")),
        (ruled(MapOf(STR, INT), max_len=0), {"a": 1}, ("x", "must have at most 0 entries")),
        (MapOf(STR, ruled(INT, ge=0)), {"k": -1}, ("x['k']", "must be at least 0")),
        (MapOf(ruled(STR, max_len=1), INT), {"kk": 1}, ("x['kk']", "must have at most 1 character")),
        (Union((STR, ruled(INT, ge=0))), -1, ("x_int", "must be at least 0")),
        (ListOf(Union((STR, ruled(INT, ge=0)))), ["", -1], ("x[1].int", "must be at least 0")),
        (ruled(DATETIME, ge=_START), _START - timedelta(1), ("x", "must be at least 2000-01-01T00:00:00Z")),
        (ruled(TIMEDELTA, gt=timedelta(0)), timedelta(0), ("x", "must be greater than 0s")),
        (pair(ruled(INT, ge=0), STR), (-1, ""), ("x.item_0", "must be at least 0")),
    ],
)  # fmt: skip
def test_words(type_: Type, value: Any, violation: tuple[str, str]) -> None:
    assert ours(params(x=type_), {"x": value}) == [violation]


def test_records_in_themselves_are_checked_all_the_way() -> None:
    ref = Ref("Tree", Tree, resolve=lambda: tree)
    fields = [f for f in TREE.fields if f.name in ("value", "children")]
    types = {"value": ruled(INT, ge=0), "children": ListOf(ref)}
    tree = dataclasses.replace(TREE, fields=tuple(dataclasses.replace(f, type=types[f.name]) for f in fields))
    value = Tree(0, [Tree(0), Tree(-1, [Tree(-2)])])
    found = ours(params(x=tree), {"x": value})
    assert [path for path, _ in found] == ["x.children[1].value", "x.children[1].children[0].value"]
    value.children.append(value)
    with pytest.raises(InvalidArgument, match="nested deeper"):
        request_check(params(x=tree))({"x": value})  # type: ignore[misc]  # there are rules


def test_what_is_left_out_breaks_no_rule() -> None:
    fields = (Field(name="x", type=ruled(INT, ge=1), default=0), Field(name="y", type=ruled(INT, ge=1)))
    assert ours(fields, {"y": 1}) == []
    assert ours(fields, {"x": 0, "y": 1}) == []
    assert ours(fields, {"x": -1, "y": 1}) == [("x", "must be at least 1")]
    codec = codec_of(fields)
    assert codec.decode_request(codec.encode_request({"y": 1})) == {"x": 0, "y": 1}


def test_what_a_factory_makes_breaks_no_rule() -> None:
    def broken() -> int:
        raise ValueError

    fields = (
        Field(name="x", type=ruled(INT, ge=1), factory=lambda: -1),
        Field(name="y", type=ruled(INT, ge=1), factory=broken),
        Field(name="z", type=ListOf(ruled(INT, ge=1)), factory=lambda: [-1]),
    )
    assert ours(fields, {"x": -1, "y": 1}) == []
    assert [path for path, _ in ours(fields, {"x": 0, "y": 0, "z": [-1]})] == ["x", "y", "z[0]"]
    codec = codec_of(fields[:1])
    assert codec.decode_request(codec.request_class().SerializeToString()) == {"x": -1}


def test_other_types_are_left_to_the_codec() -> None:
    types = {
        "a": ruled(INT, ge=0),
        "b": ListOf(ruled(INT, ge=0)),
        "c": MapOf(STR, ruled(INT, ge=0)),
        "d": ruled(STR, max_len=1),
    }
    assert ours(params(**types), dict.fromkeys(types, object())) == []
    assert ours(params(**types), dict.fromkeys(types)) == []
    assert ours(params(x=Union((STR, ruled(INT, ge=0)))), {"x": 1.5}) == []


def test_without_rules_there_is_nothing_to_run() -> None:
    fields = params(a=INT, b=ListOf(STR), c=LABEL, d=TREE, e=ANY, f=UUID, g=Union((INT, STR)))
    assert request_check(fields) is None
    assert request_check((), TREE) is None
    assert request_check(params(a=ruled(INT, unmapped=("Predicate(odd)",)))) is None


def test_patterns_are_those_of_re2() -> None:
    assert not searcher(r"\d")("\u0660")
    assert not searcher(r"\s")("\v")
    assert searcher(r"[^\s]")("\v")
    assert searcher("(?m)a$")("a\nb")
    assert not searcher("a$")("a\n")


@pytest.mark.timeout(10)
def test_no_text_makes_a_pattern_slow() -> None:
    assert not searcher("^(a+)+$")("a" * 100_000 + "b")


@dataclasses.dataclass
class Kept:
    x: Any
    k: int = 0


@dataclasses.dataclass
class Altered:
    x: Any

    def __post_init__(self) -> None:
        self.x = self.x.astype("int8")


@dataclasses.dataclass
class Defaulted:
    x: Any = dataclasses.field(default_factory=lambda: np.zeros(2))


def test_tensors_that_were_checked_when_they_were_read_are_not_looked_at_again() -> None:
    tensor, natural = Tensor("numpy", "float32"), ruled(INT, ge=0)
    kept = Record(
        name="Kept", kind="dataclass", python=Kept,
        fields=(Field(name="x", type=tensor), Field(name="k", type=natural, default=0)),
    )  # fmt: skip
    wrong = np.zeros(2)
    check = request_check(params(x=kept, y=ListOf(tensor)), read=True)
    assert check is not None
    check({"x": Kept(wrong), "y": [wrong]})  # which no reader gives
    with pytest.raises(InvalidArgument, match=r"x\.k"):
        check({"x": Kept(wrong, -1), "y": []})
    altered = Record(name="Altered", kind="dataclass", python=Altered, fields=params(x=tensor))
    for read in (True, False):
        check = request_check(params(x=kept, y=altered), read=read)
        assert check is not None
        with pytest.raises(InvalidArgument, match=r"y\.x\.datatype"):
            check({"x": Kept(wrong.astype("float32")), "y": Altered(wrong)})
        with pytest.raises(InvalidArgument, match=r"x\.x\.datatype"):
            check({"x": Kept(wrong), "y": Altered(wrong)})
    field = Field(name="x", type=tensor, factory=lambda: np.zeros(2))
    defaulted = Record(name="Defaulted", kind="dataclass", python=Defaulted, fields=(field,))
    check = request_check((), defaulted, read=True)
    assert check is not None
    with pytest.raises(InvalidArgument, match=r"x\.datatype"):
        check(Defaulted())
