"""Metadata as it is read where it arrives, and what of it goes on."""

from __future__ import annotations

from meshgen.runtime.call.context import RequestContext
from meshgen.runtime.call.metadata import ROUTE, by_key, for_next_hop
from meshgen.runtime.call.tracing import span

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


def test_a_repeated_key_has_its_values_joined_and_binary_ones_are_left_out() -> None:
    assert by_key([("a", "1"), ("b", "2"), ("a", "3"), ("c-bin", b"\0")]) == {"a": "1, 3", "b": "2"}
    assert by_key(()) == {}


def test_what_belongs_to_one_hop_stays_there() -> None:
    hop = {"grpc-timeout": "1S", "x-envoy-secret": "no", "content-type": "application/grpc", ROUTE: "/old", "te": "x"}
    sent = for_next_hop(RequestContext(graph="g", route="/new", metadata={"who": "me", **hop}))
    assert sent == (("who", "me"), (ROUTE, "/new"))


def test_what_grpc_would_refuse_stays_too() -> None:
    sent = for_next_hop(RequestContext(graph="g", metadata={"name": "Zoë", "line": "a\nb", "ok": "yes"}))
    assert sent == (("ok", "yes"), (ROUTE, "/"))


def test_the_trace_is_told_anew_for_each_call() -> None:
    request = RequestContext(graph="g", metadata={"traceparent": "old"})
    with span("g", "g.X", "server", parent={"traceparent": PARENT}):
        assert for_next_hop(request) == ((ROUTE, "/"), ("traceparent", PARENT))
        assert for_next_hop(None) == (("traceparent", PARENT),)
    assert for_next_hop(request) == ((ROUTE, "/"),)
    assert for_next_hop(None) == ()
