"""What gRPC says in headers and trailers, there and back."""

from __future__ import annotations

import base64
from ast import literal_eval
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_ends import HEAD, Node, raw, request

from meshgen.runtime.call.context import RequestContext
from meshgen.runtime.call.metadata import for_next_hop
from meshgen.runtime.mesh.wire import headers
from meshgen.runtime.mesh.wire.peer import Peer
from meshgen.status import Code, StatusError

texts = st.text(st.characters(exclude_categories=["Cs"]))


def fields(lines: bytes) -> dict[bytes, bytes]:
    """As a parser of HTTP gives them."""
    assert b"\r" not in lines.replace(b"\r\n", b"")
    pairs = (line.split(b":", 1) for line in lines.split(b"\r\n") if line)
    return {name: value.strip(b" \t") for name, value in pairs}


@given(st.sampled_from([c for c in Code if c is not Code.OK]), texts, st.binary(max_size=99))
def test_a_status_keeps_its_parts(code: Code, text: str, details: bytes) -> None:
    lines = headers.status(code, text, details)
    assert lines.isascii()
    error = headers.error_of(200, fields(lines))
    assert error is not None
    assert (error.code, error.message) == (code, text)
    if details:
        assert base64.b64decode(fields(lines)[headers.DETAILS] + b"===") == details


@pytest.mark.parametrize(
    "text", [" ", "   ", " a", "a ", "  a b  ", "100 %", "%41", "a\nb\r\n", "\0", "é", "日本", "a\tb"]
)
async def test_any_text_of_an_error_arrives(peer: Peer, text: str) -> None:
    with pytest.raises(StatusError) as raised:
        await peer.call(b"/s/fail", text.encode(), 5, ())
    assert (raised.value.code, raised.value.message) == (Code.NOT_FOUND, text)


@given(st.floats(0, 2e8))
def test_a_timeout_is_told_as_exactly_as_it_can_be(seconds: float) -> None:
    text = headers.timeout(seconds)
    assert len(text) <= 9
    told = headers.timeout_of(text)
    assert told == pytest.approx(min(seconds, 99_999_999), rel=1e-5, abs=1e-6)
    assert told <= seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"4m", 0.004), (b"5u", 5e-6), (b"6n", 6e-9), (b"99999999S", 99_999_999)],
)
async def test_each_unit_of_a_timeout(node: Node, tmp_path: Path, text: bytes, seconds: float) -> None:
    head = HEAD.replace(b"echo", b"told") + b"grpc-timeout: %s\r\nconnection: close\r\n" % text
    answer = await raw(tmp_path / "s", request(head=head))
    told = answer.split(b"('', {}, ")[1].split(b")")[0]
    assert float(told) == pytest.approx(seconds)


@pytest.mark.parametrize("text", [b"", b"S", b"1", b"-1S", b"1.5S", b"100000000S", b"1s", b"1h", b" 1 S", b"\xb2S"])
def test_what_is_no_timeout_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="is no timeout"):
        headers.timeout_of(text)


BINARY = (b"", b"\0", b"\0\1", b"\0\1\2", b"\xff\xfe\xfd\xfc", bytes(range(256)))


async def test_metadata_arrives_whole_and_goes_on_whole(peer: Peer) -> None:
    sent = (
        *((f"b{i}-bin", value) for i, value in enumerate(BINARY)),
        ("name", "Renée 日本"),
        ("tab", "a\tb"),
        ("quote", "'\"\\%20"),
        ("empty", ""),
        ("many", "1"),
        ("many", "2, 3"),
        ("many", "4"),
        *(("many-bin", value) for value in BINARY),
    )
    expected = {**dict(sent), "many": "1, 2, 3, 4", "many-bin": BINARY}
    _, first, _ = literal_eval(bytes(await peer.call(b"/s/told", b"", 5, sent)).decode())
    assert first == expected
    there = RequestContext(graph="g", route="/r", node="n", metadata=first, deadline=None, trace_id="")
    _, second, _ = literal_eval(bytes(await peer.call(b"/s/told", b"", 5, for_next_hop(there))).decode())
    assert second == {**expected, "meshgen-route": "/r", **{k: v for k, v in second.items() if k == "traceparent"}}


@pytest.mark.parametrize("value", BINARY)
async def test_binary_metadata_is_read_with_and_without_padding(node: Node, tmp_path: Path, value: bytes) -> None:
    whole = base64.b64encode(value)
    for text in (whole, whole.rstrip(b"=")):
        head = HEAD.replace(b"echo", b"told") + b"K-Bin: %s\r\nconnection: close\r\n" % text
        assert repr({"k-bin": value}).encode() in await raw(tmp_path / "s", request(head=head))


async def test_a_repeated_key_is_one_whoever_joins_it(node: Node, tmp_path: Path) -> None:
    joined = repr({"k-bin": (b"\0\1", b"\2\3"), "k": "a, b"}).encode()
    for lines in (b"k-bin: AAE, AgM=\r\nk: a, b\r\n", b"k-bin: AAE=\r\nk-bin: AgM\r\nk: a\r\nk: b\r\n"):
        head = HEAD.replace(b"echo", b"told") + lines + b"connection: close\r\n"
        assert joined in await raw(tmp_path / "s", request(head=head))


async def test_old_headers_are_read_as_latin_1(node: Node, tmp_path: Path) -> None:
    head = HEAD.replace(b"echo", b"told") + b"who: Ren\xe9e\r\nconnection: close\r\n"
    assert repr({"who": "Renée"}).encode() in await raw(tmp_path / "s", request(head=head))


async def test_what_belongs_to_the_wire_is_no_metadata(node: Node, tmp_path: Path) -> None:
    own = b"te: trailers\r\ngrpc-encoding: identity\r\ngrpc-accept-encoding: gzip\r\ncontent-encoding: identity\r\n"
    head = HEAD.replace(b"echo", b"told") + own + b"trailer: x\r\nconnection: close\r\nkeep-alive: 3\r\nX-A: 1\r\n"
    assert b"{'x-a': '1'}" in await raw(tmp_path / "s", request(head=head))


@pytest.mark.parametrize("name", [b"transfer-encoding", b"Grpc-Timeout", b"content-type", headers.BY_NAME])
def test_what_comes_once_comes_once(name: bytes) -> None:
    with pytest.raises(ValueError, match=f"the header '{name.decode().lower()}' comes twice"):
        headers.split([(name, b"1"), (name.lower(), b"1")])
    assert headers.split([(b"te", b"a"), (b"te", b"b")])[0] == {b"te": b"b"}
