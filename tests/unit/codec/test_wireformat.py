from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshgen.codec.wireformat import ALIGNMENT, Rewriting, Search, UnsearchableError, places_of

F = FieldDescriptorProto
NODE = (
    ("number", 1, F.TYPE_INT64, ""),
    ("text", 2, F.TYPE_STRING, ""),
    ("blob", 3, F.TYPE_BYTES, ""),
    ("blobs", 4, F.TYPE_BYTES, "repeated"),
    ("node", 5, F.TYPE_MESSAGE, ""),
    ("nodes", 600, F.TYPE_MESSAGE, "repeated"),
    ("doubles", 7, F.TYPE_DOUBLE, "repeated"),
    ("fixed", 8, F.TYPE_FIXED32, ""),
    ("blob_of_one", 9, F.TYPE_BYTES, "oneof"),
    ("node_of_one", 10, F.TYPE_MESSAGE, "oneof"),
    ("number_of_one", 11, F.TYPE_SINT32, "oneof"),
    ("plain", 13, F.TYPE_MESSAGE, ""),
)
KNOWN = ("known", (*NODE, ("by_name", 12, F.TYPE_MESSAGE, "map")))
FEWER = ("fewer", (NODE[0], NODE[2], NODE[4]))
"""The same without most fields, which are unknown then."""


@cache
def message_class(which: tuple[str, tuple[Any, ...]]) -> Any:
    name, rows = which
    file = FileDescriptorProto(name=f"{name}.proto", package=name, syntax="proto3")
    node = file.message_type.add(name="Node")
    file.message_type.add(name="Plain").field.add(name="text", number=1, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
    for field_name, number, type_, kind in rows:
        many = kind in ("repeated", "map")
        field = node.field.add(
            name=field_name, number=number, type=type_, label=F.LABEL_REPEATED if many else F.LABEL_OPTIONAL
        )
        if type_ == F.TYPE_MESSAGE:
            field.type_name = f".{name}.{'Plain' if field_name == 'plain' else 'Node'}"
        if kind == "map":
            field.type_name = f".{name}.Node.{_map_entry(node)}"
        if kind == "oneof":
            field.oneof_index = 0
    if any(row[3] == "oneof" for row in rows):
        node.oneof_decl.add(name="one")
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f"{name}.Node"))


def _map_entry(node: DescriptorProto) -> str:
    entry = node.nested_type.add(name="ByNameEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=F.TYPE_BYTES, label=F.LABEL_OPTIONAL)
    return entry.name


SIZES = st.sampled_from([0, 1, 2, 15, 16, 17, 127, 128, 300])
BLOBS = st.builds(lambda size, byte: bytes([byte]) * size, SIZES, st.integers(0, 255))


def nodes(inner: st.SearchStrategy[dict[str, Any]] | None) -> st.SearchStrategy[dict[str, Any]]:
    one: dict[str, Any] = {
        "number": st.integers(-(2**63), 2**63 - 1),
        "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
        "blob": BLOBS,
        "blobs": st.lists(BLOBS, max_size=3),
        "doubles": st.lists(st.floats(allow_nan=False), max_size=3),
        "fixed": st.integers(0, 2**32 - 1),
        "by_name": st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), BLOBS, max_size=2),
        "plain": st.just({"text": "x" * 40}),
    }
    if inner is not None:
        one |= {"node": inner, "nodes": st.lists(inner, max_size=3)}
    chosen: dict[str, Any] = {"blob_of_one": BLOBS, "number_of_one": st.just(-5)}
    if inner is not None:
        chosen["node_of_one"] = inner
    whole = st.fixed_dictionaries({}, optional=one)
    return st.one_of(whole, *(st.builds(lambda a, v, k=k: a | {k: v}, whole, chosen[k]) for k in chosen))


NODES = nodes(nodes(nodes(None)))

wires = st.lists(NODES.map(lambda node: message_class(KNOWN)(**node).SerializeToString()), min_size=1, max_size=3)
"""Messages one after the other are one message: singular fields come twice, messages merge."""


def without(data: bytes, cls: Any, smallest: int) -> tuple[bytes, dict[bytes, bytes]]:
    """The message with every content of that size and up exchanged for a key."""
    held: dict[bytes, bytes] = {}

    def replace(start: int, end: int) -> bytes:
        key = b"key%d" % len(held)
        held[key] = data[start:end]
        return key

    return Rewriting(data).rewritten(Search(data, replace, smallest=smallest).cuts(places_of(cls.DESCRIPTOR))), held


def put_back(message: Any, held: dict[bytes, bytes]) -> Any:
    for field, value in message.ListFields():
        if field.name in ("blob", "blob_of_one"):
            setattr(message, field.name, held.get(value, value))
        elif field.name == "blobs":
            value[:] = [held.get(v, v) for v in value]
        elif field.name == "by_name":
            for key in list(value):
                value[key] = held.get(value[key], value[key])
        elif field.name in ("node", "node_of_one"):
            put_back(value, held)
        elif field.name == "nodes":
            for inner in value:
                put_back(inner, held)
    return message


def outcome(cls: Any, data: bytes, held: dict[bytes, bytes]) -> Any:
    try:
        message = cls.FromString(data)
    except DecodeError:
        return "not a message"
    return put_back(message, held).SerializeToString(deterministic=True)


def same_outcome(data: bytes, cls: Any, smallest: int) -> None:
    try:
        small, held = without(data, cls, smallest)
    except UnsearchableError:
        return  # left to protobuf as it is
    assert outcome(cls, small, held) == outcome(cls, data, {})


@settings(max_examples=100, deadline=None)
@given(wires, st.sampled_from([KNOWN, FEWER]), st.sampled_from([1, 16, 128]))
def test_protobuf_reads_the_same_without_the_contents(parts: list[bytes], which: Any, smallest: int) -> None:
    data = b"".join(parts)
    cls = message_class(which)
    small, held = without(data, cls, smallest)
    assert all(len(v) >= smallest for v in held.values())
    assert sum(map(len, held.values())) >= len(data) - len(small)
    assert outcome(cls, small, held) == outcome(cls, data, {})


@settings(max_examples=300, deadline=None)
@given(wires, st.data(), st.sampled_from([1, 4, 16]))
def test_protobuf_judges_the_same_of_broken_messages(parts: list[bytes], draw: st.DataObject, smallest: int) -> None:
    data = bytearray(b"".join(parts))
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data)))
        match draw.draw(st.sampled_from(["set", "cut", "insert", "repeat"])):
            case "set" if at < len(data):
                data[at] = draw.draw(st.integers(0, 255))
            case "cut":
                del data[at:]
            case "insert":
                data[at:at] = draw.draw(st.binary(min_size=1, max_size=6))
            case _:
                data[at:at] = data[at : at + draw.draw(st.integers(1, 40))]
    same_outcome(bytes(data), message_class(KNOWN), smallest)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
@example(b"\x2b\x1a\x01a\x2c")  # a group
@example(b"\x9a\x00\x01a")  # a tag longer than it need be
@example(b"\x1a\x81\x00a")  # a length longer than it need be
@example(b"\x1a\x81\x80\x80\x80\x80\x00a")
@example(b"\x1a\xff\xff\xff\xff\x0f")
@example(b"\x02\x01a")  # field 0
@example(b"\x08" + b"\xff" * 11)
@example(b"\x1a\x05abc")
@example(b"\x2a\x03\x1a\x05abcde")
@example(b"\x1a")
def test_protobuf_judges_the_same_of_noise(data: bytes) -> None:
    same_outcome(data, message_class(KNOWN), 1)


def test_messages_in_messages_deeper_than_protobuf_goes() -> None:
    cls = message_class(KNOWN)
    for depth in (98, 99, 100, 101, 5000):
        data = b"\x1a\x01a"
        for _ in range(depth):
            size = len(data)
            length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7]) if size < 1 << 14 else b""
            length = length or bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
            data = b"\x2a" + length + data
        same_outcome(data, cls, 1)
    with pytest.raises(UnsearchableError):
        without(data, cls, 1)


def test_a_message_of_many_fields_is_given_up() -> None:
    cls = message_class(KNOWN)
    data = cls(blobs=[b"abc"] * 10).SerializeToString()
    places = places_of(cls.DESCRIPTOR)
    assert len(Search(data, lambda *_: b"", smallest=1, most_fields=10).cuts(places)) == 10
    with pytest.raises(UnsearchableError):
        Search(data, lambda *_: b"", smallest=1, most_fields=9).cuts(places)


def test_a_number_that_never_ends_is_given_up() -> None:
    class Counted(bytes):
        reads = 0

        def __getitem__(self, key: Any) -> Any:
            Counted.reads += 1
            return super().__getitem__(key)

    places = places_of(message_class(KNOWN).DESCRIPTOR)
    for number in (b"\xff" * 9 + b"\x01", b"\x80" * 9 + b"\x00"):
        assert Search(b"\x08" + number, lambda *_: b"", smallest=1).cuts(places) == ()
    with pytest.raises(UnsearchableError):
        Search(Counted(b"\x08" + b"\xff" * 10_000), lambda *_: b"", smallest=1).cuts(places)
    assert Counted.reads < 20


def test_only_what_holds_the_mark_is_exchanged() -> None:
    cls = message_class(KNOWN)
    data = cls(
        text="mark", blobs=[b"other", b"mark1", b"mark2"], node=cls(text="mark", blob=b"mark3")
    ).SerializeToString()
    new = {b"mark1": b"a" * 200, b"mark3": memoryview(b"b" * 20000)}
    search = Search(data, lambda start, end: new.get(data[start:end]), smallest=1, mark=b"mark")
    message = cls.FromString(Rewriting(data).rewritten(search.cuts(places_of(cls.DESCRIPTOR))))
    assert message == cls(text="mark", blobs=[b"other", b"a" * 200, b"mark2"], node=cls(text="mark", blob=b"b" * 20000))


@settings(max_examples=100, deadline=None)
@given(wires, SIZES, st.sampled_from([15, 16, 2000]))
def test_contents_are_aligned(parts: list[bytes], size: int, field: int) -> None:
    cls = message_class(FEWER)
    data = b"".join(parts)
    held: dict[bytes, bytes] = {}

    def replace(start: int, end: int) -> bytes:
        new = b"%04d" % len(held) + b"#" * size
        held[new] = data[start:end]
        return new

    search = Search(data, replace, smallest=20)
    spliced = Rewriting(data).rewritten(search.cuts(places_of(cls.DESCRIPTOR, {"fewer.Node": field})))
    assert all(spliced.find(content) % ALIGNMENT == 0 for content in held)
    message, before = cls.FromString(spliced), cls.FromString(data)
    put_back(message, held)
    for each in (message, before):
        each.DiscardUnknownFields()
    assert message == before
