"""What Envoy does otherwise than protobuf: it prints a message less deep, and reads what is below -2^63 as that."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from schema_samples import BOOL, FLOAT, INT, INT32, STR, TREE, Tree, codec_of, params

from meshgen.codec.transcoder import Doubtful, Printable, has_whole_numbers
from meshgen.schema.model import ListOf, MapOf, Optional, Tensor, Type, Union
from meshgen.status import InvalidArgument

LEAST = -(2**63)


@pytest.mark.parametrize(("children", "printed"), [(0, True), (98, True), (99, True), (100, False)])
def test_a_record_inside_itself(children: int, printed: bool) -> None:
    tree = Tree(0)
    for _ in range(children):
        tree = Tree(0, [tree])
    codec = codec_of((), TREE)
    data = codec.encode_response(tree)
    for _ in range(2):  # the message around it is made once
        assert Printable(codec.response)(data) is printed


def test_all_others_are_printed() -> None:
    codec = codec_of((), INT)
    assert Printable(codec.response)(codec.encode_response(1))


@pytest.mark.parametrize(
    ("type_", "value", "paths"),
    [
        (INT, LEAST, ["x"]),
        (INT, LEAST + 1, []),
        (INT, 2**63 - 1, []),
        (Optional(INT), LEAST, ["x"]),
        (ListOf(INT, "list"), [1, LEAST, LEAST], ["x[1]", "x[2]"]),
        (ListOf(Optional(INT), "list"), [None, LEAST], ["x[1].value"]),
        (MapOf(STR, INT), {"a": 1, "b": LEAST}, ["x['b']"]),
        (MapOf(INT, INT), {LEAST: 1}, []),
        (MapOf(STR, ListOf(INT, "list")), {"a": [LEAST]}, ["x['a'].values[0]"]),
        (Union((INT, STR)), LEAST, ["x_int"]),
        (TREE, Tree(1, [Tree(2), Tree(LEAST)]), ["x.children[1].value"]),
        (Tensor(library="numpy", dtype="int64"), np.array([LEAST]), []),
        (ListOf(STR, "list"), [(b"\x80" * 9).decode("latin-1") + "\x01"], []),
    ],
)
def test_what_may_have_been_another_number(type_: Type, value: Any, paths: list[str]) -> None:
    codec = codec_of(params(x=type_))
    doubtful = Doubtful(lambda: codec.request_class)
    data = codec.encode_request({"x": value})
    refused = pytest.raises(InvalidArgument, match="must be greater than -2\\^63 over REST")
    with refused if paths else nullcontext() as raised:
        doubtful.refuse(data)
    assert [violation.field for violation in (raised.value.violations if raised else ())] == paths


def test_it_is_not_for_doubtful_to_say_what_is_no_message() -> None:
    codec = codec_of(params(x=INT))
    Doubtful(lambda: codec.request_class).refuse(b"\xff" + b"\x80" * 9 + b"\x01")


@pytest.mark.parametrize(
    ("type_", "has"),
    [(INT, True), (INT32, False), (FLOAT, False), (BOOL, False), (TREE, True), (MapOf(STR, Optional(INT)), True)],
)
def test_most_requests_can_have_none(type_: Type, *, has: bool) -> None:
    assert has_whole_numbers(codec_of(params(x=type_)).request) is has
