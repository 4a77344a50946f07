"""Envoy prints a message less deep than protobuf reads."""

from __future__ import annotations

import pytest
from schema_samples import INT, TREE, Tree, codec_of

from meshgen.codec.json_depth import Printable


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
