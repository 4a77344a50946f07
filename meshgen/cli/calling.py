"""`meshgen call`: a gRPC client that knows nothing but what the mesh says about itself by reflection."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from meshgen.cli.call_input import refuse_misreadings, unknown_keys
from meshgen.cli.terminal import say_ignored
from meshgen.cli.whole_numbers import as_numbers
from meshgen.errors import MeshgenError
from meshgen.frontend import load_graph
from meshgen.status import InvalidArgument, NotFound, Unavailable

if TYPE_CHECKING:
    import grpc
    from google.protobuf.descriptor import MethodDescriptor
    from google.protobuf.message import Message

_REFLECTION_TIMEOUT_S = 10.0
_OF_EVERY_SERVER = ("grpc.health.v1.", "grpc.reflection.")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    value: Any
    """JSON-able, with the names that fields have in Python."""
    trace_id: str
    """The id of the trace that this request made."""
    took_s: float
    """The time from sending the request to having the answer; reflection and connecting do not count."""


def call(address: str, path: str, value: Any, *, timeout_s: float | None) -> Answer:
    """Call the rpc behind a REST path.

    Args:
        address: host:port of the mesh's front.
        path: `/quickstart`, `/report/labels`.
        value: the request as JSON has it.
        timeout_s: deadline of the call; the mesh has one of its own when it is None.

    Raises:
        StatusError: the call failed; NotFound when no rpc has this path, Unavailable when nothing answers.
        MeshgenError: the address is a URL.
    """
    import grpc

    from meshgen.client import CHANNEL_OPTIONS, address_problem
    from meshgen.codec import grpc_status

    if problem := address_problem(address):
        raise MeshgenError(problem)
    with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        _connect(channel, address)
        try:
            method = _method_at(channel, path)
            return _invoke(channel, method, value, timeout_s)
        except grpc.RpcError as error:
            raise grpc_status.of_call(error) from None


def rest_path(target: str, route: str | None) -> str:
    """`/quickstart` for a path, the bare name of a graph, a graph's file or its module. Raises GraphError."""
    is_file = target.partition(":")[0].endswith(".py")
    is_module = not target.startswith("/") and any(mark in target for mark in ".:")
    prefix = load_graph(target).graph.route_prefix if is_file or is_module else "/" + target.strip("/")
    tail = "" if route in (None, "/") else "/" + str(route).strip("/")
    return (prefix.rstrip("/") + tail) or "/"


def _connect(channel: grpc.Channel, address: str) -> None:
    """Wait for the connection, unless all addresses refuse it: gRPC itself would try again and again."""
    from grpc import ChannelConnectivity

    states: SimpleQueue[ChannelConnectivity] = SimpleQueue()
    note = states.put
    channel.subscribe(note, try_to_connect=True)
    until = time.monotonic() + _REFLECTION_TIMEOUT_S
    state: ChannelConnectivity | None = None
    with suppress(Empty):
        while state not in (ChannelConnectivity.READY, ChannelConnectivity.TRANSIENT_FAILURE):
            state = states.get(timeout=max(0.0, until - time.monotonic()))
    channel.unsubscribe(note)
    if state is not ChannelConnectivity.READY:
        raise Unavailable(f"nothing answers at {address}; start a mesh with `meshgen run`")


def _method_at(channel: grpc.Channel, path: str) -> MethodDescriptor:
    from google.api import annotations_pb2
    from google.protobuf.descriptor_pool import DescriptorPool
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    published: list[str] = []
    for service in sorted(database.get_services()):
        if service.startswith(_OF_EVERY_SERVER):
            continue
        for method in pool.FindServiceByName(service).methods:
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            if rule.post == path:
                return method
            published += [rule.post] * bool(rule.post)
    raise NotFound(_no_route(path, published))


def _no_route(path: str, published: Sequence[str]) -> str:
    routes = [route.removeprefix(path) for route in published if route.startswith(f"{path}/")]
    if routes:
        return f"the mesh has several routes in {path}; name one by --route: {', '.join(routes)}"
    return f"the mesh has no route {path}; it has {', '.join(published) or 'none'}"


def _invoke(channel: grpc.Channel, method: MethodDescriptor, value: Any, timeout_s: float | None) -> Answer:
    from google.protobuf import json_format
    from google.protobuf.message_factory import GetMessageClass

    response_class = GetMessageClass(method.output_type)
    for key in unknown_keys(value, method.input_type):  # said at once: an error may come of it
        say_ignored(key)
    refuse_misreadings(value, method.input_type)
    try:
        request: Message = json_format.ParseDict(
            value, GetMessageClass(method.input_type)(), ignore_unknown_fields=True
        )
    except (json_format.ParseError, AttributeError, TypeError) as error:
        raise InvalidArgument(f"the input does not fit {method.input_type.full_name}: {error}") from None
    invoke = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=response_class.FromString,
    )
    trace_id = os.urandom(16).hex()
    traceparent = f"00-{trace_id}-{os.urandom(8).hex()}-01"
    started = time.perf_counter()
    response = invoke(request, timeout=timeout_s, metadata=(("traceparent", traceparent),))
    took_s = time.perf_counter() - started
    shown = json_format.MessageToDict(response, always_print_fields_with_no_presence=True)
    return Answer(value=as_numbers(shown, method.output_type), trace_id=trace_id, took_s=took_s)
