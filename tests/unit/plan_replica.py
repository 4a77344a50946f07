"""A replica of both services of `plan_samples`; what it does is said by the request's `text`.

Run as a program it serves on the socket that it is told, once it has said so, until it is killed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import plan_samples
from google.rpc import error_details_pb2, status_pb2

from meshgen.codec.wireformat import Buffer
from meshgen.limits import HTTP_STATUS_HEADER, MEBIBYTE
from meshgen.runtime.call.metadata import MetadataByKey
from meshgen.runtime.mesh.handler import FailedError, Handler
from meshgen.runtime.mesh.wire.server import Server
from meshgen.status import Code

CONTRACT = plan_samples.contract()
RPCS = (("sample.v1", "SampleService", "Predict"), ("sample.model.v1", "ModelService", "Forward"))
MESSAGES = {
    f"{package}.{rpc}{kind}": plan_samples.message(CONTRACT.descriptors, f"{package}.{rpc}{kind}")
    for package, _, rpc in RPCS
    for kind in ("Request", "Response")
}


class Replica:
    def __init__(self, path: str) -> None:
        self.path = path
        self.calls = 0
        self.metadata: MetadataByKey = {}
        self.well = True
        rpcs = {f"/{package}.{service}/{rpc}": self._answer(f"{package}.{rpc}") for package, service, rpc in RPCS}
        self.server = Server(Path(path), rpcs, most=512 * MEBIBYTE, well=lambda: self.well, leaving=lambda: False)

    async def start(self) -> None:
        await self.server.start()

    def _answer(self, name: str) -> Handler:
        request_class, response = MESSAGES[f"{name}Request"], MESSAGES[f"{name}Response"]

        async def answer(data: Buffer, metadata: MetadataByKey, seconds: float | None) -> bytes:
            self.calls += 1
            self.metadata = metadata
            try:
                async with asyncio.timeout(seconds):
                    found = await _said(request_class.FromString(bytes(data)), response, seconds, self.path)
            except TimeoutError:
                raise FailedError(Code.DEADLINE_EXCEEDED, "too late", b"") from None
            return bytes(found.SerializeToString())

        return answer


async def _said(request: Any, response: Any, seconds: float | None, path: str) -> Any:
    match request.text:
        case "die":
            os._exit(9)
        case "slow":
            await asyncio.sleep(30)
        case "busy":
            await asyncio.sleep(0.05)
        case "missing":
            raise FailedError(Code.NOT_FOUND, "no such thing", b"")
        case "invalid":
            violations = error_details_pb2.BadRequest()
            violations.field_violations.add(field="count", description="is too small")
            status = status_pb2.Status(code=3, message="invalid")
            status.details.add().Pack(violations)
            raise FailedError(Code.INVALID_ARGUMENT, "invalid", status.SerializeToString())
        case "unavailable":
            raise FailedError(Code.UNAVAILABLE, "says the application", b"")
        case "oversized":
            # As the real server does it.
            text = "too large, says the application"
            raise FailedError(Code.RESOURCE_EXHAUSTED, text, b"", ((HTTP_STATUS_HEADER, "413"),))
        case "large":
            return response(items=["x" * 1024 * 1024] * int(request.count))
        case "remaining":
            return response(value=seconds)
    return response(value=len(request.values), count=request.count, link_id=request.link_id, host=path)


async def main(path: str) -> None:
    await Replica(path).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
