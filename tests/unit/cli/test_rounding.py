"""Whole numbers that a double cannot hold are refused in `Any`, wherever they are in the input of `meshgen call`."""

from __future__ import annotations

from typing import Any

import pytest
from schema_samples import ANY, STR, codec_of, params

from meshgen.cli.rounding import refuse_rounding
from meshgen.schema.convert.json_value import from_json
from meshgen.schema.model import ListOf, MapOf, Optional, Record, Type
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
        (INNER, {"anyOne": LARGE}, "x.any_one"),
        (ListOf(INNER), [{}, {"any_one": [LARGE]}], "x[1].any_one[0]"),
    ],
)
def test_what_a_double_cannot_hold_is_refused(type_: Type, document: Any, path: str) -> None:
    fields = params(x=type_)
    descriptor = codec_of(fields).request_class.DESCRIPTOR
    for read in (lambda: refuse_rounding({"x": document}, descriptor), lambda: from_json(fields, {"x": document})):
        with pytest.raises(InvalidArgument, match="within 2\\*\\*53") as caught:
            read()
        assert path in [v.field for v in caught.value.violations]


@pytest.mark.parametrize("document", [LARGE - 1, 1.5, 1e300, True, None, "text", [], {"a": [None]}])
def test_everything_else_is_left_alone(document: Any) -> None:
    fields = params(x=ANY, y=MapOf(STR, INNER), z=ListOf(ANY))
    descriptor = codec_of(fields).request_class.DESCRIPTOR
    refuse_rounding({"x": document, "y": [LARGE], "z": {"a": LARGE}, "unknown": LARGE}, descriptor)
    refuse_rounding([LARGE], descriptor)
    assert from_json(params(x=ANY), {"x": document})["x"] == document
