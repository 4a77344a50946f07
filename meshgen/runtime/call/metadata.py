"""Metadata of a request: how it is read where it arrives, and what of it goes on to the next hop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from meshgen.limits import TRIED_HEADER
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import RequestContext

Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]
"""Keys in lower case, and values, as they are sent; one key may come several times. Those of `-bin` keys are bytes."""

Value: TypeAlias = str | bytes | tuple[bytes, ...]
"""All that came by one key: a text, bytes, or bytes several times."""

MetadataByKey: TypeAlias = dict[str, Value]
"""Metadata as it arrived, each key once."""

ROUTE = "meshgen-route"
"""Key that tells a node on which route of the driver its request runs."""

TRIED = (TRIED_HEADER, "1")
"""Tells Envoy that a replica may have begun with the call before it was lost: one more may be, and no third."""

# What belongs to one hop, or is made anew for each.
_HOP_PREFIXES = (":", "grpc-", "meshgen-", "x-envoy-", "x-forwarded-")
_HOP_KEYS = frozenset({
    "accept", "accept-encoding", "connection", "content-length", "content-type", "host", "te", "traceparent",
    "tracestate", "user-agent",
})  # fmt: skip


def joined(known: Value, value: Value) -> Value:
    """The values of a repeated key: texts as one, as HTTP says; bytes, of which that would make others, one by one."""
    if isinstance(known, str) and isinstance(value, str):
        return f"{known}, {value}"
    return (*_each(known), *_each(value))


def _each(value: Value) -> tuple[bytes, ...]:
    match value:
        case tuple():
            return value
        case bytes():
            return (value,)
        case str():
            return (value.encode(),)


def for_next_hop(request: RequestContext | None) -> Metadata:
    """What a call carries that is made for a request, or outside of one."""
    if request is None:
        return tracing.outgoing()
    passed = request.passed_on
    if not passed:
        passed += (*_passed_on(request.metadata), (ROUTE, request.route))
    return (*passed, *tracing.outgoing())


def _passed_on(metadata: Mapping[str, Value]) -> Iterator[tuple[str, str | bytes]]:
    for key, value in metadata.items():
        if not _goes_on(key):
            continue
        if isinstance(value, tuple):
            yield from [(key, one) for one in value]
        else:
            yield key, value


def _goes_on(key: str) -> bool:
    return key not in _HOP_KEYS and not key.startswith(_HOP_PREFIXES)
