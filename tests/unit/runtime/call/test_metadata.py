"""Metadata as it is read where it arrives, and what of it goes on."""

from __future__ import annotations

from meshgen.runtime.call.context import RequestContext
from meshgen.runtime.call.metadata import ROUTE, for_next_hop, joined
from meshgen.runtime.call.tracing import span

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


def test_a_repeated_key_has_its_texts_joined() -> None:
    assert joined("1", "3") == "1, 3"
    assert joined(joined("1", "3"), "5") == "1, 3, 5"


def test_bytes_of_a_repeated_key_stay_what_they_were() -> None:
    assert joined(b"\0", b"\xff") == (b"\0", b"\xff")
    assert joined(joined(b"", b", "), (b"a", b"")) == (b"", b", ", b"a", b"")
    sent = for_next_hop(RequestContext(graph="g", metadata={"k-bin": (b"", b", ", b"\xff"), "k": "1, 2"}))
    assert sent == (("k-bin", b""), ("k-bin", b", "), ("k-bin", b"\xff"), ("k", "1, 2"), (ROUTE, "/"))


def test_what_belongs_to_one_hop_stays_there() -> None:
    hop = {"grpc-timeout": "1S", "x-envoy-secret": "no", "content-type": "application/grpc", ROUTE: "/old", "te": "x"}
    sent = for_next_hop(RequestContext(graph="g", route="/new", metadata={"who": "me", **hop}))
    assert sent == (("who", "me"), (ROUTE, "/new"))


def test_what_is_not_ascii_or_no_text_goes_on_as_it_came() -> None:
    came: dict[str, str | bytes] = {"name": "Zoë", "key-bin": b"\0\xff", "tab": "a\tb", "meshgen-tried": "1"}
    sent = for_next_hop(RequestContext(graph="g", metadata=came))
    assert sent == (("name", "Zoë"), ("key-bin", b"\0\xff"), ("tab", "a\tb"), (ROUTE, "/"))


def test_the_trace_is_told_anew_for_each_call() -> None:
    request = RequestContext(graph="g", metadata={"traceparent": "old"})
    with span("g", "g.X", "server", parent={"traceparent": PARENT}):
        assert for_next_hop(request) == ((ROUTE, "/"), ("traceparent", PARENT))
        assert for_next_hop(None) == (("traceparent", PARENT),)
    assert for_next_hop(request) == ((ROUTE, "/"),)
    assert for_next_hop(None) == ()
