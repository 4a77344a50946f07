"""What a request meets in a replica, however it came, around the rpc that it asks for.

In: a span below its caller's, its deadline and metadata, a slot by Serve's count, the limit of its size. Out: the limit
of the answer's size, or the status that it failed with, in the log if the fault is our own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sized

from meshgen import limits
from meshgen.codec import grpc_status
from meshgen.codec.wireformat import Buffer
from meshgen.rayserve.logs import LOGGER
from meshgen.rayserve.slots import QueueFullError, Slots
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import CURRENT, RequestContext
from meshgen.runtime.call.deadline import left_after
from meshgen.runtime.call.errors import as_status
from meshgen.runtime.call.metadata import ROUTE, MetadataByKey
from meshgen.runtime.mesh.bulk.letter import Named
from meshgen.runtime.mesh.handler import FailedError, Handler
from meshgen.runtime.mesh.published import PublishedService, Run
from meshgen.status import Code, ResourceExhausted, StatusError
from meshgen.tracebacks import notes, user_traceback

_log = logging.getLogger(LOGGER)

# Codes of a bug; one with a cause was raised here, in this replica.
_FAULTS = frozenset({Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS})


def handler(published: PublishedService, rpc: str, run: Run, slots: Slots) -> Handler:
    """One rpc with everything around it that a request needs.

    Args:
        published: the service that the rpc is of.
        rpc: its name.
        run: what answers it.
        slots: of this replica.
    """
    path = f"/{published.service}/{rpc}"
    span_name = f"{published.name}.{rpc}"
    attributes = {tracing.GRAPH: published.graph, "rpc.service": published.service, tracing.METHOD: rpc}
    if published.node:
        attributes[tracing.NODE] = published.node
    ours, others = (limits.inside(), None), (limits.outside(), limits.decoded())

    async def handle(data: Buffer, metadata: MetadataByKey, remaining: float | None) -> bytes | Named:
        deadline = time.monotonic() + _time_for(remaining)
        limit, most = ours if published.node and ROUTE in metadata else others
        with tracing.span(published.name, span_name, "server", parent=metadata, attributes=attributes) as span:
            request = RequestContext(
                graph=published.graph,
                route=published.routes.get(rpc) or str(metadata.get(ROUTE, "/")),
                node=published.node,
                metadata=metadata,
                deadline=deadline,
                trace_id=tracing.trace_id(),
            )
            CURRENT.set(request)  # for good: a request is answered in a context of its own
            slot = slots.of(path, metadata)
            try:
                async with slot:
                    try:
                        return await _measured(published.name, run, data, limit, most)
                    except Exception as e:  # noqa: BLE001 - whatever it is, the client gets a status
                        error = as_status(e, published.name)
                        slot.code, slot.failed = error.code.name, _is_own_fault(error)
            except QueueFullError:
                error = ResourceExhausted(f"too many requests wait for '{published.name}'", node=published.name)
            span.fail(error)
            _note(f"{published.name}/{rpc}", error, request)
        raise _failed(error, request)

    return handle


async def _measured(name: str, run: Run, data: Buffer, limit: int, most: int | None) -> bytes | Named:
    if len(data) > limit:
        raise _too_large(f"the request to '{name}'", data, limit)
    answer = await run(data, most)
    if len(answer) > limit:
        raise _too_large(f"the answer of '{name}'", answer, limit)
    return answer


def _too_large(what: str, data: Sized, limit: int) -> ResourceExhausted:
    return ResourceExhausted(limits.over(what, len(data), limit), reason=limits.TOO_LARGE)


def _is_own_fault(error: StatusError) -> bool:
    return error.code in _FAULTS and error.__cause__ is not None


def _note(rpc: str, error: StatusError, request: RequestContext) -> None:
    message = "; ".join((str(error.message), *notes(error)))
    if not _is_own_fault(error):
        # An expected status, or a fault that its own node has logged.
        _log.info("%s: %s: %s", rpc, error.code.name, message)
        return
    assert error.__cause__ is not None
    place, text = f"graph '{request.graph}', trace {request.trace_id}", user_traceback(error.__cause__)
    _log.error("%s: %s (%s)\n%s", rpc, message, place, text)


def _time_for(remaining: float | None) -> float:
    if remaining is None:
        return limits.DEFAULT_TIMEOUT_S
    return left_after(remaining)


def _failed(error: StatusError, request: RequestContext) -> FailedError:
    details = grpc_status.encode(error, graph=request.graph, trace_id=request.trace_id)
    return FailedError(error.code, grpc_status.message_of(error), details, _http_status(error))


def _http_status(error: StatusError) -> tuple[tuple[str, str], ...]:
    """A trailer for what the code's own HTTP status would get wrong: 429 invites to try again."""
    return ((limits.HTTP_STATUS_HEADER, "413"),) if error.reason == limits.TOO_LARGE else ()
