"""Metadata of a request: how it is read where it arrives, and what of it goes on to the next hop."""

from __future__ import annotations

from typing import TypeAlias

from meshgen.limits import TRIED_HEADER
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import RequestContext

Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]
"""Keys in lower case, and values, as they are sent; one key may come several times. Those of `-bin` keys are bytes."""

MetadataByKey: TypeAlias = dict[str, str | bytes]
"""Metadata as it arrived, each key once."""

ROUTE = "meshgen-route"
"""Key that tells a node on which route of the driver its request runs."""

TRIED = (TRIED_HEADER, "1")
"""Tells Envoy that a replica may have begun with the call before it was lost: one more may be, and no third."""

# What belongs to one hop, or is made anew for each.
_HOP_PREFIXES = (":", "grpc-", "meshgen-", "x-envoy-", "x-forwarded-")
_HOP_KEYS = frozenset({
    "accept", "accept-encoding", "application", "connection", "content-length", "content-type", "host", "te",
    "traceparent", "tracestate", "user-agent",
})  # fmt: skip


def joined(known: str | bytes, value: str | bytes) -> str | bytes:
    """The values of a repeated key as one, as HTTP says."""
    if isinstance(known, bytes) or isinstance(value, bytes):
        return _bytes(known) + b", " + _bytes(value)
    return f"{known}, {value}"


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def for_next_hop(request: RequestContext | None) -> Metadata:
    """What a call carries that is made for a request, or outside of one."""
    if request is None:
        return tracing.outgoing()
    passed = request.passed_on
    if not passed:
        passed += (*((k, v) for k, v in request.metadata.items() if _goes_on(k)), (ROUTE, request.route))
    return (*passed, *tracing.outgoing())


def _goes_on(key: str) -> bool:
    return key not in _HOP_KEYS and not key.startswith(_HOP_PREFIXES)
