"""Names of fields in JSON are those of Python, both ways; keys that nobody knows are named beside what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from google.protobuf import json_format
from pydantic import BaseModel, Field, field_validator
from schema_samples import INT, STR, codec_of, contract_of, params
from typing_extensions import TypedDict

from meshgen.errors import GraphError
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.reflect.reflector import reflect
from meshgen.status import InvalidArgument

KEYS = (
    "linkID",
    "CIR",
    "sendFileDir",
    "_x",
    "x_",
    "a__b",
    "_ID",
    "__dunder",
    "x1",
    "x_2",
    "aB_c",
    "class",
    "content-type",
)


def error_of(what: Any, document: Any) -> str:
    with pytest.raises(InvalidArgument) as caught:
        from_json(what, document)
    return caught.value.message


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("annotation", [int, list[int], dict[str, int], int | str, int | None])
def test_a_name_is_pythons_both_ways(key: str, annotation: Any) -> None:
    """In JSON of our own and in that of protobuf, which goes by the contract, as Envoy does."""
    value = {list[int]: [1], dict[str, int]: {"a": 1}}.get(annotation, 1)
    record = reflect(TypedDict("Named", {key: annotation}))
    fields = params(**{key: reflect(annotation)}, of=record)
    values = {key: value, "of": {key: value}}
    document = to_json(fields, values)
    own = f"{key}_int" if annotation == int | str else key
    assert document.keys() == {own, "of"}
    assert document["of"].keys() == {own}
    codec = codec_of(fields)
    message = json_format.ParseDict(document, codec.request_class())
    assert codec.decode_request(message.SerializeToString()) == values == from_json(fields, document)
    assert json_format.MessageToDict(message).keys() == document.keys()
    if annotation is int:
        assert f"of.{key} is required" in error_of(fields, {**document, "of": {}})


@pytest.mark.parametrize("pair", [("CIR", "cir"), ("userId", "user_id"), ("x1", "x_1"), ("_x", "x"), ("a__b", "a_b")])
def test_names_that_protobuf_takes_for_one_are_refused_and_work_without_a_contract(pair: tuple[str, str]) -> None:
    fields = params(**dict.fromkeys(pair, INT))
    with pytest.raises(GraphError, match=f"'{pair[0]}' and '{pair[1]}' are both"):
        contract_of(fields)
    values = {pair[0]: 1, pair[1]: 2}
    assert from_json(fields, to_json(fields, values)) == values


def test_an_alias_of_pydantic_is_no_name() -> None:
    class Model(BaseModel):
        class_: str = Field(alias="kind")

        @field_validator("class_")
        @classmethod
        def _short(cls, value: str) -> str:
            assert len(value) < 3, "is too long"
            return value

    type_ = reflect(Model)
    assert to_json(type_, from_json(type_, {"class_": "a"})) == {"class_": "a"}
    assert error_of(type_, {"kind": "a"}) == "class_ is required; not in the contract: 'kind'"
    assert "class_" in error_of(params(x=type_), {"x": {"class_": "long"}})


class Text(BaseModel):
    type: Literal["text"] = "text"
    text: str


class Picture(BaseModel):
    type: Literal["picture"] = "picture"
    url: str


class Message(BaseModel):
    role: str
    content: str | list[Annotated[Text | Picture, Field(discriminator="type")]]
    parts: list[Text | Picture] = []


@dataclass
class Chat:
    messages: list[Message]
    by_name: dict[str, Message]
    limit: int = 0


PART = "messages[0].parts[0]"
CONTENT = "(did you mean 'content_picture_or_text_list' or 'content_str'?)"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, f"'messages[0].content' {CONTENT}"),
        ({"by_name": {"a": {"role": "u", "content": ["x"]}}}, f"\"by_name['a'].content\" {CONTENT}"),
        ({"messages": [{"Role": "user", "content_str": ""}]}, "'messages[0].Role' (did you mean 'role'?)"),
        ({"messages": [{"rol": "user", "content_str": ""}]}, "'messages[0].rol' (did you mean 'role'?)"),
        ({"messages": [{"content_str": ""}], "byName": {}}, "'byName' (did you mean 'by_name'?)"),
        ({"limit": "x", "maximum": 1}, "'maximum'"),
        ({"limit": "x", "role": {"deep": 1}}, "'role'"),
        (
            {"messages": [{"role": "", "content_str": "", "parts": [{"type": "picture", "url": "u"}]}]},
            f"'{PART}.type' (did you mean 'picture.type'?), '{PART}.url' (did you mean 'picture.url'?)",
        ),
        ({"limit": "x", **{f"k{i}": 1 for i in range(9)}}, "'k0', 'k1', 'k2', 'k3', 'k4', …"),
    ],
)
def test_an_error_names_the_keys_that_nobody_knows(document: Any, said: str) -> None:
    assert error_of(reflect(Chat), document).endswith(f"; not in the contract: {said}")


@pytest.mark.parametrize(
    "document",
    [
        {"messages": 1},
        {"messages": [1, [2]], "by_name": []},
        {"by_name": {"a": None}},
        {"limit": {}},
        {"messages": {"a": 1}},
    ],
)
def test_what_is_of_another_shape_has_no_keys(document: Any) -> None:
    assert "not in the contract" not in error_of(reflect(Chat), {"limit": "x", **document})


def test_a_long_key_is_cut() -> None:
    assert len(error_of(params(x=STR), {"k" * 10_000: 1})) < 300
