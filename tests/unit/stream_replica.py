"""A replica of `plan_samples` with rpcs that have several messages; what one does is said by a request's `text`.

Nothing makes such rpcs of a graph yet: their contract, their place in the plan and their handlers are made here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import plan_samples
from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgen.codec import grpc_status
from meshgen.codec.wireformat import Buffer
from meshgen.limits import MEBIBYTE
from meshgen.plan.model import Mesh, RestRoute
from meshgen.runtime.call.deadline import left_after
from meshgen.runtime.call.metadata import MetadataByKey
from meshgen.runtime.mesh.handler import FailedError, Streaming
from meshgen.runtime.mesh.wire.server import Server
from meshgen.status import Code, NotFound, Violation

DRIVER, NODE = "sample.v1.SampleService", "sample.model.v1.ModelService"
KINDS = {"Watch": (False, True), "Gather": (True, False), "Talk": (True, True)}
"""Rpc → whether its requests are several, and whether its answers are."""
STREAMED = tuple(rpc for rpc, (requests, _) in KINDS.items() if requests)
PATH = "/sample/watch"


def descriptors() -> FileDescriptorSet:
    """The sample's own, where both services have these rpcs, too; `Watch` of the driver is on REST as well."""
    made = FileDescriptorSet()
    made.CopyFrom(plan_samples.contract().descriptors)
    for file in made.file:
        for service in file.service:
            [unary] = service.method
            for name, (requests, answers) in KINDS.items():
                method = service.method.add(name=name, input_type=unary.input_type, output_type=unary.output_type)
                method.client_streaming, method.server_streaming = requests, answers
                if name == "Watch" and file.package == "sample.v1":
                    rule = http_pb2.HttpRule(post=PATH, body="*")
                    method.options.Extensions[annotations_pb2.http].CopyFrom(rule)
    return made


def mesh() -> Mesh:
    plain = plan_samples.mesh()
    driver, node = (replace(w, rpcs=(*w.rpcs, *KINDS), streamed=STREAMED) for w in plain.workloads)
    watch = RestRoute(path=PATH, service=DRIVER, rpc="Watch")
    return replace(plain, driver=driver, nodes=(node,), routes=(*plain.routes, watch))


DESCRIPTORS = descriptors()
Request = plan_samples.message(DESCRIPTORS, "sample.v1.PredictRequest")
Response = plan_samples.message(DESCRIPTORS, "sample.v1.PredictResponse")


Messages = AsyncIterator[Buffer]


class StreamReplica:
    """Answers on one socket for both services, whose messages have the same fields."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.running = 0
        self.left_at = 0.0
        """When the last handler ended that did not come to its end."""
        handlers = {"Watch": self._watch, "Gather": self._gather, "Talk": self._talk}
        rpcs = {f"/{service}/{name}": Streaming(run) for service in (DRIVER, NODE) for name, run in handlers.items()}
        self.server = Server(path, rpcs, most=4 * MEBIBYTE, well=lambda: True, leaving=lambda: False)

    async def until(self, running: int) -> None:
        async with asyncio.timeout(5):
            while self.running != running:  # noqa: ASYNC110 - handlers tell nobody
                await asyncio.sleep(0.001)

    async def _watch(self, messages: Messages, _m: MetadataByKey, seconds: float | None) -> AsyncIterator[bytes]:
        """So many answers as the request's `count` says; then it ends, fails, or waits."""
        async with self._seen():
            request = _read(await anext(messages))
            for number in range(request.count):
                yield _written(str(number))
            await _end(request.text, seconds)

    async def _gather(self, messages: Messages, _m: MetadataByKey, seconds: float | None) -> AsyncIterator[bytes]:
        """One answer when there are no more messages."""
        async with self._seen():
            texts = []
            async for message in messages:
                texts.append(text := _read(message).text)
                await _end(text, seconds)
            yield _written(",".join(texts))

    async def _talk(self, messages: Messages, _m: MetadataByKey, seconds: float | None) -> AsyncIterator[bytes]:
        """One answer to each message, and one when there are no more."""
        async with self._seen():
            async for message in messages:
                text = _read(message).text
                await _end(text, seconds)
                yield _written(text)
            yield _written("end")

    @asynccontextmanager
    async def _seen(self) -> AsyncIterator[None]:
        self.running += 1
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            self.left_at = time.monotonic()
            raise
        finally:
            self.running -= 1


async def _end(text: str, seconds: float | None) -> None:
    match text:
        case "fail":
            raise failed()
        case "wait":  # to its deadline, as the real ones do
            await asyncio.sleep(left_after(seconds or 60))
            raise FailedError(Code.DEADLINE_EXCEEDED, "too late", b"")
        case "stuck":
            await asyncio.Event().wait()


def failed() -> FailedError:
    error = NotFound("nö such thing", node="model", reason="LOST", violations=[Violation("a.b", "missing")])
    return FailedError(Code.NOT_FOUND, error.message, grpc_status.encode(error, graph="sample", trace_id="t"))


def _read(message: Buffer) -> Any:
    return Request.FromString(bytes(message))


def _written(text: str) -> bytes:
    data: bytes = Response(host=text).SerializeToString()
    return data
