"""The order of a dict is part of its value: entries are written as they were put, and read as they came."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_samples import ANY, BOOL, BYTES, FLOAT, INT, LABEL, STR, Color, Label, codec_of, params

from meshgen.codec.lazy import Received
from meshgen.codec.rpc import RpcCodec
from meshgen.schema.model import EnumOf, ListOf, MapOf, Optional, Type, Union

NAMES = ["zebra", "horse", "cat", "mule", "ant", ""]
COLOR = EnumOf(Color)
VALUES: list[tuple[Type, Any]] = [
    (FLOAT, 0.0),
    (INT, 0),
    (STR, ""),
    (BOOL, False),
    (BYTES, b""),
    (COLOR, Color.RED),
    (LABEL, Label("")),
    (ANY, None),
    (ANY, {"b": 1, "a": {"d": [], "c": {}}}),
    (ListOf(STR), []),
    (Optional(INT), None),
    (Optional(INT), 0),
    (Union((INT, STR)), "x"),
    (MapOf(INT, STR), {9: "", 1: "x"}),
]


def in_order(value: Any) -> Any:
    """The value with its dicts as lists of pairs, which differ when their order does."""
    if isinstance(value, dict):
        return [(key, in_order(item)) for key, item in value.items()]
    return [in_order(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("type_", "value"), VALUES, ids=str)
def test_entries_come_back_in_order(type_: Type, value: Any) -> None:
    sent = dict.fromkeys(NAMES, value)
    codec = codec_of(params(x=MapOf(STR, type_)), MapOf(STR, type_))
    data = codec.encode_request({"x": sent})
    assert in_order(codec.decode_request(data)["x"]) == in_order(sent)
    assert in_order(codec.decode_response(codec.encode_response(sent))) == in_order(sent)


@pytest.mark.parametrize(("type_", "value"), VALUES, ids=str)
def test_every_entry_has_its_key_and_its_value(type_: Type, value: Any) -> None:
    """As protobuf's own maps have them, zeros too: Envoy would drop the key of an entry without a value."""
    codec = codec_of(params(x=MapOf(STR, type_)))
    for name in NAMES:
        data = codec.encode_request({"x": {name: value}})
        message: Any = codec.request_class.FromString(data)
        if "{" not in str(value):
            assert message.SerializeToString(deterministic=True) == data
        assert list(message.x) == [name]


@pytest.mark.parametrize("keys", [[3, -1, 2, 0], [True, False], ["b", "a"]], ids=str)
def test_keys_of_any_kind(keys: list[Any]) -> None:
    kind = {int: INT, bool: BOOL, str: STR}[type(keys[0])]
    codec = codec_of(params(x=MapOf(kind, INT)))
    back = codec.decode_request(codec.encode_request({"x": dict.fromkeys(keys, 1)}))["x"]
    assert [(type(k), k) for k in back] == [(type(k), k) for k in keys]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(_JSON)
def test_so_do_those_of_any(value: Any) -> None:
    codec = codec_of(params(x=ANY))
    back = codec.decode_request(codec.encode_request({"x": value}))["x"]
    assert in_order(back) == in_order(value)


def test_an_answer_that_is_passed_on_keeps_its_order() -> None:
    scores = dict.fromkeys(NAMES, 0.5)
    codec = codec_of(params(x=MapOf(STR, FLOAT)), MapOf(STR, FLOAT))
    answer = Received(codec, codec.encode_response(scores), "n")
    assert list(codec.decode_request(codec.encode_request({"x": answer}))["x"]) == NAMES
    assert list(codec.decode_response(codec.encode_response(answer))) == NAMES


def test_of_entries_with_one_key_the_last_counts() -> None:
    codec = codec_of(params(x=MapOf(STR, INT)))
    parts = [codec.encode_request({"x": x}) for x in ({"b": 1, "a": 2}, {"b": 3})]
    assert codec.decode_request(b"".join(parts))["x"] == {"b": 3, "a": 2}


def test_what_others_write_without_zeros_is_read() -> None:
    codec = codec_of(params(x=MapOf(STR, INT), y=MapOf(STR, ANY)))
    assert codec.decode_request(b"\x0a\x00\x12\x00") == {"x": {"": 0}, "y": {"": None}}


@pytest.mark.parametrize("type_", [MapOf(STR, INT), ANY], ids=str)
def test_protobuf_reads_the_same(type_: Type) -> None:
    codec = codec_of(params(x=type_))
    sent = {"x": {name: index for index, name in enumerate(NAMES)}}
    message = codec.request_class.FromString(codec.encode_request(sent))
    shown = json_format.MessageToDict(message)["x"]
    assert {key: int(value) for key, value in shown.items()} == sent["x"]


def test_the_classes_of_the_contract_have_maps() -> None:
    codec: RpcCodec = codec_of(params(x=MapOf(STR, INT)))
    message: Any = codec.request_class(x={"a": 1})
    assert codec.decode_request(message.SerializeToString()) == {"x": {"a": 1}}
    assert codec.request_class is GetMessageClass(message.DESCRIPTOR)
