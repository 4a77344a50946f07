"""What protobuf would read otherwise than it was meant in the input of `meshgen call`, wherever it is."""

from __future__ import annotations

from typing import Any

import pytest
from schema_samples import ANY, DATE, INT, STR, Color, codec_of, params

from meshgen.cli.call_input import refuse_misreadings, unknown_keys
from meshgen.schema.convert.json_value import from_json
from meshgen.schema.model import EnumOf, ListOf, MapOf, Optional, Record, Type
from meshgen.status import InvalidArgument

LARGE = (1 << 53) + 1


class Inner: ...


INNER = Record(name="Inner", kind="dataclass", python=Inner, fields=params(any_one=ANY))


@pytest.mark.parametrize(
    ("type_", "document", "path"),
    [
        (ANY, LARGE, "x"),
        (ANY, -LARGE, "x"),
        (ANY, [1, {"a": LARGE}], "x[1]['a']"),
        (ANY, 10**400, "x"),
        (Optional(ANY), LARGE, "x"),
        (ListOf(ANY), [None, LARGE], "x[1]"),
        (MapOf(STR, ANY), {"k": LARGE}, "x['k']"),
        (INNER, {"any_one": LARGE}, "x.any_one"),
        (ListOf(INNER), [{}, {"any_one": [LARGE]}], "x[1].any_one[0]"),
    ],
)
def test_what_a_double_cannot_hold_is_refused(type_: Type, document: Any, path: str) -> None:
    fields = params(x=type_)
    descriptor = codec_of(fields).request_class.DESCRIPTOR
    for read in (lambda: refuse_misreadings({"x": document}, descriptor), lambda: from_json(fields, {"x": document})):
        with pytest.raises(InvalidArgument, match="within 2\\*\\*53") as caught:
            read()
        assert path in [v.field for v in caught.value.violations]


@pytest.mark.parametrize("document", [LARGE - 1, 1.5, 1e300, True, None, "text", [], {"a": [None]}])
def test_everything_else_is_left_alone(document: Any) -> None:
    fields = params(x=ANY, y=MapOf(STR, INNER), z=ListOf(ANY))
    descriptor = codec_of(fields).request_class.DESCRIPTOR
    refuse_misreadings({"x": document, "y": [LARGE], "z": {"a": LARGE}, "unknown": LARGE}, descriptor)
    refuse_misreadings([LARGE], descriptor)
    assert from_json(params(x=ANY), {"x": document})["x"] == document


@pytest.mark.parametrize("number", [1, 7, -1, 0, 7.0, "7", 2**40])
def test_a_number_is_no_member(number: Any) -> None:
    descriptor = codec_of(params(x=EnumOf(Color), y=MapOf(STR, EnumOf(Color)))).request_class.DESCRIPTOR
    for document, path in (({"x": number}, "x"), ({"y": {"k": number}}, "y['k']")):
        with pytest.raises(InvalidArgument, match="must be one of 'COLOR_") as caught:
            refuse_misreadings(document, descriptor)
        assert [v.field for v in caught.value.violations] == [path]
    for fine in ("COLOR_RED", None, True, [1]):  # or refused by protobuf itself
        refuse_misreadings({"x": fine}, descriptor)


def test_unknown_keys_are_found() -> None:
    inner = Record(name="Inner", kind="dataclass", python=Inner, fields=params(any_one=ANY, linkID=INT))
    fields = params(x=inner, y=ListOf(inner), z=MapOf(STR, inner), when=DATE, userId=INT)
    document = {
        "x": {"any_one": {"what": "ever"}, "linkID": 1, "link_id": 1, "linkId": 1},
        "y": [{}, {"any": 1}, 5],
        "z": {"k": {"b": 1}},
        "when": {"year": 1, "hour": 2},
        "userId": 1,
        "user_ID": 2,
    }
    found = list(unknown_keys(document, codec_of(fields).request_class.DESCRIPTOR))
    assert found == ["user_ID", "x.linkId", "y[1].any", "z['k'].b", "when.hour"]
