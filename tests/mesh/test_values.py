"""Random values through the JSON of the real Envoy, which prints and parses it in its own way, and through gRPC."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from hypothesis import HealthCheck, assume, given, settings
from type_values import alike, values

from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.compiler import compile_graph
from meshgen.contract import names
from meshgen.frontend import load_graph
from meshgen.graph.model import Route
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.model import Record, Type

if TYPE_CHECKING:
    from running_mesh import MeshProcess

pytestmark = pytest.mark.mesh

LOADED = load_graph("tests/graphs/border.py")
ROUTE: Route = next(route for route in LOADED.graph.routes if route.path == "/values")
GIVEN = LOADED.graph.request(ROUTE).record
"""The request; its `values` come back as they are."""


def _values() -> Type:
    assert GIVEN is not None
    field = GIVEN.field("values")
    assert field is not None
    return field.type


def _request(value: Any) -> Any:
    assert isinstance(GIVEN, Record)
    return GIVEN.python(values=value)


@cache
def _codec() -> RpcCodec:
    plan = compile_graph(LOADED, lock=None).plan
    contracts = Contracts(plan.contract.descriptors.SerializeToString())
    return contracts.codec(names.service("border"), ROUTE.rpc, (), GIVEN, ROUTE.result)


_MANY = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@_MANY
@given(value=values(_values()))
def test_rest_gives_back_what_it_gets(mesh: MeshProcess, value: Any) -> None:
    assert GIVEN is not None
    request = to_json(GIVEN, _request(value))
    assume(str(-(2**63)) not in json.dumps(request))  # that number is for gRPC alone
    reply = mesh.post("/border/values", request)
    assert reply.status == 200, reply
    assert alike(from_json(ROUTE.result, reply.body), value)


@_MANY
@given(value=values(_values()))
def test_grpc_gives_back_what_it_gets(mesh: MeshProcess, value: Any) -> None:
    with grpc.insecure_channel(mesh.address) as channel:
        call = channel.unary_unary(f"/{names.service('border')}/{ROUTE.rpc}")
        answer = call(_codec().encode_request(_request(value)), timeout=30)
    assert alike(_codec().decode_response(answer), value)
