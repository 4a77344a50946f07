"""Which fields a caller must send: not said by the descriptors, where every field is optional on the wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from meshgen.contract.inventory import named_types, response_fields
from meshgen.contract.model import RpcSpec, ServiceSpec
from meshgen.contract.names import package, request, response
from meshgen.naming import pascal, snake
from meshgen.schema.model import Field, Record


def required_fields(graph: str, service: ServiceSpec) -> Mapping[str, tuple[str, ...]]:
    """Wire names of required fields by full message name, for every message of a service that has any."""
    messages = [message for rpc in service.rpcs for message in _rpc_messages(rpc)]
    own = {name for name, _ in messages}
    for record in (t for t in named_types(f.type for _, fs in messages for f in fs) if isinstance(t, Record)):
        name = pascal(record.name)
        messages.append((f"{name}Value" if name in own else name, record.fields))
    prefix = package(graph, service.node)
    wanted = {f"{prefix}.{name}": tuple(snake(f.name) for f in fields if f.required) for name, fields in messages}
    return {name: fields for name, fields in sorted(wanted.items()) if fields}


def _rpc_messages(rpc: RpcSpec) -> Iterator[tuple[str, Sequence[Field]]]:
    yield request(rpc.name), rpc.params if rpc.request_record is None else rpc.request_record.fields
    yield response(rpc.name), rpc.result.fields if isinstance(rpc.result, Record) else response_fields(rpc.result)
