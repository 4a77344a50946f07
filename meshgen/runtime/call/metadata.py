"""Metadata of a request: how it is read where it arrives, and what of it goes on to the next hop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import RequestContext

Metadata: TypeAlias = tuple[tuple[str, str], ...]
"""Keys in lower case, and values, as they are sent; one key may come several times."""

ROUTE = "meshgen-route"
"""Key that tells a node on which route of the driver its request runs."""

# What belongs to one hop, or is made anew for each.
_HOP_PREFIXES = (":", "grpc-", "x-envoy-", "x-forwarded-")
_HOP_KEYS = frozenset({
    "accept", "accept-encoding", "application", "connection", "content-length", "content-type", "host", "te",
    "traceparent", "tracestate", "user-agent", ROUTE,
})  # fmt: skip


def by_key(pairs: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    """Text metadata by key; a repeated key's values are joined, as HTTP says, and binary ones are left out."""
    found: dict[str, str] = {}
    for key, value in pairs:
        if isinstance(value, str):
            found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def for_next_hop(request: RequestContext | None) -> Metadata:
    """What a call carries that is made for a request, or outside of one."""
    if request is None:
        return tracing.outgoing()
    passed = request.passed_on
    if not passed:
        passed += (*((k, v) for k, v in request.metadata.items() if _goes_on(k, v)), (ROUTE, request.route))
    return (*passed, *tracing.outgoing())


def _goes_on(key: str, value: str) -> bool:
    hop = key in _HOP_KEYS or key.startswith(_HOP_PREFIXES)
    # REST clients may send headers that gRPC does not let through.
    return not hop and value.isascii() and value.isprintable()
