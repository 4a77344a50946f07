from __future__ import annotations

import pytest

from meshgen.control import otlp
from meshgen.control.otlp import ReceivedSpan, Receiver, render_tree


def span(span_id: str, parent: str, name: str, start: int, end: int, **more: object) -> ReceivedSpan:
    values = {"trace_id": "t", "service": "svc", "kind": "server", **more}
    return ReceivedSpan(
        span_id=span_id, parent_id=parent, name=name, start_ns=start * 10**6, end_ns=end * 10**6, **values  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_trace_as_a_tree() -> None:
    spans = [
        span("c", "a", "b.Run", 30, 80, service="b", error=True, message="NOT_FOUND: gone"),
        span("a", "out", "g.Predict", 10, 100, service="g"),
        span("b", "a", "a.Run", 12, 29, kind="client"),
        span("d", "b", "inner", 15, 20),
    ]
    assert render_tree(spans).splitlines() == [
        "g  g.Predict (server)      +     0.0 ms     90.0 ms",
        "├─ svc  a.Run (client)     +     2.0 ms     17.0 ms",
        "│  └─ svc  inner (server)  +     5.0 ms      5.0 ms",
        "└─ b  b.Run (server)       +    20.0 ms     50.0 ms  ERROR NOT_FOUND: gone",
    ]
    assert render_tree([]) == ""


def test_a_span_stays_on_its_line() -> None:
    text = render_tree([span("a", "", "x\n+ ready", 0, 1, service="s\x1b[2J", error=True, message="gone\r\nforged")])
    assert text.splitlines() == [r"s\x1b[2J  x\n+ ready (server)  +     0.0 ms      1.0 ms  ERROR gone\r\nforged"]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "_MAX_TRACES", 3)
    monkeypatch.setattr(otlp, "_MAX_SPANS_OF_A_TRACE", 2)
    receiver = Receiver()
    for trace in "abcde":
        receiver.add(span(str(i), "", "n", i, i, trace_id=trace) for i in range(5))
    assert receiver.trace_ids() == ("c", "d", "e")
    assert len(receiver.spans("e")) == 2


def test_waiting_ends_when_the_trace_is_whole_or_time_is_up() -> None:
    receiver = Receiver()
    receiver.add([span("b", "a", "n", 1, 2, service="node"), span("c", "b", "n", 1, 2, service="other")])
    assert len(receiver.wait("t", ["node", "other"], timeout_s=0)) == 2
    assert receiver.wait("nothing", timeout_s=0.1) == ()


def test_a_taken_port_is_an_error() -> None:
    with Receiver() as first, pytest.raises(RuntimeError):
        Receiver(first.port)
