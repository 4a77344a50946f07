"""A replica of both services of `plan_samples`; what it does is said by the request's `text`.

Run as a program it prints its port and serves until it is killed.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import plan_samples
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import aio as health

from meshgen.limits import HTTP_STATUS_HEADER

CONTRACT = plan_samples.contract()
RPCS = (("sample.v1", "SampleService", "Predict"), ("sample.model.v1", "ModelService", "Forward"))
MESSAGES = {
    f"{package}.{rpc}{kind}": plan_samples.message(CONTRACT.descriptors, f"{package}.{rpc}{kind}")
    for package, _, rpc in RPCS
    for kind in ("Request", "Response")
}


class Replica:
    def __init__(self) -> None:
        self.calls = 0
        self.metadata: dict[str, Any] = {}
        self.server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        for package, service, rpc in RPCS:
            request, response = MESSAGES[f"{package}.{rpc}Request"], MESSAGES[f"{package}.{rpc}Response"]
            method = grpc.unary_unary_rpc_method_handler(
                self.handler(response), request.FromString, lambda message: message.SerializeToString()
            )
            generic = grpc.method_handlers_generic_handler(f"{package}.{service}", {rpc: method})
            self.server.add_generic_rpc_handlers((generic,))
        health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    def handler(self, response: Any) -> Any:
        async def handle(request: Any, context: Any) -> Any:
            self.calls += 1
            self.metadata = dict(context.invocation_metadata())
            match request.text:
                case "slow":
                    await asyncio.sleep(30)
                case "busy":
                    await asyncio.sleep(0.05)
                case "missing":
                    await context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
                case "invalid":
                    violations = error_details_pb2.BadRequest()
                    violations.field_violations.add(field="count", description="is too small")
                    status = status_pb2.Status(code=3, message="invalid")
                    status.details.add().Pack(violations)
                    trailer = ("grpc-status-details-bin", status.SerializeToString())
                    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "invalid", (trailer,))
                case "unavailable":
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "says the application")
                case "oversized":
                    # As the real host does it.
                    status = ((HTTP_STATUS_HEADER, "413"),)
                    text = "too large, says the application"
                    await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text, status)
                case "large":
                    return response(items=["x" * 1024 * 1024] * int(request.count))
                case "remaining":
                    return response(value=context.time_remaining())
            return response(
                value=len(request.values), count=request.count, link_id=request.link_id, host=str(self.port)
            )

        return handle


async def main() -> None:
    replica = Replica()
    await replica.server.start()
    print(replica.port, flush=True)
    await replica.server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
