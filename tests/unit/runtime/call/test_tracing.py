from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from meshgen.control.otlp import Receiver
from meshgen.runtime.call import otel, tracing
from meshgen.status import NotFound

PARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
UNSAMPLED = PARENT[:-2] + "00"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    tracing._backend.cache_clear()
    yield
    tracing._backend.cache_clear()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with Receiver() as r:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.endpoint)
        yield r


class TestWithoutCollector:
    def test_outside_of_a_request_there_is_no_trace(self) -> None:
        assert tracing.trace_id() == ""
        assert tracing.outgoing() == ()
        assert not tracing.recording()

    def test_an_incoming_parent_goes_on_unchanged(self) -> None:
        with tracing.span("n", "n.F", "server", parent={"traceparent": PARENT, "tracestate": "x=1"}):
            with tracing.span("g", "m.F", "client") as inner:
                inner.set("k", 1)
                inner.fail(ValueError("x"))
                assert tracing.outgoing() == (("traceparent", PARENT), ("tracestate", "x=1"))
            assert tracing.trace_id() == "a" * 32
        assert tracing.trace_id() == ""

    @pytest.mark.parametrize(
        "bad", ["", "x", "00-" + "0" * 32 + "-" + "b" * 16 + "-01", "ff" + PARENT[2:], PARENT.upper()]
    )
    def test_a_request_without_a_valid_parent_starts_a_trace(self, bad: str) -> None:
        with tracing.span("n", "n.F", "server", parent={"traceparent": bad}):
            first = tracing.trace_id()
            assert len(first) == 32
            assert tracing.outgoing()[0][1].startswith(f"00-{first}-")
            assert tracing.outgoing()[0][1].endswith("-00")
        with tracing.span("n", "n.F", "server", parent={}):
            assert tracing.trace_id() != first

    def test_an_error_passes_through(self) -> None:
        with pytest.raises(ValueError, match="mine"), tracing.span("n", "n.F", "server", parent={}):
            raise ValueError("mine")
        assert tracing.trace_id() == ""

    async def test_each_task_has_its_own_trace(self) -> None:
        async def request() -> str:
            with tracing.span("n", "n.F", "server", parent={}):
                await asyncio.sleep(0)
                return tracing.trace_id()

        assert len(set(await asyncio.gather(*(request() for _ in range(10))))) == 10

    def test_opentelemetry_is_not_imported(self) -> None:
        code = (
            "import sys; from meshgen.runtime.call import tracing\n"
            "with tracing.span('n', 'n.F', 'server', parent={}): pass\n"
            "assert not [m for m in sys.modules if m.startswith(('opentelemetry', 'grpc'))]"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


class TestWithCollector:
    def test_spans_have_services_parents_and_errors(self, receiver: Receiver) -> None:
        with tracing.span("graph", "graph.Predict", "server", parent={"traceparent": PARENT}):
            with tracing.span("graph", "model.Forward", "client", attributes={tracing.NODE: "model"}):
                hop = dict(tracing.outgoing())
                with pytest.raises(NotFound), tracing.span("model", "model.Forward", "server", parent=hop):
                    raise NotFound("no such thing")
            assert tracing.trace_id() == "a" * 32
        tracing.flush()
        driver, client, node = receiver.spans("a" * 32)
        assert (driver.service, driver.kind, driver.parent_id) == ("graph", "server", "b" * 16)
        assert (client.service, client.kind, client.parent_id) == ("graph", "client", driver.span_id)
        assert client.attributes[tracing.NODE] == "model"
        assert (node.service, node.parent_id) == ("model", client.span_id)
        assert (node.error, node.message) == (True, "NOT_FOUND: no such thing")
        assert node.attributes[otel.STATUS] == 5
        assert not driver.error

    def test_an_unsampled_parent_is_honoured_and_passed_on(self, receiver: Receiver) -> None:
        with tracing.span("graph", "graph.Predict", "server", parent={"traceparent": UNSAMPLED}):
            assert tracing.trace_id() == "a" * 32
            assert tracing.outgoing()[0][1].endswith("-00")
        tracing.flush()
        assert receiver.spans("a" * 32) == ()

    def test_the_standard_sampler_variable_is_honoured(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        with tracing.span("graph", "graph.Predict", "server", parent={}):
            trace = tracing.trace_id()
            assert len(trace) == 32
        tracing.flush()
        assert receiver.trace_ids() == ()

    def test_spans_arrive_soon_without_flush(self, receiver: Receiver) -> None:
        with tracing.span("graph", "graph.Predict", "server", parent={}):
            trace = tracing.trace_id()
        start = time.monotonic()
        assert receiver.wait(trace, ["graph"], timeout_s=5)
        assert time.monotonic() - start < 4

    def test_spans_of_user_code_continue_the_trace(self, receiver: Receiver) -> None:
        from opentelemetry import trace

        with tracing.span("graph", "graph.Predict", "server", parent={"traceparent": PARENT}):
            assert trace.get_current_span().get_span_context().trace_id == int("a" * 32, 16)

    def test_a_process_that_ends_sends_what_it_has(self, receiver: Receiver) -> None:
        code = (
            "from meshgen.runtime.call import tracing\n"
            f"with tracing.span('n', 'n.F', 'server', parent={{'traceparent': '{PARENT}'}}): pass"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
        assert [s.name for s in receiver.spans("a" * 32)] == ["n.F"]

    def test_a_collector_that_is_away_delays_no_more_than_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
        code = (
            "from meshgen.runtime.call import tracing\n"
            "import time; t = time.monotonic()\n"
            "with tracing.span('n', 'n.F', 'server', parent={}): pass\n"
            "tracing.flush(0.5); print(time.monotonic() - t)"
        )
        start = time.monotonic()
        done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
        assert float(done.stdout) < 5
        assert time.monotonic() - start < 15

    def test_without_the_package_one_warning_and_no_traces(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace.export", None)
        for _ in range(2):
            with tracing.span("n", "n.F", "server", parent={"traceparent": PARENT}):
                assert tracing.outgoing() == (("traceparent", PARENT),)
        assert capsys.readouterr().err.count("meshgen-serve[otel]") == 1

    def test_http_protobuf_is_spoken_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        bodies: list[tuple[str, bytes]] = []

        class Collector(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                gzipped = self.headers["content-encoding"] == "gzip"
                bodies.append((self.path, gzip.decompress(data) if gzipped else data))
                self.send_response(200)
                self.end_headers()

        with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            with tracing.span("n", "n.F", "server", parent={"traceparent": PARENT}):
                pass
            tracing.flush()
            server.shutdown()
        [(path, body)] = bodies
        assert path == "/v1/traces"
        [resource] = ExportTraceServiceRequest.FromString(body).resource_spans
        assert resource.scope_spans[0].spans[0].trace_id.hex() == "a" * 32
